#pragma once

#include <condition_variable>
#include <mutex>

#include "base/thread.hpp"
#include "coppice/base/atomic.hpp"

namespace coppice::detail {

/// The one spelling of locks in coppice. Nothing of a user's runs while one is held.
#if defined(COPPICE_INTERLEAVE)
using Mutex = interleave::Mutex;
#else
using Mutex = std::mutex;
#endif
using Lock = std::unique_lock<Mutex>;

/// For a few instructions that hardly ever meet: one read-modify-write to take it, a plain store to leave.
///
/// Threads    any. Who meets it taken yields its processor.
class BriefLock {
 public:
  void lock() noexcept {
    while (taken_.exchange(true, kAcquire)) yield_thread();
  }
  void unlock() noexcept { taken_.store(false, kRelease); }

 private:
  Atomic<bool> taken_{false};
};

}  // namespace coppice::detail
