#pragma once

// A standard header before the first of Asio's; see coppice/asio.hpp.
#include <cstdlib>
// clang-format off: the order matters
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
// clang-format on
#include <memory>
#include <optional>

#include "coppice/base/clock.hpp"
#include "coppice/scheduler/scheduler.hpp"

namespace coppice::detail {

/// A whole system inside of an io_context that is the user's: its activations are functions posted there, its timers one
/// timer there. No thread is ours. Whoever waits for something of the system runs the context meanwhile, since nobody
/// else may; but for one who waits inside of many waits already.
///
/// Threads    any.
/// Ownership  the context is the user's, and outlives the system. leave() lets go of it.
/// Order      as posted.
class ContextScheduler final : public Scheduler {
 public:
  /// Throws std::bad_alloc.
  ContextScheduler(Runtime& runtime, const Clock& clock, asio::io_context& context);
  ~ContextScheduler() override;

  void submit(Runnable& runnable) noexcept override;
  void submit_back(Runnable& runnable) noexcept override { submit(runnable); }
  void arm(Timer& timer, TimePoint deadline) noexcept override;
  bool disarm(Timer& timer) noexcept override;

  /// Runs the context until `word` is no longer `expected`. False: the deadline came first.
  bool wait(const Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept;
  /// Lets those who wait look again.
  void wake() noexcept;
  /// The actors are done: from here the context may run out of work, and whoever runs it comes back.
  void actors_ended() noexcept;
  /// After that: runs what they have left behind, until then, and lets go of the context, which has no work of
  /// ours any more. False: something is left, or a handler has not come back.
  bool leave(TimePoint until) noexcept;
  /// In the child of a fork(): nothing runs any more.
  void abandon() noexcept;

  [[nodiscard]] asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] std::uint64_t timers() const noexcept;

 private:
  struct Alarm;
  void run_for(Duration slice) noexcept;

  const Clock& clock_;
  asio::io_context& context_;
  std::shared_ptr<Alarm> alarm_;  // shared with what waits in the context, which may come to it after us
  Atomic<std::uint32_t> waiting_{0};
};

}  // namespace coppice::detail
