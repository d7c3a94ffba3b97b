#pragma once

/// What the benchmarks of coppice share: default options, and the check that no message is missing.

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "clock.hpp"
#include "coppice/coppice.hpp"

namespace coppice::bench {

[[nodiscard]] inline SystemOptions default_options(unsigned workers) {
  SystemOptions options;
  options.workers = workers;
  options.reports = false;  // crashes on purpose, by the million
  return options;
}

/// Waits until nothing is under way. A handler's message is counted when the handler has returned, a moment after
/// Finish.
inline void come_to_rest(const System& system) {
  const Nanoseconds begun = now_ns();
  while (system.ledger().queued != 0) {
    require(now_ns() - begun < Nanoseconds{60'000'000'000}, "messages are under way after a minute of rest");
    std::this_thread::sleep_for(std::chrono::microseconds{50});
  }
}

/// The end of every benchmark: each message sent was handled, or is one of the dead ones that the benchmark expects.
inline void expect_all_handled(System& system, std::uint64_t sent, std::uint64_t dead = 0) {
  come_to_rest(system);
  require(system.shutdown().complete, "the shutdown left an actor behind");
  const Ledger ledger = system.ledger();
  const auto text = [&] {
    return "sent " + std::to_string(ledger.sent) + ", handled " + std::to_string(ledger.handled) + ", dead " +
           std::to_string(ledger.dead()) + ", queued " + std::to_string(ledger.queued) + "; expected " +
           std::to_string(sent) + " sent and " + std::to_string(dead) + " dead";
  };
  require(ledger.balances(), "the ledger does not balance: " + text());
  const bool complete = ledger.queued == 0 && ledger.handed_back == 0 && ledger.sent == sent && ledger.dead() == dead;
  require(complete, "a message is missing: " + text());
}

}  // namespace coppice::bench
