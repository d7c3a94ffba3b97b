#pragma once

/// Google Benchmark, fed with times that the workloads take themselves.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "clock.hpp"

namespace coppice::bench {

/// Says how long one of `each` operations an iteration took: what run.py prints.
inline void report_ns(benchmark::State& state, std::int64_t each) {
  state.SetItemsProcessed(state.iterations() * each);
  state.counters["ns"] = benchmark::Counter(static_cast<double>(state.iterations() * each) * 1e-9,
                                            benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

inline void set_time(benchmark::State& state, Nanoseconds took) {
  state.SetIterationTime(static_cast<double>(took) * 1e-9);
}

/// Runs a workload of the library in batches of `n` messages and reports the time of one message. Argument: workers.
template <class Work, class... Args>
void in_batches(benchmark::State& state, std::int64_t n, Args... args) {
  Work work{static_cast<unsigned>(state.range(0)), args...};
  static_cast<void>(work.run(n));
  for (auto _ : state) set_time(state, work.run(n));
  work.finish();
  report_ns(state, n);
}

}  // namespace coppice::bench
