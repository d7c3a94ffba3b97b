#pragma once

#include <cstdint>
#include <utility>

#include "coppice/actor/handles.hpp"
#include "coppice/actor/life_item.hpp"
#include "coppice/actor/send.hpp"

namespace coppice {

/// How a periodic timer keeps time.
enum class Every : unsigned char {
  FixedRate,   ///< at start + n·period; a tick that finds the one before still waiting is left out, and nothing drifts
               ///< (the default)
  FixedDelay,  ///< the next period starts when the handler of the last tick starts
};

namespace detail {

/// A message that comes later, once or again and again.
///
/// Threads    the maker's turn; fire_tick(): the thread that runs the wheel.
/// [T3] After cancel() on the actor's own turn nothing of it is handled any more, also when it is in the mailbox
///      already.
/// [T4] A timer of one life never reaches a later one.
struct ActorTimer : Timer, LifeItem {
  ActorTimer(Cell& cell, const EnvelopeOps* ops, Duration every, Every mode, Act destroy_act) noexcept;
  IntrusivePtr<Cell> target;
  std::uint32_t incarnation;
  Duration period;  // zero: once
  Every mode;
  const EnvelopeOps* tick_ops;
  Atomic<bool> waiting{false};  // a tick is in the mailbox
  Atomic<bool> withdrawn{false};
};

/// One tick in a mailbox.
struct TickEnvelope : Envelope {
  TickEnvelope(const EnvelopeOps* operations, ActorTimer& t) noexcept
      : Envelope{operations}, timer{IntrusivePtr<Timer>::of(t)} {}
  ~TickEnvelope() = delete;
  union {
    IntrusivePtr<Timer> timer;
  };
  [[nodiscard]] ActorTimer& actor_timer() const noexcept { return static_cast<ActorTimer&>(*timer); }
  /// False: withdrawn meanwhile. Prepares the next tick.
  [[nodiscard]] bool spend(Cell& cell) noexcept;
  static void destroy_tick(Envelope& envelope) { std::destroy_at(&static_cast<TickEnvelope&>(envelope).timer); }
};

template <class A, class M>
struct MessageTimer final : ActorTimer {
  template <class U>
  MessageTimer(Cell& cell, Duration every, Every how, U&& m)
      : ActorTimer{cell, &kTickOps, every, how, [](Timer& t) noexcept { delete static_cast<MessageTimer*>(&t); }},
        message(std::forward<U>(m)) {}

  static Outcome handle_tick(Cell& cell, Envelope& envelope) {
    auto& tick = static_cast<TickEnvelope&>(envelope);
    if (!tick.spend(cell)) return Outcome::Stale;
    auto& self = static_cast<MessageTimer&>(tick.actor_timer());
    A& actor = cell.state_of<A>();
    if (self.period == Duration::zero()) return call_handler(actor, cell, envelope, std::move(self.message));
    if constexpr (std::is_copy_constructible_v<M>) return call_handler(actor, cell, envelope, M(self.message));
    return Outcome::Handled;
  }
  static constexpr EnvelopeOps kTickOps{
      &handle_tick, nullptr, &TickEnvelope::destroy_tick, &kTypeInfo<M>, nullptr, sizeof(TickEnvelope), false};
  M message;
};

/// Arms it and lists it with the life; false when the life has as many timers as SystemOptions::timers_max.
[[nodiscard]] bool start_timer(ActorTimer& timer, Duration first);
void cancel_timer(ActorTimer& timer) noexcept;

}  // namespace detail

/// Cancels its timer when it is destroyed. Belongs into the actor's state; detach() lets the timer run on its own.
///
/// Threads    the turn of the actor that made it.
class [[nodiscard]] TimerHandle {
 public:
  TimerHandle() noexcept = default;
  explicit TimerHandle(detail::IntrusivePtr<detail::Timer> timer) noexcept : timer_{std::move(timer)} {}
  TimerHandle(TimerHandle&&) noexcept = default;
  TimerHandle& operator=(TimerHandle&& other) noexcept {
    if (this != &other) {
      cancel();
      timer_ = std::move(other.timer_);
    }
    return *this;
  }
  ~TimerHandle() { cancel(); }

  /// After it nothing of the timer is handled any more.
  void cancel() noexcept {
    if (timer_) detail::cancel_timer(static_cast<detail::ActorTimer&>(*timer_));
    timer_ = {};
  }
  void detach() && noexcept { timer_ = {}; }
  /// Whether it will fire (again). False as well for a timer that was refused because the life has too many.
  [[nodiscard]] bool is_active() const noexcept;

 private:
  detail::IntrusivePtr<detail::Timer> timer_;
};

}  // namespace coppice
