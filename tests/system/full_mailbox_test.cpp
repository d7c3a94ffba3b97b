#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/test_end.hpp"

// Signals are never bounded: whatever a full mailbox does with messages, its actor stops, is killed, is watched and is
// restarted as any other.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Reader;
using testing::TestSystem;
using testing::Tick;

constexpr std::uint64_t kCapacity = 3;

std::vector<Bounded> all_policies() {
  std::vector<Bounded> all;
  for (const OverflowRule& overflow :
       {OverflowRule{Overflow::Reject}, OverflowRule{Overflow::DropNewest}, OverflowRule{Overflow::DropOldest},
        OverflowRule{Overflow::Block}, KeepLatestBy<&Tick::symbol>}) {
    for (const Order order : {Order::Fifo, Order::Priority}) {
      for (const bool measured : {false, true}) {
        all.push_back(
            {.capacity = kCapacity, .overflow = overflow, .block_within = 0ns, .order = order, .measured = measured});
      }
    }
  }
  return all;
}

void fill(const ActorRef<Reader>& reader) {
  for (int i = 1; i <= static_cast<int>(kCapacity); ++i) REQUIRE(reader.send(i) == Delivery::Accepted);
}

/// How many more it takes. (One that evicts takes any number, and holds no more.)
std::uint64_t room_of(TestSystem& system, const ActorRef<Reader>& reader) {
  const std::uint64_t before = system.ledger().queued;
  for (int i = 0; i < 10; ++i) reader.send(100 + i);
  return system.ledger().queued - before;
}

TEST_CASE("a full mailbox of each policy is stopped and killed at once") {  // F29
  for (const Bounded& mailbox : all_policies()) {
    for (const bool kill : {false, true}) {
      TestSystem system;
      const auto reader = system.spawn<Reader>({.mailbox = mailbox});
      system.run_until_idle();
      fill(reader);
      StopOptions options;
      if (kill) options.within = 0ns;
      auto stopped = system.stop(reader, options);
      CHECK(stopped.get());
      CHECK(reader.is_closed());
      CHECK(reader.message_count() == 0);
      CHECK(system.ledger().dead(DeadReason::Stopped) == kCapacity);
      CHECK(reader.send(4) == Delivery::Closed);
      if (const auto stats = reader.mailbox_stats()) {
        CHECK(stats->dead(DeadReason::Stopped) == kCapacity);
        CHECK(stats->dead(DeadReason::Closed) == 1);
        CHECK(stats->balances());
      }
      testing::check_end(system);
    }
  }
}

TEST_CASE("a full mailbox of each policy is drained when it is stopped so") {  // F29
  for (const Bounded& mailbox : all_policies()) {
    std::vector<int> seen;
    TestSystem system;
    const auto reader = system.spawn<Reader>({.mailbox = mailbox}, &seen);
    system.run_until_idle();
    fill(reader);
    auto stopped = system.stop(reader, {.mailbox = StopMode::Drain});
    REQUIRE(system.step());  // it hears of it
    CHECK(reader.send(4) == Delivery::Closed);
    CHECK(stopped.get());
    CHECK(seen == std::vector<int>{1, 2, 3});
    testing::check_end(system);
  }
}

struct Watcher : Actor<Watcher> {
  explicit Watcher(std::vector<std::string>* s) : seen{s} {}
  std::vector<std::string>* seen;
  void handle(const AnyRef& other) { watch(other); }
  void handle(Down) { seen->emplace_back("down"); }
  void handle(int) { seen->emplace_back("message"); }
};

TEST_CASE("a full mailbox of each policy hears of an end") {  // F29
  for (Bounded mailbox : all_policies()) {
    std::vector<std::string> seen;
    TestSystem system;
    const auto watched = system.spawn<Reader>();
    const auto watcher = system.spawn<Watcher>({.mailbox = mailbox}, &seen);
    watcher.send(AnyRef{watched});
    system.run_until_idle();
    for (int i = 0; i < 3; ++i) REQUIRE(watcher.send(i) == Delivery::Accepted);
    static_cast<void>(system.stop(watched));
    system.run_until_idle();
    CHECK(seen.size() == 4);
    CHECK(std::count(seen.begin(), seen.end(), "down") == 1);
    testing::check_end(system);
  }
}

TEST_CASE("a full mailbox of each policy is watched") {  // F29
  for (const Bounded& mailbox : all_policies()) {
    std::vector<std::string> seen;
    TestSystem system;
    const auto reader = system.spawn<Reader>({.mailbox = mailbox});
    const auto watcher = system.spawn<Watcher>(&seen);
    system.run_until_idle();
    fill(reader);
    watcher.send(AnyRef{reader});
    while (watcher.message_count() == 0) REQUIRE(system.step());
    system.crash(reader);
    CHECK(seen == std::vector<std::string>{"down"});
    testing::check_end(system);
  }
}

TEST_CASE("a restart keeps a full mailbox of each policy and the room that is left in it") {  // F29, P5
  for (const Bounded& mailbox : all_policies()) {
    for (std::uint64_t waiting = 0; waiting <= kCapacity; ++waiting) {
      CAPTURE(waiting, static_cast<int>(mailbox.overflow.overflow()), static_cast<int>(mailbox.order));
      std::vector<int> seen;
      TestSystem system;
      auto root = system.start(supervisor({.id = "app", .backoff = Exponential{.first = 10ms, .cap = 10ms}},
                                          child<Reader>({.id = "reader", .mailbox = mailbox}, &seen)));
      const auto reader = root->child<Reader>("reader").value();
      // It fails at the first of these, which is consumed.
      system.fail_message(1, reader);
      REQUIRE(reader.send(-1) == Delivery::Accepted);
      std::vector<int> expected;
      for (std::uint64_t i = 1; i <= waiting && i < kCapacity; ++i) {
        REQUIRE(reader.send(static_cast<int>(i)) == Delivery::Accepted);
        expected.push_back(static_cast<int>(i));
      }
      system.run_until_idle();
      CHECK(reader.incarnation() == 1);  // the next life is due
      if (waiting == kCapacity) {        // that one comes while nobody lives there
        REQUIRE(reader.send(static_cast<int>(waiting)) == Delivery::Accepted);
        expected.push_back(static_cast<int>(waiting));
      }
      system.advance(10ms);
      CHECK(seen == expected);
      CHECK(reader.incarnation() == 2);
      CHECK(room_of(system, reader) == kCapacity);
      testing::check_end(system);
    }
  }
}

TEST_CASE("a mailbox that is closed and opened again by its supervisor has all of its room") {  // F29, F32
  for (const Bounded& mailbox : all_policies()) {
    TestSystem system;
    auto root = system.start(supervisor({.id = "app"}, child<Reader>({.id = "reader", .mailbox = mailbox})));
    const auto reader = root->child<Reader>("reader").value();
    fill(reader);
    REQUIRE(root->terminate_child("reader"));
    CHECK(reader.send(4) == Delivery::Closed);
    REQUIRE(root->restart_child("reader"));
    CHECK(room_of(system, reader) == kCapacity);
    testing::check_end(system);
  }
}

TEST_CASE("a killed place goes on with all of its room and its own policy") {  // F29
  for (const Bounded& mailbox : all_policies()) {
    TestSystem system;
    auto root = system.start(supervisor({.id = "app"}, child<Reader>({.id = "reader", .mailbox = mailbox})));
    const auto reader = root->child<Reader>("reader").value();
    fill(reader);
    static_cast<void>(system.stop(reader, {.within = 0ns}));
    system.run_until_idle();
    CHECK_FALSE(reader.is_closed());
    CHECK(room_of(system, reader) == kCapacity);
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
