#pragma once

#include <algorithm>
#include <utility>

#include "coppice/actor/actor.hpp"

namespace coppice {

namespace detail {

/// A tick that calls on_tick() instead of a handler.
template <class A>
struct TickTimer final : ActorTimer {
  TickTimer(Cell& cell, Duration every)
      : ActorTimer{cell, &kOps, every, Every::FixedRate,
                   [](Timer& t) noexcept { delete static_cast<TickTimer*>(&t); }} {}
  static Outcome tick(Cell& cell, Envelope& envelope) {
    if (!static_cast<TickEnvelope&>(envelope).spend(cell)) return Outcome::Stale;
    cell.state_of<A>().on_tick();
    return Outcome::Handled;
  }
  struct Tick {};
  static constexpr EnvelopeOps kOps{
      &tick, nullptr, &TickEnvelope::destroy_tick, &kTypeInfo<Tick>, nullptr, sizeof(TickEnvelope), false};
};

}  // namespace detail

/// The base of an actor that does something every so often, besides its messages:
/// `struct Sampler : TickingActor<Sampler> { Sampler() : TickingActor{10ms} {} void on_tick(); };`
/// Fixed rate: ticks do not drift, and those that were missed are left out. The first comes after one interval. An
/// interval below one nanosecond counts as one.
///
/// Threads    as Actor.
template <class Self>
class TickingActor : public Actor<Self> {
 protected:
  explicit TickingActor(Duration interval) : interval_{interval} { start_ticking(); }
  ~TickingActor() = default;

  /// No more ticks until start_ticking().
  void stop_ticking() noexcept { timer_.cancel(); }
  void start_ticking() {
    const Duration every = std::max(interval_, Duration{1});
    auto timer = detail::IntrusivePtr<detail::Timer>::adopt(new detail::TickTimer<Self>{this->cell(), every});
    static_cast<void>(detail::start_timer(static_cast<detail::ActorTimer&>(*timer), every));
    timer_ = TimerHandle{std::move(timer)};
  }
  /// From now on; the next tick is due an interval from now.
  void set_interval(Duration interval) {
    interval_ = interval;
    start_ticking();
  }
  [[nodiscard]] Duration interval() const noexcept { return interval_; }

 private:
  Duration interval_;
  TimerHandle timer_;
};

}  // namespace coppice
