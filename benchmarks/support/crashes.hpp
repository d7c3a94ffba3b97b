#pragma once

/// A supervised actor crashes, and its new life handles the message that waited: the time between the two. And how long
/// a dynamic supervisor takes to start its children.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Crash {};  // throws
struct Fail {};   // ends its life with an error, without a throw
struct Probe {};
struct NextCrash {};

struct CrashTimes {
  Nanoseconds failed_at = 0;
  std::vector<double> all;
};

struct Fragile : Actor<Fragile> {
  Fragile(CrashTimes* t, ActorRef<Protocol<void(NextCrash)>> d) : times{t}, driver{std::move(d)} {}
  void handle(Crash) {
    times->failed_at = now_ns();
    throw std::runtime_error{"crash on demand"};
  }
  void handle(Fail) {
    times->failed_at = now_ns();
    stop(ExitReason::error("failure on demand"));
  }
  void handle(Probe) {
    times->all.push_back(static_cast<double>(now_ns() - times->failed_at));
    driver.send(NextCrash{});
  }
  CrashTimes* times;
  ActorRef<Protocol<void(NextCrash)>> driver;
};

struct Idle : Actor<Idle> {
  void handle(Probe) {}
};

struct CrashMany {
  ActorRef<Fragile> whom;
  std::int64_t times;
  bool throws;
};

struct Saboteur : Actor<Saboteur> {
  explicit Saboteur(Finish* f) : finish{f} {}
  void handle(CrashMany many) {
    todo = std::move(many);
    crash();
  }
  void handle(NextCrash) {
    if (--todo.times == 0) return finish->reach();
    crash();
  }
  void crash() {
    todo.throws ? todo.whom.send(Crash{}) : todo.whom.send(Fail{});
    todo.whom.send(Probe{});
  }
  Finish* finish;
  CrashMany todo{};
};

struct CrashSetup {
  unsigned workers;
  std::size_t children;  // of one supervisor, OneForOne; the one that crashes is in the middle
  bool throws;
};

/// Of n crashes: from just before the failure to the first message of the new life, in its handler.
inline std::vector<double> times_of_crashes(const CrashSetup& setup, std::int64_t n) {
  const std::int64_t warm = n < 10 ? 1 : n / 10;
  Finish finish;
  CrashTimes times;
  times.all.reserve(static_cast<std::size_t>(n));
  ActorSystem system{default_options(setup.workers)};
  const ActorRef<Saboteur> saboteur = system.spawn<Saboteur>(&finish);
  std::vector<ChildSpec> specs = children<Idle>(setup.children - 1, "idle-{}");
  specs.insert(specs.begin() + static_cast<std::ptrdiff_t>(specs.size() / 2),
               child<Fragile>({.id = "fragile"}, &times, ActorRef<Protocol<void(NextCrash)>>{saboteur}));
  const SupervisorSpec tree{{.id = "crashes", .intensity = {.restarts = 1'000'000, .within = std::chrono::seconds{1}}},
                            std::move(specs)};
  const auto root = system.start(tree);
  require(root.has_value(), "the tree did not start");
  const ActorRef<Fragile> fragile = root.value().child<Fragile>("fragile").value();
  saboteur.send(CrashMany{fragile, warm, setup.throws});
  static_cast<void>(finish.wait());
  times.all.clear();
  saboteur.send(CrashMany{fragile, n, setup.throws});
  static_cast<void>(finish.wait());
  const auto all = static_cast<std::uint64_t>(n + warm);
  require(fragile.incarnation() == all + 1, "a failure was not followed by a new life");
  expect_all_handled(system, 3 * all + 2, setup.throws ? all : 0);  // what a handler threw at is a dead letter
  return std::move(times.all);
}
inline double crash_to_first_message(const CrashSetup& setup, std::int64_t n) {
  return median(times_of_crashes(setup, n));
}

/// A dynamic supervisor starts n children alike; nanoseconds for each, from the call until the last one runs. What the
/// caller does beforehand, making n specifications, is not in it.
inline double start_dynamic_children(unsigned workers, std::size_t n) {
  ActorSystem system{default_options(workers)};
  const auto pool = system.start(dynamic_supervisor({.id = "pool"})).value();
  std::vector<ChildSpec> specs = children<Idle>(n, ChildOptions{});
  const Nanoseconds begun = now_ns();
  const auto started = pool.start_children(std::move(specs));
  const Nanoseconds took = now_ns() - begun;
  require(started.has_value() && started.value().size() == n, "not all children were started");
  const std::uint64_t actors = system.stats().actors;
  require(actors == n + 1, "live actors, the supervisor among them: " + std::to_string(actors));
  expect_all_handled(system, 1);
  return static_cast<double>(took) / static_cast<double>(n);
}

}  // namespace coppice::bench
