#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

// F16: stash and unstash.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

struct Open {};
struct OpenOne {};
struct Crash {};
struct Number {
  int value;
};
struct Owned {
  std::unique_ptr<int> value;
};
struct Question {
  int value;
};

/// Puts everything aside until it is opened.
struct Door : Actor<Door> {
  explicit Door(Log* l) : log{l} {}
  void handle(Number number) {
    if (!open) return put(stash(std::move(number)));
    log->add(std::to_string(number.value) + (sender() ? " from " + sender().name() : ""));
  }
  void handle(Owned owned) {
    if (!open) return put(stash(std::move(owned)));
    log->add("owned " + std::to_string(*owned.value));
  }
  int handle(Question question) {
    if (!open) {
      put(stash(std::move(question)));
      return -1;  // answers nobody
    }
    return question.value * 2;
  }
  void handle(Open) {
    open = true;
    log->add("open " + std::to_string(unstash()));
  }
  void handle(OpenOne) { log->add("one " + std::to_string(unstash(1))); }
  void handle(Crash) { throw std::runtime_error{"boom"}; }
  void put(Delivery delivery) {
    if (delivery != Delivery::Accepted) log->add(std::string{"not put aside: "} + to_string(delivery));
  }
  bool open = false;
  Log* log;
};

const std::vector<MailboxOptions>& mailboxes() {
  static const std::vector<MailboxOptions> all{Unbounded{}, Bounded{2, Overflow::Reject},
                                               Bounded{2, Overflow::DropOldest}, Unbounded{.order = Order::Priority},
                                               Unbounded{.measured = true}};
  return all;
}

TEST_CASE("what was put aside comes back in order and before all that waits") {  // F16
  for (const MailboxOptions& mailbox : mailboxes()) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      TestSystem system{{.seed = seed}};
      Log log;
      const auto door = system.spawn<Door>({.name = "door", .mailbox = mailbox}, &log);
      for (int i = 1; i <= 3; ++i) {
        CHECK(door.send(Number{i}) == Delivery::Accepted);
        system.run_until_idle();
      }
      CHECK(door.send(Owned{std::make_unique<int>(4)}) == Delivery::Accepted);
      system.run_until_idle();
      CHECK(log.lines().empty());
      CHECK(system.ledger().queued == 4);
      CHECK(door.send(Open{}) == Delivery::Accepted);
      CHECK(door.send(Number{5}) == Delivery::Accepted);  // waits behind the one that opens
      system.run_until_idle();
      CHECK(log.lines() == Lines{"open 4", "1", "2", "3", "owned 4", "5"});
      testing::check_end(system);
    }
  }
}

TEST_CASE("what comes back into an empty mailbox is before what is sent next") {
  TestSystem system;
  Log log;
  const auto door = system.spawn<Door>(&log);
  for (int i = 1; i <= 3; ++i) door.send(Number{i});
  door.send(Open{});
  system.run_until_idle();
  CHECK(log.lines() == Lines{"open 3", "1", "2", "3"});
  testing::check_end(system);
}

TEST_CASE("as many come back as were asked for the oldest first") {
  TestSystem system;
  Log log;
  const auto door = system.spawn<Door>(&log);
  for (int i = 1; i <= 3; ++i) door.send(Number{i});
  door.send(OpenOne{});  // and is put aside again, behind the others
  system.run_until_idle();
  CHECK(log.lines() == Lines{"one 1"});
  door.send(Open{});
  system.run_until_idle();
  CHECK(log.lines() == Lines{"one 1", "open 3", "2", "3", "1"});
  testing::check_end(system);
}

TEST_CASE("a question that was put aside is answered when it is handled and not before") {
  TestSystem system;
  Log log;
  const auto door = system.spawn<Door>(&log);
  auto answer = door.ask(Question{21}, 1min);
  system.run_until_idle();
  CHECK_FALSE(answer.is_ready());
  door.send(Open{});
  CHECK(answer.get() == 42);
  testing::check_end(system);
}

TEST_CASE("who asked what was put aside hears when the place ends") {
  TestSystem system;
  Log log;
  const auto door = system.spawn<Door>(&log);
  auto answer = door.ask(Question{21}, 1min);
  door.send(Number{1});
  system.run_until_idle();
  REQUIRE(system.stop(door).get());
  CHECK(answer.get() == Error{AskError::Closed});
  CHECK(system.ledger().dead(DeadReason::Stopped) == 2);
  testing::check_end(system);
}

TEST_CASE("the sender comes back with its message") {
  TestSystem system;
  Log log;
  struct Sender : Actor<Sender> {
    explicit Sender(ActorRef<Door> d) : door{std::move(d)} {}
    void handle(int number) { door.send(Number{number}, {.reply_to = self()}); }
    ActorRef<Door> door;
  };
  const auto door = system.spawn<Door>(&log);
  const auto sender = system.spawn<Sender>({.name = "anna"}, door);
  sender.send(7);
  system.run_until_idle();
  door.send(Open{});
  system.run_until_idle();
  CHECK(log.lines() == Lines{"open 1", "7 from anna"});
  testing::check_end(system);
}

TEST_CASE("the next life gets the stash and then the mailbox") {  // P5
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    TestSystem system{{.seed = seed, .system = testing::quiet()}};
    Log log;
    const auto root = system.start(supervisor({.id = "app"}, child<Door>({.id = "door"}, &log)));
    const auto door = root.value().child<Door>("door").value();
    door.send(Number{1});
    door.send(Number{2});
    system.run_until_idle();
    door.send(Crash{});
    door.send(Open{});  // … handled by the next life, which has put 1 and 2 aside again by then
    door.send(Number{3});
    system.run_until_idle();
    CHECK(log.lines() == Lines{"open 2", "1", "2", "3"});
    testing::check_end(system);
  }
}

TEST_CASE("a stash is bounded and what does not fit is a dead letter that says so") {  // P10
  SystemOptions options;
  options.stash_max = 2;
  TestSystem system{{.system = std::move(options)}};
  Log log;
  const auto door = system.spawn<Door>(&log);
  for (int i = 1; i <= 2; ++i) door.send(Number{i});
  auto answer = door.ask(Question{3}, 1min);
  CHECK(answer.get() == Error{AskError::Rejected});
  CHECK(system.ledger().dead(DeadReason::Rejected) == 1);
  door.send(Open{});
  system.run_until_idle();
  CHECK(log.lines() == Lines{"not put aside: rejected", "open 2", "1", "2"});
  testing::check_end(system);
}

TEST_CASE("what comes back counts against the bound") {
  TestSystem system;
  Log log;
  const auto door = system.spawn<Door>({.mailbox = Bounded{2, Overflow::Reject}}, &log);
  for (int i = 1; i <= 4; ++i) {
    door.send(Number{i});
    system.run_until_idle();
  }
  door.pause();
  system.run_until_idle();
  door.send(Open{});
  door.step();
  system.run_until_idle();
  CHECK(door.send(Number{5}) == Delivery::Rejected);  // four wait
  door.step(3);
  system.run_until_idle();
  CHECK(door.send(Number{6}) == Delivery::Accepted);  // one waits
  CHECK(door.send(Number{7}) == Delivery::Rejected);
  door.resume();
  system.run_until_idle();
  CHECK(log.lines() == Lines{"open 4", "1", "2", "3", "4", "6"});
  testing::check_end(system);
}

TEST_CASE("a stash that is killed with its handler loses nothing") {
  ActorSystem system{testing::quiet()};
  struct Stuck : Actor<Stuck> {
    void handle(Number number) { static_cast<void>(stash(std::move(number))); }
    void handle(Open) {
      while (!is_closed()) std::this_thread::yield();
    }
    [[nodiscard]] bool is_closed() const { return self().is_closed(); }
  };
  const auto stuck = system.spawn<Stuck>();
  for (int i = 0; i < 3; ++i) stuck.send(Number{i});
  stuck.send(Open{});
  REQUIRE(testing::eventually([&] { return stuck.message_count() == 3; }));
  CHECK(system.stop(stuck, {.within = 10ms}).get().value() == ExitReason::killed());
  REQUIRE(testing::eventually([&] { return system.ledger().dead(DeadReason::Stopped) == 3; }));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
