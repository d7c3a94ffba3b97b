#pragma once

#include <array>
#include <cstdint>

#include "coppice/base/clock.hpp"
#include "coppice/scheduler/timer.hpp"

namespace coppice::detail {

/// A hierarchical timer wheel: eleven levels of 64 slots over nanoseconds, so that every deadline is exact and nothing is rounded.
/// A timer lies on the level of the highest bit group in which its deadline differs from the wheel's time; when the wheel comes to
/// a slot of an upper level, its timers move down. Arming and disarming touch one list.
///
/// Threads    post(): any. Everything else: the owner.
/// Ownership  one count of each armed timer, one more of each that waits in the inbox.
/// Order      by deadline; with one deadline, by arming ([T2]).
/// Failure    nothing throws or allocates.
class TimerWheel {
 public:
  explicit TimerWheel(TimePoint start) noexcept : elapsed_{ticks(start)} {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel() { clear(); }

  /// Makes a timer ready for add() or post(). Its armer.
  void prepare(Timer& timer, TimePoint deadline) noexcept;
  /// Owner.
  void add(Timer& timer) noexcept;
  /// Hands a prepared or cancelled timer to the owner. True: the inbox was empty, so wake the owner.
  bool post(Timer& timer) noexcept;
  /// Owner: takes a cancelled timer out, if it is in.
  void drop(Timer& timer) noexcept;
  /// Owner: looks at what other threads posted.
  void take_inbox() noexcept;
  [[nodiscard]] bool has_inbox() const noexcept { return inbox_.load(kSeqCst) != nullptr; }

  /// Cancels everything: nothing fires any more, and no timer is kept. Owner, or nobody else any more.
  void clear() noexcept;

  /// Fires everything that is due.
  void advance(TimePoint now) noexcept;
  /// When to call advance() next: never later than the first deadline, and exact unless very many share a far slot.
  [[nodiscard]] TimePoint next() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Any thread.
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
  [[nodiscard]] bool first_place(Place& place) const noexcept;
  void unlink(Timer& timer) noexcept;
  void fire_slot(unsigned slot) noexcept;
  void cascade(unsigned level, unsigned slot) noexcept;

  std::array<std::array<List, kSlots>, kLevels> lists_{};
  std::array<std::uint64_t, kLevels> occupied_{};
  std::uint64_t elapsed_;
  Atomic<std::uint64_t> count_{0};  // the owner's; a statistic for others
  Atomic<Timer*> inbox_{nullptr};
};

}  // namespace coppice::detail
