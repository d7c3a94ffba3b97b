#pragma once

#include "catch.hpp"
#include "coppice/system/system.hpp"
#include "support/eventually.hpp"

namespace coppice::testing {

/// Whether everything that was sent has come to its end: nothing waits, nothing is in hand. For a system that is left
/// alone.
[[nodiscard]] inline bool at_rest(const System& system) {
  return eventually([&] { return system.ledger().queued == 0; });
}

/// Waits for an actor that ends by itself: until its place is over, its watchers have their Downs, and those have been
/// handled.
[[nodiscard]] inline bool has_ended(System& system, const AnyRef& actor) {
  if (!eventually([&] { return actor.is_closed(); })) return false;
  static_cast<void>(system.stop(actor).get());  // changes nothing any more, and answers after the Downs
  return at_rest(system);
}

/// The ledger of a system that is at rest.
inline void check_ledger(const System& system) {
  const Ledger ledger = system.ledger();
  CAPTURE(ledger.sent, ledger.handled, ledger.dead(), ledger.handed_back, ledger.queued);
  CHECK(ledger.balances());
  CHECK(ledger.queued == 0);
}

/// How every test of the runtime ends: the system shuts down in time, nothing of it is left, and every message is
/// accounted for.
inline void check_end(System& system) {
  const ShutdownReport report = system.shutdown({.within = kPatience});
  CAPTURE(report.took.count(), report.late.size(), system.stats().zombies);
  CHECK(report.complete);
  CHECK(report.late.empty());
  check_ledger(system);
  const SystemStats stats = system.stats();
  CHECK(stats.actors == 0);
  CHECK(stats.timers == 0);
  CHECK(stats.zombies == 0);
}

}  // namespace coppice::testing
