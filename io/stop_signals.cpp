#include "coppice/io/stop_signals.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

namespace coppice {

StopSignals::StopSignals() noexcept {
  sigemptyset(&held_);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&held_, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

StopSignals::~StopSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int StopSignals::wait_for(Duration within) noexcept {
  const SteadyClock clock;
  const TimePoint until = detail::saturating_add(clock.now(), within);
  for (;;) {
    const Duration left = std::max(detail::saturating_between(clock.now(), until), Duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    timespec time{};
    time.tv_sec = static_cast<std::time_t>(seconds.count());
    time.tv_nsec = static_cast<long>((left - seconds).count());
    const int signal = ::sigtimedwait(&held_, nullptr, &time);
    if (signal > 0) {
      ::pthread_sigmask(SIG_UNBLOCK, &held_, nullptr);
      return signal;
    }
    if (errno != EINTR && until != TimePoint::max()) return 0;
  }
}

}  // namespace coppice
