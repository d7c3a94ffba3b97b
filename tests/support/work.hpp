#pragma once

#include <time.h>

#include <chrono>

namespace coppice::testing {

/// The processor time that this thread has had: what others take of the machine is not in it.
[[nodiscard]] inline std::chrono::nanoseconds work_of_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace coppice::testing
