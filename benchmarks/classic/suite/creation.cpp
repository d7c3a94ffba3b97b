// Actors that are made: by the thousand, to rest, to work, to answer once; and actors that were made once and work.

#include <atomic>
#include <utility>
#include <vector>

#include "../../support/workloads.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

// ---- fork and join ----

struct Job {};
struct Worker : Actor<Worker> {
  Worker(Finish* f, std::atomic<std::int64_t>* l, std::int64_t j) : finish{f}, left{l}, jobs{j} {}
  void handle(Job) {
    compute();
    if (--jobs != 0) return;
    if (left->fetch_sub(1, std::memory_order_acq_rel) == 1) finish->reach();
    stop();
  }
  Finish* finish;
  std::atomic<std::int64_t>* left;
  std::int64_t jobs;
};
struct HandOut {
  std::int64_t to_each;
};
struct Master : Actor<Master> {
  explicit Master(std::vector<ActorRef<Worker>> w) : workers{std::move(w)} {}
  void handle(HandOut jobs) {
    for (std::int64_t i = 0; i < jobs.to_each; ++i) {
      for (const auto& worker : workers) worker.send(Job{});
    }
    stop();
  }
  std::vector<ActorRef<Worker>> workers;
};

Measurements fork_join_throughput(const Request& request) {
  Finish finish;
  std::atomic<std::int64_t> left{0};
  ActorSystem system{default_options(request.workers)};
  std::int64_t sent = 0;
  const auto run = [&](std::int64_t jobs) {
    left.store(kForkJoinActors);
    std::vector<ActorRef<Worker>> workers;
    workers.reserve(kForkJoinActors);
    for (int i = 0; i < kForkJoinActors; ++i) workers.push_back(system.spawn<Worker>(&finish, &left, jobs));
    const ActorRef<Master> master = system.spawn<Master>(std::move(workers));
    const Nanoseconds begun = now_ns();
    master.send(HandOut{jobs});
    sent += jobs * kForkJoinActors + 1;
    return finish.wait() - begun;
  };
  static_cast<void>(run(warm(request.size)));
  const Nanoseconds took = run(request.size);
  expect_all_handled(system, static_cast<std::uint64_t>(sent));
  return time_of("message", took, request.size * kForkJoinActors);
}

Measurements fork_join_create(const Request& request) {
  Finish finish;
  std::atomic<std::int64_t> left{0};
  ActorSystem system{default_options(request.workers)};
  const auto run = [&](std::int64_t actors) {
    left.store(actors);
    const Nanoseconds begun = now_ns();
    for (std::int64_t i = 0; i < actors; ++i) system.spawn<Worker>(&finish, &left, 1).send(Job{});
    return finish.wait() - begun;
  };
  static_cast<void>(run(warm(request.size)));
  const Nanoseconds took = run(request.size);
  expect_all_handled(system, static_cast<std::uint64_t>(request.size + warm(request.size)));
  return time_of("actor", took, request.size);
}

// ---- big: everybody plays ping-pong with everybody, chosen at random ----

struct Player;
struct Play {
  std::int64_t pings;
};
struct Ping {
  ActorRef<Player> from;
};
struct Pong {};
struct Player : Actor<Player> {
  Player(Finish* f, std::atomic<std::int64_t>* p, const std::vector<ActorRef<Player>>* a, std::uint64_t i)
      : finish{f}, playing{p}, players{a}, seed{kSeed + i} {}
  void handle(Play play) {
    left = play.pings;
    ping();
  }
  void handle(const Ping& ping) { ping.from.send(Pong{}); }
  void handle(Pong) {
    if (--left > 0) return ping();
    if (playing->fetch_sub(1, std::memory_order_acq_rel) == 1) finish->reach();
  }
  void ping() { (*players)[draw(seed) % players->size()].send(Ping{self()}); }
  Finish* finish;
  std::atomic<std::int64_t>* playing;
  const std::vector<ActorRef<Player>>* players;
  std::uint64_t seed;
  std::int64_t left = 0;
};

Measurements big(const Request& request) {
  Finish finish;
  std::atomic<std::int64_t> playing{0};
  std::vector<ActorRef<Player>> players;
  ActorSystem system{default_options(request.workers)};
  players.reserve(kBigActors);
  for (std::uint64_t i = 0; i < kBigActors; ++i)
    players.push_back(system.spawn<Player>(&finish, &playing, &players, i));
  const auto run = [&](std::int64_t pings) {
    playing.store(kBigActors);
    const Nanoseconds begun = now_ns();
    for (const auto& player : players) player.send(Play{pings});
    return finish.wait() - begun;
  };
  static_cast<void>(run(warm(request.size)));
  const Nanoseconds took = run(request.size);
  const std::int64_t sent = kBigActors * (2 * (request.size + warm(request.size)) + 2);
  expect_all_handled(system, static_cast<std::uint64_t>(sent));
  return time_of("round trip", took, request.size * kBigActors);
}

// ---- skynet: a tree of actors, ten below each; the leaves' numbers are added up ----

struct Part {
  std::int64_t sum;
};
struct Grow {
  std::int64_t number;
  std::int64_t leaves;
};
struct Skynet : Actor<Skynet> {
  using Above = ActorRef<Protocol<void(Part)>>;
  explicit Skynet(Above a) : above{std::move(a)} {}
  void handle(Grow grow) {
    if (grow.leaves == 1) return answer(grow.number);
    const std::int64_t below = grow.leaves / kSkynetChildren;
    const Above me = self();
    for (std::int64_t i = 0; i < kSkynetChildren; ++i) spawn<Skynet>(me).send(Grow{grow.number + i * below, below});
  }
  void handle(Part part) {
    sum += part.sum;
    if (++answers == kSkynetChildren) answer(sum);
  }
  void answer(std::int64_t total) {
    above.send(Part{total});
    stop();
  }
  Above above;
  std::int64_t sum = 0;
  int answers = 0;
};
struct Collector : Actor<Collector> {
  Collector(Finish* f, std::int64_t* t) : finish{f}, total{t} {}
  void handle(Part part) {
    *total = part.sum;
    finish->reach();
  }
  Finish* finish;
  std::int64_t* total;
};

Measurements skynet(const Request& request) {
  Finish finish;
  std::int64_t total = -1;
  std::int64_t leaves = 1;
  std::int64_t actors = 1;
  while (leaves * kSkynetChildren <= request.size) {
    leaves *= kSkynetChildren;
    actors += leaves;
  }
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Collector> collector = system.spawn<Collector>(&finish, &total);
  const Nanoseconds begun = now_ns();
  system.spawn<Skynet>(Skynet::Above{collector}).send(Grow{0, leaves});
  const Nanoseconds took = finish.wait() - begun;
  require(total == leaves * (leaves - 1) / 2, "skynet's sum is wrong");
  expect_all_handled(system, static_cast<std::uint64_t>(2 * actors));
  return time_of("actor", took, leaves);
}

// ---- actors that come, rest and go ----

Measurements spawn_stop(const Request& request) {
  Spawning spawning{request.workers};
  static_cast<void>(spawning.run(static_cast<std::size_t>(warm(request.size))));
  const Spawning::Took took = spawning.run(static_cast<std::size_t>(request.size));
  spawning.finish();
  return time_of("actor", took.spawn + took.stop, request.size);
}

/// The whole life of one child after another, from an actor: spawned, watched, told to stop, its end heard of.
Measurements spawn_inside(const Request& request) {
  SpawningInside spawning{request.workers};
  static_cast<void>(spawning.run(warm(request.size)));
  const Nanoseconds took = spawning.run(request.size);
  spawning.finish();
  return time_of("actor", took, request.size);
}

struct Resting : Actor<Resting> {
  void handle(Job) {}
};
Measurements idle_bytes(const Request& request) {
  ActorSystem system{default_options(request.workers)};
  std::vector<ActorRef<Resting>> actors(static_cast<std::size_t>(request.size));  // written, hence resident
  const std::int64_t before = resident_bytes();
  for (auto& actor : actors) {
    actor = system.spawn<Resting>();
    actor.send(Job{});
  }
  come_to_rest(system);
  const double bytes = static_cast<double>(resident_bytes() - before) / static_cast<double>(request.size);
  expect_all_handled(system, static_cast<std::uint64_t>(request.size));
  return {{"actor", bytes, "bytes"}};
}

}  // namespace

void add_creation(Workloads& all) {
  for (const Workload& one : {Workload{"fork_join_create", &fork_join_create},
                              {"fork_join_throughput", &fork_join_throughput},
                              {"big", &big},
                              {"skynet", &skynet},
                              {"spawn_stop", &spawn_stop},
                              {"spawn_inside", &spawn_inside},
                              {"idle_bytes", &idle_bytes}}) {
    all.push_back(one);
  }
}

}  // namespace coppice::bench
