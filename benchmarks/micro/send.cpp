// A send to oneself, and a send to a place that has ended. Argument: workers.

#include <benchmark/benchmark.h>

#include <thread>

#include "../support/batches.hpp"
#include "../support/loner.hpp"
#include "../support/spawning.hpp"

namespace {

using namespace coppice::bench;

void to_itself(benchmark::State& state) { in_batches<ToItself<>>(state, 100'000); }

/// To a place that has ended: each is a dead letter.
void send_to_the_dead(benchmark::State& state) {
  coppice::ActorSystem system{default_options(1)};
  const coppice::ActorRef<Mayfly> mayfly = system.spawn<Mayfly>();
  mayfly.send(Leave{});
  while (system.stats().actors != 0) std::this_thread::yield();
  std::uint64_t dead = 0;
  for (auto _ : state) {
    require(mayfly.send(Leave{}) == coppice::Delivery::Closed, "the dead accepted a message");
    ++dead;
  }
  expect_all_handled(system, dead + 1, dead);
}

BENCHMARK(to_itself)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(send_to_the_dead);

}  // namespace
