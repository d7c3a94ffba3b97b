#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::TestSystem;

struct Pass {
  int left;
};
struct Bang {};

/// Hands messages round, and crashes on some of them.
struct Player : Actor<Player> {
  explicit Player(std::vector<std::string>* l) : log{l} {}
  void handle(Pass pass) {
    log->push_back(path() + ' ' + std::to_string(incarnation()) + ' ' + std::to_string(pass.left));
    if (pass.left % 7 == 3) throw std::runtime_error{"seven"};
    if (pass.left > 0 && next.id() != 0) next.send(Pass{pass.left - 1});
  }
  void handle(const ActorRef<Player>& n) { next = n; }
  std::vector<std::string>* log;
  ActorRef<Player> next;
};

struct Run {
  Lines events;
  Lines handled;
};
Run play(std::uint64_t seed) {
  Run run;
  TestSystem system{{.seed = seed}};
  const auto root = system.start(supervisor({.id = "app",
                                             .strategy = RestForOne{},
                                             .intensity = {.restarts = 1'000, .within = 5s},
                                             .backoff = Exponential{.first = 10ms, .jitter = 0.3}},
                                            children<Player>(5, "p-{}", &run.handled)));
  REQUIRE(root);
  std::vector<ActorRef<Player>> players;
  for (int i = 1; i <= 5; ++i) players.push_back(root->child<Player>("p-" + std::to_string(i)).value());
  for (std::size_t i = 0; i < 5; ++i) players[i].send(players[(i + 1) % 5]);
  for (std::size_t i = 0; i < 5; ++i) players[i].send(Pass{10 + static_cast<int>(i)});
  system.advance(5s);
  testing::check_end(system);
  run.events = system.event_log();
  return run;
}

TEST_CASE("the same seed gives the same event log") {  // F70
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    CAPTURE(seed);
    const Run first = play(seed);
    const Run second = play(seed);
    REQUIRE(first.events == second.events);
    REQUIRE(first.handled == second.handled);
  }
}

TEST_CASE("different seeds give different schedules") {  // F70, P18
  std::set<Lines> distinct;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) distinct.insert(play(seed).handled);
  CHECK(distinct.size() > 150);
}

struct Explored {
  Lines events;
  std::uint64_t hash = 0;
  std::vector<testing::Deviation> deviations;
  std::size_t timers = 0;  // of the deviations
};
/// Players that crash and wait for their next lives, in any order: timers also fire in front of who is ready.
Explored explore(std::uint64_t seed, testing::Schedule schedule) {
  Lines handled;
  TestSystem system{{.seed = seed, .schedule = std::move(schedule), .keeps_deviations = true}};
  const auto root = system.start(
      supervisor({.id = "app", .intensity = {.restarts = 1'000, .within = 5s}, .backoff = Exponential{.first = 10ms}},
                 children<Player>(4, "p-{}", &handled)));
  REQUIRE(root);
  std::vector<ActorRef<Player>> players;
  for (int i = 1; i <= 4; ++i) players.push_back(root->child<Player>("p-" + std::to_string(i)).value());
  for (std::size_t i = 0; i < 4; ++i) players[i].send(players[(i + 1) % 4]);
  for (std::size_t i = 0; i < 4; ++i) players[i].send(Pass{10 + static_cast<int>(i)});
  while (system.explore(1s)) {
  }
  Explored explored{system.event_log(), system.schedule_hash(), system.deviations()};
  for (const testing::Deviation& each : explored.deviations)
    explored.timers += each.choice == testing::Deviation::kTimer ? 1 : 0;
  explored.events.insert(explored.events.end(), handled.begin(), handled.end());
  testing::check_end(system);
  return explored;
}

TEST_CASE("a run that follows the deviations of another does the same") {  // F70
  using testing::Strategy;
  std::size_t timers = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const Strategy strategy : {Strategy::RandomWalk, Strategy::Priorities, Strategy::StarveOne}) {
      CAPTURE(seed, static_cast<int>(strategy));
      const Explored first = explore(seed, {.strategy = strategy, .early_timers_one_in = 4});
      const Explored second = explore(seed, {.strategy = Strategy::Follow, .follow = first.deviations});
      REQUIRE_FALSE(first.deviations.empty());
      CHECK(second.hash == first.hash);
      CHECK(second.events == first.events);
      timers += first.timers;
    }
  }
  CHECK(timers > 0);
}

TEST_CASE("deviations that a run cannot follow are passed over") {
  const auto order = [](std::vector<testing::Deviation> follow) {
    std::vector<int> seen;
    TestSystem system{{.schedule = {.strategy = testing::Strategy::Follow, .follow = std::move(follow)}}};
    struct Once : Actor<Once> {
      explicit Once(std::vector<int>* s) : log{s} {}
      void handle(int n) { log->push_back(n); }
      std::vector<int>* log;
    };
    for (int i = 0; i < 3; ++i) {
      const auto once = system.spawn<Once>(&seen);
      once.send(i);
    }
    system.run_until_idle();
    testing::check_end(system);
    return seen;
  };
  CHECK(order({}) == std::vector<int>{0, 1, 2});
  // Time stands still while somebody is ready: there no timer goes first. Nor is there a tenth who is ready.
  CHECK(order({{.step = 0, .choice = testing::Deviation::kTimer}, {.step = 0, .choice = 2}}) ==
        std::vector<int>{0, 1, 2});
  CHECK(order({{.step = 0, .choice = 9}}).front() == 2);
}

struct Ordered : Actor<Ordered> {
  explicit Ordered(std::vector<int>* s) : seen{s} {}
  void handle(int n) { seen->push_back(n); }
  std::vector<int>* seen;
};

TEST_CASE("every order of two ready actors is drawn by some seed and each sender's order is kept") {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    std::vector<int> seen;
    TestSystem system{{.seed = seed}};
    const auto a = system.spawn<Ordered>(&seen);
    const auto b = system.spawn<Ordered>(&seen);
    system.run_until_idle();
    a.send(1);
    a.send(2);
    b.send(11);
    b.send(12);
    system.run_until_idle();
    const auto at = [&](int n) { return std::find(seen.begin(), seen.end(), n); };
    CHECK(at(1) < at(2));
    CHECK(at(11) < at(12));
    orders.insert(seen);
    testing::check_end(system);
  }
  CHECK(orders.size() == 6);  // all interleavings of two pairs
}

TEST_CASE("a thousand seeds of a supervised crash scenario end well") {  // F70
  for (std::uint64_t seed = 1; seed <= testing::scaled(1'000); ++seed) {
    CAPTURE(seed);
    std::vector<std::string> handled;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(
        supervisor({.id = "app", .strategy = OneForAll{}, .intensity = {.restarts = 2, .within = 5s}},
                   children<Player>(2, "p-{}", &handled),
                   supervisor({.id = "sub", .strategy = RestForOne{}}, children<Player>(2, "q-{}", &handled))));
    REQUIRE(root);
    const auto sub = root->child<Supervisor>("sub").value();
    const std::vector<ActorRef<Player>> all = {root->child<Player>("p-1").value(), root->child<Player>("p-2").value(),
                                               sub.child<Player>("q-1").value(), sub.child<Player>("q-2").value()};
    for (int round = 0; round < 4; ++round) {
      for (const auto& player : all)
        player.send(Pass{static_cast<int>((seed + static_cast<std::uint64_t>(round)) % 7)});
    }
    system.advance(1s);
    CHECK(system.ledger().balances());
    testing::check_end(system);
  }
}

TEST_CASE("step runs one activation and says when nobody is ready") {
  std::vector<int> seen;
  TestSystem system;
  CHECK_FALSE(system.step());
  const auto a = system.spawn<Ordered>(&seen);
  CHECK(system.ready() == 1);
  for (int i = 0; i < 3; ++i) a.send(i);
  std::size_t steps = 0;
  while (system.step()) {
    ++steps;
    CHECK(seen.size() <= steps);  // a batch of one message
  }
  CHECK(steps >= 3);
  CHECK(seen.size() == 3);
  CHECK(system.ready() == 0);
  CHECK(system.run_until_idle() == 0);
  CHECK(system.seed() == 1);
  testing::check_end(system);
}

TEST_CASE("nothing runs between the calls of the test") {
  std::vector<int> seen;
  TestSystem system;
  const auto a = system.spawn<Ordered>(&seen);
  a.send(1);
  CHECK(seen.empty());
  CHECK(system.ledger().queued == 1);
  CHECK(system.ledger().balances());
  system.run_until_idle();
  CHECK(seen.size() == 1);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
