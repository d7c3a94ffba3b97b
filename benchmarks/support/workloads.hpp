#pragma once

/// The workloads that more than one benchmark runs. Each class is a system at work on one workload; run(n) moves n
/// messages and answers the nanoseconds that took; finish() demands that none is missing.

#include "asking.hpp"
#include "counting.hpp"
#include "ring.hpp"
#include "spawning.hpp"
