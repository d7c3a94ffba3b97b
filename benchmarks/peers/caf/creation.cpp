// CAF: actors that are made, that rest, that work.

#include <malloc.h>
#include <chrono>
#include <thread>

#include "stage.hpp"

namespace coppice::bench {
namespace {

// ---- fork and join, big, skynet ----

struct Worker : Base {
  Worker(caf::actor_config& c, Stage* s, Value n) : Base{c}, stage{s}, left{n} {}
  behavior make_behavior() override {
    return {[this](Value) {
      compute();
      if (--left != 0) return;
      if (stage->handled.fetch_sub(1) == 1) stage->finish.reach();
      quit();
    }};
  }
  Stage* stage;
  Value left;
};
struct Master : Base {
  Master(caf::actor_config& c, std::vector<actor> w) : Base{c}, workers{std::move(w)} {}
  behavior make_behavior() override {
    return {[this](Value n) {
      for (Value i = 0; i < n; ++i) {
        for (const actor& worker : workers) send(worker, i);
      }
      quit();
    }};
  }
  void on_exit() override { workers.clear(); }
  std::vector<actor> workers;
};
Measurements fork_join_throughput(const Request& request) {
  Stage stage{request.workers};
  const auto run = [&](Value n) {
    stage.handled = kForkJoinActors;
    std::vector<actor> workers;
    for (int i = 0; i < kForkJoinActors; ++i) workers.push_back(stage.spawn<Worker>(&stage, n));
    const actor master = stage.spawn<Master>(std::move(workers));
    const Nanoseconds begun = now_ns();
    caf::anon_send(master, n);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  return time_of("message", run(request.size), request.size * kForkJoinActors);
}
Measurements fork_join_create(const Request& request) {
  Stage stage{request.workers};
  const auto run = [&](Value n) {
    stage.handled = n;
    const Nanoseconds begun = now_ns();
    for (Value i = 0; i < n; ++i) caf::anon_send(stage.spawn<Worker>(&stage, Value{1}), Value{1});
    const Nanoseconds took = stage.finish.wait() - begun;
    stage.system.await_all_actors_done();
    return took;
  };
  run(warm(request.size));
  return time_of("actor", run(request.size), request.size);
}

struct Player : Base {
  Player(caf::actor_config& c, Stage* s, const std::vector<actor>* p, std::uint64_t i)
      : Base{c}, stage{s}, players{p}, me{static_cast<Value>(i)}, seed{kSeed + i} {}
  void ping() { send((*players)[draw(seed) % players->size()], me); }
  behavior make_behavior() override {
    return {[this](Begin, Value pings) {
              left = pings;
              ping();
            },
            [this](Value from) { send((*players)[static_cast<std::size_t>(from)], Reply{1}); },
            [this](Reply) {
              if (--left > 0) return ping();
              if (stage->handled.fetch_sub(1) == 1) stage->finish.reach();
            }};
  }
  Stage* stage;
  const std::vector<actor>* players;
  Value me;
  std::uint64_t seed;
  Value left = 0;
};
Measurements big(const Request& request) {
  Stage stage{request.workers};
  std::vector<actor> players;
  for (std::uint64_t i = 0; i < kBigActors; ++i) players.push_back(stage.spawn<Player>(&stage, &players, i));
  const auto run = [&](Value pings) {
    stage.handled = kBigActors;
    const Nanoseconds begun = now_ns();
    for (const actor& player : players) caf::anon_send(player, Begin{1}, pings);
    return stage.finish.wait() - begun;
  };
  run(warm(request.size));
  const Nanoseconds took = run(request.size);
  stage.end(players);
  return time_of("round trip", took, request.size * kBigActors);
}

struct Sky : Base {
  Sky(caf::actor_config& c, Stage* s, actor p) : Base{c}, stage{s}, parent{std::move(p)} {}
  void answer(Value total) {
    if (parent != nullptr) {
      send(parent, total);
    } else {
      stage->handled = total;
      stage->finish.reach();
    }
    quit();
  }
  behavior make_behavior() override {
    return {[this](Value number, Value leaves) {
              if (leaves == 1) return answer(number);
              const Value below = leaves / kSkynetChildren;
              for (Value i = 0; i < kSkynetChildren; ++i)
                send(spawn<Sky>(stage, caf::actor_cast<actor>(this)), number + i * below, below);
            },
            [this](Value part) {
              sum += part;
              if (++answers == kSkynetChildren) answer(sum);
            }};
  }
  void on_exit() override { parent = nullptr; }
  Stage* stage;
  actor parent;
  Value sum = 0;
  int answers = 0;
};
Measurements skynet(const Request& request) {
  Value leaves = 1;
  while (leaves * kSkynetChildren <= request.size) leaves *= kSkynetChildren;
  Stage stage{request.workers};
  const Nanoseconds begun = now_ns();
  caf::anon_send(stage.spawn<Sky>(&stage, actor{}), Value{0}, leaves);
  const Nanoseconds took = stage.finish.wait() - begun;
  require(stage.handled == leaves * (leaves - 1) / 2, "skynet's sum is wrong");
  stage.system.await_all_actors_done();
  return time_of("actor", took, leaves);
}

// ---- actors that come, rest and go ----

struct Idle : Base {
  Idle(caf::actor_config& c, Stage* s) : Base{c}, stage{s} {}
  behavior make_behavior() override {
    return {[this](Value) { stage->handled.fetch_add(1, std::memory_order_relaxed); }};
  }
  Stage* stage;
};
Measurements spawn_stop(const Request& request) {
  Stage stage{request.workers};
  const auto run = [&](Value n) {
    std::vector<actor> all;
    all.reserve(static_cast<std::size_t>(n));
    const Nanoseconds begun = now_ns();
    for (Value i = 0; i < n; ++i) all.push_back(stage.spawn<Idle>(&stage));
    for (const actor& one : all) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
    all.clear();
    stage.system.await_all_actors_done();
    return now_ns() - begun;
  };
  run(warm(request.size));
  return time_of("actor", run(request.size), request.size);
}
Measurements idle_bytes(const Request& request) {
  Stage stage{request.workers};
  std::vector<actor> all(static_cast<std::size_t>(request.size));
  malloc_trim(0);
  const std::int64_t before = resident_bytes();
  for (actor& one : all) {
    one = stage.spawn<Idle>(&stage);
    caf::anon_send(one, Value{1});
  }
  while (stage.handled < request.size) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  const double bytes = static_cast<double>(resident_bytes() - before) / static_cast<double>(request.size);
  stage.end(all);
  return {{"actor", bytes, "bytes"}};
}

}  // namespace

void add_creation(Workloads& all) {
  for (const Workload& one : {Workload{"fork_join_create", &fork_join_create},
                              {"fork_join_throughput", &fork_join_throughput},
                              {"big", &big},
                              {"skynet", &skynet},
                              {"spawn_stop", &spawn_stop},
                              {"idle_bytes", &idle_bytes}})
    all.push_back(one);
}

}  // namespace coppice::bench
