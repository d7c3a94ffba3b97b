#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "support/eventually.hpp"

namespace coppice::testing {

/// A thread that is expected to wait inside of what it calls, and of which a test can tell that it does.
///
/// Threads    the test's. Joins when it is destroyed: what it calls must come to an end by itself.
class WaitingThread {
 public:
  template <class F>
  explicit WaitingThread(F work)
      : thread_{[this, work = std::move(work)]() mutable {
          id_ = ::syscall(SYS_gettid);
          work();
          done_ = true;
        }} {}
  WaitingThread(const WaitingThread&) = delete;
  WaitingThread& operator=(const WaitingThread&) = delete;
  ~WaitingThread() { join(); }

  /// Whether it has come to sleep, as the kernel says. (It may sleep for a moment elsewhere, in the allocator: a test
  /// must hold then, too.)
  [[nodiscard]] bool comes_to_wait() {
    return eventually([&] { return done_ || (id_ != 0 && state() == 'S'); }) && !done_;
  }
  [[nodiscard]] bool is_done() const { return done_; }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  [[nodiscard]] char state() const {
    std::ifstream file{"/proc/self/task/" + std::to_string(id_.load()) + "/stat"};
    std::string line;
    std::getline(file, line);
    const std::size_t name_ends = line.rfind(") ");
    return name_ends == std::string::npos ? '?' : line[name_ends + 2];
  }

  std::atomic<long> id_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace coppice::testing
