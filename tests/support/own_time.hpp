#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace coppice::testing {

/// How long something takes while this process is run: where the machine gives its processors to others, or stands still,
/// this goes slower than the clock. For upper bounds; it counts the short naps that a thread has come to since it was made.
class OwnTime {
 public:
  OwnTime()
      : thread_{[this] {
          for (; !over_; ++naps_) std::this_thread::sleep_for(kNap);
        }} {}
  OwnTime(const OwnTime&) = delete;
  OwnTime& operator=(const OwnTime&) = delete;
  ~OwnTime() {
    over_ = true;
    thread_.join();
  }
  [[nodiscard]] std::chrono::milliseconds passed() const { return naps_.load() * kNap; }

 private:
  static constexpr std::chrono::milliseconds kNap{5};
  std::atomic<int> naps_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace coppice::testing
