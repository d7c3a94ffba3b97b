// What a crash storm costs everybody else: 1,000 children that never get through their start, each tried again every
// 10 ms, among 99,000 that are well. One actor wakes every 200 µs and asks one of those, another one each time.
//
//   bench_storm [--rounds N] [--workers N]
//
// Two latencies: of the exchange, from the ask to the answer's handler, and the whole of it, from the moment at which the
// timer was due. Calm and storm in turn, each in a system of its own. Exits with 1 if an answer is missing, or if the
// storm did not blow. On demand: half a minute.

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "../support/harness.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"

namespace coppice::bench {
namespace {

constexpr std::size_t kWell = 99'000;
constexpr std::size_t kFailing = 1'000;
constexpr std::size_t kAsks = 20'000;
constexpr std::chrono::microseconds kPace{200};

struct Ping {};
struct Well : Actor<Well> {
  int handle(Ping) { return 1; }
};

/// Its first start succeeds, or it would not be a child; no later one does.
struct Failing : Actor<Failing> {
  void on_start() {
    if (incarnation() > 1) throw std::runtime_error{"always"};
    self().send(Ping{});
  }
  void handle(Ping) { throw std::runtime_error{"the first"}; }
};

struct Tick {};
struct Prober : Actor<Prober> {
  Prober(std::vector<AnyRef> r, Finish* f, std::vector<double>* e, std::vector<double>* w)
      : refs{std::move(r)}, finish{f}, exchange{e}, whole{w} {
    tick();
  }
  void tick() {
    due = now_ns() + std::chrono::nanoseconds{kPace}.count();
    timer = send_after(kPace, Tick{});
  }
  void handle(Tick) {
    const Nanoseconds asked = now_ns();
    const auto whom = refs[exchange->size() * 7919 % kWell].as<Well>();
    ask(whom, Ping{}, std::chrono::seconds{10}).then([this, asked](const Result<int, AskError>& answer) {
      require(answer.has_value(), "an answer is missing");
      const Nanoseconds now = now_ns();
      exchange->push_back(static_cast<double>(now - asked));
      whole->push_back(static_cast<double>(now - due));
      if (exchange->size() == kAsks) return finish->reach();
      tick();
    });
  }
  std::vector<AnyRef> refs;
  Finish* finish;
  std::vector<double>* exchange;
  std::vector<double>* whole;
  Nanoseconds due = 0;
  TimerHandle timer;
};

struct Percentiles {
  explicit Percentiles(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    median = times[times.size() / 2] / 1e3;
    p99 = times[times.size() * 99 / 100] / 1e3;
  }
  double median;  // microseconds
  double p99;
};
struct Latencies {
  Percentiles exchange;
  Percentiles whole;
  double failures;  // a second
};

Latencies measure(unsigned workers, bool is_stormy) {
  Finish finish;
  std::vector<double> exchange;
  std::vector<double> whole;
  exchange.reserve(kAsks);
  whole.reserve(kAsks);
  ActorSystem system{default_options(workers)};
  const auto pool =
      system
          .start(dynamic_supervisor({.id = "pool",
                                     .intensity = {.restarts = ~std::uint32_t{0}, .within = std::chrono::seconds{1}},
                                     .backoff = Exponential{.first = std::chrono::milliseconds{10},
                                                            .cap = std::chrono::milliseconds{10},
                                                            .factor = 1}}))
          .value();
  std::vector<ChildSpec> specs = children<Well>(kWell, ChildOptions{});
  for (std::size_t i = 0; i < kFailing; ++i)
    specs.push_back(is_stormy ? child<Failing>(ChildOptions{}) : child<Well>(ChildOptions{}));
  auto started = pool.start_children(std::move(specs));
  require(started.has_value(), "the children did not start");
  std::this_thread::sleep_for(std::chrono::milliseconds{200});  // until every failing one waits for its next attempt
  const std::uint64_t failures = system.stats().failures;
  const Nanoseconds begun = now_ns();
  static_cast<void>(system.spawn<Prober>(std::move(started).value(), &finish, &exchange, &whole));
  static_cast<void>(finish.wait());
  const double seconds = static_cast<double>(now_ns() - begun) / 1e9;
  const double storm = static_cast<double>(system.stats().failures - failures) / seconds;
  require(is_stormy ? storm > 20 * kFailing : storm == 0, "the storm did not blow as it should");
  require(system.shutdown().complete, "the shutdown left an actor behind");
  require(system.ledger().balances(), "the ledger does not balance");
  return {Percentiles{std::move(exchange)}, Percentiles{std::move(whole)}, storm};
}

}  // namespace
}  // namespace coppice::bench

int main(int argc, char** argv) {
  using namespace coppice::bench;
  int rounds = 5;
  unsigned workers = 2;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--rounds" && i + 1 < argc) {
      rounds = std::atoi(argv[++i]);
    } else if (argument == "--workers" && i + 1 < argc) {
      workers = static_cast<unsigned>(std::atoi(argv[++i]));
    } else {
      fmt::print(stderr, "usage: bench_storm [--rounds N] [--workers N]\n");
      return 2;
    }
  }
  require(rounds >= 1 && workers >= 1, "at least one round and one worker");
  fmt::print(
      "| round | failures/s | exchange µs, calm: median, p99 | storm | ratio of p99 | whole µs, calm: median, p99 | "
      "storm "
      "| ratio of p99 |\n|---|---|---|---|---|---|---|---|\n");
  std::vector<double> ratios;
  std::vector<double> whole_ratios;
  for (int round = 1; round <= rounds; ++round) {
    const Latencies calm = measure(workers, false);
    const Latencies storm = measure(workers, true);
    ratios.push_back(storm.exchange.p99 / calm.exchange.p99);
    whole_ratios.push_back(storm.whole.p99 / calm.whole.p99);
    fmt::print(
        "| {} | {:.0f} | {:.1f}, {:.1f} | {:.1f}, {:.1f} | {:.2f} | {:.1f}, {:.1f} | {:.1f}, {:.1f} | {:.2f} |\n",
        round, storm.failures, calm.exchange.median, calm.exchange.p99, storm.exchange.median, storm.exchange.p99,
        ratios.back(), calm.whole.median, calm.whole.p99, storm.whole.median, storm.whole.p99, whole_ratios.back());
    std::fflush(stdout);
  }
  fmt::print("\nMedian ratio of p99: exchange {:.2f} ({:.2f}–{:.2f}), whole {:.2f} ({:.2f}–{:.2f}); target ≤ 2: {}\n",
             median(ratios), least(ratios), most(ratios), median(whole_ratios), least(whole_ratios), most(whole_ratios),
             median(ratios) <= 2 && median(whole_ratios) <= 2 ? "ok" : "**missed**");
  return 0;
}
