#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "coppice/base/atomic.hpp"

namespace coppice::detail {

/// The one spelling of locks in coppice. Nothing of a user's runs while one is held.
using Mutex = std::mutex;
using Lock = std::unique_lock<Mutex>;

/// For a few instructions that hardly ever meet: one read-modify-write to take it, a plain store to leave.
///
/// Threads    any. Who meets it taken yields its processor.
class BriefLock {
 public:
  void lock() noexcept {
    while (taken_.exchange(true, kAcquire)) std::this_thread::yield();
  }
  void unlock() noexcept { taken_.store(false, kRelease); }

 private:
  Atomic<bool> taken_{false};
};

}  // namespace coppice::detail
