// One mechanism each: a send to oneself, asks, a whole short life, a send to a place that has ended. Argument: workers.

#include <benchmark/benchmark.h>

#include "../support/workloads.hpp"

namespace {

using namespace coppice::bench;

/// Runs a workload of the library in batches of `n` messages and reports the time of one message.
template <class Work, class... Args>
void in_batches(benchmark::State& state, std::int64_t n, Args... args) {
  Work work{static_cast<unsigned>(state.range(0)), args...};
  static_cast<void>(work.run(n));
  for (auto _ : state) state.SetIterationTime(static_cast<double>(work.run(n)) * 1e-9);
  work.finish();
  state.SetItemsProcessed(state.iterations() * n);
  state.counters["ns"] = benchmark::Counter(static_cast<double>(state.iterations() * n) * 1e-9,
                                            benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

struct Again {
  std::int64_t left;
};
struct Loner : coppice::Actor<Loner> {
  explicit Loner(Finish* f) : finish{f} {}
  void handle(Again again) {
    if (again.left == 0) return finish->reach();
    self().send(Again{again.left - 1});
  }
  Finish* finish;
};

class ToItself {
 public:
  explicit ToItself(unsigned workers) : system_{default_options(workers)}, loner_{system_.spawn<Loner>(&finish_)} {}
  Nanoseconds run(std::int64_t n) {
    const Nanoseconds begun = now_ns();
    loner_.send(Again{n - 1});
    messages_ += static_cast<std::uint64_t>(n);
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  coppice::ActorSystem system_;
  coppice::ActorRef<Loner> loner_;
  std::uint64_t messages_ = 0;
};

void to_itself(benchmark::State& state) { in_batches<ToItself>(state, 100'000); }
void ask_actor_to_actor(benchmark::State& state) { in_batches<Asking>(state, 20'000); }
void ask_from_outside(benchmark::State& state) { in_batches<AskingFromOutside>(state, 500); }
void spawn_watch_stop(benchmark::State& state) { in_batches<SpawningInside>(state, 10'000); }

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
BENCHMARK(ask_actor_to_actor)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(ask_from_outside)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(spawn_watch_stop)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(send_to_the_dead);

}  // namespace
