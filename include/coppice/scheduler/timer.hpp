#pragma once

#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/message/block_pool.hpp"

namespace coppice::detail {

class TimerWheel;

/// One deadline and what to do then. Counts itself: its maker holds one count, the scheduler one more while it is
/// armed.
///
/// Threads    arming: its maker, once at a time. Disarming: any thread. fire: whoever runs the wheel, never under a
///            lock.
/// [T1] fire runs at most once an arming, never before the deadline, and not after disarm() answered true.
/// [T2] Timers with one deadline fire in the order in which they were armed.
struct Timer : PoolAllocated {
  using Act = void (*)(Timer&) noexcept;
  // Unsorted: armed, but in no slot of a wheel yet; see Scheduler::arm_unlikely.
  enum class State : unsigned char { Idle, Armed, Fired, Cancelled, Unsorted };

  Timer(Act fire_act, Act destroy_act) noexcept : fire{fire_act}, destroy{destroy_act} {}

  void add_ref() noexcept { refs.add(); }
  void release(std::uint32_t counts = 1) noexcept {
    if (refs.drop(counts)) destroy(*this);
  }

  Act fire;
  Act destroy;
  RefCount refs;
  Atomic<State> state{State::Idle};
  bool linked = false;  // in a slot; under the wheel's lock, as all that follows
  std::uint8_t level = 0;
  std::uint8_t slot = 0;
  TimePoint deadline{};
  TimerWheel* wheel = nullptr;  // where it was armed last
  Timer* previous = nullptr;
  Timer* next = nullptr;
};

}  // namespace coppice::detail
