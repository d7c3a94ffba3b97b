#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "coppice/coppice.hpp"
#include "soak.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// Asks whose deadlines are about as long as the answer takes, from threads and from actors: one outcome each, and each
// answer that came too late is counted.

namespace coppice::soak {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

constexpr std::size_t kThreads = 2;
constexpr std::size_t kAskers = 8;
constexpr std::uint64_t kRound = 20'000;  // of all threads, or of all actors, between two looks at the time

struct Double {
  std::uint64_t number;
};
struct Oracle : Actor<Oracle> {
  std::uint64_t handle(Double d) { return 2 * d.number; }
};

struct alignas(64) Tally {
  std::uint64_t asked = 0;
  std::uint64_t replies = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t wrong = 0;
  void note(const Result<std::uint64_t, AskError>& outcome, std::uint64_t expected) {
    if (outcome) {
      ++(outcome.value() == expected ? replies : wrong);
    } else {
      ++(outcome.error() == AskError::Timeout ? timeouts : wrong);
    }
  }
};

struct Go {
  std::uint64_t asks;
};
struct Asker : Actor<Asker> {
  Asker(ActorRef<Oracle> o, Tally* t, std::uint32_t seed) : oracle{std::move(o)}, tally{t}, dice{seed} {}
  void handle(Go go) {
    for (std::uint64_t i = 0; i < go.asks; ++i) {
      const std::uint64_t number = ++tally->asked;
      ask(oracle, Double{number}, Duration{dice() % 200'000}).then([this, number](const auto& outcome) {
        tally->note(outcome, 2 * number);
      });
    }
  }
  ActorRef<Oracle> oracle;
  Tally* tally;
  std::mt19937 dice;
};

void ask_from_here(const ActorRef<Oracle>& oracle, Tally& tally, std::uint32_t seed) {
  std::mt19937 dice{seed};
  for (std::uint64_t i = 0; i < kRound / kThreads; ++i) {
    const std::uint64_t number = ++tally.asked;
    tally.note(oracle.ask(Double{number}, Duration{dice() % 40'000}).get(), 2 * number);
  }
}

void judge(const std::array<Tally, kThreads + kAskers>& tallies, std::uint64_t late, std::uint64_t handled,
           Findings& findings) {
  Tally all;
  for (const Tally& tally : tallies) {
    all.asked += tally.asked;
    all.replies += tally.replies;
    all.timeouts += tally.timeouts;
    all.wrong += tally.wrong;
  }
  findings.count("asks", all.asked);
  findings.count("replies", all.replies);
  findings.count("time-outs", all.timeouts);
  findings.equal("outcomes", all.asked, all.replies + all.timeouts);
  findings.equal("wrong outcomes", 0, all.wrong);
  findings.equal("answers that came too late", all.timeouts, late);
  findings.equal("questions handled", all.asked, handled);
}

}  // namespace

void ask(const Length& length, Findings& findings) {
  std::array<Tally, kThreads + kAskers> tallies{};
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto oracle = system.spawn<Oracle>();
  std::vector<ActorRef<Asker>> askers;
  for (std::size_t i = 0; i < kAskers; ++i)
    askers.push_back(system.spawn<Asker>(oracle, &tallies[kThreads + i], length.seed + static_cast<std::uint32_t>(i)));
  std::uint64_t asked = 0;
  for (std::uint32_t round = 0; asked == 0 || !length.is_over(asked); ++round, asked += 5 * kRound) {
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] { ask_from_here(oracle, tallies[t], length.seed * 31 + round * 7 + t); });
    for (int part = 0; part < 80; ++part) {
      for (const auto& asker : askers) asker.send(Go{kRound / kAskers / 20});
    }
    for (auto& thread : threads) thread.join();
    const bool at_rest = testing::at_rest(system);
    findings.holds(at_rest, "it does not come to rest");
    if (!at_rest) break;
  }
  findings.equal("timers left", 0, system.stats().timers);
  findings.holds(system.shutdown({.within = kPatience}).complete, "the shutdown was late");
  judge(tallies, system.stats().late_replies, oracle.message_count(), findings);
  const Ledger ledger = system.ledger();
  findings.holds(ledger.balances() && ledger.queued == 0, "the ledger does not balance");
}

}  // namespace coppice::soak
