#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

// Coroutine handlers on several workers.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Double {
  int number;
};
struct Work {
  int asks;
  Duration within;
};
struct Oracle : Actor<Oracle> {
  int handle(Double d) { return 2 * d.number; }
};

/// What became of the asks of all.
struct Tally {
  std::atomic<std::uint64_t> replies{0};
  std::atomic<std::uint64_t> timeouts{0};
  std::atomic<std::uint64_t> wrong{0};
};

struct Worker : Actor<Worker> {
  Worker(ActorRef<Oracle> o, Tally* t) : oracle{std::move(o)}, tally{t} {}
  Task<> handle(Work work) {
    ++inside;
    for (int i = 0; i < work.asks; ++i) {
      const auto answer = co_await ask<Double>(oracle, work.within, i);
      if (answer) {
        ++(*answer == 2 * i ? tally->replies : tally->wrong);
      } else {
        ++(answer.error() == AskError::Timeout ? tally->timeouts : tally->wrong);
      }
      if (inside != 1) ++tally->wrong;
      if (i % 16 == 0) co_await yield();
    }
    --inside;
  }
  ReentrantTask<> handle(Double d) {
    co_await sleep_for(10us);
    if (d.number < 0) throw std::runtime_error{"boom"};
  }
  int inside = 0;
  ActorRef<Oracle> oracle;
  Tally* tally;
};

TEST_CASE("asks of coroutines with deadlines near the latency have one outcome each") {  // P12
  ActorSystem system{testing::two_workers()};
  Tally tally;
  const auto oracle = system.spawn<Oracle>();
  constexpr int kActors = 16;
  constexpr int kAsks = 200;
  const int rounds = static_cast<int>(testing::scaled(200));
  std::vector<ActorRef<Worker>> workers;
  for (int i = 0; i < kActors; ++i) workers.push_back(system.spawn<Worker>(oracle, &tally));
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < kActors; ++i)
      workers[static_cast<std::size_t>(i)].send(
          Work{kAsks, i % 2 == 0 ? Duration{(i + round) % 40 * 1'000} : kForever});
  }
  REQUIRE(testing::at_rest(system));
  CHECK(tally.wrong == 0);
  CHECK(tally.replies + tally.timeouts ==
        static_cast<std::uint64_t>(kActors) * kAsks * static_cast<std::uint64_t>(rounds));
  testing::check_end(system);
}

TEST_CASE("lives that crash and are stopped while their handlers wait lose nothing") {  // P5 P12
  ActorSystem system{testing::quiet(testing::two_workers())};
  Tally tally;
  const auto oracle = system.spawn<Oracle>();
  const auto top = system.start(supervisor({.id = "top", .intensity = {.restarts = 1'000'000, .within = 1s}},
                                           child<Worker>({.id = "worker"}, oracle, &tally)));
  REQUIRE(top);
  const auto worker = top->child<Worker>("worker").value();
  const int rounds = static_cast<int>(testing::scaled(10'000));
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 4; ++i) worker.send(Double{i});
    worker.send(Work{3, 1s});
    if (round % 3 == 0) worker.send(Double{-1});
    if (round % 100 == 0) {
      REQUIRE(top->terminate_child("worker"));
      REQUIRE(top->restart_child("worker"));
    }
  }
  REQUIRE(testing::at_rest(system));
  CHECK(tally.wrong == 0);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
