#pragma once

#include "run.hpp"

namespace coppice::simulation {

// One file each in workloads/.
void run_ending(Run& run);
void run_mesh(Run& run);
void run_pressure(Run& run);
void run_tree(Run& run);
void run_asks(Run& run);
void run_timers(Run& run);
void run_topics(Run& run);
void run_lives(Run& run);
void run_stash(Run& run);

}  // namespace coppice::simulation
