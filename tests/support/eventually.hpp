#pragma once

#include <chrono>
#include <thread>

namespace coppice::testing {

/// How long a test waits for what must come at last. Long enough for a busy machine under a sanitizer; a test that
/// passes never waits so long.
inline constexpr std::chrono::seconds kPatience{30};

/// Waits until `condition()` holds; false when it still does not at the deadline. For the thread of the test.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::nanoseconds within = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  for (int looks = 0; !condition(); ++looks) {
    if (std::chrono::steady_clock::now() >= deadline) return condition();
    if (looks < 100) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds{200});  // between two looks, not instead of one
    }
  }
  return true;
}

}  // namespace coppice::testing
