#include "scheduler/run_ring.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "support/scale.hpp"

namespace coppice::detail {
namespace {

RunTable run_table;

struct Task : Runnable {
  Task() : Runnable{run_table} {}
  std::atomic<int> taken{0};
};

TEST_CASE("a ring gives back in order what was pushed") {
  RunRing ring;
  std::vector<Task> tasks(10);
  CHECK(ring.is_empty());
  CHECK(ring.pop() == nullptr);
  for (Task& task : tasks) CHECK(ring.push(task));
  CHECK_FALSE(ring.is_empty());
  for (Task& task : tasks) CHECK(ring.pop() == &task);
  CHECK(ring.pop() == nullptr);
}

TEST_CASE("a full ring says so and takes again once there is room") {
  RunRing ring;
  std::vector<Task> tasks(RunRing::kCapacity + 1);
  for (std::size_t i = 0; i < RunRing::kCapacity; ++i) REQUIRE(ring.push(tasks[i]));
  CHECK_FALSE(ring.push(tasks.back()));
  CHECK(ring.pop() == &tasks[0]);
  CHECK(ring.push(tasks.back()));
  CHECK_FALSE(ring.push(tasks[0]));
}

TEST_CASE("a thief takes half and at least one") {
  for (const std::size_t waiting : {1U, 2U, 3U, 10U, 255U, 256U}) {
    CAPTURE(waiting);
    RunRing victim;
    RunRing thief;
    std::vector<Task> tasks(waiting);
    for (Task& task : tasks) REQUIRE(victim.push(task));
    std::size_t stolen = thief.steal_from(victim) != nullptr ? 1 : 0;
    while (thief.pop() != nullptr) ++stolen;
    CHECK(stolen == waiting - waiting / 2);
    std::size_t left = 0;
    while (victim.pop() != nullptr) ++left;
    CHECK(stolen + left == waiting);
  }
  RunRing empty;
  RunRing thief;
  CHECK(thief.steal_from(empty) == nullptr);
}

TEST_CASE("everything pushed is taken once however many steal") {
  const std::size_t count = testing::scaled(300'000);
  std::vector<Task> tasks(count);
  std::vector<RunRing> rings(4);
  std::atomic<std::size_t> total{0};
  const auto took = [&](Runnable* runnable) {
    static_cast<Task*>(runnable)->taken.fetch_add(1);
    total.fetch_add(1);
  };
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (Task& task : tasks) {
      while (!rings[0].push(task)) {
        if (Runnable* const mine = rings[0].pop()) took(mine);
      }
      if ((&task - tasks.data()) % 3 == 0) {
        if (Runnable* const mine = rings[0].pop()) took(mine);
      }
    }
    while (Runnable* const mine = rings[0].pop()) took(mine);
  });
  for (std::size_t t = 1; t < rings.size(); ++t) {
    threads.emplace_back([&, t] {
      // Each steals from the one before, so that what was stolen is stolen again.
      while (total < count) {
        while (Runnable* const mine = rings[t].pop()) took(mine);
        Runnable* const stolen = rings[t].steal_from(rings[t - 1]);
        if (stolen != nullptr) {
          took(stolen);
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(total == count);
  std::size_t wrong = 0;
  for (const Task& task : tasks) wrong += task.taken == 1 ? 0U : 1U;
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace coppice::detail
