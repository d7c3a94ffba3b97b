#pragma once

#include <utility>

#include "coppice/actor/actor.hpp"

namespace coppice {

/// What a ticking actor sends itself.
struct Tick {};

/// The base of an actor that does something every so often, besides its messages:
/// `struct Sampler : TickingActor<Sampler> { Sampler() : TickingActor{10ms} {} void on_tick(); };`
/// Fixed rate: ticks do not drift, and those that were missed are left out. The first comes after one interval.
///
/// Threads    as Actor.
template <class Self>
class TickingActor : public Actor<Self> {
 public:
  void handle(Tick) { static_cast<Self*>(this)->on_tick(); }

 protected:
  explicit TickingActor(Duration interval) : interval_{interval} { start_ticking(); }
  ~TickingActor() = default;

  /// No more ticks until start_ticking().
  void stop_ticking() noexcept { timer_.cancel(); }
  void start_ticking() { timer_ = this->send_every(interval_, Tick{}); }
  /// From the next tick on; the next one is due an interval from now.
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
