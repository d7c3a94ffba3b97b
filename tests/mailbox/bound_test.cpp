#include <atomic>
#include <cstdint>
#include <initializer_list>
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

TEST_CASE("of a large mailbox one actor is let in with each sixteenth that is free and everybody when half is") {
  constexpr std::uint64_t kCapacity = 160;
  Bound bound{Bounded{kCapacity, Overflow::Block}};
  for (std::uint64_t i = 0; i < kCapacity; ++i) CHECK(bound.try_enter());
  for (std::uint64_t i = 1; i <= kCapacity; ++i) {
    bound.leave();
    const Admit expected = i % 10 != 0 ? Admit::Nobody : i < kCapacity / 2 ? Admit::OneActor : Admit::Everybody;
    CHECK(bound.admits_now() == expected);
  }
}

TEST_CASE("of a small mailbox everybody is let in with each message that leaves") {
  Bound bound{Bounded{15, Overflow::Block}};
  for (int i = 0; i < 15; ++i) CHECK(bound.try_enter());
  for (int i = 0; i < 15; ++i) {
    bound.leave();
    CHECK(bound.admits_now() == Admit::Everybody);
  }
}

TEST_CASE("nobody waits for room in an empty mailbox whatever the owner has looked at") {  // [B3]
  for (const std::uint64_t capacity : std::initializer_list<std::uint64_t>{1, 2, 15, 16, 17, 31, 32, 33, 100}) {
    for (std::uint64_t above = 0; above < 3; ++above) {
      for (std::uint64_t looked = 0; looked <= capacity; ++looked) {  // whoever waits came when so many had left
        Bound bound{Bounded{capacity, Overflow::Block}};
        for (std::uint64_t i = 0; i < capacity; ++i) CHECK(bound.try_enter());
        for (std::uint64_t i = 0; i < above; ++i) bound.enter_above();
        Admit last = Admit::Nobody;
        for (std::uint64_t i = 1; i <= capacity + above; ++i) {
          bound.leave();
          if (i >= looked) last = bound.admits_now();
        }
        CHECK(last == Admit::Everybody);
      }
    }
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
  CHECK(bound.admits_now() == Admit::Everybody);
}

TEST_CASE("a thread that waits hears of room though others keep the mailbox more than half full") {
  constexpr std::uint64_t kCapacity = 100;
  Bound bound{Bounded{kCapacity, Overflow::Block}};
  for (std::uint64_t i = 0; i < kCapacity; ++i) CHECK(bound.try_enter());
  std::uint64_t left = 0;
  for (bool told = false; !told; ++left) {
    REQUIRE(left < kCapacity);
    bound.leave();
    told = bound.admits_now() >= Admit::OneActorAndThreads;
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
  CHECK(bound.admits_now() == Admit::Everybody);
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
