#include "timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <mutex>
#include <utility>

namespace coppice::detail {

using Guard = std::lock_guard<BriefLock>;

bool TimerWheel::arm(Timer& timer, TimePoint deadline) noexcept {
  const Guard guard{lock_};
  timer.add_ref();
  timer.deadline = deadline;
  timer.wheel = this;
  link(timer);
  // seq_cst: who re-arms looks for a withdrawal afterwards, who withdraws disarms afterwards; one of the two sees the
  // other.
  timer.state.store(Timer::State::Armed, kSeqCst);
  const TimePoint::rep at = deadline.time_since_epoch().count();
  if (at >= next_.load(kRelaxed)) return false;
  next_.store(at, kSeqCst);
  return true;
}

bool TimerWheel::sort_in(Timer* unsorted) noexcept {
  Timer* cancelled = nullptr;
  const auto drop = [&cancelled](Timer& timer) {
    timer.next = cancelled;
    cancelled = &timer;
  };
  Timer* alive = nullptr;  // newest first again; most have been cancelled, and need no lock
  while (unsorted != nullptr) {
    Timer& timer = *std::exchange(unsorted, unsorted->next);
    if (timer.state.load(kAcquire) == Timer::State::Cancelled) {
      drop(timer);
      continue;
    }
    timer.next = alive;
    alive = &timer;
  }
  Timer* oldest = nullptr;
  while (alive != nullptr) {
    Timer& timer = *std::exchange(alive, alive->next);
    timer.next = oldest;
    oldest = &timer;
  }
  bool is_first = false;
  if (oldest != nullptr) {
    const Guard guard{lock_};
    while (oldest != nullptr) {
      Timer& timer = *std::exchange(oldest, oldest->next);
      link(timer);
      auto waiting = Timer::State::Unsorted;
      // Whoever changes Unsorted decides: this, or the one who disarms.
      if (!timer.state.compare_exchange_strong(waiting, Timer::State::Armed, kSeqCst)) {
        unlink(timer);
        drop(timer);
        continue;
      }
      const TimePoint::rep at = timer.deadline.time_since_epoch().count();
      if (at >= next_.load(kRelaxed)) continue;
      next_.store(at, kSeqCst);
      is_first = true;
    }
  }
  while (cancelled != nullptr) std::exchange(cancelled, cancelled->next)->release();
  return is_first;
}

bool TimerWheel::disarm(Timer& timer) noexcept {
  auto unsorted = Timer::State::Unsorted;
  // Whoever sorts it in finds it cancelled, and lets go of it.
  if (timer.state.load(kRelaxed) == unsorted &&
      timer.state.compare_exchange_strong(unsorted, Timer::State::Cancelled, kSeqCst))
    return true;
  auto armed = Timer::State::Armed;
  // Whoever changes Armed decides: this, or the one who fires. After it the timer is on nobody's mind but the wheel's.
  if (!timer.state.compare_exchange_strong(armed, Timer::State::Cancelled, kSeqCst)) return false;
  TimerWheel& wheel = *timer.wheel;
  bool was_linked = false;
  {
    const Guard guard{wheel.lock_};
    was_linked = timer.linked;
    if (was_linked) wheel.unlink(timer);
  }
  // Otherwise somebody has taken it out to fire it, will find it cancelled, and releases it.
  if (was_linked) timer.release();
  return true;
}

void TimerWheel::clear() noexcept {
  for (;;) {
    Timer* timer = nullptr;
    {
      const Guard guard{lock_};
      Place place{};
      if (!first_place(place)) return;
      timer = lists_[place.level][place.slot].first;
      unlink(*timer);
    }
    timer->state.store(Timer::State::Cancelled, kSeqCst);
    timer->release();
  }
}

void TimerWheel::advance(TimePoint now) noexcept {
  const std::uint64_t until = ticks(now);
  for (;;) {
    Timer* timer = nullptr;
    {
      const Guard guard{lock_};
      timer = pop_due(until);
      if (timer == nullptr) {
        next_.store(first_deadline().time_since_epoch().count(), kSeqCst);
        return;
      }
    }
    auto armed = Timer::State::Armed;
    if (timer->state.compare_exchange_strong(armed, Timer::State::Fired, kSeqCst)) timer->fire(*timer);
    timer->release();
  }
}

TimePoint TimerWheel::next() const noexcept {
  const Guard guard{lock_};
  return first_deadline();
}

Timer* TimerWheel::pop_due(std::uint64_t until) noexcept {
  Place place{};
  while (first_place(place) && place.start <= until) {
    elapsed_ = std::max(elapsed_, place.start);
    if (place.level > 0) {
      cascade(place.level, place.slot);
      continue;
    }
    Timer* const timer = lists_[0][place.slot].first;
    unlink(*timer);
    return timer;
  }
  // Never past a timer: everything up to `until` has been taken.
  elapsed_ = std::max(elapsed_, until);
  return nullptr;
}

void TimerWheel::link(Timer& timer) noexcept {
  const std::uint64_t when = std::max(ticks(timer.deadline), elapsed_);
  const std::uint64_t differing = when ^ elapsed_;
  const unsigned level = differing == 0 ? 0 : (63U - static_cast<unsigned>(std::countl_zero(differing))) / kBits;
  const unsigned slot = static_cast<unsigned>(when >> (level * kBits)) & (kSlots - 1);
  List& list = lists_[level][slot];
  timer.level = static_cast<std::uint8_t>(level);
  timer.slot = static_cast<std::uint8_t>(slot);
  timer.linked = true;
  timer.next = nullptr;
  timer.previous = list.last;
  (list.last != nullptr ? list.last->next : list.first) = &timer;
  list.last = &timer;
  occupied_[level] |= std::uint64_t{1} << slot;
  count_.store(size() + 1, kRelaxed);
}

void TimerWheel::unlink(Timer& timer) noexcept {
  List& list = lists_[timer.level][timer.slot];
  (timer.previous != nullptr ? timer.previous->next : list.first) = timer.next;
  (timer.next != nullptr ? timer.next->previous : list.last) = timer.previous;
  // Timers mostly go in the order in which they came: this slot's next but one is the one that is written next.
  if (timer.next != nullptr) __builtin_prefetch(timer.next->next, 1);
  if (list.first == nullptr) occupied_[timer.level] &= ~(std::uint64_t{1} << timer.slot);
  timer.linked = false;
  count_.store(size() - 1, kRelaxed);
}

void TimerWheel::cascade(unsigned level, unsigned slot) noexcept {
  List& list = lists_[level][slot];
  Timer* timer = list.first;
  list = List{};
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  while (timer != nullptr) {
    Timer* const next = timer->next;
    count_.store(size() - 1, kRelaxed);
    link(*timer);
    timer = next;
  }
}

bool TimerWheel::first_place(Place& place) const noexcept {
  for (unsigned level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    // Lower levels come before higher ones, and within a level no slot lies behind the wheel's time: the upper bits
    // agree.
    const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    const unsigned shift = level * kBits;
    const std::uint64_t above = shift + kBits >= 64 ? 0 : (elapsed_ >> (shift + kBits)) << (shift + kBits);
    place = Place{level, slot, above | (std::uint64_t{slot} << shift)};
    return true;
  }
  return false;
}

TimePoint TimerWheel::first_deadline() const noexcept {
  Place place{};
  if (!first_place(place)) return TimePoint::max();
  std::uint64_t earliest = place.start;
  if (place.level > 0) {
    // Look into the slot, so that nobody wakes only to move timers down; not further than a few, which keeps this
    // cheap.
    constexpr int kLook = 64;
    int looked = 0;
    std::uint64_t least = ~std::uint64_t{0};
    const Timer* timer = lists_[place.level][place.slot].first;
    for (; timer != nullptr && looked < kLook; timer = timer->next, ++looked)
      least = std::min(least, ticks(timer->deadline));
    if (timer == nullptr) earliest = std::max(earliest, least);
  }
  return TimePoint{Duration{static_cast<Duration::rep>(earliest)}};
}

}  // namespace coppice::detail
