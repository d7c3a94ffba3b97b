#pragma once

#include "run.hpp"

namespace coppice::simulation {

// One file each in workloads/.
void run_ending(Run& run);
void run_mesh(Run& run);
void run_pressure(Run& run);
void run_tree(Run& run);

}  // namespace coppice::simulation
