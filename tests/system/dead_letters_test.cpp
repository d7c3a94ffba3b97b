#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;

struct Letter {};
struct Fail {};
struct Hang {
  Gate* gate;
};
struct Reader : Actor<Reader> {
  void handle(Letter) {}
  void handle(Fail) { throw std::runtime_error{"failed"}; }
  void handle(Hang hang) { hang.gate->pass(); }
};

std::vector<DeadReason> reasons(const System& system) {
  std::vector<DeadReason> all;
  for (const DeadLetter& letter : system.dead_letters()) all.push_back(letter.reason);
  return all;
}

TEST_CASE("every message that nobody handles is a dead letter once and says why") {  // F42
  ActorSystem system{testing::quiet()};
  const auto ended = system.spawn<Reader>({.name = "ended"});
  REQUIRE(system.stop(ended).get());
  ended.send(Letter{});
  CHECK(reasons(system) == std::vector{DeadReason::Closed});

  Gate gate;
  const auto full = system.spawn<Reader>({.mailbox = Bounded{1, Overflow::Reject}});
  const auto dropping = system.spawn<Reader>({.mailbox = Bounded{1, Overflow::DropNewest}});
  for (const auto& actor : {full, dropping}) {
    actor.send(Hang{&gate});
  }
  gate.open();
  REQUIRE(testing::at_rest(system));
  Gate second;
  full.send(Hang{&second});
  REQUIRE(second.wait_for_arrivals());
  CHECK(full.send(Letter{}) == Delivery::Accepted);
  CHECK(full.send(Letter{}) == Delivery::Rejected);
  CHECK(reasons(system) == std::vector{DeadReason::Closed, DeadReason::Rejected});
  auto stopped = system.stop(full);
  second.open();
  REQUIRE(stopped.get());
  CHECK(reasons(system) == std::vector{DeadReason::Closed, DeadReason::Rejected, DeadReason::Stopped});

  Gate third;
  dropping.send(Hang{&third});
  REQUIRE(third.wait_for_arrivals());
  CHECK(dropping.send(Letter{}) == Delivery::Accepted);
  CHECK(dropping.send(Letter{}) == Delivery::Dropped);
  third.open();
  REQUIRE(testing::at_rest(system));
  const auto crashing = system.spawn<Reader>();
  crashing.send(Fail{});
  REQUIRE(testing::eventually([&] { return crashing.is_closed(); }));
  REQUIRE(testing::at_rest(system));
  CHECK(reasons(system) == std::vector{DeadReason::Closed, DeadReason::Rejected, DeadReason::Stopped,
                                       DeadReason::Dropped, DeadReason::InHand});
  testing::check_end(system);
  CHECK(system.ledger().dead() == 5);
}

TEST_CASE("a dead letter names its target and its message") {
  ActorSystem system;
  const auto ended = system.spawn<Reader>({.name = "ended"});
  REQUIRE(system.stop(ended).get());
  ended.send(Letter{});
  const auto letters = system.dead_letters();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].target == AnyRef{ended});
  CHECK(letters[0].target.path() == "ended");
  CHECK_THAT((std::string{letters[0].message}), testing::has_text("Letter"));
  testing::check_end(system);
}

TEST_CASE("the newest dead letters are kept and all are counted") {
  SystemOptions options;
  options.dead_letters_max = 3;
  ActorSystem system{std::move(options)};
  std::vector<ActorRef<Reader>> ended;
  for (int i = 0; i < 5; ++i) {
    ended.push_back(system.spawn<Reader>());
    REQUIRE(system.stop(ended.back()).get());
    ended.back().send(Letter{});
  }
  const auto letters = system.dead_letters();
  REQUIRE(letters.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(letters[i].target == AnyRef{ended[i + 2]});  // oldest first
  CHECK(system.ledger().dead(DeadReason::Closed) == 5);
  CHECK(system.stats().dead == 5);
  CHECK(system.stats().dead_letters_lost == 2);
  testing::check_end(system);
}

struct Grumble {
  ActorRef<Reader> to;
};
struct Sender : Actor<Sender> {
  void handle(const Grumble& grumble) {
    grumble.to.send(Letter{});
    grumble.to.send(Letter{}, {.reply_to = self()});
  }
};

TEST_CASE("a dead letter names its sender where the message did") {  // F42
  ActorSystem system{testing::quiet()};
  const auto ended = system.spawn<Reader>({.name = "ended"});
  REQUIRE(system.stop(ended).get());
  const auto sender = system.spawn<Sender>({.name = "sender"});
  sender.send(Grumble{ended});
  REQUIRE(testing::at_rest(system));
  system.named<Reader>("nobody").send(Letter{});
  const auto letters = system.dead_letters();
  REQUIRE(letters.size() == 3);
  CHECK_FALSE(letters[0].sender);
  CHECK(letters[1].sender == AnyRef{sender});
  CHECK_FALSE(letters[2].target);
  CHECK(letters[2].name == "nobody");
  testing::check_end(system);
}

TEST_CASE("a dead letter that is kept does not keep what its target was spawned with") {
  struct Keeper : Actor<Keeper> {
    explicit Keeper(const std::shared_ptr<int>&) {}  // the argument stays where it is
    void handle(Letter) {}
  };
  const auto argument = std::make_shared<int>(1);
  ActorSystem system{testing::quiet()};
  const auto ended = system.spawn<Keeper>(argument);
  REQUIRE(system.stop(ended).get());
  ended.send(Letter{});
  REQUIRE(system.dead_letters().size() == 1);
  CHECK(testing::eventually([&] { return argument.use_count() == 1; }));  // the last step of its end
  testing::check_end(system);
}

TEST_CASE("a message handed back is no dead letter") {
  ActorSystem system;
  const auto ended = system.spawn<Reader>();
  REQUIRE(system.stop(ended).get());
  Letter letter;
  CHECK(ended.try_send(letter) == Delivery::Closed);
  CHECK(system.dead_letters().empty());
  testing::check_end(system);
}

TEST_CASE("what waits when the system shuts down is a dead letter") {
  ActorSystem system;
  Gate gate;
  const auto reader = system.spawn<Reader>();
  reader.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  for (int i = 0; i < 10; ++i) reader.send(Letter{});
  std::thread opener{[&] {
    static_cast<void>(testing::eventually([&] { return system.is_shutting_down(); }));
    gate.open();
  }};
  const auto report = system.shutdown({.within = testing::kPatience});
  opener.join();
  CHECK(report.complete);
  testing::check_end(system);
  CHECK(system.ledger().dead(DeadReason::Stopped) + system.ledger().handled == 11);
}

}  // namespace
}  // namespace coppice
