#pragma once

#include <cstdint>

#include "coppice/actor/exit_reason.hpp"
#include "coppice/supervisors/backoff.hpp"
#include "coppice/supervisors/restart_limit.hpp"

namespace coppice::detail {

/// How long a child's next start attempt waits. Counts the attempts anew when the child has run long enough;
/// `running_since` is spent.
[[nodiscard]] Duration next_delay(const Backoff& backoff, std::uint32_t& attempts, TimePoint& running_since,
                                  TimePoint now, std::uint64_t random) noexcept;

/// Why a supervisor ends that has seen one restart too many.
[[nodiscard]] ExitReason limit_reached(const Intensity& intensity, const ExitReason& cause);

}  // namespace coppice::detail
