#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>
#include <utility>

#include "coppice/base/atomic.hpp"

namespace coppice {

/// Every span of time in coppice: signed nanoseconds.
using Duration = std::chrono::nanoseconds;
/// A point on the steady clock. The wall clock is never used: it jumps.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Longer than any program runs. Means "no deadline" wherever a duration is asked for.
inline constexpr Duration kForever = Duration::max();

namespace detail {

/// t + d without overflow: whatever lies past the last representable point is that point.
[[nodiscard]] constexpr TimePoint saturating_add(TimePoint t, Duration d) noexcept {
  const std::int64_t a = t.time_since_epoch().count();
  const std::int64_t b = d.count();
  if (b > 0 && a > std::numeric_limits<std::int64_t>::max() - b) return TimePoint::max();
  if (b < 0 && a < std::numeric_limits<std::int64_t>::min() - b) return TimePoint::min();
  return TimePoint{Duration{a + b}};
}

/// b - a without overflow.
[[nodiscard]] constexpr Duration saturating_between(TimePoint a, TimePoint b) noexcept {
  const std::int64_t x = b.time_since_epoch().count();
  const std::int64_t y = a.time_since_epoch().count();
  if (y < 0 && x > std::numeric_limits<std::int64_t>::max() + y) return Duration::max();
  if (y > 0 && x < std::numeric_limits<std::int64_t>::min() + y) return Duration::min();
  return Duration{x - y};
}

/// Any chrono duration as ours; what does not fit, or is no number, becomes the nearest end.
template <class Rep, class Period>
[[nodiscard]] constexpr Duration saturating_cast(std::chrono::duration<Rep, Period> d) noexcept {
  using Factor = std::ratio_divide<Period, std::nano>;
  if constexpr (std::is_integral_v<Rep> && Factor::den == 1) {
    if (std::cmp_greater(d.count(), Duration::max().count() / Factor::num)) return Duration::max();
    if (std::cmp_less(d.count(), Duration::min().count() / Factor::num)) return Duration::min();
    return Duration{static_cast<std::int64_t>(d.count()) * Factor::num};
  } else {
    using Seconds = std::chrono::duration<long double>;
    const long double seconds = std::chrono::duration_cast<Seconds>(d).count();
    constexpr long double kLimit =
        9.2e9L;  // int64 nanoseconds hold 9.22e9 seconds; less than that, for what is rounded
    if (!(seconds < kLimit)) return Duration::max();
    if (seconds <= -kLimit) return Duration::min();
    return std::chrono::duration_cast<Duration>(d);
  }
}

}  // namespace detail

/// Where a system's time comes from. Production reads the steady clock; a test moves its own by hand.
///
/// Threads    any.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
};

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override {
#if defined(COPPICE_INTERLEAVE)
    return TimePoint{Duration { interleave::clock_now() }};
#else
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
#endif
  }
};

/// A clock that stands still until it is moved. Starts at one hour, so that "an hour ago" exists.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return TimePoint{Duration{now_.load(detail::kRelaxed)}}; }
  void set(TimePoint t) noexcept { now_.store(t.time_since_epoch().count(), detail::kRelaxed); }

 private:
  detail::Atomic<std::int64_t> now_{std::chrono::duration_cast<Duration>(std::chrono::hours{1}).count()};
};

}  // namespace coppice
