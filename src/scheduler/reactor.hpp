#pragma once

// A standard header before the first of Asio's; see coppice/asio.hpp.
#include <cstdlib>
// clang-format off: the order matters
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
// clang-format on

#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"

namespace coppice::detail {

/// The pool's io_context. There is no reactor thread: one idle worker at a time takes the role and waits in it, busy
/// workers look in now and then.
///
/// Threads    wake(): any. The rest: whoever holds the role.
class Reactor {
 public:
  [[nodiscard]] asio::io_context& context() noexcept { return io_; }

  [[nodiscard]] bool try_take_role() noexcept { return !taken_.exchange(true, kAcquire); }
  void leave_role() noexcept { taken_.store(false, kRelease); }

  /// Runs ready completions without waiting.
  void poll() noexcept;
  /// Waits for one completion, a wake-up or the deadline.
  void wait(TimePoint deadline) noexcept;
  void wake() noexcept {
    asio::post(io_, [] {});
  }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  Atomic<bool> taken_{false};
};

}  // namespace coppice::detail
