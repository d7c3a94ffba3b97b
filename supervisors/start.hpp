#pragma once

#include "coppice/supervisors/supervisor.hpp"

namespace coppice::detail {

/// Starts a supervisor of any kind at the top and waits until it runs.
[[nodiscard]] Result<IntrusivePtr<Cell>, StartError> start_top(System& system, const ChildSpec& spec);

}  // namespace coppice::detail
