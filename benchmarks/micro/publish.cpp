// Publications: to a hundred subscribers that each count, and to the one of many subscriptions that matches.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "../support/batches.hpp"
#include "../support/publishing.hpp"

namespace {

using namespace coppice::bench;

/// Time of one delivery, from the publisher's first publication to the last subscriber's last. Arguments: workers,
/// publications a turn.
void publish_to_100(benchmark::State& state) {
  constexpr std::int64_t kPublications = 10'000;
  Publishing publishing{static_cast<unsigned>(state.range(0)), 100, state.range(1)};
  static_cast<void>(publishing.run(kPublications / 10));
  for (auto _ : state) set_time(state, publishing.run(kPublications));
  publishing.finish();
  report_ns(state, kPublications * 100);
}

/// Time of one publication that matches one of so many subscriptions below one word. Argument: subscriptions.
void publish_to_one_of(benchmark::State& state) {
  OneOfMany one{static_cast<std::size_t>(state.range(0))};
  for (auto _ : state) one.publish();
  one.finish();
}

/// The same without a subscriber.
void publish_to_nobody(benchmark::State& state) {
  OneOfMany one{static_cast<std::size_t>(state.range(0))};
  for (auto _ : state) one.publish_to_nobody();
  one.finish();
}

/// One subscription more and again one less, beside so many others.
void subscribe_and_cancel(benchmark::State& state) {
  OneOfMany one{static_cast<std::size_t>(state.range(0))};
  for (auto _ : state) one.subscribe_and_cancel();
  one.finish();
}

BENCHMARK(publish_to_100)->ArgsProduct({{1, 2}, {1, 16, 64, 256}})->UseManualTime();
BENCHMARK(publish_to_one_of)->Arg(1)->Arg(1'000)->Arg(100'000);
BENCHMARK(publish_to_nobody)->Arg(1)->Arg(100'000);
BENCHMARK(subscribe_and_cancel)->Arg(1)->Arg(100'000);

}  // namespace
