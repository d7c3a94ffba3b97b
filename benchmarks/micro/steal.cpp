// A worker that does not come back from a handler, and another one that takes what the handler has woken.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "../support/batches.hpp"
#include "../support/harness.hpp"

namespace {

using namespace coppice::bench;

/// What both workers see of a round.
struct alignas(64) Spoils {
  std::atomic<std::int64_t> taken{0};
  std::int64_t wanted = 0;
  std::thread::id robbed;
  Nanoseconds last_at = 0;
  std::int64_t at_home = 0;
};

struct Errand {};
struct Runner : coppice::Actor<Runner> {
  explicit Runner(Spoils* s) : spoils{s} {}
  void handle(Errand) {
    if (std::this_thread::get_id() == spoils->robbed) return static_cast<void>(++spoils->at_home);
    const Nanoseconds now = now_ns();
    if (spoils->taken.load(std::memory_order_relaxed) + 1 == spoils->wanted) spoils->last_at = now;
    spoils->taken.fetch_add(1, std::memory_order_release);
  }
  Spoils* spoils;
};

struct Send {};
struct Sender : coppice::Actor<Sender> {
  Sender(Finish* f, Spoils* s, const std::vector<coppice::ActorRef<Runner>>* r, Nanoseconds* t)
      : finish{f}, spoils{s}, runners{r}, took{t} {}
  /// Whom it wakes last waits in this worker's slot, where nobody takes it; all others are taken before it returns.
  void handle(Send) {
    spoils->taken.store(0, std::memory_order_relaxed);
    spoils->robbed = std::this_thread::get_id();
    const Nanoseconds begun = now_ns();
    for (const auto& runner : *runners) runner.send(Errand{});
    while (spoils->taken.load(std::memory_order_acquire) != spoils->wanted) {
      require(now_ns() - begun < Nanoseconds{60'000'000'000}, "nobody has stolen for a minute");
      std::this_thread::yield();  // the kernel may have put the thief on this processor
    }
    *took = spoils->last_at - begun;
    finish->reach();
  }
  Finish* finish;
  Spoils* spoils;
  const std::vector<coppice::ActorRef<Runner>>* runners;
  Nanoseconds* took;
};

/// Time of one theft, from the first send until the last of so many was handled elsewhere; to wake the thief is in it.
/// Argument: how many are stolen.
void steal(benchmark::State& state) {
  Finish finish;
  Spoils spoils;
  Nanoseconds took = 0;
  std::vector<coppice::ActorRef<Runner>> runners;
  coppice::ActorSystem system{default_options(2)};
  for (std::int64_t i = 0; i <= state.range(0); ++i) runners.push_back(system.spawn<Runner>(&spoils));
  const auto sender = system.spawn<Sender>(&finish, &spoils, &runners, &took);
  spoils.wanted = state.range(0);
  come_to_rest(system);
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    sender.send(Send{});
    static_cast<void>(finish.wait());
    come_to_rest(system);
    set_time(state, took);
    ++rounds;
  }
  require(spoils.at_home <= static_cast<std::int64_t>(rounds), "more than the last one was left at home");
  expect_all_handled(system, rounds * (runners.size() + 1));
  report_ns(state, state.range(0));
}

BENCHMARK(steal)->Arg(1)->Arg(16)->Arg(128)->UseManualTime();

}  // namespace
