#pragma once

#include <cstdint>

namespace coppice::testing {

/// What can be made to fail.
enum class Call : unsigned char {
  Allocation,  // malloc, and operator new, which calls it: no memory
  Thread,      // pthread_create: EAGAIN
  Epoll,       // epoll_create1: EMFILE
  EpollAdd,    // epoll_ctl: ENOMEM
  EventFd,     // eventfd: EMFILE. Asio then takes a pipe
  Pipe,        // pipe: EMFILE
  TimerFd,     // timerfd_create: EMFILE. Asio then does without
  Socket,      // socket: EMFILE
  Aligned,     // aligned_alloc, which Asio takes its memory from: none
};
inline constexpr int kCalls = 9;

/// While it lives the n-th such call of this thread fails, and all behind it do as well where `for_good`. From 1.
///
/// Threads    the one that made it, one of each call at a time. Others' calls do not fail.
class FailNth {
 public:
  FailNth(Call call, std::uint64_t n, bool for_good = false) noexcept;
  FailNth(const FailNth&) = delete;
  FailNth& operator=(const FailNth&) = delete;
  ~FailNth();
  /// Whether there was an n-th one.
  [[nodiscard]] bool happened() const noexcept;

 private:
  Call call_;
};

/// While it lives the n-th allocation fails of each thread that this one starts, whenever that is. From 1.
class FailNthInNewThreads {
 public:
  explicit FailNthInNewThreads(std::uint64_t n) noexcept;
  FailNthInNewThreads(const FailNthInNewThreads&) = delete;
  FailNthInNewThreads& operator=(const FailNthInNewThreads&) = delete;
  ~FailNthInNewThreads();
};

}  // namespace coppice::testing
