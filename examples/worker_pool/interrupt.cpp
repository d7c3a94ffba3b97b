#include "interrupt.hpp"

#include <signal.h>

#include <atomic>
#include <ctime>

namespace {

std::atomic<int> seen{0};  // relaxed everywhere: the number is all there is to see

sigset_t interrupts() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

// Without a handler, which could do next to nothing: the signals stay pending until somebody asks.
void hold_interrupts() {
  const sigset_t held = interrupts();
  pthread_sigmask(SIG_BLOCK, &held, nullptr);
}

void release_interrupts() noexcept {
  const sigset_t held = interrupts();
  pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
}

int interrupting_signal() noexcept {
  if (const int signal = seen.load(std::memory_order_relaxed); signal != 0) return signal;
  const sigset_t held = interrupts();
  const timespec at_once{};
  const int signal = sigtimedwait(&held, nullptr, &at_once);
  if (signal <= 0) return 0;
  seen.store(signal, std::memory_order_relaxed);
  release_interrupts();
  return signal;
}
