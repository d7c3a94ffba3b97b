// What it takes to have an idle actor run: sends that wake actors, beside sends to the same actors while they wait for
// their turn. The difference is the submit. Within a handler it goes to the worker's own queue, from a thread to the
// one for all.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "../support/batches.hpp"
#include "../support/harness.hpp"
#include "coppice/base/pause.hpp"

namespace {

using namespace coppice::bench;

constexpr std::int64_t kSleepers = 100;

struct Nudge {};
struct Sleeper : coppice::Actor<Sleeper> {
  explicit Sleeper(std::atomic<std::int64_t>* n) : nudged{n} {}
  void handle(Nudge) { nudged->fetch_add(1, std::memory_order_release); }
  std::atomic<std::int64_t>* nudged;
};
using Sleepers = std::vector<coppice::ActorRef<Sleeper>>;

struct Times {
  Nanoseconds to_idle;
  Nanoseconds to_awake;
};
/// One to each that sleeps, then one more to each, which waits already.
Times nudge_twice(const Sleepers& sleepers) {
  const Nanoseconds begun = now_ns();
  for (const auto& sleeper : sleepers) sleeper.send(Nudge{});
  const Nanoseconds awake = now_ns();
  for (const auto& sleeper : sleepers) sleeper.send(Nudge{});
  return {awake - begun, now_ns() - awake};
}

struct NudgeAll {};
struct Waker : coppice::Actor<Waker> {
  Waker(Finish* f, const Sleepers* s, Times* t) : finish{f}, sleepers{s}, times{t} {}
  void handle(NudgeAll) {
    *times = nudge_twice(*sleepers);
    finish->reach();
  }
  Finish* finish;
  const Sleepers* sleepers;
  Times* times;
};

/// Keeps the only worker busy, so that nobody need be woken for what a thread sends.
struct Hold {};
struct Holder : coppice::Actor<Holder> {
  Holder(std::atomic<bool>* h, std::atomic<bool>* g) : holds{h}, go{g} {}
  void handle(Hold) {
    holds->store(true, std::memory_order_release);
    while (!go->load(std::memory_order_acquire)) coppice::detail::pause_cpu();
  }
  std::atomic<bool>* holds;
  std::atomic<bool>* go;
};

class Submitting {
 public:
  Submitting() {
    for (std::int64_t i = 0; i < kSleepers; ++i) sleepers_.push_back(system_.spawn<Sleeper>(&nudged_));
    waker_ = system_.spawn<Waker>(&finish_, &sleepers_, &times_);
    holder_ = system_.spawn<Holder>(&holds_, &go_);
    come_to_rest(system_);
  }
  Times from_an_actor() {
    waker_.send(NudgeAll{});
    static_cast<void>(finish_.wait());
    messages_ += 2 * kSleepers + 1;
    come_to_rest(system_);
    return times_;
  }
  Times from_a_thread() {
    holder_.send(Hold{});
    while (!holds_.load(std::memory_order_acquire)) std::this_thread::yield();
    const Times times = nudge_twice(sleepers_);
    require(nudged_.load() == counted_, "somebody ran while the only worker was held");
    go_.store(true, std::memory_order_release);
    messages_ += 2 * kSleepers + 1;
    come_to_rest(system_);
    counted_ = nudged_.load();
    holds_.store(false);
    go_.store(false);
    return times;
  }
  void finish(std::uint64_t rounds) {
    require(nudged_.load() == static_cast<std::int64_t>(rounds) * 2 * kSleepers, "an actor was not woken");
    expect_all_handled(system_, messages_);
  }

 private:
  Finish finish_;
  std::atomic<std::int64_t> nudged_{0};
  std::int64_t counted_ = 0;
  std::atomic<bool> holds_{false};
  std::atomic<bool> go_{false};
  Times times_{};
  Sleepers sleepers_;
  coppice::ActorSystem system_{default_options(1)};
  coppice::ActorRef<Waker> waker_;
  coppice::ActorRef<Holder> holder_;
  std::uint64_t messages_ = 0;
};

void submitting(benchmark::State& state, Times (Submitting::*how)(), Nanoseconds Times::* which) {
  Submitting work;
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    set_time(state, (work.*how)().*which);
    ++rounds;
  }
  work.finish(rounds);
  report_ns(state, kSleepers);
}

void to_idle_actors_from_an_actor(benchmark::State& state) {
  submitting(state, &Submitting::from_an_actor, &Times::to_idle);
}
void to_awake_actors_from_an_actor(benchmark::State& state) {
  submitting(state, &Submitting::from_an_actor, &Times::to_awake);
}
void to_idle_actors_from_a_thread(benchmark::State& state) {
  submitting(state, &Submitting::from_a_thread, &Times::to_idle);
}
void to_awake_actors_from_a_thread(benchmark::State& state) {
  submitting(state, &Submitting::from_a_thread, &Times::to_awake);
}

BENCHMARK(to_idle_actors_from_an_actor)->UseManualTime();
BENCHMARK(to_awake_actors_from_an_actor)->UseManualTime();
BENCHMARK(to_idle_actors_from_a_thread)->UseManualTime();
BENCHMARK(to_awake_actors_from_a_thread)->UseManualTime();

}  // namespace
