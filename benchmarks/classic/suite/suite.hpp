#pragma once

/// The workloads of bench_classic, a file for each theme. Each file adds its own.

#include "../../support/driver.hpp"

namespace coppice::bench {

void add_messages(Workloads& all);
void add_fan_out(Workloads& all);
void add_creation(Workloads& all);
void add_meetings(Workloads& all);
void add_sharing(Workloads& all);
void add_searches(Workloads& all);
void add_lives_and_timers(Workloads& all);
void add_rest(Workloads& all);
void add_echo(Workloads& all);
void add_growth(Workloads& all);

/// A tenth of the work, before it is measured; at least one.
[[nodiscard]] inline std::int64_t warm(std::int64_t size) { return size < 10 ? 1 : size / 10; }

}  // namespace coppice::bench
