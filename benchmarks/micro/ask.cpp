// Questions, one after another: between actors, in a coroutine, and from a thread. Argument: workers.

#include <benchmark/benchmark.h>

#include "../support/asking.hpp"
#include "../support/batches.hpp"

namespace {

using namespace coppice::bench;

void ask_actor_to_actor(benchmark::State& state) { in_batches<Asking>(state, 20'000); }
void ask_in_a_coroutine(benchmark::State& state) { in_batches<AskingInCoroutine>(state, 20'000); }
void ask_from_outside(benchmark::State& state) { in_batches<AskingFromOutside>(state, 500); }
void call_from_outside(benchmark::State& state) { in_batches<Calling>(state, 5'000); }

BENCHMARK(ask_actor_to_actor)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(ask_in_a_coroutine)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(ask_from_outside)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(call_from_outside)->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
