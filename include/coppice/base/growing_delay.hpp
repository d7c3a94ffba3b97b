#pragma once

#include <cstdint>

#include "coppice/base/clock.hpp"

namespace coppice::detail {

/// A delay that grows from attempt to attempt: `first` times `factor` for each attempt (from 0) up to `cap`, then drawn
/// from ±`jitter` around that by `random`, which is uniform over all 64-bit numbers. What is out of its bounds counts as
/// the bound: a factor below 1, a jitter below 0 or above a half, a cap below a nanosecond.
///
/// [K1] Monotone up to the cap when there is no jitter; saturating for every attempt and duration; never below one
///      nanosecond when `first` is above zero.
[[nodiscard]] Duration growing_delay(Duration first, Duration cap, double factor, double jitter, std::uint32_t attempt,
                                     std::uint64_t random) noexcept;

}  // namespace coppice::detail
