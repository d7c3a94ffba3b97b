#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <utility>

#include "asio/execution_context.hpp"
#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"
#include "interleave/engine/engine.hpp"

/// What stands in for Asio's io_context in an instrumented build: a queue of completions, without descriptors. It keeps
/// what the real one promises and no more: a completion is run once, by one of those who run or poll it, after what its
/// poster did before; and who waits is woken by it.
namespace asio {

class io_context : public execution_context {
 public:
  struct executor_type {
    io_context* context;
  };
  [[nodiscard]] executor_type get_executor() noexcept { return {this}; }

  std::size_t run_one() { return run_until(std::numeric_limits<std::int64_t>::max()); }
  std::size_t run_one_until(std::chrono::steady_clock::time_point until) {
    return run_until(std::chrono::nanoseconds{until.time_since_epoch()}.count());
  }
  std::size_t poll() {
    std::size_t count = 0;
    while (run_next()) ++count;
    return count;
  }
  std::size_t run_one_for(std::chrono::nanoseconds time) {
    return run_until(coppice::interleave::clock_now() + time.count());
  }
  // No scene stops it.
  [[nodiscard]] bool stopped() const noexcept { return false; }
  void restart() noexcept {}
  void stop() noexcept {}
  void post(std::function<void()> completion) {
    {
      const std::lock_guard held{lock_};
      completions_.write().push_back(std::move(completion));
    }
    posted_.fetch_add(1, std::memory_order_release);
    coppice::interleave::wake(posted_, 1);
  }

 private:
  std::size_t run_until(std::int64_t until) {
    for (;;) {
      const std::uint32_t seen = posted_.load(std::memory_order_acquire);
      if (run_next()) return 1;
      if (!coppice::interleave::wait_while(posted_, seen, until)) return 0;
    }
  }
  bool run_next() {
    std::function<void()> next;
    {
      const std::lock_guard held{lock_};
      if (completions_.read().empty()) return false;
      next = std::move(completions_.write().front());
      completions_.write().pop_front();
    }
    next();
    return true;
  }

  coppice::interleave::Mutex lock_;
  coppice::interleave::Plain<std::deque<std::function<void()>>> completions_;  // whoever uses it must know who made it
  coppice::detail::Atomic<std::uint32_t> posted_{0};
};

}  // namespace asio
