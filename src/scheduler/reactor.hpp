#pragma once

// A standard header before the first of Asio's; see coppice/asio.hpp.
#include <cstdlib>
// After it.
#include <cstdint>
// clang-format off: the order matters
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
// clang-format on

#include "base/surely.hpp"
#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"

namespace coppice::detail {

/// What else the pool's workers ask for completions, beside its io_context: the io part's set of descriptors.
///
/// Threads    whoever holds the reactor's role.
class ReactorGuest {
 public:
  /// Puts what is ready into mailboxes, without waiting.
  virtual void poll() noexcept = 0;
  /// From here on the context returns from a wait when there is something. False: there is no memory to make it so.
  virtual bool wake_through_context() noexcept = 0;

 protected:
  ~ReactorGuest() = default;
};

/// The pool's io_context. There is no reactor thread: one idle worker at a time takes the role and waits in it, busy
/// workers look in now and then.
///
/// Threads    wake(), join(), polls(): any. The rest: whoever holds the role.
class Reactor {
 public:
  [[nodiscard]] asio::io_context& context() noexcept { return io_; }

  [[nodiscard]] bool try_take_role() noexcept { return !taken_.exchange(true, kAcquire); }
  void leave_role() noexcept { taken_.store(false, kRelease); }

  /// Runs ready completions without waiting: the guest's each time; the context's too, or now and then where there is a
  /// guest.
  void poll() noexcept;
  /// All that is ready, the context's too.
  void poll_all() noexcept;
  /// It is there for as long as the context is.
  void join(ReactorGuest& guest) noexcept {
    guest_.store(&guest, kRelease);  // partner: poll(), wait()
    wake();                          // who waits already does not know of it
  }
  /// How often it was asked so far.
  [[nodiscard]] std::uint32_t polls() const noexcept { return polls_.value(); }
  /// Waits for one completion, a wake-up or the deadline.
  void wait(TimePoint deadline) noexcept;
  /// Waits for the memory that it needs: who sleeps there would not hear of it.
  void wake() noexcept {
    surely([this] { asio::post(io_, [] {}); });
  }

 private:
  asio::io_context io_;
  Atomic<ReactorGuest*> guest_{nullptr};
  unsigned guest_alone_ = 0;  // polls of it in a row
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  SingleWriterCount<std::uint32_t> polls_;
  Atomic<bool> taken_{false};
};

}  // namespace coppice::detail
