#pragma once

#include "coppice/base/result.hpp"

namespace coppice {

/// Where an actor stands in its life. A place goes through many lives.
///
///     Starting -> Running -> Stopping -> Stopped        any of the first three -> Failed (it threw)
///     Starting | Restarting -> Stopping | Stopped       (told to stop before it ran)
///     Failed | Stopped -> Restarting -> Running         (its supervisor starts the next life)
///     Failed -> Stopped                                 (nobody does)
enum class Phase : unsigned char { Starting, Running, Stopping, Stopped, Failed, Restarting };

[[nodiscard]] constexpr const char* to_string(Phase phase) noexcept {
  switch (phase) {
    case Phase::Starting: return "starting";
    case Phase::Running: return "running";
    case Phase::Stopping: return "stopping";
    case Phase::Stopped: return "stopped";
    case Phase::Failed: return "failed";
    case Phase::Restarting: return "restarting";
  }
  return "unknown";
}

/// Whether `to` may come straight after `from`. [P1] No other step is ever taken: the runtime asserts it.
[[nodiscard]] constexpr bool may_follow(Phase from, Phase to) noexcept {
  switch (from) {
    case Phase::Starting:
    case Phase::Restarting:
      return to == Phase::Running || to == Phase::Stopping || to == Phase::Failed || to == Phase::Stopped;
    case Phase::Running: return to == Phase::Stopping || to == Phase::Failed;
    case Phase::Stopping: return to == Phase::Stopped || to == Phase::Failed;
    case Phase::Stopped: return to == Phase::Restarting;
    case Phase::Failed: return to == Phase::Restarting || to == Phase::Stopped;
  }
  return false;
}

struct IllegalTransition {
  Phase from;
  Phase to;
  friend bool operator==(const IllegalTransition&, const IllegalTransition&) = default;
};

/// Moves `phase` on, or leaves it and says what was wrong.
[[nodiscard]] constexpr bool try_transition(Phase& phase, Phase to) noexcept {
  if (!may_follow(phase, to)) return false;
  phase = to;
  return true;
}
[[nodiscard]] inline Result<void, IllegalTransition> transition(Phase& phase, Phase to) {
  const Phase from = phase;
  if (!try_transition(phase, to)) return Error{IllegalTransition{from, to}};
  return {};
}

}  // namespace coppice
