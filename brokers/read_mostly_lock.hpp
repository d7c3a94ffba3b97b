#pragma once

#include <mutex>

#include "base/mutex.hpp"
#include "coppice/base/config.hpp"
#include "coppice/scheduler/scheduler.hpp"

namespace coppice::detail {

/// For what is read all the time and seldom changed. Each thread reads under a part of its own, so that readers do not
/// even share a cache line; who changes something takes all parts. As in Linux's lglocks.
///
/// Threads    any. Not recursive.
/// Failure    nothing throws, but for a system that cannot lock a mutex.
class ReadMostlyLock {
 public:
  void lock_to_read(Lock& into) noexcept {
    if (this_thread.shard == 0) number_this_thread();
    into = Lock{parts_[this_thread.shard % kParts].mutex};
  }

  class Change {
   public:
    explicit Change(ReadMostlyLock& lock) noexcept : lock_{lock} {
      for (Part& part : lock_.parts_) part.mutex.lock();
    }
    ~Change() {
      for (Part& part : lock_.parts_) part.mutex.unlock();
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    ReadMostlyLock& lock_;
  };

 private:
  static constexpr unsigned kParts = 8;
  struct alignas(kCacheLine) Part {
    Mutex mutex;
  };
  Part parts_[kParts];
};

}  // namespace coppice::detail
