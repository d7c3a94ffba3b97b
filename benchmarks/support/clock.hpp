#pragma once

/// What ours and the peers' programs share, without coppice: a clock, the end of a run, medians. C++17, since a peer's
/// headers are no younger.

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice::bench {

using Nanoseconds = std::int64_t;

inline Nanoseconds now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// What all threads of the process together have worked.
inline Nanoseconds processor_time() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// What the process has in memory now.
inline std::int64_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
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
