#include "coppice/patterns/retry.hpp"

#include <algorithm>
#include <string>

#include "coppice/base/growing_delay.hpp"

namespace coppice {

Result<void, OptionError> check(const RetryOptions& options) {
  const auto wrong = [](const char* option, const std::string& value, const char* bound) {
    return Error{OptionError{std::string{option} + " is " + value + "; it " + bound}};
  };
  if (options.attempts == 0) return wrong("attempts", "0", "may be 1 or more");
  if (options.first < Duration::zero())
    return wrong("first", std::to_string(options.first.count()) + " ns", "may be 0 or more");
  if (options.cap < options.first)
    return wrong("cap", std::to_string(options.cap.count()) + " ns", "may not be shorter than first");
  if (!(options.factor >= 1.0)) return wrong("factor", std::to_string(options.factor), "may be 1 or more");
  if (!(options.jitter >= 0.0 && options.jitter <= 0.5))
    return wrong("jitter", std::to_string(options.jitter), "may be 0 to 0.5");
  if (options.within <= Duration::zero())
    return wrong("within", std::to_string(options.within.count()) + " ns", "must be longer than zero");
  return {};
}

std::optional<Duration> retry_delay(const RetryOptions& options, std::uint32_t failed, Duration left,
                                    std::uint64_t random) noexcept {
  if (failed >= options.attempts || failed == 0) return std::nullopt;
  const Duration delay =
      detail::growing_delay(options.first, options.cap, options.factor, options.jitter, failed - 1, random);
  if (delay >= left) return std::nullopt;
  return delay;
}

namespace detail {

namespace {

/// The time between two attempts. As a timer of the life it is withdrawn with it.
struct Pause final : ActorTimer {
  Pause(Cell& cell, RetryRun& r) noexcept
      : ActorTimer{cell, &kOps, Duration::zero(), Every::FixedRate,
                   [](Timer& timer) noexcept { delete static_cast<Pause*>(&timer); }},
        run{IntrusivePtr<RetryRun>::of(r)},
        withdraw_timer{withdraw} {
    withdraw = &Pause::withdraw_pause;
  }
  /// What was captured goes now, on the actor's turn: a tick in the mailbox keeps the timer for longer.
  static void withdraw_pause(LifeItem& item) noexcept {
    auto& self = static_cast<Pause&>(item);
    const auto last = std::move(self.run);
    self.withdraw_timer(item);
  }
  static Outcome handle_tick(Cell& cell, Envelope& envelope) {
    auto& tick = static_cast<TickEnvelope&>(envelope);
    if (!tick.spend(cell)) return Outcome::Stale;
    const auto run = std::move(static_cast<Pause&>(tick.actor_timer()).run);
    run->attempt();
    return Outcome::Handled;
  }
  static constexpr TypeInfo kType{"coppice::retry"};
  static constexpr EnvelopeOps kOps{&handle_tick,         nullptr, &TickEnvelope::destroy_tick, &kType, nullptr,
                                    sizeof(TickEnvelope), false};

  IntrusivePtr<RetryRun> run;
  void (*withdraw_timer)(LifeItem& item) noexcept;
};

}  // namespace

RetryRun::RetryRun(Cell& cell, const RetryOptions& options)
    : cell_{cell}, options_{options}, deadline_{saturating_add(turn_now(*cell.runtime()), options.within)} {
  COPPICE_VERIFY(check(options).has_value(), "RetryOptions out of their bounds; check() says which");
}

Duration RetryRun::left() const noexcept {
  if (deadline_ == TimePoint::max()) return kForever;
  return std::max(saturating_between(turn_now(*cell_.runtime()), deadline_), Duration::zero());
}

Attempt RetryRun::begin() noexcept {
  const Duration time = made_ == 0 ? options_.within : left();
  return {++made_, time};
}

bool RetryRun::again_later() {
  const auto delay = retry_delay(options_, made_, left(), cell_.runtime()->random());
  if (!delay) return false;
  const auto pause = IntrusivePtr<Timer>::adopt(new Pause{cell_, *this});
  return start_timer(static_cast<Pause&>(*pause), *delay);
}

}  // namespace detail
}  // namespace coppice
