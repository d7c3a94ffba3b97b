// What a monitor costs a message: one that an actor sends itself, without a monitor, with one that counts, with two.
// callgrind_noop.py shows that NoopMonitor leaves no instruction.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "../support/batches.hpp"
#include "../support/harness.hpp"
#include "../support/loner.hpp"
#include "coppice/monitors/combined_monitors.hpp"
#include "coppice/monitors/in_memory_monitor.hpp"

namespace {

using namespace coppice::bench;
using coppice::EventKind;
using coppice::InMemoryMonitor;

/// Whether each monitor has seen each message.
bool saw_all(const coppice::NoopMonitor&, std::uint64_t) { return true; }
bool saw_all(const InMemoryMonitor& monitor, std::uint64_t n) { return monitor.count(EventKind::MessageHandled) == n; }
template <class... Ms>
bool saw_all(coppice::FanOutMonitor<Ms...>& monitors, std::uint64_t n) {
  return saw_all(monitors.template get<0>(), n) && saw_all(monitors.template get<1>(), n);
}

template <class Monitor>
void to_itself_under(benchmark::State& state) {
  constexpr std::int64_t kMessages = 50'000;
  ToItself<coppice::BasicActorSystem<Monitor>> work{1};
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    set_time(state, work.run(kMessages));
    ++rounds;
  }
  work.finish();
  require(saw_all(work.system().monitor(), rounds * kMessages), "a monitor has missed a message");
  report_ns(state, kMessages);
}

void noop_monitor(benchmark::State& state) { to_itself_under<coppice::NoopMonitor>(state); }
void in_memory_monitor(benchmark::State& state) { to_itself_under<InMemoryMonitor>(state); }
void two_in_memory_monitors(benchmark::State& state) {
  to_itself_under<coppice::FanOutMonitor<InMemoryMonitor, InMemoryMonitor>>(state);
}

BENCHMARK(noop_monitor)->UseManualTime();
BENCHMARK(in_memory_monitor)->UseManualTime();
BENCHMARK(two_in_memory_monitors)->UseManualTime();

}  // namespace
