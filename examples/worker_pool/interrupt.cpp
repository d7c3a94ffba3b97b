#include "interrupt.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace {

// relaxed everywhere: the number is all there is to see.
std::atomic<int> noted{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not take a lock");

void note(int signal) {
  int none = 0;
  if (!noted.compare_exchange_strong(none, signal, std::memory_order_relaxed)) ::_exit(128 + signal);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = &note;
  action.sa_flags = SA_RESTART;  // nobody's read() needs to know
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interrupting_signal() noexcept { return noted.load(std::memory_order_relaxed); }
