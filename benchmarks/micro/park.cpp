// A worker that sleeps, and a thread's message that wakes it; after each it goes to sleep again.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "../support/batches.hpp"
#include "../support/harness.hpp"
#include "../support/sleeps.hpp"

namespace {

using namespace coppice::bench;

struct Wake {};
struct Dreamer : coppice::Actor<Dreamer> {
  explicit Dreamer(Finish* f) : finish{f} {}
  void handle(Wake) { finish->reach(); }
  Finish* finish;
};

/// From before the send until the handler runs, and (as `send_ns`) until the send has returned. Argument: workers.
void wake_a_worker(benchmark::State& state) {
  Finish finish;
  coppice::ActorSystem system{default_options(static_cast<unsigned>(state.range(0)))};
  const auto dreamer = system.spawn<Dreamer>(&finish);
  come_to_rest(system);
  const std::int64_t slept = other_threads().sleeps;
  Nanoseconds sending = 0;
  std::int64_t rounds = 0;
  for (auto _ : state) {
    until_others_sleep();
    const Nanoseconds begun = now_ns();
    dreamer.send(Wake{});
    sending += now_ns() - begun;
    set_time(state, finish.wait() - begun);
    ++rounds;
  }
  until_others_sleep();
  require(other_threads().sleeps - slept >= rounds, "a worker was not woken from its sleep");
  expect_all_handled(system, static_cast<std::uint64_t>(rounds));
  report_ns(state, 1);
  state.counters["send_ns"] = static_cast<double>(sending) / static_cast<double>(rounds);
}

BENCHMARK(wake_a_worker)->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
