#pragma once

#include <cstdint>

#include "coppice/base/clock.hpp"
#include "coppice/base/result.hpp"
#include "coppice/system/system_options.hpp"

namespace coppice {

/// So many permits in a span of time, and so many at once after a rest.
struct RateLimit {
  std::uint32_t permits = 100;             ///< in `per`, evenly; from 1
  Duration per = std::chrono::seconds{1};  ///< longer than zero
  std::uint32_t burst = 1;                 ///< at once, when none were taken for long enough; from 1
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};
/// What is out of its bounds, if anything: for limits that come out of a file. What takes one aborts where this
/// answers an error.
[[nodiscard]] Result<void, OptionError> check(const RateLimit& limit);

/// A bucket of `burst` permits, full at first, into which one drips every per/permits. A pure step function: no clock,
/// no lock. RateLimiter is the one for any thread.
///
/// Threads    one: an actor's own.
/// Failure    nothing throws.
/// [T1] In no span of time are more permits given than burst + span · permits / per: exactly, nothing is rounded and
///      nothing drifts. A clock that goes back gives nothing twice; one that leaps ahead fills the bucket, no more.
/// [T2] At ready_at() they are there, when nobody takes any meanwhile, and one nanosecond before they are not.
/// Source     the virtual scheduling algorithm of ITU-T I.371 (GCRA), in whole numbers.
class TokenBucket {
 public:
  explicit TokenBucket(const RateLimit& limit) noexcept;
  /// Takes all of them, or none.
  [[nodiscard]] bool try_acquire(TimePoint now, std::uint32_t permits = 1) noexcept;
  /// When they will be there: `now` if they are, TimePoint::max() if never, since the bucket holds fewer.
  [[nodiscard]] TimePoint ready_at(TimePoint now, std::uint32_t permits = 1) const noexcept;
  /// How many are there.
  [[nodiscard]] std::uint32_t available(TimePoint now) const noexcept;
  [[nodiscard]] const RateLimit& limit() const noexcept { return limit_; }

 private:
  // Times in units of 1/permits nanoseconds, in which every permit's interval is a whole number.
  __extension__ using Wide = __int128;
  [[nodiscard]] Wide wide(TimePoint t) const noexcept;
  [[nodiscard]] Wide cost(std::uint32_t permits) const noexcept;

  RateLimit limit_;
  Wide full_at_;  // when the bucket is full again
};

}  // namespace coppice
