#pragma once

#include <signal.h>

#include <atomic>
#include <ctime>

namespace examples_detail {

inline std::atomic<int> interrupt_seen{0};  // relaxed everywhere: the number is all there is to see

inline sigset_t interrupts() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, signal);
  }
  return set;
}

}  // namespace examples_detail

/// From here on Ctrl-C and SIGTERM wait to be asked for, unless they are ignored, as in a background job. Call it
/// before there are other threads: they inherit it.
///
/// Without a handler, which could do next to nothing: the signals stay pending until somebody asks.
inline void hold_interrupts() {
  const sigset_t held = examples_detail::interrupts();
  pthread_sigmask(SIG_BLOCK, &held, nullptr);
}

/// From here on they end the program at once: what it does now may wait for others.
inline void release_interrupts() noexcept {
  const sigset_t held = examples_detail::interrupts();
  pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
}

/// The signal that came, or 0. From the first one that is seen here, a second one ends the program at once. Any thread.
[[nodiscard]] inline int interrupting_signal() noexcept {
  if (const int signal = examples_detail::interrupt_seen.load(std::memory_order_relaxed); signal != 0) return signal;
  const sigset_t held = examples_detail::interrupts();
  const timespec at_once{};
  const int signal = sigtimedwait(&held, nullptr, &at_once);
  if (signal <= 0) return 0;
  examples_detail::interrupt_seen.store(signal, std::memory_order_relaxed);
  release_interrupts();
  return signal;
}
[[nodiscard]] inline bool was_interrupted() noexcept { return interrupting_signal() != 0; }
