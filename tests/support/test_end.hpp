#pragma once

#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"

namespace coppice::testing {

/// How every test in a TestSystem ends: as check_end(), and what waits is counted in the mailboxes before and after.
inline void check_end(TestSystem& system) {
  system.run_until_idle();
  const Ledger before = system.ledger();
  CAPTURE(system.seed(), before.sent, before.handled, before.dead(), before.handed_back, before.queued);
  CHECK(before.balances());
  check_end(static_cast<System&>(system));
  CHECK(system.ledger().balances());
  CHECK(system.ledger().queued == 0);
}

/// The event log as one text, for a failing test to show.
[[nodiscard]] inline std::string log_text(const TestSystem& system) {
  std::string text = "seed " + std::to_string(system.seed()) + '\n';
  for (const std::string& line : system.event_log()) text += line + '\n';
  return text;
}

}  // namespace coppice::testing
