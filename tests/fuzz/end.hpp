#pragma once

#include "coppice/testing/test_system.hpp"
#include "fuzz/input.hpp"

namespace coppice::fuzz {

/// How every input that had a system ends, as every test of the runtime does: it shuts down in time, nothing of it is
/// left, and every message is accounted for.
inline void end(testing::TestSystem& system) {
  system.run_until_idle();
  expect(system.ledger().balances(), "the ledger does not balance before the end");
  const ShutdownReport report = system.shutdown();
  expect(report.complete && report.late.empty(), "somebody is left, or was late");
  const SystemStats stats = system.stats();
  expect(stats.actors == 0 && stats.timers == 0 && stats.zombies == 0, "actors, timers or zombies are left");
  const Ledger ledger = system.ledger();
  expect(ledger.balances() && ledger.queued == 0, "the ledger does not balance");
}

}  // namespace coppice::fuzz
