#include "coppice/supervisors/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace coppice {

Duration Backoff::delay(std::uint32_t attempt, std::uint64_t random) const noexcept {
  const Exponential& e = exponential_;
  if (!on_ || attempt < e.fast || e.first <= Duration::zero()) return Duration::zero();
  const auto cap = static_cast<double>(std::max(e.cap, Duration{1}).count());
  const double factor = std::max(e.factor, 1.0);
  // In floating point, where growing past every bound is no overflow but infinity, which the cap cuts.
  double delay = static_cast<double>(e.first.count()) * std::pow(factor, static_cast<double>(attempt - e.fast));
  delay = std::min(delay, cap);
  const double jitter = std::clamp(e.jitter, 0.0, 0.5);
  const double uniform = static_cast<double>(random >> 11) * 0x1.0p-53;  // [0, 1)
  delay *= 1.0 + jitter * (2.0 * uniform - 1.0);
  constexpr double kMost = 9.2e18;
  return Duration{static_cast<Duration::rep>(std::clamp(delay, 1.0, kMost))};
}

}  // namespace coppice
