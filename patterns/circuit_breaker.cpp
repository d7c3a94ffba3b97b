#include "coppice/patterns/circuit_breaker.hpp"

#include <mutex>

#include "base/mutex.hpp"

namespace coppice {

namespace detail {

class CircuitCore final : public Counted {
 public:
  CircuitCore(Runtime& runtime, const CircuitOptions& options)
      : runtime_{IntrusivePtr<Runtime>::of(runtime)}, rules_{options} {}

  [[nodiscard]] std::optional<std::uint64_t> try_begin() noexcept {
    const std::lock_guard lock{lock_};
    const auto period = rules_.try_begin(now());
    if (!period) ++stats_.refused;
    return period;
  }
  void succeeded(std::uint64_t period) noexcept {
    const std::lock_guard lock{lock_};
    ++stats_.succeeded;
    ended([&](TimePoint time) { rules_.succeeded(period, time); });
  }
  void failed(std::uint64_t period) noexcept {
    const std::lock_guard lock{lock_};
    ++stats_.failed;
    ended([&](TimePoint time) { rules_.failed(period, time); });
  }
  void given_up(std::uint64_t period) noexcept {
    const std::lock_guard lock{lock_};
    ++stats_.given_up;
    rules_.given_up(period);
  }
  [[nodiscard]] CircuitState state() noexcept {
    const std::lock_guard lock{lock_};
    return rules_.state(now());
  }
  [[nodiscard]] TimePoint retry_at() noexcept {
    const std::lock_guard lock{lock_};
    return rules_.retry_at(now());
  }
  [[nodiscard]] CircuitStats stats() noexcept {
    const std::lock_guard lock{lock_};
    return stats_;
  }

 private:
  template <class F>
  void ended(F tell_rules) noexcept {
    const TimePoint time = now();
    const bool was_open = rules_.state(time) == CircuitState::Open;
    tell_rules(time);
    if (!was_open && rules_.state(time) == CircuitState::Open) ++stats_.opened;
  }
  [[nodiscard]] TimePoint now() const noexcept { return runtime_->clock->now(); }

  const IntrusivePtr<Runtime> runtime_;
  BriefLock lock_;
  CircuitRules rules_;
  CircuitStats stats_;
};

}  // namespace detail

CircuitPermit::CircuitPermit(detail::IntrusivePtr<detail::CircuitCore> core, std::uint64_t period) noexcept
    : core_{std::move(core)}, period_{period} {}
CircuitPermit::CircuitPermit(CircuitPermit&& other) noexcept = default;
CircuitPermit& CircuitPermit::operator=(CircuitPermit&& other) noexcept {
  if (this != &other) {
    if (const auto core = std::move(core_)) core->given_up(period_);
    core_ = std::move(other.core_);
    period_ = other.period_;
  }
  return *this;
}
CircuitPermit::~CircuitPermit() {
  if (core_) core_->given_up(period_);
}
void CircuitPermit::succeeded() noexcept {
  if (const auto core = std::move(core_)) core->succeeded(period_);
}
void CircuitPermit::failed() noexcept {
  if (const auto core = std::move(core_)) core->failed(period_);
}

CircuitBreaker::CircuitBreaker(const System& system, const CircuitOptions& options)
    : core_{detail::IntrusivePtr<detail::CircuitCore>::adopt(new detail::CircuitCore{system.runtime(), options})} {}
CircuitBreaker::CircuitBreaker(const CircuitBreaker&) noexcept = default;
CircuitBreaker::CircuitBreaker(CircuitBreaker&&) noexcept = default;
CircuitBreaker& CircuitBreaker::operator=(const CircuitBreaker&) noexcept = default;
CircuitBreaker& CircuitBreaker::operator=(CircuitBreaker&&) noexcept = default;
CircuitBreaker::~CircuitBreaker() = default;

std::optional<CircuitPermit> CircuitBreaker::try_begin() const noexcept {
  const auto period = core_->try_begin();
  if (!period) return std::nullopt;
  return CircuitPermit{core_, *period};
}
CircuitState CircuitBreaker::state() const noexcept { return core_->state(); }
TimePoint CircuitBreaker::retry_at() const noexcept { return core_->retry_at(); }
CircuitStats CircuitBreaker::stats() const noexcept { return core_->stats(); }

}  // namespace coppice
