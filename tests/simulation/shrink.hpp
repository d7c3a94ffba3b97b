#pragma once

#include "run.hpp"

namespace coppice::simulation {

/// A run that fails in the same way and has less in it: operations, faults and deviations from first come, first served
/// are left out as long as the same oracle speaks (delta debugging: Zeller, Hildebrandt, TSE 2002).
struct Shrunk {
  Plan plan;  // with the schedule to follow
  Outcome outcome;
  std::uint32_t operations = 0;  // that are left
  std::uint32_t faults = 0;
  int runs = 0;  // that it took
};
[[nodiscard]] Shrunk shrink(const Workload& workload, const Plan& failing, const Outcome& outcome);

}  // namespace coppice::simulation
