#pragma once

#include <cstdlib>
#include <functional>
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
  Plain<bool> is_on{false};
  int last[4] = {};
  int handled = 0;
  Progress* progress = nullptr;
  int lives = 0;
  Plain<int> alive{0};

  void begin_life() {
    if (++lives > 1 && progress != nullptr) progress->make();
    expect(++alive.write() == 1, "one life at a time");
  }
  void end_life() { --alive.write(); }
  void take(int sender, int number) {
    expect(!is_on.read(), "[P1] one handler at a time");
    is_on.write() = true;
    pause(&is_on);
    expect(number > last[sender], "[P3] messages of one sender come in order");
    last[sender] = number;
    ++handled;
    is_on.write() = false;
    if (progress != nullptr) progress->make();
  }
};

struct Number {
  int sender;
  int number;
};

/// A scene, for so many workers.
using Play = std::function<void(unsigned workers)>;

/// How many orders there are: gone to their end, and given up since they come to a state that another has gone on from.
struct Count {
  std::uint64_t executions;
  std::uint64_t given_up;
};
/// On two workers without a preemption, and on one with one. (On two with one there are a hundred times as many.)
struct Orders {
  Count without;
  Count with_one;
};

inline void check_in_order(const Orders& orders, const Play& play) {
  const auto search = [&](const std::string& label, unsigned workers, Exhaustive how) {
    how.steps_max = 20'000;
    return explore(label, how, [&] { play(workers); });
  };
  // COPPICE_PREEMPTIONS=n: all orders with so many, on one worker and on two, for as long as it takes.
  if (const char* const wanted = std::getenv("COPPICE_PREEMPTIONS")) {
    const auto preemptions = static_cast<std::uint32_t>(std::atoi(wanted));
    for (const unsigned workers : {1U, 2U}) {
      CHECK_THAT(search("every order on " + std::to_string(workers), workers,
                        {.preemptions = preemptions, .runs_max = ~std::uint64_t{0}}),
                 holds());
    }
    return;
  }
  CHECK_THAT(search("every order", 2, {.preemptions = 0}), found(orders.without.executions, orders.without.given_up));
  CHECK_THAT(search("every order with a preemption", 1, {.preemptions = 1}),
             found(orders.with_one.executions, orders.with_one.given_up));
}
/// Besides, in orders drawn by seed.
inline void check_by_seed_and_in_order(const Sampled& by_seed, const Orders& orders, const Play& play) {
  CHECK_THAT(explore("sequential", by_seed, [&] { play(2); }), holds());
  check_in_order(orders, play);
}
inline void check_weak_and_in_order(std::uint64_t runs, const Orders& orders, const Play& play) {
  CHECK_THAT(explore("weak", Sampled{.runs = runs, .memory = Memory::Weak}, [&] { play(2); }), holds());
  check_by_seed_and_in_order({.runs = runs}, orders, play);
}

}  // namespace coppice::interleave
