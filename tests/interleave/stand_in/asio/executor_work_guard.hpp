#pragma once

namespace asio {

/// The io_context that stands in is never out of work.
template <class Executor>
struct executor_work_guard {
  explicit executor_work_guard(const Executor&) noexcept {}
  void reset() noexcept {}
};

}  // namespace asio
