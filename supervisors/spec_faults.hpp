#pragma once

#include <string>

#include "coppice/supervisors/child_spec.hpp"

namespace coppice::detail {

/// What is wrong with one child and all below it; empty: nothing.
[[nodiscard]] std::string fault_of_child(const ChildSpec& child, AutoShutdown auto_shutdown, bool needs_id = true);
/// Of a supervisor of any kind at the top: what it says of itself as a child is of no account there.
[[nodiscard]] std::string fault_at_top(const ChildSpec& root);

}  // namespace coppice::detail
