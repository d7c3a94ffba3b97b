#include "coppice/base/growing_delay.hpp"

#include <algorithm>
#include <cmath>

namespace coppice::detail {

Duration growing_delay(Duration first, Duration cap, double factor, double jitter, std::uint32_t attempt,
                       std::uint64_t random) noexcept {
  if (first <= Duration::zero()) return Duration::zero();
  const auto most = static_cast<double>(std::max(cap, Duration{1}).count());
  // In floating point, where growing past every bound is no overflow but infinity, which the cap cuts.
  double delay = static_cast<double>(first.count()) * std::pow(std::max(factor, 1.0), static_cast<double>(attempt));
  delay = std::min(delay, most);
  const double uniform = static_cast<double>(random >> 11) * 0x1.0p-53;  // [0, 1)
  delay *= 1.0 + std::clamp(jitter, 0.0, 0.5) * (2.0 * uniform - 1.0);
  constexpr double kMost = 9.2e18;
  return Duration{static_cast<Duration::rep>(std::clamp(delay, 1.0, kMost))};
}

}  // namespace coppice::detail
