#pragma once

#include <cstdint>

#include "coppice/patterns/token_bucket.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

namespace detail {
class RateLimiterCore;
}

/// A TokenBucket that several share, under the system's clock: how often something may be done, whoever does it. Nobody
/// waits in it: who gets no permit comes back at ready_at(), an actor with `send_after(limiter.wait(), …)`.
///
/// Threads    any. Copies are of the same limiter.
/// Ownership  may outlive its system.
/// Order      none: who comes first gets a permit, and who waits holds no place.
/// Failure    nothing throws but the constructor: std::bad_alloc. A lock is held for some instructions.
class RateLimiter {
 public:
  /// A limit out of its bounds aborts with a message: check() it before if it comes from outside.
  RateLimiter(const System& system, const RateLimit& limit);
  RateLimiter(const RateLimiter&) noexcept;
  RateLimiter(RateLimiter&&) noexcept;
  RateLimiter& operator=(const RateLimiter&) noexcept;
  RateLimiter& operator=(RateLimiter&&) noexcept;
  ~RateLimiter();

  /// Takes all of them, or none.
  [[nodiscard]] bool try_acquire(std::uint32_t permits = 1) const noexcept;
  /// When they will be there if nobody takes any meanwhile; TimePoint::max(): never, `burst` is less.
  [[nodiscard]] TimePoint ready_at(std::uint32_t permits = 1) const noexcept;
  /// How long that is from now; kForever: never.
  [[nodiscard]] Duration wait(std::uint32_t permits = 1) const noexcept;
  [[nodiscard]] std::uint32_t available() const noexcept;

 private:
  detail::IntrusivePtr<detail::RateLimiterCore> core_;
};

}  // namespace coppice
