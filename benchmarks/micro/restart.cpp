// A supervised child that fails, until its next life handles a message: by a throw, and by an ordinary end.
// Arguments: workers, children of the supervisor.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <numeric>

#include "../support/batches.hpp"
#include "../support/crashes.hpp"

namespace {

using namespace coppice::bench;

/// Each iteration is a system of its own, whose first tenth is not counted.
void restart(benchmark::State& state, bool throws) {
  constexpr std::int64_t kFailures = 2'000;
  const CrashSetup setup{static_cast<unsigned>(state.range(0)), static_cast<std::size_t>(state.range(1)), throws};
  for (auto _ : state) {
    const std::vector<double> times = times_of_crashes(setup, kFailures);
    require(times.size() == static_cast<std::size_t>(kFailures), "a new life did not get its message");
    state.SetIterationTime(std::accumulate(times.begin(), times.end(), 0.0) * 1e-9);
  }
  report_ns(state, kFailures);
}

void restart_after_a_throw(benchmark::State& state) { restart(state, true); }
void restart_after_an_end(benchmark::State& state) { restart(state, false); }

BENCHMARK(restart_after_a_throw)->ArgsProduct({{1, 2}, {10, 1'000}})->UseManualTime();
BENCHMARK(restart_after_an_end)->ArgsProduct({{1, 2}, {10, 1'000}})->UseManualTime();

}  // namespace
