#include <atomic>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/mailbox/bound.hpp"
#include "support/scale.hpp"

namespace coppice::detail {
namespace {

TEST_CASE("a bound admits its capacity and not one more") {
  Bound bound{Bounded{3, Overflow::Reject}};
  for (int i = 0; i < 3; ++i) CHECK(bound.try_enter());
  CHECK_FALSE(bound.try_enter());
  bound.leave();
  CHECK(bound.try_enter());
  CHECK_FALSE(bound.try_enter());
  bound.withdraw();
  CHECK(bound.try_enter());
  CHECK_FALSE(bound.try_enter());
}

TEST_CASE("a bound is exact among many threads") {  // [B1]
  constexpr std::uint64_t kCapacity = 100;
  const std::size_t each = testing::scaled(50'000);
  Bound bound{Bounded{kCapacity, Overflow::Reject}};
  std::atomic<std::uint64_t> waiting{0};
  std::atomic<std::uint64_t> most{0};
  std::atomic<std::uint64_t> entered{0};
  std::atomic<bool> done{false};
  std::thread owner{[&] {
    while (!done || waiting != 0) {
      if (waiting == 0) {
        std::this_thread::yield();
        continue;
      }
      waiting.fetch_sub(1);  // before the bound hears of it, so that a count above the capacity is a true one
      bound.leave();
    }
  }};
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t) {
    senders.emplace_back([&] {
      for (std::size_t i = 0; i < each; ++i) {
        if (!bound.try_enter()) continue;
        entered.fetch_add(1);
        const std::uint64_t now = waiting.fetch_add(1) + 1;
        std::uint64_t seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
      }
    });
  }
  for (auto& sender : senders) sender.join();
  done = true;
  owner.join();
  CHECK(most <= kCapacity);
  CHECK(bound.left.load() == entered);
  CHECK(bound.entered.load() == entered);
}

}  // namespace
}  // namespace coppice::detail
