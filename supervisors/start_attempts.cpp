#include "start_attempts.hpp"

#include <string>
#include <utility>

namespace coppice::detail {

Duration next_delay(const Backoff& backoff, std::uint32_t& attempts, TimePoint& running_since, TimePoint now,
                    std::uint64_t random) noexcept {
  if (!backoff.is_on()) return Duration::zero();
  const TimePoint since = std::exchange(running_since, TimePoint{});
  if (since != TimePoint{} && saturating_between(since, now) >= backoff.exponential().reset_after) attempts = 0;
  const std::uint32_t attempt = attempts;
  if (attempts != ~std::uint32_t{0}) ++attempts;
  return backoff.delay(attempt, random);
}

ExitReason limit_reached(const Intensity& intensity, const ExitReason& cause) {
  const auto within = std::chrono::duration_cast<std::chrono::milliseconds>(intensity.within).count();
  return ExitReason::shutdown(
      "more than " + std::to_string(intensity.restarts) + " restarts within " + std::to_string(within) + " ms", cause);
}

}  // namespace coppice::detail
