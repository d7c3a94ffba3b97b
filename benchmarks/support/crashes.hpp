#pragma once

/// A supervised actor crashes, and its new life handles the message that waited: the time between the two.

#include <cstdint>
#include <stdexcept>

#include "coppice/coppice.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Crash {};
struct Probe {};
struct NextCrash {};

struct CrashTimes {
  Nanoseconds thrown_at = 0;
  Nanoseconds sum = 0;
};

struct Fragile : Actor<Fragile> {
  Fragile(CrashTimes* t, ActorRef<Protocol<void(NextCrash)>> d) : times{t}, driver{std::move(d)} {}
  void handle(Crash) {
    times->thrown_at = now_ns();
    throw std::runtime_error{"crash on demand"};
  }
  void handle(Probe) {
    times->sum += now_ns() - times->thrown_at;
    driver.send(NextCrash{});
  }
  CrashTimes* times;
  ActorRef<Protocol<void(NextCrash)>> driver;
};

struct CrashMany {
  ActorRef<Fragile> whom;
  std::int64_t times;
};

struct Saboteur : Actor<Saboteur> {
  explicit Saboteur(Finish* f) : finish{f} {}
  void handle(CrashMany many) {
    whom = std::move(many.whom);
    left = many.times;
    crash();
  }
  void handle(NextCrash) {
    if (--left == 0) return finish->reach();
    crash();
  }
  void crash() {
    whom.send(Crash{});
    whom.send(Probe{});
  }
  Finish* finish;
  ActorRef<Fragile> whom;
  std::int64_t left = 0;
};

/// The mean of n crashes: from just before the throw to the first message of the new life, in its handler.
inline double crash_to_first_message(unsigned workers, std::int64_t n) {
  Finish finish;
  CrashTimes times;
  ActorSystem system{default_options(workers)};
  const ActorRef<Saboteur> saboteur = system.spawn<Saboteur>(&finish);
  const auto tree =
      supervisor({.id = "crashes", .intensity = {.restarts = 1'000'000, .within = std::chrono::seconds{1}}},
                 child<Fragile>({.id = "fragile"}, &times, ActorRef<Protocol<void(NextCrash)>>{saboteur}));
  const auto root = system.start(tree);
  require(root.has_value(), "the tree did not start");
  const ActorRef<Fragile> fragile = root.value().child<Fragile>("fragile").value();
  const std::int64_t warm = n / 10;
  saboteur.send(CrashMany{fragile, warm});
  static_cast<void>(finish.wait());
  times.sum = 0;
  saboteur.send(CrashMany{fragile, n});
  static_cast<void>(finish.wait());
  const auto all = static_cast<std::uint64_t>(n + warm);
  require(fragile.incarnation() == all + 1, "a crash was not followed by a new life");
  expect_all_handled(system, 3 * all + 2, all);
  return static_cast<double>(times.sum) / static_cast<double>(n);
}

}  // namespace coppice::bench
