#pragma once

#include <cstdint>

#include "coppice/base/clock.hpp"

namespace coppice {

/// Whether and how a supervisor checks that a child is well: `{.id = "db", .health = {.interval = 1s, .timeout =
/// 200ms}}`. An extension: OTP has none, and it is off by default.
///
/// A check is a message that comes in the child's turn like any other, exempt from its mailbox's bound. That it is
/// answered shows that the child handles messages; `Health on_health_check()`, if the child declares it, says how it is.
/// Checks begin one interval after the child's start and cease when its end begins. Each life begins Healthy.
///
/// The supervisor's timers do all this, never the child alone: a child whose handler stands still is found, after at
/// most two intervals, and the checks of its siblings are not delayed. A time-out counts only time in which the process
/// ran and the child had a worker: a clock that jumps, a process that is stopped and continued, a pool that is
/// overloaded fail no check.
///
/// A child that has failed as many checks in a row as `failures` says ends with an error whose text says so, and then
/// restart type, strategy, intensity and backoff decide, as after a crash. If it still handles messages, it is told to
/// stop, with its on_stop and its shutdown time; a handler that stands still is left behind, as by a kill.
struct HealthCheck {
  Duration interval = kForever;  ///< from the beginning of one check to that of the next; kForever: never checked
  Duration timeout = kForever;   ///< unanswered for so long, a check has failed; more than `interval` counts as that
  std::uint32_t failures = 3;    ///< so many failed checks in a row end the life. From 1
  std::uint32_t recovery = 1;    ///< so many good ones in a row, and it is Healthy again. From 1
  Duration queue_age_max = kForever;  ///< a check that waited longer in the mailbox finds the child Degraded
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

}  // namespace coppice
