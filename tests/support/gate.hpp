#pragma once

#include <condition_variable>
#include <mutex>

#include "support/eventually.hpp"

namespace coppice::testing {

/// Holds whoever passes until the test opens it: how a test makes a handler stand still.
///
/// Threads    any. Opens by itself when it is destroyed, but must outlive whoever waits in it.
class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Called by a handler: returns once the gate is open.
  void pass() {
    std::unique_lock lock{mutex_};
    ++inside_;
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --inside_;
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until `n` have arrived, in all; false if they do not come.
  [[nodiscard]] bool wait_for_arrivals(int n = 1) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, kPatience, [&] { return arrived_ >= n; });
  }
  [[nodiscard]] int inside() {
    const std::lock_guard lock{mutex_};
    return inside_;
  }
  ~Gate() {
    open();
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
  int arrived_ = 0;
};

}  // namespace coppice::testing
