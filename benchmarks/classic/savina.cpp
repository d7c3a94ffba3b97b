// Programs that actor libraries are compared by (Savina's names): ping-pong, ring, counting, fork-join throughput, big.
// Argument: workers.

#include <benchmark/benchmark.h>

#include <atomic>

#include "../support/workloads.hpp"

namespace {

using namespace coppice::bench;

void set_counters(benchmark::State& state, std::int64_t n) {
  state.SetItemsProcessed(state.iterations() * n);
  state.counters["ns"] = benchmark::Counter(static_cast<double>(state.iterations() * n) * 1e-9,
                                            benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void token_around(benchmark::State& state, std::size_t size) {
  constexpr std::int64_t kHops = 100'000;
  Ring ring{static_cast<unsigned>(state.range(0)), size};
  static_cast<void>(ring.run(kHops));
  for (auto _ : state) state.SetIterationTime(static_cast<double>(ring.run(kHops)) * 1e-9);
  ring.finish();
  set_counters(state, kHops);
}
void ping_pong(benchmark::State& state) { token_around(state, 2); }
void ring_of_503(benchmark::State& state) { token_around(state, 503); }

void counting_in_bursts(benchmark::State& state) {
  constexpr std::int64_t kMessages = 200'000;
  Counting counting{static_cast<unsigned>(state.range(0))};
  for (auto _ : state) state.SetIterationTime(static_cast<double>(counting.run(kMessages, 1'000)) * 1e-9);
  counting.finish();
  set_counters(state, kMessages);
}

// ---- fork-join throughput: one actor floods many ----

struct Job {};
struct ForkJoinWorker : coppice::Actor<ForkJoinWorker> {
  ForkJoinWorker(Finish* f, std::atomic<std::int64_t>* l) : finish{f}, left{l} {}
  void handle(Job) {
    if (left->fetch_sub(1, std::memory_order_acq_rel) == 1) finish->reach();
  }
  Finish* finish;
  std::atomic<std::int64_t>* left;
};

void fork_join_throughput(benchmark::State& state) {
  constexpr std::int64_t kActors = 60;
  constexpr std::int64_t kJobs = 2'000;
  Finish finish;
  std::atomic<std::int64_t> left{0};
  coppice::ActorSystem system{default_options(static_cast<unsigned>(state.range(0)))};
  std::vector<coppice::ActorRef<ForkJoinWorker>> actors;
  for (std::int64_t i = 0; i < kActors; ++i) actors.push_back(system.spawn<ForkJoinWorker>(&finish, &left));
  std::uint64_t sent = 0;
  for (auto _ : state) {
    left.store(kActors * kJobs);
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < kJobs; ++i) {
      for (const auto& actor : actors) actor.send(Job{});
    }
    state.SetIterationTime(static_cast<double>(finish.wait() - begun) * 1e-9);
    sent += static_cast<std::uint64_t>(kActors * kJobs);
  }
  expect_all_handled(system, sent);
  set_counters(state, kActors * kJobs);
}

// ---- big: everybody plays ping-pong with everybody, chosen at random ----

struct Player;
struct Start {
  std::int64_t pings;
};
struct Ping {
  coppice::ActorRef<Player> from;
};
struct Pong {};
struct Everybody {
  const std::vector<coppice::ActorRef<Player>>* players;
};

struct Player : coppice::Actor<Player> {
  Player(Finish* f, std::atomic<std::int64_t>* p, std::uint64_t s) : finish{f}, playing{p}, seed{s} {}
  void handle(Everybody everybody) { players = everybody.players; }
  void handle(Start start) {
    left = start.pings;
    ping();
  }
  void handle(const Ping& ping) { ping.from.send(Pong{}); }
  void handle(Pong) {
    if (--left > 0) return ping();
    if (playing->fetch_sub(1, std::memory_order_acq_rel) == 1) finish->reach();
  }
  void ping() {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    (*players)[seed % players->size()].send(Ping{self()});
  }
  Finish* finish;
  std::atomic<std::int64_t>* playing;
  std::uint64_t seed;
  const std::vector<coppice::ActorRef<Player>>* players = nullptr;
  std::int64_t left = 0;
};

void big(benchmark::State& state) {
  constexpr std::int64_t kPlayers = 120;
  constexpr std::int64_t kPings = 1'000;
  Finish finish;
  std::atomic<std::int64_t> playing{0};
  std::vector<coppice::ActorRef<Player>> players;
  coppice::ActorSystem system{default_options(static_cast<unsigned>(state.range(0)))};
  for (std::int64_t i = 0; i < kPlayers; ++i) {
    players.push_back(
        system.spawn<Player>(&finish, &playing, 88'172'645'463'325'252ULL + static_cast<std::uint64_t>(i)));
  }
  for (const auto& player : players) player.send(Everybody{&players});
  std::uint64_t sent = static_cast<std::uint64_t>(kPlayers);
  for (auto _ : state) {
    playing.store(kPlayers);
    const Nanoseconds begun = now_ns();
    for (const auto& player : players) player.send(Start{kPings});
    state.SetIterationTime(static_cast<double>(finish.wait() - begun) * 1e-9);
    sent += static_cast<std::uint64_t>(kPlayers * (2 * kPings + 1));
  }
  expect_all_handled(system, sent);
  set_counters(state, kPlayers * kPings);
}

BENCHMARK(ping_pong)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(ring_of_503)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(counting_in_bursts)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(fork_join_throughput)->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(big)->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
