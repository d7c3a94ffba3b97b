// Timers of one actor: armed and withdrawn, and armed and fired.

#include <benchmark/benchmark.h>

#include <chrono>
#include <vector>

#include "../support/batches.hpp"
#include "../support/harness.hpp"

namespace {

using namespace coppice::bench;
using namespace std::chrono_literals;

constexpr std::int64_t kTimers = 10'000;

struct Ring {};
struct ArmAndCancel {};
struct ArmAndFire {};
struct Alarm : coppice::Actor<Alarm> {
  Alarm(Finish* f, Nanoseconds* t) : finish{f}, took{t} {}
  void handle(ArmAndCancel) {
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < kTimers; ++i) timers.push_back(send_after(1h, Ring{}));
    timers.clear();  // a handle that goes withdraws its timer
    *took = now_ns() - begun;
    finish->reach();
  }
  void handle(ArmAndFire) {
    rung = 0;
    for (std::int64_t i = 0; i < kTimers; ++i) timers.push_back(send_after(1ms, Ring{}));
  }
  void handle(Ring) {
    if (++rung != kTimers) return;
    timers.clear();
    finish->reach();
  }
  Finish* finish;
  Nanoseconds* took;
  std::vector<coppice::TimerHandle> timers;
  std::int64_t rung = 0;
};

template <class What>
void alarm(benchmark::State& state, bool fires) {
  Finish finish;
  Nanoseconds took = 0;
  coppice::ActorSystem system{default_options(1)};
  const coppice::ActorRef<Alarm> alarm = system.spawn<Alarm>(&finish, &took);
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    const Nanoseconds begun = now_ns();
    alarm.send(What{});
    const Nanoseconds end = finish.wait();
    set_time(state, fires ? end - begun : took);
    ++rounds;
  }
  expect_all_handled(system, rounds + (fires ? rounds * kTimers : 0));
  report_ns(state, kTimers);
}

void arm_and_cancel(benchmark::State& state) { alarm<ArmAndCancel>(state, false); }
void arm_and_fire_after_1_ms(benchmark::State& state) { alarm<ArmAndFire>(state, true); }

BENCHMARK(arm_and_cancel)->UseManualTime();
BENCHMARK(arm_and_fire_after_1_ms)->UseManualTime();

}  // namespace
