#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "coppice/system/actor_system.hpp"
#include "interleave/engine/engine.hpp"
#include "interleave/kernels/found.hpp"

namespace coppice::interleave {

using namespace std::chrono_literals;

/// A whole system, its workers and its callers as fibers. It ends as every test of the runtime does: nothing of it is
/// left, and every message is accounted for.
class Scene {
 public:
  explicit Scene(unsigned workers = 2, SystemOptions options = {}) : system{with(workers, std::move(options))} {}

  void check_end() {
    at_stall(nullptr);
    shut_down();
    check_ledger();
  }
  void shut_down() {
    const ShutdownReport report = system.shutdown({.within = 5s});
    expect(report.complete && report.late.empty(), "[P13] the shutdown is complete");
  }
  /// After all fibers of the test have ended.
  void check_ledger() {
    const Ledger ledger = system.ledger();
    expect(ledger.balances(), "[P4] the ledger balances");
    expect(ledger.queued == 0, "nothing waits");
    const SystemStats stats = system.stats();
    expect(stats.actors == 0 && stats.timers == 0 && stats.zombies == 0, "nothing is left");
  }

  ActorSystem system;

 private:
  static SystemOptions with(unsigned workers, SystemOptions options) {
    options.workers = workers;
    options.spin = 0ns;
    options.reports = false;
    options.on_failure = [](const FailureReport&) {};
    return options;
  }
};

/// Something that is counted, and that somebody waits for without help of time: who waits while nobody can go on unless
/// time passes shows that a wake-up was lost.
class Progress {
 public:
  Progress(std::uint32_t expected, const char* what) : expected_{expected} {
    at_stall([this, what] { expect(made_.peek() >= expected_, what); });
  }
  void make() {
    made_.fetch_add(1, std::memory_order_acq_rel);
    wake(made_, kUnbounded);
  }
  [[nodiscard]] std::uint32_t made() const { return made_.peek(); }
  void wait() {
    for (std::uint32_t seen = 0; (seen = made_.load(std::memory_order_acquire)) < expected_;)
      static_cast<void>(wait_while(made_, seen, std::numeric_limits<std::int64_t>::max()));
    at_stall(nullptr);
  }

 private:
  const std::uint32_t expected_;
  Atomic<std::uint32_t> made_{0};
};

/// What of an actor's handlers may not happen: two at once, or out of order. Its fields are plain; [P1] is what makes
/// them safe.
struct Turns {
  bool is_on = false;
  int last[4] = {};
  int handled = 0;
  Plain<int> of_the_actor{0};
  Progress* progress = nullptr;

  void take(int sender, int number) {
    expect(!is_on, "[P1] one handler at a time");
    is_on = true;
    ++of_the_actor.write();
    pause();
    expect(number > last[sender], "[P3] messages of one sender come in order");
    last[sender] = number;
    ++handled;
    is_on = false;
    if (progress != nullptr) progress->make();
  }
};

struct Number {
  int sender;
  int number;
};

/// In every order without a preemption: of these there are so many.
inline void check_in_order(std::uint64_t executions, const Body& body) {
  CHECK_THAT(explore("every order", Exhaustive{.preemptions = 0, .runs_max = 200'000, .steps_max = 20'000}, body),
             found(executions, 0));
}
/// Besides, in orders drawn by seed.
inline void check_by_seed_and_in_order(const Sampled& by_seed, std::uint64_t executions, const Body& body) {
  CHECK_THAT(explore("sequential", by_seed, body), holds());
  check_in_order(executions, body);
}
inline void check_weak_and_in_order(std::uint64_t runs, std::uint64_t executions, const Body& body) {
  CHECK_THAT(explore("weak", Sampled{.runs = runs, .memory = Memory::Weak}, body), holds());
  check_by_seed_and_in_order({.runs = runs}, executions, body);
}

}  // namespace coppice::interleave
