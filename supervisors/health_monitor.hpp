#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/monitor.hpp"
#include "coppice/supervisors/health_check.hpp"

namespace coppice::detail {

class HealthProbe;

/// What a tick came to.
struct HealthFinding {
  enum class Act : unsigned char {
    Wait,  // tick again, `next` from now
    Stop,  // it is not well, but handles messages: tell it to stop, with `reason`
    Kill,  // it stands still in a handler: take the place from it, with `reason`
  };
  Act act = Act::Wait;
  Duration next{};
  std::optional<EventKind> report = {};
  std::string text = {};
  ExitReason reason = {};
};

/// The health checks of one child, for whatever supervises it: it sends the probes, reads the answers, counts. Its
/// holder owns the one timer, reports, and ends the child when told to.
///
/// Threads    the supervisor's turn.
/// Failure    what on_health_check() throws is a failed check.
///
///     start --tick--> a check is under way --tick, tick …--> waiting for the next one --tick--> …
///
/// [H1] A check fails only when ticks that came in time, each armed when the one before had been dealt with, add up to
///      the time-out, and the child had a worker at each of them. So a stop of the process, of any length, costs at most
///      one of them, and an answer that is there is always seen first.
/// [H2] At most one probe of a life is in its mailbox. What an earlier life's probe finds is never read.
/// [H3] A stall is reported at most one interval and one time-out after it began.
class HealthMonitor {
 public:
  explicit HealthMonitor(const HealthCheck& check) noexcept;
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;
  ~HealthMonitor();

  /// A life of `child` runs: nothing is known of it. After how long to tick.
  [[nodiscard]] Duration start(Cell& child, TimePoint now);
  /// It does not run any more, or is told to stop. No tick() until the next start().
  void stop() noexcept;
  [[nodiscard]] HealthFinding tick(TimePoint now);

 private:
  [[nodiscard]] HealthFinding begin(TimePoint now);
  [[nodiscard]] HealthFinding answered(TimePoint now);
  [[nodiscard]] HealthFinding unanswered(bool was_late, TimePoint now);
  [[nodiscard]] HealthFinding good(TimePoint now);
  [[nodiscard]] HealthFinding degraded(std::string text, TimePoint now);
  [[nodiscard]] HealthFinding failed(HealthFinding::Act act, const std::string& text, const ExitReason* cause,
                                     TimePoint now);
  [[nodiscard]] HealthFinding tick_after(Duration next, TimePoint now) noexcept;
  [[nodiscard]] HealthFinding check_is_over(TimePoint now) noexcept;

  const HealthCheck check_;
  const Duration timeout_;  // no longer than the interval
  const Duration slice_;    // of it, a tick each

  IntrusivePtr<Cell> child_;         // null: stopped
  IntrusivePtr<HealthProbe> probe_;  // of the life that is on
  Health health_ = Health::Healthy;
  std::uint32_t failed_ = 0;  // checks in a row
  std::uint32_t good_ = 0;

  Duration armed_{};  // the tick that is due, and when
  TimePoint due_{};
  // The check that is under way.
  bool checking_ = false;
  bool is_asked_ = false;  // the probe was sent for this check, not for one that failed and left it behind
  bool was_late_ = false;  // a tick was: how long the probe waited says nothing
  bool starved_ = false;   // the child did not get a worker all the time
  TimePoint begun_{};
  Duration waited_{};  // in ticks that counted
  std::uint64_t handled_at_begin_ = 0;
  std::uint64_t handled_ = 0;  // at the last tick
};

}  // namespace coppice::detail
