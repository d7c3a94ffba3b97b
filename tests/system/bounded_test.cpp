#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

struct Hang {
  Gate* gate;
};
struct Read {};

struct Slow : Actor<Slow> {
  std::vector<int> seen;
  void handle(Hang hang) { hang.gate->pass(); }
  void handle(int number) { seen.push_back(number); }
  void handle(std::unique_ptr<int> number) { seen.push_back(*number); }
  std::vector<int> handle(Read) { return seen; }
};

/// An actor that stands still in the gate, with nothing else in its mailbox.
ActorRef<Slow> spawn_held(System& system, Gate& gate, MailboxOptions mailbox) {
  const auto slow = system.spawn<Slow>({.mailbox = mailbox});
  REQUIRE(slow.send(Hang{&gate}) == Delivery::Accepted);
  REQUIRE(gate.wait_for_arrivals());
  return slow;
}

std::uint64_t dead(const System& system, DeadReason reason) { return system.ledger().dead(reason); }

TEST_CASE("a bounded mailbox holds exactly its capacity however many send") {  // F23
  for (const Overflow overflow : {Overflow::Reject, Overflow::DropNewest}) {
    ActorSystem system;
    Gate gate;
    const auto slow = spawn_held(system, gate, Bounded{100, overflow});
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 16; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) ++(slow.send(i) == Delivery::Accepted ? accepted : refused);
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(accepted == 100);
    CHECK(refused == 700);
    CHECK(system.ledger().queued == 101);  // and the one in hand
    gate.open();
    REQUIRE(testing::at_rest(system));
    CHECK(slow.ask(Read{}, kPatience).get().value().size() == 100);
    testing::check_end(system);
  }
}

struct Row {
  Overflow overflow;
  Delivery outcome;
  DeadReason reason;
};

TEST_CASE("each policy has its outcome its contents and its counters") {  // F24
  const std::array<Row, 2> table{{{Overflow::Reject, Delivery::Rejected, DeadReason::Rejected},
                                  {Overflow::DropNewest, Delivery::Dropped, DeadReason::Dropped}}};
  for (const Row& row : table) {
    CAPTURE(static_cast<int>(row.overflow));
    ActorSystem system;
    Gate gate;
    const auto slow = spawn_held(system, gate, Bounded{3, row.overflow});
    for (int i = 1; i <= 3; ++i) CHECK(slow.send(i) == Delivery::Accepted);
    for (int i = 4; i <= 6; ++i) CHECK(slow.send(i) == row.outcome);
    CHECK(slow.send(7, {.correlation_id = 1}) == row.outcome);
    CHECK(dead(system, row.reason) == 4);
    CHECK(system.ledger().dead() == 4);
    gate.open();
    REQUIRE(testing::at_rest(system));
    CHECK(slow.send(8) == Delivery::Accepted);  // there is room again
    REQUIRE(testing::at_rest(system));
    CHECK(slow.ask(Read{}, kPatience).get().value() == std::vector<int>{1, 2, 3, 8});
    testing::check_end(system);
  }
}

TEST_CASE("a refused try_send leaves the message with the caller") {  // F25
  ActorSystem system;
  for (const auto& [overflow, outcome] :
       {std::pair{Overflow::Reject, Delivery::Rejected}, std::pair{Overflow::DropNewest, Delivery::Dropped}}) {
    Gate own;
    const auto slow = spawn_held(system, own, Bounded{1, overflow});
    const std::uint64_t back = system.ledger().handed_back;
    auto number = std::make_unique<int>(1);
    CHECK(slow.try_send(number) == Delivery::Accepted);
    CHECK(number == nullptr);
    number = std::make_unique<int>(2);
    CHECK(slow.try_send(number) == outcome);
    REQUIRE(number != nullptr);
    CHECK(*number == 2);
    CHECK(system.ledger().handed_back == back + 1);
    CHECK(system.ledger().dead() == 0);
    own.open();
    REQUIRE(testing::at_rest(system));
    CHECK(slow.ask(Read{}, kPatience).get().value() == std::vector<int>{1});
  }
  testing::check_end(system);
}

TEST_CASE("a try_send to what has ended leaves the message with the caller") {  // F25
  ActorSystem system;
  const auto slow = system.spawn<Slow>();
  REQUIRE(system.stop(slow).get());
  auto number = std::make_unique<int>(3);
  CHECK(slow.try_send(number) == Delivery::Closed);
  REQUIRE(number != nullptr);
  CHECK(*number == 3);
  CHECK(system.ledger().handed_back == 1);
  CHECK(system.ledger().dead() == 0);
  testing::check_end(system);
}

TEST_CASE("the message in hand has left the mailbox") {
  ActorSystem system;
  Gate gate;
  const auto slow = spawn_held(system, gate, Bounded{1, Overflow::Reject});
  CHECK(slow.send(1) == Delivery::Accepted);
  CHECK(slow.send(2) == Delivery::Rejected);
  gate.open();
  REQUIRE(testing::at_rest(system));
  CHECK(slow.send(3) == Delivery::Accepted);
  testing::check_end(system);
}

struct Client : Actor<Client> {
  explicit Client(ActorRef<Slow> s) : slow{std::move(s)} {}
  ActorRef<Slow> slow;
  std::vector<std::string> seen;
  void handle(Hang hang) {
    watch(slow);
    ask(slow, Read{}, kForever).then([this](Result<std::vector<int>, AskError>) { seen.emplace_back("reply"); });
    send_after(Duration{1}, 1L).detach();
    hang.gate->pass();
  }
  void handle(int) { seen.emplace_back("message"); }
  void handle(long) { seen.emplace_back("timer"); }
  void handle(Down) { seen.emplace_back("down"); }
  std::vector<std::string> handle(Read) { return seen; }
};

TEST_CASE("replies timers and downs come into a full mailbox") {  // F29
  ActorSystem system{testing::two_workers()};
  const auto slow = system.spawn<Slow>();
  const auto client = system.spawn<Client>({.mailbox = Bounded{1, Overflow::Reject}}, slow);
  Gate gate;
  client.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(client.send(1) == Delivery::Accepted);
  REQUIRE(client.send(2) == Delivery::Rejected);
  // The reply is on its way or there; the place's end makes the down.
  gate.open();
  REQUIRE(testing::eventually([&] { return client.message_count() >= 4; }));
  REQUIRE(system.stop(slow).get());
  REQUIRE(testing::eventually([&] { return client.message_count() == 5; }));
  auto seen = client.ask(Read{}, kPatience).get().value();
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::string>{"down", "message", "reply", "timer"});
  testing::check_end(system);
}

TEST_CASE("a bound stays exact while the actor takes and many send") {
  ActorSystem system{testing::two_workers()};
  const auto slow = system.spawn<Slow>({.mailbox = Bounded{8, Overflow::Reject}});
  const int each = static_cast<int>(testing::scaled(100'000));
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) accepted += slow.send(i) == Delivery::Accepted ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(testing::at_rest(system));
  CHECK(slow.message_count() == static_cast<std::uint64_t>(accepted));
  CHECK(dead(system, DeadReason::Rejected) == static_cast<std::uint64_t>(4 * each - accepted));
  for (int i = 0; i < 8; ++i) {
    CHECK(slow.send(i) == Delivery::Accepted);  // nothing of the bound has been lost
  }
  testing::check_end(system);
}

TEST_CASE("the system's mailbox is that of actors without one of their own") {
  SystemOptions options;
  options.mailbox = Bounded{2, Overflow::DropNewest};
  ActorSystem system{std::move(options)};
  Gate gate;
  const auto usual = system.spawn<Slow>();
  usual.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  for (int i = 0; i < 2; ++i) CHECK(usual.send(i) == Delivery::Accepted);
  CHECK(usual.send(2) == Delivery::Dropped);
  Gate other;
  const auto unbounded = spawn_held(system, other, Unbounded{});
  for (int i = 0; i < 100; ++i) CHECK(unbounded.send(i) == Delivery::Accepted);
  gate.open();
  other.open();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
