#pragma once

#include <csignal>

#include "coppice/base/clock.hpp"

namespace coppice {

/// SIGINT and SIGTERM as a server wants them: the first is told to whoever waits for it and shuts down in order, the
/// second ends the process at once.
///
///     int main() {
///       StopSignals signals;  // before there are other threads: they inherit it
///       ActorSystem system;
///       …
///       signals.wait();
///       return system.shutdown().complete ? 0 : 1;  // which a second signal cuts short
///     }
///
/// There is no handler, which could do next to nothing: the signals stay pending until somebody waits. One that was
/// ignored when the process started (in a background job) stays so.
///
/// Threads    made, waited for and destroyed on one thread, before there are others.
/// Ownership  the destructor gives the thread the signals back that it had.
/// Failure    nothing throws.
class StopSignals {
 public:
  StopSignals() noexcept;
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  /// Blocks until one comes, and answers which. From then on the next one ends the process.
  int wait() noexcept { return wait_for(kForever); }
  /// The same, for so long at most; 0: none came. Negative counts as zero.
  int wait_for(Duration within) noexcept;

 private:
  sigset_t held_;
  sigset_t before_;
};

}  // namespace coppice
