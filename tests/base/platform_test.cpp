#include "base/platform.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "catch.hpp"
#include "support/scale.hpp"

namespace coppice::detail {
namespace {

using namespace std::chrono_literals;

TEST_CASE("waiting on a word that has changed returns at once") {
  const Atomic<std::uint32_t> word{1};
  CHECK(wait_on(word, 0, kForever));
}

TEST_CASE("waiting on a word ends when the time is up and not before") {
  const Atomic<std::uint32_t> word{0};
  const auto begun = std::chrono::steady_clock::now();
  while (wait_on(word, 0, 5ms)) {
    // it may return early without a reason
    if (std::chrono::steady_clock::now() - begun > 10s) break;
  }
  CHECK(std::chrono::steady_clock::now() - begun >= 5ms);
}

TEST_CASE("waiting for no time or less returns") {
  const Atomic<std::uint32_t> word{0};
  CHECK_FALSE(wait_on(word, 0, 0ns));
  CHECK_FALSE(wait_on(word, 0, -1s));
  CHECK_FALSE(wait_on(word, 0, Duration::min()));
}

TEST_CASE("a changed word wakes whoever waits on it") {
  Atomic<std::uint32_t> word{0};
  const std::size_t rounds = testing::scaled(20'000);
  // The two take turns: even is the waker's, odd the sleeper's.
  std::thread sleeper{[&] {
    for (std::uint32_t i = 0; i < rounds; ++i) {
      while (word.load(kAcquire) != 2 * i + 1) wait_on(word, 2 * i, kForever);
      word.store(2 * i + 2, kRelease);
      wake_one(word);
    }
  }};
  for (std::uint32_t i = 0; i < rounds; ++i) {
    word.store(2 * i + 1, kRelease);
    wake_all(word);
    while (word.load(kAcquire) != 2 * i + 2) wait_on(word, 2 * i + 1, kForever);
  }
  sleeper.join();
  CHECK(word.load() == 2 * rounds);
}

TEST_CASE("a thread is on some memory node and on the first where there is one") {
  if (!has_memory_nodes()) CHECK(memory_node_of_this_thread() == 0);
  CHECK(memory_node_of_this_thread() < 1'024);
}

TEST_CASE("there is at least one processor to use") { CHECK(usable_cpus() >= 1); }

TEST_CASE("a thread that cannot be bound says why") {
  const auto pinned = pin_this_thread(1'000'000);
  REQUIRE_FALSE(pinned);
  CHECK_FALSE(pinned.error().empty());
}

}  // namespace
}  // namespace coppice::detail
