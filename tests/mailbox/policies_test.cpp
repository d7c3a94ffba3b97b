#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/test_end.hpp"

// What a full mailbox does, by policy and by the way in which the message comes. Nothing runs between the calls of a
// TestSystem, so that a mailbox stays as full as it is.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Read;
using testing::Reader;
using testing::seen_by;
using testing::TestSystem;
using testing::Tick;

/// What becomes of messages 4, 5 and 6 in a mailbox for three that holds 1, 2 and 3.
struct Row {
  const char* name;
  OverflowRule overflow;
  Delivery outcome;
  DeadReason reason;
  std::vector<int> handled;
  bool newcomer_dies;
  AskError ask_error;  // of an ask that is the message that dies
};

const std::array<Row, 5>& table() {
  static const std::array<Row, 5> rows{
      {{"Reject", Overflow::Reject, Delivery::Rejected, DeadReason::Rejected, {1, 2, 3}, true, AskError::Rejected},
       {"DropNewest",
        Overflow::DropNewest,
        Delivery::Dropped,
        DeadReason::Dropped,
        {1, 2, 3},
        true,
        AskError::Rejected},
       {"DropOldest",
        Overflow::DropOldest,
        Delivery::Accepted,
        DeadReason::DroppedOldest,
        {4, 5, 6},
        false,
        AskError::Rejected},
       {"Block", Overflow::Block, Delivery::TimedOut, DeadReason::TimedOut, {1, 2, 3}, true, AskError::Timeout},
       {"KeepLatestBy",
        KeepLatestBy<&Tick::symbol>,
        Delivery::Accepted,
        DeadReason::DroppedOldest,
        {4, 5, 6},
        false,
        AskError::Rejected}}};
  return rows;
}

/// Both kinds of mailbox that there are: the plain list, and the shelf, which one that measures has.
constexpr bool kKinds[] = {false, true};

ActorRef<Reader> spawn_full(TestSystem& system, const Row& row, bool measured) {
  const auto reader = system.spawn<Reader>(
      {.mailbox = Bounded{.capacity = 3, .overflow = row.overflow, .block_within = 0ns, .measured = measured}});
  system.run_until_idle();
  for (int i = 1; i <= 3; ++i) REQUIRE(reader.send(i) == Delivery::Accepted);
  return reader;
}

/// How often each reason has been counted is `reason`: `n`, and nothing else.
void check_dead(const Ledger& ledger, DeadReason reason, std::uint64_t n) {
  CHECK(ledger.dead(reason) == n);
  CHECK(ledger.dead() == n);
}

TEST_CASE("a send to a full mailbox comes to what its policy says") {  // F24, F26
  for (const Row& row : table()) {
    for (const bool measured : kKinds) {
      CAPTURE(row.name, measured);
      TestSystem system;
      const auto reader = spawn_full(system, row, measured);
      for (int i = 4; i <= 5; ++i) CHECK(reader.send(i) == row.outcome);
      CHECK(reader.send(6, {.correlation_id = 1}) == row.outcome);
      check_dead(system.ledger(), row.reason, 3);
      CHECK(system.ledger().queued == 3);
      for (const DeadLetter& letter : system.dead_letters()) {
        CHECK(letter.reason == row.reason);
        CHECK(letter.target == AnyRef{reader});
        CHECK(letter.message == "int");
      }
      CHECK(system.dead_letters().size() == 3);
      system.run_until_idle();
      CHECK(reader.send(7) == Delivery::Accepted);
      system.run_until_idle();
      auto expected = row.handled;
      expected.push_back(7);
      CHECK(seen_by(reader) == expected);
      testing::check_end(system);
    }
  }
}

TEST_CASE("a try_send that a full mailbox refuses leaves the message with the caller") {  // F25
  for (const Row& row : table()) {
    for (const bool measured : kKinds) {
      CAPTURE(row.name, measured);
      TestSystem system;
      const auto reader = spawn_full(system, row, measured);
      auto number = std::make_unique<int>(4);
      const int* const place = number.get();
      CHECK(reader.try_send(number) == row.outcome);
      CHECK((number.get() == place) == row.newcomer_dies);
      CHECK(system.ledger().handed_back == (row.newcomer_dies ? 1 : 0));
      check_dead(system.ledger(), DeadReason::DroppedOldest, row.newcomer_dies ? 0 : 1);
      system.run_until_idle();
      CHECK(seen_by(reader) == (row.newcomer_dies ? std::vector<int>{1, 2, 3} : std::vector<int>{2, 3, 4}));
      testing::check_end(system);
    }
  }
}

TEST_CASE("an ask to a full mailbox is rejected or lets the oldest go") {  // F24, P12
  for (const Row& row : table()) {
    for (const bool measured : kKinds) {
      CAPTURE(row.name, measured);
      TestSystem system;
      const auto reader = spawn_full(system, row, measured);
      auto answer = reader.ask(4L, 1s);
      check_dead(system.ledger(), row.reason, 1);
      if (row.newcomer_dies) {
        CHECK(answer.get() == Result<int, AskError>{Error{row.ask_error}});
        system.run_until_idle();
        CHECK(seen_by(reader) == std::vector<int>{1, 2, 3});
      } else {
        CHECK(answer.get() == Result<int, AskError>{4});
        CHECK(seen_by(reader) == std::vector<int>{2, 3, 4});
      }
      CHECK(system.stats().timers == 0);  // no deadline is left behind
      testing::check_end(system);
    }
  }
}

TEST_CASE("an ask that is evicted is answered at once") {  // P12
  for (const Row& row : table()) {
    if (row.newcomer_dies) continue;
    CAPTURE(row.name);
    TestSystem system;
    const auto reader = system.spawn<Reader>({.mailbox = Bounded{1, row.overflow}});
    system.run_until_idle();
    auto answer = reader.ask(1L, 1s);
    const TimePoint asked = system.now();
    CHECK(reader.send(2) == Delivery::Accepted);
    CHECK(answer.get() == Result<int, AskError>{Error{row.ask_error}});
    CHECK(system.now() == asked);
    check_dead(system.ledger(), DeadReason::DroppedOldest, 1);
    testing::check_end(system);
  }
}

TEST_CASE("a publication is bounded by its subscriber's policy") {  // F38
  for (const Row& row : table()) {
    for (const bool measured : kKinds) {
      CAPTURE(row.name, measured);
      TestSystem system;
      InMemoryBroker broker{system};
      const auto reader = spawn_full(system, row, measured);
      const auto subscription = broker.subscribe<Tick>("px", reader);
      for (int i = 4; i <= 6; ++i) {
        const Published published = broker.publish("px", Tick{.symbol = i, .value = i});
        CHECK(published.status.has_value());
      }
      check_dead(system.ledger(), row.reason, 3);
      system.run_until_idle();
      CHECK(seen_by(reader) == row.handled);
      testing::check_end(system);
    }
  }
}

TEST_CASE("what is sent on from a handler is bounded by the same policy but never blocks") {  // F24, F30
  struct Source : Actor<Source> {
    explicit Source(ActorRef<Reader> r) : reader{std::move(r)} {}
    ActorRef<Reader> reader;
    std::vector<Delivery> outcomes;
    void handle(int n) { outcomes.push_back(reader.send(n)); }
    std::vector<Delivery> handle(Read) { return outcomes; }
  };
  for (const Row& row : table()) {
    if (row.overflow == OverflowRule{Overflow::Block}) continue;  // back_pressure_test.cpp
    CAPTURE(row.name);
    TestSystem system;
    const auto reader = system.spawn<Reader>({.mailbox = Bounded{1, row.overflow}});
    const auto source = system.spawn<Source>(reader);
    system.run_until_idle();
    REQUIRE(reader.send(1) == Delivery::Accepted);
    source.send(2);
    while (source.message_count() == 0) REQUIRE(system.step());
    static_cast<void>(system.run_until_idle());
    const auto outcomes = source.ask(Read{}, 1s).get().value();
    REQUIRE(outcomes.size() == 1);
    CHECK((outcomes[0] == row.outcome || outcomes[0] == Delivery::Accepted));  // the reader may have come first
    CHECK((system.ledger().dead() == 0 || system.ledger().dead(row.reason) == 1));
    testing::check_end(system);
  }
}

TEST_CASE("a mailbox's counters are exact for each policy") {  // F26, F33
  for (const Row& row : table()) {
    CAPTURE(row.name);
    TestSystem system;
    const auto reader = spawn_full(system, row, true);
    for (int i = 4; i <= 6; ++i) CHECK(reader.send(i) == row.outcome);
    auto back = std::make_unique<int>(7);
    const bool refused = reader.try_send(back) != Delivery::Accepted;
    CHECK(refused == row.newcomer_dies);
    MailboxStats stats = reader.mailbox_stats().value();
    CHECK(stats.enqueued == (refused ? 6 : 7));
    CHECK(stats.depth == 3);
    CHECK(stats.high_water == 3);
    CHECK(stats.handled == 0);
    CHECK(stats.dead() == (refused ? 3 : 4));
    CHECK(stats.dead(row.reason) == stats.dead());
    CHECK(stats.balances());
    system.run_until_idle();
    stats = reader.mailbox_stats().value();
    CHECK(stats.handled == 3);
    CHECK(stats.depth == 0);
    CHECK(stats.taken == 3);
    CHECK(stats.balances());
    testing::check_end(system);
  }
}

TEST_CASE("a mailbox that is not measured says so") {  // F33
  TestSystem system;
  const auto plain = system.spawn<Reader>();
  const auto measured = system.spawn<Reader>({.mailbox = Unbounded{.measured = true}});
  CHECK_FALSE(plain.mailbox_stats().has_value());
  CHECK(measured.mailbox_stats().has_value());
  CHECK_FALSE(ActorRef<Reader>{}.mailbox_stats().has_value());
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
