#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/test_end.hpp"

// Random traffic: traffic_test.cpp.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Read;
using testing::Reader;
using testing::seen_by;
using testing::TestSystem;

constexpr Priority kAll[] = {Priority::Critical, Priority::High, Priority::Normal, Priority::Low};

TEST_CASE("what waits is handled by priority") {  // F27
  for (const bool bounded : {false, true}) {
    TestSystem system;
    MailboxOptions mailbox = Unbounded{.order = Order::Priority};
    if (bounded) mailbox = Bounded{.capacity = 4, .order = Order::Priority};
    const auto reader = system.spawn<Reader>({.mailbox = mailbox});
    for (const auto& [number, priority] :
         {std::pair{4, Priority::Low}, {3, Priority::Normal}, {2, Priority::High}, {1, Priority::Critical}})
      CHECK(reader.send(number, {.priority = priority}) == Delivery::Accepted);
    system.run_until_idle();
    CHECK(seen_by(reader) == std::vector<int>{1, 2, 3, 4});
    testing::check_end(system);
  }
}

TEST_CASE("messages of one priority keep their order") {  // F27, P3
  TestSystem system;
  const auto reader = system.spawn<Reader>({.mailbox = Unbounded{.order = Order::Priority, .passed_over_max = 1'000}});
  std::vector<int> expected;
  for (int level = 0; level < kPriorities; ++level) {
    for (int i = 0; i < 50; ++i) expected.push_back(level * 100 + i);
  }
  for (int i = 0; i < 50; ++i) {
    for (int level = 0; level < kPriorities; ++level) reader.send(level * 100 + i, {.priority = kAll[level]});
  }
  system.run_until_idle();
  CHECK(seen_by(reader) == expected);
  testing::check_end(system);
}

TEST_CASE("a plain send is of normal priority and so are an ask and a publication") {  // F27
  TestSystem system;
  const auto reader = system.spawn<Reader>({.mailbox = Unbounded{.order = Order::Priority}});
  InMemoryBroker broker{system};
  const auto subscription = broker.subscribe<testing::Tick>("px", reader);
  reader.send(5, {.priority = Priority::Low});
  reader.send(2);
  auto answer = reader.ask(3L, 1s);
  broker.publish("px", testing::Tick{.value = 4});
  reader.send(1, {.priority = Priority::High});
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{1, 2, 3, 4, 5});
  CHECK(answer.get().value() == 3);
  testing::check_end(system);
}

/// Floods with the more urgent ones and says at which place the one message of the least urgent level came.
std::size_t place_in_flood(unsigned passed_over_max, Priority flood, Priority patient) {
  TestSystem system;
  const auto reader =
      system.spawn<Reader>({.mailbox = Unbounded{.order = Order::Priority, .passed_over_max = passed_over_max}});
  reader.send(-1, {.priority = patient});
  for (int i = 0; i < 100; ++i) reader.send(i, {.priority = flood});
  system.run_until_idle();
  const auto seen = seen_by(reader);
  CHECK(seen.size() == 101);
  testing::check_end(system);
  return static_cast<std::size_t>(std::find(seen.begin(), seen.end(), -1) - seen.begin());
}

TEST_CASE("a message lets exactly as many more urgent ones pass as the bound says") {  // F27 [B5]
  for (const unsigned most : {1U, 2U, 16U, 99U}) {
    for (int patient = 1; patient < kPriorities; ++patient) {
      CAPTURE(most, patient);
      CHECK(place_in_flood(most, Priority::Critical, kAll[patient]) == most);
    }
  }
  CHECK(place_in_flood(100, Priority::Critical, Priority::Low) == 100);
  CHECK(place_in_flood(static_cast<unsigned>(-1), Priority::Critical, Priority::Low) == 100);
}

TEST_CASE("with every level flooded each has its share") {  // F27 [B5]
  TestSystem system;
  constexpr unsigned kMost = 3;
  const auto reader = system.spawn<Reader>({.mailbox = Unbounded{.order = Order::Priority, .passed_over_max = kMost}});
  for (int i = 0; i < 40; ++i) {
    for (int level = 0; level < kPriorities; ++level) reader.send(level, {.priority = kAll[level]});
  }
  system.run_until_idle();
  auto all = seen_by(reader);
  CHECK(all.size() == 160);
  all.resize(10);
  // By hand: three critical ones pass; then the turns of Low, Normal and High have come at once, lowest first. Normal,
  // High and a critical one have passed Low meanwhile, so its turn comes again.
  CHECK(all == std::vector<int>{0, 0, 0, 3, 2, 1, 0, 3, 0, 2});
  testing::check_end(system);
}

TEST_CASE("of a full mailbox the least urgent goes first and a newcomer less urgent than all is dropped") {  // F24, F27
  TestSystem system;
  const auto reader = system.spawn<Reader>(
      {.mailbox = Bounded{.capacity = 3, .overflow = Overflow::DropOldest, .order = Order::Priority}});
  reader.send(1, {.priority = Priority::High});
  reader.send(2, {.priority = Priority::Low});
  reader.send(3, {.priority = Priority::Low});
  CHECK(reader.send(4, {.priority = Priority::Low}) == Delivery::Accepted);     // 2 goes: the oldest of its own level
  CHECK(reader.send(5, {.priority = Priority::Normal}) == Delivery::Accepted);  // 3
  CHECK(reader.send(6, {.priority = Priority::Normal}) == Delivery::Accepted);  // 4
  CHECK(system.ledger().dead(DeadReason::DroppedOldest) == 3);
  CHECK(reader.send(7, {.priority = Priority::Low}) == Delivery::Dropped);  // itself
  CHECK(system.ledger().dead(DeadReason::Dropped) == 1);
  CHECK(reader.send(8, {.priority = Priority::Critical}) == Delivery::Accepted);  // 5
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{8, 1, 6});
  testing::check_end(system);
}

TEST_CASE("levels may have overflow rules of their own") {  // F24
  TestSystem system;
  const auto reader =
      system.spawn<Reader>({.mailbox = Bounded{.capacity = 1,
                                               .overflow = Overflow::Reject,
                                               .block_within = 0ns,
                                               .order = Order::Priority,
                                               .for_priority = {{Priority::Critical, Overflow::Block},
                                                                {Priority::High, Overflow::DropOldest},
                                                                {Priority::Low, Overflow::DropNewest}}}});
  reader.send(1);
  CHECK(reader.send(2, {.priority = Priority::Critical}) == Delivery::TimedOut);
  CHECK(reader.send(3) == Delivery::Rejected);
  CHECK(reader.send(4, {.priority = Priority::Low}) == Delivery::Dropped);
  CHECK(reader.send(5, {.priority = Priority::High}) == Delivery::Accepted);
  const Ledger ledger = system.ledger();
  for (const DeadReason reason :
       {DeadReason::TimedOut, DeadReason::Rejected, DeadReason::Dropped, DeadReason::DroppedOldest})
    CHECK(ledger.dead(reason) == 1);
  CHECK(ledger.dead() == 4);
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{5});
  // The thread that blocks is let in when there is room.
  reader.send(6);
  CHECK(reader.send(7, {.priority = Priority::Critical, .within = 1s}) == Delivery::Accepted);
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{5, 6, 7});
  testing::check_end(system);
}

TEST_CASE("a priority sent to a mailbox that has none is refused and not ignored") {  // F27
  for (const MailboxOptions& mailbox :
       {MailboxOptions{Unbounded{}}, MailboxOptions{Unbounded{.measured = true}},
        MailboxOptions{Bounded{10, Overflow::Reject}}, MailboxOptions{Bounded{10, Overflow::Block}},
        MailboxOptions{Bounded{10, Overflow::DropOldest}}, MailboxOptions{}}) {
    TestSystem system;
    const auto reader = system.spawn<Reader>({.mailbox = mailbox});
    for (const Priority priority : {Priority::Critical, Priority::High, Priority::Low})
      CHECK(reader.send(1, {.priority = priority}) == Delivery::Rejected);
    CHECK(reader.send(2, {.priority = Priority::Normal}) == Delivery::Accepted);
    CHECK(system.ledger().dead(DeadReason::Unsupported) == 3);
    CHECK(system.ledger().dead() == 3);
    system.run_until_idle();
    CHECK(seen_by(reader) == std::vector<int>{2});
    if (const auto stats = reader.mailbox_stats()) {
      CHECK(stats->dead(DeadReason::Unsupported) == 3);
      CHECK(stats->balances());
    }
    testing::check_end(system);
  }
}

TEST_CASE("a priority sent to what has ended is closed first") {  // F27
  TestSystem system;
  const auto reader = system.spawn<Reader>();
  REQUIRE(system.stop(reader).get());
  CHECK(reader.send(1, {.priority = Priority::High}) == Delivery::Closed);
  CHECK(system.ledger().dead(DeadReason::Closed) == 1);
  testing::check_end(system);
}

TEST_CASE("the receiver is told the priority that its sender said") {  // F34
  struct Curious : Actor<Curious> {
    std::vector<Priority> seen;
    void handle(int) { seen.push_back(info().priority); }
    std::vector<Priority> handle(Read) { return seen; }
  };
  TestSystem system;
  const auto curious = system.spawn<Curious>({.mailbox = Unbounded{.order = Order::Priority}});
  for (const Priority priority : kAll) curious.send(1, {.priority = priority});
  system.run_until_idle();
  CHECK(curious.ask(Read{}, 1s).get().value() == std::vector<Priority>(std::begin(kAll), std::end(kAll)));
  testing::check_end(system);
}

/// Hears of another one's end, asks it, and has a timer.
struct Client : Actor<Client> {
  explicit Client(ActorRef<Reader> r) : reader{std::move(r)} {}
  ActorRef<Reader> reader;
  std::vector<std::string> seen;
  void handle(const std::string& text) {
    if (text == "begin") {
      watch(reader);
      ask(reader, 1L, kForever).then([this](Result<int, AskError>) { seen.emplace_back("reply"); });
      timer = send_after(1ns, 1.0);
      return;
    }
    seen.push_back(text);
  }
  void handle(double) { seen.emplace_back("timer"); }
  void handle(Down) { seen.emplace_back("down"); }
  std::vector<std::string> handle(Read) { return seen; }
  TimerHandle timer;
};

TEST_CASE("replies and timers and downs come into a full mailbox of each kind") {  // F29
  for (const Order order : {Order::Fifo, Order::Priority}) {
    for (const Overflow overflow : {Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest, Overflow::Block}) {
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(static_cast<int>(order), static_cast<int>(overflow), seed);
        TestSystem system{{.seed = seed}};
        const auto reader = system.spawn<Reader>();
        const auto client = system.spawn<Client>(
            {.mailbox = Bounded{.capacity = 2, .overflow = overflow, .block_within = 0ns, .order = order}}, reader);
        client.send(std::string{"begin"});
        while (client.message_count() < 1) REQUIRE(system.step());
        client.send(std::string{"a"});
        client.send(std::string{"b"});
        client.send(std::string{"c"});
        static_cast<void>(system.stop(reader, {.mailbox = StopMode::Drain}));  // the question is answered first
        system.advance(1ns);
        const auto read = client.ask(Read{}, 1s).get();
        REQUIRE(read);
        auto seen = read.value();
        std::sort(seen.begin(), seen.end());
        const auto has = [&](const char* what) { return std::count(seen.begin(), seen.end(), what); };
        CHECK(has("reply") == 1);
        CHECK(has("timer") == 1);
        CHECK(has("down") == 1);
        CHECK(seen.size() == 5);
        testing::check_end(system);
      }
    }
  }
}

}  // namespace
}  // namespace coppice
