#include "coppice/patterns/circuit_rules.hpp"

#include <algorithm>
#include <string>

#include "coppice/base/config.hpp"

namespace coppice {

namespace {
constexpr std::uint32_t kWindowMost = 10'000;
}

const char* to_string(CircuitState state) noexcept {
  switch (state) {
    case CircuitState::Closed: return "closed";
    case CircuitState::Open: return "open";
    case CircuitState::HalfOpen: return "half-open";
  }
  return "unknown";
}

Result<void, OptionError> check(const CircuitOptions& options) {
  if (options.failures == 0 && options.window == 0)
    return Error{OptionError{"failures and window are both 0: nothing would ever open the circuit"}};
  if (options.window > kWindowMost)
    return Error{OptionError{"window is " + std::to_string(options.window) + "; it may be up to 10000"}};
  if (!(options.failure_rate > 0.0 && options.failure_rate <= 1.0))
    return Error{OptionError{"failure_rate is " + std::to_string(options.failure_rate) +
                             "; it must be above 0 and may be up to 1"}};
  if (options.open_for <= Duration::zero())
    return Error{
        OptionError{"open_for is " + std::to_string(options.open_for.count()) + " ns; it must be longer than zero"}};
  if (options.trials == 0) return Error{OptionError{"trials is 0; it may be 1 or more"}};
  if (options.successes == 0) return Error{OptionError{"successes is 0; it may be 1 or more"}};
  return {};
}

CircuitRules::CircuitRules(const CircuitOptions& options) : options_{options} {
  COPPICE_VERIFY(check(options).has_value(), "CircuitOptions out of their bounds; check() says which");
  recent_.resize(options.window);
}

std::optional<std::uint64_t> CircuitRules::try_begin(TimePoint now) noexcept {
  if (state_ == CircuitState::Open) {
    if (now < open_until_) return std::nullopt;
    enter(CircuitState::HalfOpen);
  }
  if (state_ == CircuitState::HalfOpen) {
    if (under_way_ >= options_.trials) return std::nullopt;
    ++under_way_;
  }
  return period_;
}

void CircuitRules::succeeded(std::uint64_t period, TimePoint now) noexcept {
  if (period != period_) return;
  if (state_ == CircuitState::HalfOpen) {
    --under_way_;
    if (++good_trials_ >= options_.successes) enter(CircuitState::Closed);
    return;
  }
  note(false);
  if (is_too_much()) open(now);  // the window has just become full, and too many before this one failed
}

void CircuitRules::failed(std::uint64_t period, TimePoint now) noexcept {
  if (period != period_) return;
  if (state_ == CircuitState::HalfOpen) return open(now);
  note(true);
  if (is_too_much()) open(now);
}

void CircuitRules::given_up(std::uint64_t period) noexcept {
  if (period == period_ && state_ == CircuitState::HalfOpen) --under_way_;
}

CircuitState CircuitRules::state(TimePoint now) const noexcept {
  return state_ == CircuitState::Open && now >= open_until_ ? CircuitState::HalfOpen : state_;
}

TimePoint CircuitRules::retry_at(TimePoint now) const noexcept {
  return state(now) == CircuitState::Open ? open_until_ : TimePoint::min();
}

void CircuitRules::enter(CircuitState state) noexcept {
  state_ = state;
  ++period_;
  in_a_row_ = under_way_ = good_trials_ = 0;
  next_ = seen_ = failed_of_seen_ = 0;
}

void CircuitRules::open(TimePoint now) noexcept {
  enter(CircuitState::Open);
  open_until_ = detail::saturating_add(now, options_.open_for);
}

void CircuitRules::note(bool failure) noexcept {
  in_a_row_ = failure ? in_a_row_ + 1 : 0;
  if (recent_.empty()) return;
  if (seen_ == recent_.size()) {
    failed_of_seen_ -= recent_[next_] ? 1 : 0;
  } else {
    ++seen_;
  }
  recent_[next_] = failure;
  failed_of_seen_ += failure ? 1 : 0;
  next_ = (next_ + 1) % static_cast<std::uint32_t>(recent_.size());
}

bool CircuitRules::is_too_much() const noexcept {
  if (options_.failures > 0 && in_a_row_ >= options_.failures) return true;
  return !recent_.empty() && seen_ == recent_.size() &&
         static_cast<double>(failed_of_seen_) >= options_.failure_rate * static_cast<double>(seen_);
}

}  // namespace coppice
