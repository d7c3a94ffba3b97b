#pragma once

#include "coppice/actor/handles.hpp"
#include "coppice/actor/timers.hpp"

namespace coppice {

/// No message has come for as long as the actor said; see Actor::set_receive_timeout.
struct ReceiveTimeout {};

namespace detail {

/// Fires when no message has been handled for some time. One a life.
///
/// Threads    as ActorTimer; `last`: written by the actor's turn.
/// [T5] Never earlier than `after` behind the last message that was handled.
struct SilenceTimer : Timer, LifeItem {
  SilenceTimer(Cell& cell, const EnvelopeOps* ops, Duration after) noexcept;
  IntrusivePtr<Cell> target;
  std::uint32_t incarnation;
  Duration after;
  const EnvelopeOps* tick_ops;
  Atomic<std::int64_t> last{0};  // when the last message was handled
  Atomic<bool> waiting{false};
  Atomic<bool> withdrawn{false};
  std::int64_t fired_for = 0;  // the `last` that the tick under way is about
};

struct SilenceEnvelope : Envelope {
  SilenceEnvelope(const EnvelopeOps* operations, SilenceTimer& t) noexcept
      : Envelope{operations}, timer{IntrusivePtr<SilenceTimer>::of(t)} {}
  ~SilenceEnvelope() = delete;
  union {
    IntrusivePtr<SilenceTimer> timer;
  };
  /// False: withdrawn meanwhile, or a message was handled since. Arms it again.
  [[nodiscard]] bool spend(Cell& cell) noexcept;
  static void destroy_tick(Envelope& envelope) { std::destroy_at(&static_cast<SilenceEnvelope&>(envelope).timer); }
};

template <class A>
Outcome handle_silence(Cell& cell, Envelope& envelope) {
  if (!static_cast<SilenceEnvelope&>(envelope).spend(cell)) return Outcome::Stale;
  return call_handler(cell.state_of<A>(), cell, envelope, ReceiveTimeout{});
}
template <class A>
inline constexpr EnvelopeOps kSilenceOps{
    &handle_silence<A>,      nullptr, &SilenceEnvelope::destroy_tick, &kTypeInfo<ReceiveTimeout>, nullptr,
    sizeof(SilenceEnvelope), false};

/// Null ops: none from now on.
void set_receive_timeout(Cell& cell, const EnvelopeOps* ops, Duration after);

}  // namespace detail
}  // namespace coppice
