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

TEST_CASE("room is announced of a large mailbox when half of it is free") {
  constexpr std::uint64_t kCapacity = 20;
  Bound bound{Bounded{kCapacity, Overflow::Block}};
  for (std::uint64_t i = 0; i < kCapacity; ++i) CHECK(bound.try_enter());
  for (std::uint64_t i = 1; i <= kCapacity; ++i) {
    bound.leave();
    CHECK(bound.is_time_to_admit() == (i >= kCapacity / 2));
  }
}

TEST_CASE("room is announced at once where the owner has seen nothing of the senders yet") {
  Bound bound{Bounded{2, Overflow::Block}};
  for (int i = 0; i < 100; ++i) {  // nobody waits: the owner does not ask
    CHECK(bound.try_enter());
    bound.leave();
  }
  CHECK(bound.try_enter());
  CHECK(bound.try_enter());
  bound.leave();
  CHECK(bound.is_time_to_admit());
}

TEST_CASE("who waits hears of room though others keep the mailbox more than half full") {
  constexpr std::uint64_t kCapacity = 100;
  Bound bound{Bounded{kCapacity, Overflow::Block}};
  for (std::uint64_t i = 0; i < kCapacity; ++i) CHECK(bound.try_enter());
  std::uint64_t left = 0;
  for (bool told = false; !told; ++left) {
    REQUIRE(left < kCapacity);
    bound.leave();
    told = bound.is_time_to_admit();
    if (left != 0) CHECK(bound.try_enter());  // 99 wait, and 99 again
  }
  CHECK(left == kCapacity);
}

TEST_CASE("a place that is taken back counts as free") {
  Bound bound{Bounded{2, Overflow::Block}};
  CHECK(bound.try_enter());
  CHECK(bound.try_enter());
  CHECK(bound.depth() == 2);
  bound.withdraw();
  CHECK(bound.depth() == 1);
  bound.leave();
  CHECK(bound.depth() == 0);
  CHECK(bound.is_time_to_admit());
  CHECK(bound.try_enter());
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
