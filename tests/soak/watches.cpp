#include <array>
#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "coppice/coppice.hpp"
#include "soak.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// Watches of actors that end in every way, made before, during and after the end, half of them taken back: each that
// stands has one Down, none that was taken back has any.

namespace coppice::soak {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

constexpr std::size_t kWatchers = 4;
constexpr std::uint64_t kRound = 5'000;  // pairs between two rests

struct Fail {};
struct Quit {};

struct Mortal : Actor<Mortal> {
  void handle(Fail) { throw std::runtime_error{"told to"}; }
  void handle(Quit) { stop(); }
};

struct Pair {
  ActorRef<Mortal> target;
  bool taken_back;
};
struct alignas(64) Tally {
  std::atomic<std::uint64_t> pairs{0};
  std::atomic<std::uint64_t> taken_back{0};
  std::atomic<std::uint64_t> downs{0};
  std::atomic<std::uint64_t> strange{0};
};
using Tallies = std::array<Tally, kWatchers>;
std::uint64_t sum(const Tallies& tallies, std::atomic<std::uint64_t> Tally::* of) {
  std::uint64_t all = 0;
  for (const Tally& tally : tallies) all += (tally.*of).load();
  return all;
}

struct Watcher : Actor<Watcher> {
  explicit Watcher(Tally* t) : tally{t} {}
  void handle(Pair pair) {
    const WatchId id = watch(pair.target);
    ++tally->pairs;
    if (!pair.taken_back) return;
    unwatch(id);
    ++tally->taken_back;
  }
  void handle(const Down& down) {
    ++tally->downs;
    if (down.incarnation > 1 || !down.actor) ++tally->strange;
  }
  Tally* tally;
};

/// A watcher that lives for one watch.
struct Brief : Actor<Brief> {
  explicit Brief(const ActorRef<Mortal>& target) {
    watch(target);
    stop();
  }
  void handle(const Down&) {}
};

}  // namespace

void watch(const Length& length, Findings& findings) {
  Tallies tallies{};
  ActorSystem system{testing::quiet(testing::two_workers())};
  std::vector<ActorRef<Watcher>> watchers;
  for (Tally& tally : tallies) watchers.push_back(system.spawn<Watcher>(&tally));
  const auto lasting = system.spawn<Mortal>();
  std::mt19937 dice{length.seed};
  std::uint64_t made = 0;
  std::uint64_t brief = 0;
  do {
    for (std::uint64_t i = 0; i < kRound; i += 3) {
      const auto mortal = system.spawn<Mortal>();
      const auto watch_by = [&](std::size_t who) { watchers[who].send(Pair{mortal, dice() % 2 == 0}); };
      watch_by(dice() % kWatchers);
      watch_by(dice() % kWatchers);
      switch (dice() % 3) {
        case 0: mortal.send(Fail{}); break;
        case 1: mortal.send(Quit{}); break;
        default: static_cast<void>(system.stop(mortal)); break;
      }
      watch_by(dice() % kWatchers);
      made += 3;
    }
    for (std::uint64_t i = 0; i < kRound / 10; ++i) system.spawn<Brief>(lasting);
    brief += kRound / 10;
    // An actor counts as ended before its Downs are on their way: so wait for as many as there must be.
    const bool are_told = testing::eventually([&] {
      return sum(tallies, &Tally::pairs) == made &&
             sum(tallies, &Tally::downs) + sum(tallies, &Tally::taken_back) >= made &&
             system.stats().actors == kWatchers + 1;
    });
    findings.holds(are_told, "not all actors have ended, or not all is told");
    if (!are_told) break;
  } while (!length.is_over(made));
  findings.holds(system.shutdown({.within = kPatience}).complete, "the shutdown was late");
  const std::uint64_t taken_back = sum(tallies, &Tally::taken_back);
  const std::uint64_t downs = sum(tallies, &Tally::downs);
  findings.count("watch pairs", made);
  findings.count("downs", downs);
  findings.count("taken back", taken_back);
  findings.count("watchers that lived for one watch", brief);
  findings.equal("watches", made, sum(tallies, &Tally::pairs));
  findings.equal("downs", made - taken_back, downs);
  findings.equal("downs that name no life of their target", 0, sum(tallies, &Tally::strange));
  const Ledger ledger = system.ledger();
  findings.holds(ledger.balances() && ledger.queued == 0, "the ledger does not balance");
}

}  // namespace coppice::soak
