#include "coppice/patterns/token_bucket.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "coppice/base/config.hpp"

namespace coppice {

Result<void, OptionError> check(const RateLimit& limit) {
  if (limit.permits == 0) return Error{OptionError{"permits is 0; it may be 1 or more"}};
  if (limit.per <= Duration::zero())
    return Error{OptionError{"per is " + std::to_string(limit.per.count()) + " ns; it must be longer than zero"}};
  if (limit.burst == 0) return Error{OptionError{"burst is 0; it may be 1 or more"}};
  return {};
}

TokenBucket::TokenBucket(const RateLimit& limit) noexcept : limit_{limit}, full_at_{wide(TimePoint::min())} {
  COPPICE_VERIFY(limit.permits > 0 && limit.per > Duration::zero() && limit.burst > 0,
                 "a RateLimit out of its bounds: permits, per and burst must be above zero; see check()");
}

// 2^63 nanoseconds times 2^32 permits are 95 bits: neither these nor their sums overflow.
TokenBucket::Wide TokenBucket::wide(TimePoint t) const noexcept {
  return Wide{t.time_since_epoch().count()} * limit_.permits;
}
TokenBucket::Wide TokenBucket::cost(std::uint32_t permits) const noexcept { return Wide{limit_.per.count()} * permits; }

bool TokenBucket::try_acquire(TimePoint now, std::uint32_t permits) noexcept {
  const Wide full_then = std::max(full_at_, wide(now)) + cost(permits);
  if (full_then > wide(now) + cost(limit_.burst)) return false;
  full_at_ = full_then;
  return true;
}

TimePoint TokenBucket::ready_at(TimePoint now, std::uint32_t permits) const noexcept {
  if (permits > limit_.burst) return TimePoint::max();
  const Wide at = full_at_ + cost(permits) - cost(limit_.burst);
  if (at <= wide(now)) return now;
  Wide nanoseconds = at / limit_.permits;
  if (at % limit_.permits > 0) ++nanoseconds;  // never early
  if (nanoseconds >= Wide{std::numeric_limits<Duration::rep>::max()}) return TimePoint::max();
  return TimePoint{Duration{static_cast<Duration::rep>(nanoseconds)}};
}

std::uint32_t TokenBucket::available(TimePoint now) const noexcept {
  const Wide missing = std::max(full_at_, wide(now)) - wide(now);
  if (missing > cost(limit_.burst)) return 0;
  return static_cast<std::uint32_t>((cost(limit_.burst) - missing) / limit_.per.count());
}

}  // namespace coppice
