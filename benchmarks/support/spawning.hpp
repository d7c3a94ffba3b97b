#pragma once

/// Actors that come and go. See workloads.hpp.

#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "coppice/coppice.hpp"
#include "harness.hpp"

namespace coppice::bench {

struct Leave {};
struct Mayfly : Actor<Mayfly> {
  void handle(Leave) { stop(); }
};

/// From outside: spawns n actors, then tells each to stop, and waits until none is left.
class Spawning {
 public:
  explicit Spawning(unsigned workers) : system_{default_options(workers)} {}
  struct Took {
    Nanoseconds spawn;
    Nanoseconds stop;
  };
  Took run(std::size_t n) {
    refs_.reserve(n);
    const Nanoseconds begun = now_ns();
    for (std::size_t i = 0; i < n; ++i) refs_.push_back(system_.spawn<Mayfly>());
    const Nanoseconds spawned = now_ns();
    for (const auto& ref : refs_) ref.send(Leave{});
    refs_.clear();
    while (system_.stats().actors != 0) std::this_thread::sleep_for(std::chrono::microseconds{20});
    messages_ += n;
    return {spawned - begun, now_ns() - spawned};
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  ActorSystem system_;
  std::vector<ActorRef<Mayfly>> refs_;
  std::uint64_t messages_ = 0;
};

struct SpawnMany {
  std::int64_t actors;
};
struct Brood : Actor<Brood> {
  explicit Brood(Finish* f) : finish{f} {}
  void handle(SpawnMany many) {
    left = many.actors;
    next();
  }
  void handle(const Down&) {
    if (--left == 0) return finish->reach();
    next();
  }
  void next() {
    const ActorRef<Mayfly> child = spawn<Mayfly>();
    watch(child);
    child.send(Leave{});
  }
  Finish* finish;
  std::int64_t left = 0;
};

/// An actor spawns a child, sends it a message on which it stops, and goes on when it hears of its end: the whole life
/// of each, watched.
class SpawningInside {
 public:
  explicit SpawningInside(unsigned workers)
      : system_{default_options(workers)}, brood_{system_.spawn<Brood>(&finish_)} {}
  Nanoseconds run(std::int64_t n) {
    const Nanoseconds begun = now_ns();
    brood_.send(SpawnMany{n});
    messages_ += 2 * static_cast<std::uint64_t>(n) + 1;  // Leave and Down
    return finish_.wait() - begun;
  }
  void finish() { expect_all_handled(system_, messages_); }

 private:
  Finish finish_;
  ActorSystem system_;
  ActorRef<Brood> brood_;
  std::uint64_t messages_ = 0;
};

}  // namespace coppice::bench
