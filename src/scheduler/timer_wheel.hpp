#pragma once

#include <array>
#include <cstdint>

#include "base/mutex.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/scheduler/timer.hpp"

namespace coppice::detail {

/// A hierarchical timer wheel: eleven levels of 64 slots over nanoseconds, so that every deadline is exact and nothing
/// is rounded. A timer lies on the level of the highest bit group in which its deadline differs from the wheel's time;
/// when the wheel comes to a slot of an upper level, its timers move down. Arming and disarming touch one list.
///
/// Each worker has one, and arms there; whoever disarms comes to it, and when its worker does not return from a
/// handler, others fire what is overdue. A lock that is hardly ever met guards it; timers fire outside of it.
///
/// Threads    any.
/// Ownership  one count of each armed timer.
/// Order      by deadline; with one deadline, by arming ([T2]).
/// Failure    nothing throws or allocates.
class TimerWheel {
 public:
  explicit TimerWheel(TimePoint start) noexcept : elapsed_{ticks(start)} {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel() { clear(); }

  /// Takes a count of an idle or fired timer. True: no other is due before it.
  bool arm(Timer& timer, TimePoint deadline) noexcept;
  /// Takes over the counts of timers that are Unsorted: those that have been cancelled meanwhile go, the rest is armed,
  /// in the order of the list. True: none that was here is due before one of them. A list by Timer::next.
  bool sort_in(Timer* unsorted) noexcept;
  /// True: it will not fire. Wherever it is armed.
  static bool disarm(Timer& timer) noexcept;
  /// Cancels everything: nothing fires any more, and no timer is kept.
  void clear() noexcept;

  /// Fires everything that is due.
  void advance(TimePoint now) noexcept;
  /// When to call advance() next: never later than the first deadline, and exact unless very many share a far slot.
  [[nodiscard]] TimePoint next() const noexcept;
  /// The same without the lock: never later than the first deadline, often earlier.
  [[nodiscard]] TimePoint next_at_least() const noexcept { return TimePoint{Duration{next_.load(kAcquire)}}; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::uint64_t size() const noexcept { return count_.load(kRelaxed); }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  static constexpr unsigned kLevels = 11;  // 66 bits cover 64
  struct List {
    Timer* first = nullptr;
    Timer* last = nullptr;
  };
  struct Place {
    unsigned level;
    unsigned slot;
    std::uint64_t start;
  };

  [[nodiscard]] static std::uint64_t ticks(TimePoint t) noexcept {
    const auto count = t.time_since_epoch().count();
    return count < 0 ? 0 : static_cast<std::uint64_t>(count);
  }
  // Under the lock, all of them.
  void link(Timer& timer) noexcept;
  void unlink(Timer& timer) noexcept;
  void cascade(unsigned level, unsigned slot) noexcept;
  [[nodiscard]] Timer* pop_due(std::uint64_t until) noexcept;
  [[nodiscard]] bool first_place(Place& place) const noexcept;
  [[nodiscard]] TimePoint first_deadline() const noexcept;

  std::array<std::array<List, kSlots>, kLevels> lists_{};
  std::array<std::uint64_t, kLevels> occupied_{};
  std::uint64_t elapsed_;
  Atomic<std::uint64_t> count_{0};
  Atomic<TimePoint::rep> next_{TimePoint::max().time_since_epoch().count()};
  mutable BriefLock lock_;
};

}  // namespace coppice::detail
