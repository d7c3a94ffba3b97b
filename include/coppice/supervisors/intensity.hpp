#pragma once

#include <cstdint>

#include "coppice/base/clock.hpp"

namespace coppice {

/// How many restarts a supervisor stands, all its children together: with `restarts` 3, the fourth within `within` ends
/// it. Zero restarts: the first one ends it.
struct Intensity {
  std::uint32_t restarts = 3;
  Duration within = std::chrono::seconds{5};  ///< longer than zero
  friend bool operator==(const Intensity&, const Intensity&) = default;
};

}  // namespace coppice
