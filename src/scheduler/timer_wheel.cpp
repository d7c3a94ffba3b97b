#include "timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace coppice::detail {

void TimerWheel::clear() noexcept {
  take_inbox();
  for (auto& level : lists_) {
    for (List& list : level) {
      while (Timer* const timer = list.first) {
        // Whoever disarms it later finds that it is not armed, and does not come to the inbox.
        timer->state.store(Timer::State::Cancelled, kSeqCst);
        drop(*timer);
      }
    }
  }
}

void TimerWheel::prepare(Timer& timer, TimePoint deadline) noexcept {
  timer.add_ref();
  timer.armed_count = true;
  timer.deadline = deadline;
  timer.wheel = this;
  // seq_cst: who re-arms looks for a withdrawal afterwards, who withdraws disarms afterwards; one of the two sees the other.
  timer.state.store(Timer::State::Armed, kSeqCst);
}

void TimerWheel::add(Timer& timer) noexcept {
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
  if (list.first == nullptr) occupied_[timer.level] &= ~(std::uint64_t{1} << timer.slot);
  timer.linked = false;
  count_.store(size() - 1, kRelaxed);
}

void TimerWheel::drop(Timer& timer) noexcept {
  if (timer.linked) unlink(timer);
  if (timer.armed_count) {
    timer.armed_count = false;
    timer.release();
  }
}

bool TimerWheel::post(Timer& timer) noexcept {
  // acq_rel: whoever finds it true leaves the timer to a look that comes after what it changed.
  if (timer.in_inbox.exchange(true, kSeqCst)) return false;
  timer.add_ref();
  Timer* top = inbox_.load(kRelaxed);
  do {
    timer.next_in_inbox = top;
  } while (!inbox_.compare_exchange_weak(top, &timer, kSeqCst, kRelaxed));
  return top == nullptr;
}

void TimerWheel::take_inbox() noexcept {
  Timer* newest = inbox_.exchange(nullptr, kAcquire);
  Timer* oldest = nullptr;
  while (newest != nullptr) {  // oldest first, to keep the order of arming
    Timer* const next = newest->next_in_inbox;
    newest->next_in_inbox = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest != nullptr) {
    Timer& timer = *oldest;
    oldest = timer.next_in_inbox;
    // Cleared before the look: a change that comes later posts again.
    timer.in_inbox.store(false, kSeqCst);
    if (timer.state.load(kSeqCst) == Timer::State::Armed) {
      if (!timer.linked && timer.armed_count) add(timer);
    } else {
      drop(timer);
    }
    timer.release();  // the inbox's count
  }
}

bool TimerWheel::first_place(Place& place) const noexcept {
  for (unsigned level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    // Lower levels come before higher ones, and within a level no slot lies behind the wheel's time: the upper bits agree.
    const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    const unsigned shift = level * kBits;
    const std::uint64_t above = shift + kBits >= 64 ? 0 : (elapsed_ >> (shift + kBits)) << (shift + kBits);
    place = Place{level, slot, above | (std::uint64_t{slot} << shift)};
    return true;
  }
  return false;
}

TimePoint TimerWheel::next() const noexcept {
  Place place{};
  if (!first_place(place)) return TimePoint::max();
  std::uint64_t earliest = place.start;
  if (place.level > 0) {
    // Look into the slot, so that nobody wakes only to move timers down; not further than a few, which keeps this cheap.
    constexpr int kLook = 64;
    int looked = 0;
    std::uint64_t least = ~std::uint64_t{0};
    const Timer* timer = lists_[place.level][place.slot].first;
    for (; timer != nullptr && looked < kLook; timer = timer->next, ++looked) least = std::min(least, ticks(timer->deadline));
    if (timer == nullptr) earliest = std::max(earliest, least);
  }
  return TimePoint{Duration{static_cast<Duration::rep>(earliest)}};
}

void TimerWheel::fire_slot(unsigned slot) noexcept {
  List& list = lists_[0][slot];
  while (Timer* const timer = list.first) {
    unlink(*timer);
    timer->armed_count = false;
    auto armed = Timer::State::Armed;
    if (timer->state.compare_exchange_strong(armed, Timer::State::Fired, kSeqCst)) timer->fire(*timer);
    timer->release();
  }
}

void TimerWheel::cascade(unsigned level, unsigned slot) noexcept {
  List& list = lists_[level][slot];
  Timer* timer = list.first;
  list = List{};
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  while (timer != nullptr) {
    Timer* const next = timer->next;
    count_.store(size() - 1, kRelaxed);
    add(*timer);
    timer = next;
  }
}

void TimerWheel::advance(TimePoint now) noexcept {
  const std::uint64_t until = ticks(now);
  Place place{};
  while (first_place(place) && place.start <= until) {
    elapsed_ = std::max(elapsed_, place.start);
    if (place.level == 0) {
      fire_slot(place.slot);
    } else {
      cascade(place.level, place.slot);
    }
  }
  // Never past a timer: everything up to `until` has fired.
  elapsed_ = std::max(elapsed_, until);
}

}  // namespace coppice::detail
