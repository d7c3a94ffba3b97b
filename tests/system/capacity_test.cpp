#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/mailbox_actor.hpp"
#include "support/quiet.hpp"

// Sixteen threads at once send to an actor that stands still.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::seen_by;
using testing::Tick;

constexpr int kThreads = 16;
constexpr int kEach = 50;
constexpr std::uint64_t kAll = std::uint64_t{kThreads} * kEach;
constexpr std::uint64_t kCapacity = 100;

struct Row {
  const char* name;
  OverflowRule overflow;
  Order order;
  bool measured;
  DeadReason reason;
};

const Row kTable[] = {
    {"Reject", Overflow::Reject, Order::Fifo, false, DeadReason::Rejected},
    {"Reject, measured", Overflow::Reject, Order::Fifo, true, DeadReason::Rejected},
    {"Reject, by priority", Overflow::Reject, Order::Priority, false, DeadReason::Rejected},
    {"DropNewest", Overflow::DropNewest, Order::Fifo, false, DeadReason::Dropped},
    {"DropNewest, measured", Overflow::DropNewest, Order::Fifo, true, DeadReason::Dropped},
    {"DropOldest", Overflow::DropOldest, Order::Fifo, true, DeadReason::DroppedOldest},
    {"DropOldest, by priority", Overflow::DropOldest, Order::Priority, false, DeadReason::DroppedOldest},
    {"Block", Overflow::Block, Order::Fifo, false, DeadReason::TimedOut},
    {"Block, measured", Overflow::Block, Order::Fifo, true, DeadReason::TimedOut},
    {"KeepLatestBy", KeepLatestBy<&Tick::symbol>, Order::Fifo, false, DeadReason::DroppedOldest},
};

TEST_CASE("of sixteen threads exactly the capacity waits whatever the policy") {  // F23
  for (const Row& row : kTable) {
    CAPTURE(row.name);
    ActorSystem system{testing::two_workers()};
    Gate gate;
    const auto reader = testing::spawn_held(system, gate,
                                            Bounded{.capacity = kCapacity,
                                                    .overflow = row.overflow,
                                                    .block_within = 0ns,
                                                    .order = row.order,
                                                    .measured = row.measured});
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<bool> exact{true};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          accepted += reader.send(t * kEach + i) == Delivery::Accepted ? 1 : 0;
          // The one in hand has left the mailbox, and those on their way are not in it yet.
          if (row.measured && reader.mailbox_stats()->depth > kCapacity) exact = false;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    const bool evicts = row.reason == DeadReason::DroppedOldest;
    CHECK(exact);
    CHECK(accepted == (evicts ? kAll : kCapacity));
    CHECK(system.ledger().queued == kCapacity + 1);
    CHECK(system.ledger().dead(row.reason) == kAll - kCapacity);
    CHECK(system.ledger().dead() == kAll - kCapacity);
    gate.open();
    REQUIRE(testing::at_rest(system));
    const auto seen = seen_by(reader);
    CHECK(seen.size() == kCapacity);
    // Of each thread it is a run without gaps: its first ones, or its last ones where the oldest go.
    std::vector<int> first(kThreads, -1);
    std::vector<int> last(kThreads, -1);
    bool without_gaps = true;
    for (const int number : seen) {
      const auto t = static_cast<std::size_t>(number / kEach);
      const int i = number % kEach;
      if (first[t] == -1) first[t] = i;
      without_gaps = without_gaps && (last[t] == -1 || i == last[t] + 1);
      last[t] = i;
    }
    for (std::size_t t = 0; t < kThreads; ++t) {
      if (first[t] == -1) continue;
      without_gaps = without_gaps && (evicts ? last[t] == kEach - 1 : first[t] == 0);
    }
    CHECK(without_gaps);
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
