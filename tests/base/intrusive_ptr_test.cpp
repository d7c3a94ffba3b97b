#include "coppice/base/intrusive_ptr.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "support/scale.hpp"

namespace coppice::detail {
namespace {

struct Thing : Counted {
  explicit Thing(std::atomic<int>& a) : alive{a} { ++alive; }
  ~Thing() override { --alive; }
  std::atomic<int>& alive;
};

TEST_CASE("an object lives as long as one pointer to it") {
  std::atomic<int> alive{0};
  auto first = IntrusivePtr<Thing>::adopt(new Thing{alive});
  IntrusivePtr<Thing> second = first;
  CHECK(first == second);
  first = {};
  CHECK_FALSE(first);
  CHECK(alive == 1);
  const IntrusivePtr<Thing> third = std::move(second);
  CHECK(third->alive == 1);
  CHECK_FALSE(second);  // NOLINT(bugprone-use-after-move)
  {
    const auto shared = IntrusivePtr<Thing>::share(third.get());
    CHECK(shared == third);
  }
  CHECK(alive == 1);
}

TEST_CASE("assigning a pointer to itself keeps the object") {
  std::atomic<int> alive{0};
  auto pointer = IntrusivePtr<Thing>::adopt(new Thing{alive});
  const auto& alias = pointer;
  pointer = alias;
  CHECK(alive == 1);
  CHECK(pointer);
}

TEST_CASE("a detached object belongs to whoever detached it") {
  std::atomic<int> alive{0};
  auto pointer = IntrusivePtr<Thing>::adopt(new Thing{alive});
  Thing* const raw = pointer.detach();
  CHECK_FALSE(pointer);
  CHECK(alive == 1);
  raw->release();
  CHECK(alive == 0);
}

TEST_CASE("counts from many threads destroy once") {
  std::atomic<int> alive{0};
  const std::size_t rounds = testing::scaled(20'000);
  {
    auto shared = IntrusivePtr<Thing>::adopt(new Thing{alive});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([mine = shared, rounds] {
        for (std::size_t i = 0; i < rounds; ++i) const IntrusivePtr<Thing> copy = mine;
      });
    }
    shared = {};
    for (auto& thread : threads) thread.join();
  }
  CHECK(alive == 0);
}

}  // namespace
}  // namespace coppice::detail
