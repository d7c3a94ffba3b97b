#pragma once

/// What the benchmarks share: a clock, the end of a run, medians, and the check that no message is missing.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"

namespace coppice::bench {

using Nanoseconds = std::int64_t;

inline Nanoseconds now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// A benchmark that lost a message has no figure: it ends here, at once.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "benchmark failed: %.*s\n", static_cast<int>(what.size()), what.data());
  std::_Exit(1);
}

/// Where whoever handles the last message says so. The time is taken there, not where it is waited for.
///
/// Threads    reach(): one at a time. wait(): another one.
class Finish {
 public:
  void reach() {
    const Nanoseconds at = now_ns();
    const std::lock_guard lock{mutex_};
    at_ = at;
    reached_.notify_one();
  }
  [[nodiscard]] Nanoseconds wait() {
    std::unique_lock lock{mutex_};
    require(reached_.wait_for(lock, std::chrono::seconds{60}, [this] { return at_ != 0; }),
            "the last message did not come within a minute");
    return std::exchange(at_, 0);
  }

 private:
  std::mutex mutex_;
  std::condition_variable reached_;
  Nanoseconds at_ = 0;
};

/// A value that the compiler must not see through.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

[[nodiscard]] inline SystemOptions default_options(unsigned workers) {
  SystemOptions options;
  options.workers = workers;
  options.reports = false;  // crashes on purpose, by the million
  return options;
}

/// Waits until nothing is under way. A handler's message is counted when the handler has returned, a moment after
/// Finish.
inline void come_to_rest(const System& system) {
  const Nanoseconds begun = now_ns();
  while (system.ledger().queued != 0) {
    require(now_ns() - begun < Nanoseconds{60'000'000'000}, "messages are under way after a minute of rest");
    std::this_thread::sleep_for(std::chrono::microseconds{50});
  }
}

/// The end of every benchmark: each message sent was handled, or is one of the dead ones that the benchmark expects.
inline void expect_all_handled(System& system, std::uint64_t sent, std::uint64_t dead = 0) {
  come_to_rest(system);
  require(system.shutdown().complete, "the shutdown left an actor behind");
  const Ledger ledger = system.ledger();
  const auto text = [&] {
    return "sent " + std::to_string(ledger.sent) + ", handled " + std::to_string(ledger.handled) + ", dead " +
           std::to_string(ledger.dead()) + ", queued " + std::to_string(ledger.queued) + "; expected " +
           std::to_string(sent) + " sent and " + std::to_string(dead) + " dead";
  };
  require(ledger.balances(), "the ledger does not balance: " + text());
  const bool complete = ledger.queued == 0 && ledger.handed_back == 0 && ledger.sent == sent && ledger.dead() == dead;
  require(complete, "a message is missing: " + text());
}

/// The middle one; of an even number, the lower of the two in the middle.
[[nodiscard]] inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}
[[nodiscard]] inline double least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}
[[nodiscard]] inline double most(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

}  // namespace coppice::bench
