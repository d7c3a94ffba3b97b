#include "coppice/supervisors/backoff.hpp"

#include "coppice/base/growing_delay.hpp"

namespace coppice {

Duration Backoff::delay(std::uint32_t attempt, std::uint64_t random) const noexcept {
  const Exponential& e = exponential_;
  if (!on_ || attempt < e.fast) return Duration::zero();
  return detail::growing_delay(e.first, e.cap, e.factor, e.jitter, attempt - e.fast, random);
}

}  // namespace coppice
