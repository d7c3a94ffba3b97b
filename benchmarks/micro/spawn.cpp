// Actors that come and go: spawned by a thread, stopped by a message, and the whole life of a watched child.
// Argument: workers.

#include <benchmark/benchmark.h>

#include "../support/batches.hpp"
#include "../support/spawning.hpp"

namespace {

using namespace coppice::bench;

void from_outside(benchmark::State& state, Nanoseconds Spawning::Took::* which) {
  constexpr std::size_t kActors = 10'000;
  Spawning work{static_cast<unsigned>(state.range(0))};
  static_cast<void>(work.run(kActors));
  for (auto _ : state) set_time(state, work.run(kActors).*which);
  work.finish();
  report_ns(state, kActors);
}

/// They are started on the way; with one worker, which has to, mostly afterwards.
void spawn_from_outside(benchmark::State& state) { from_outside(state, &Spawning::Took::spawn); }
/// From the first message to the end of the last one, seen every 20 µs.
void stop_from_outside(benchmark::State& state) { from_outside(state, &Spawning::Took::stop); }
void spawn_watch_stop(benchmark::State& state) { in_batches<SpawningInside>(state, 10'000); }

BENCHMARK(spawn_from_outside)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(stop_from_outside)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(spawn_watch_stop)->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
