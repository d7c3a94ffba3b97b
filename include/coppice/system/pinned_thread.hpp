#pragma once

#include <string>
#include <vector>

#include "coppice/base/result.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

/// What an idle thread does.
enum class Wait : unsigned char {
  Park,      ///< sleeps at once
  Adaptive,  ///< looks for work for a bounded time that adapts, then sleeps
  Spin,      ///< never sleeps: one processor at 100 %
};

/// A lease of a thread of its own, bound to one processor: `system.spawn<A>({.on = lease})`. Where it cannot be bound
/// it does not run, and make() says why. Ends with the lease: actors that are on it are stopped with their system,
/// which keeps the thread until then.
class PinnedThread {
 public:
  struct Options {
    unsigned cpu = 0;
    Wait wait = Wait::Park;
  };
  [[nodiscard]] static Result<PinnedThread, std::string> make(System& system, Options options);

  [[nodiscard]] detail::Scheduler* scheduler() const noexcept { return scheduler_; }
  [[nodiscard]] unsigned cpu() const noexcept { return cpu_; }

 private:
  PinnedThread(detail::Scheduler* s, unsigned c) noexcept : scheduler_{s}, cpu_{c} {}
  detail::Scheduler* scheduler_;
  unsigned cpu_;
};

/// The processors that the calling thread may run on, as the system says; empty where it cannot tell.
[[nodiscard]] std::vector<unsigned> thread_affinity();

}  // namespace coppice
