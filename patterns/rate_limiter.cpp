#include "coppice/patterns/rate_limiter.hpp"

#include <mutex>

#include "base/mutex.hpp"

namespace coppice {

namespace detail {

class RateLimiterCore final : public Counted {
 public:
  RateLimiterCore(Runtime& runtime, const RateLimit& limit)
      : runtime_{IntrusivePtr<Runtime>::of(runtime)}, bucket_{limit} {}

  /// The clock is read under the lock, so that the bucket's time does not go back.
  template <class F>
  auto with(F f) noexcept {
    const std::lock_guard lock{lock_};
    return f(bucket_, runtime_->clock->now());
  }

 private:
  const IntrusivePtr<Runtime> runtime_;
  BriefLock lock_;
  TokenBucket bucket_;
};

}  // namespace detail

RateLimiter::RateLimiter(const System& system, const RateLimit& limit)
    : core_{
          detail::IntrusivePtr<detail::RateLimiterCore>::adopt(new detail::RateLimiterCore{system.runtime(), limit})} {}
RateLimiter::RateLimiter(const RateLimiter&) noexcept = default;
RateLimiter::RateLimiter(RateLimiter&&) noexcept = default;
RateLimiter& RateLimiter::operator=(const RateLimiter&) noexcept = default;
RateLimiter& RateLimiter::operator=(RateLimiter&&) noexcept = default;
RateLimiter::~RateLimiter() = default;

bool RateLimiter::try_acquire(std::uint32_t permits) const noexcept {
  return core_->with([=](TokenBucket& bucket, TimePoint now) { return bucket.try_acquire(now, permits); });
}
TimePoint RateLimiter::ready_at(std::uint32_t permits) const noexcept {
  return core_->with([=](TokenBucket& bucket, TimePoint now) { return bucket.ready_at(now, permits); });
}
Duration RateLimiter::wait(std::uint32_t permits) const noexcept {
  return core_->with([=](TokenBucket& bucket, TimePoint now) {
    const TimePoint at = bucket.ready_at(now, permits);
    return at == TimePoint::max() ? kForever : detail::saturating_between(now, at);
  });
}
std::uint32_t RateLimiter::available() const noexcept {
  return core_->with([](TokenBucket& bucket, TimePoint now) { return bucket.available(now); });
}

}  // namespace coppice
