#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/exit_reason.hpp"
#include "coppice/supervisors/auto_shutdown.hpp"
#include "coppice/supervisors/backoff.hpp"
#include "coppice/supervisors/child_state.hpp"
#include "coppice/supervisors/restart.hpp"
#include "coppice/supervisors/restart_limit.hpp"
#include "coppice/supervisors/strategy.hpp"

namespace coppice::detail {

/// Names a child for as long as its spec is kept.
using ChildKey = std::uint32_t;

/// What happened to a supervisor or to one of its children.
struct RuleEvent {
  enum class Kind : unsigned char {
    Begin,        // the supervisor's life begins: start the children
    Started,      // a child's life runs
    StartFailed,  // … could not start
    Ignored,      // … did not want to start, which is no failure
    Exited,       // … has ended, by itself or as told
    RetryDue,     // a delay that the rules asked for is over
    Stop,         // the supervisor is told to end
    // Calls, one at a time and only while is_idle(). Each is answered by one Reply, unless the supervisor ends first.
    StartChild,     // a child that add() has just put at the end
    StartChildren,  // the same for several, `child` the first of them: all or none
    TerminateChild,
    RestartChild,
    DeleteChild,
  };
  Kind kind;
  ChildKey child = 0;
  ExitReason reason = {};
  OnError verdict = OnError::Supervise;
};

/// What a call came to.
enum class CallOutcome : unsigned char {
  Done,
  Ignored,     // the child did not want to start
  Failed,      // … could not start
  Running,     // refused: the child runs
  Restarting,  // refused: a start of it is due
};

/// What the supervisor must do about it, in this order.
struct RuleEffect {
  enum class Kind : unsigned char {
    Start,         // start the child's next life; Started or StartFailed will follow
    Stop,          // stop it by its shutdown rule; Exited will follow. keep: its place waits for another life
    Retain,        // it has ended, another life will come
    Close,         // it has ended, no other life will come; its spec is kept
    Remove,        // forget it, spec and all
    Arm,           // RetryDue after `delay`
    Disarm,        // no RetryDue any more
    Up,            // all children run: the supervisor has started
    StartAborted,  // `child` did not start, for `reason`; what had started has been stopped again: the supervisor's
                   // start failed
    LimitReached,  // a report: one restart too many
    Escalated,     // a report: a child asked for it
    AutoShutdown,  // a report: a significant child has ended, and the supervisor ends with it
    Reply,         // to the call under way: `outcome`, and with Failed the reason and whose
    Down,          // everything has been stopped: the supervisor ends with `reason`
  };
  Kind kind;
  ChildKey child = 0;
  bool keep = false;
  CallOutcome outcome = CallOutcome::Done;
  Duration delay{};
  ExitReason reason = {};
};

/// The rules of supervision as a pure step function: state and event to state and effects. No clock, no threads, no
/// actors.
///
/// Threads    one.
/// Source     OTP's supervisor: restart/2, do_restart, terminate_child, add_restart.
/// [V1] Children start one after another in start order, and stop one after another in the reverse; each step waits for
///      the one before.
/// [V2] A group is stopped last to first, then started first to last; its temporary members are gone for good, its
///      other members start whether they ran before or not.
/// [V3] Ends that happen while a step is under way are dealt with after it, oldest first; an end of somebody who is
///      about to be stopped anyway is consumed by that and counts for nothing.
/// [V4] Each start attempt after a failure counts against the limit; the one too many stops everything and ends the
///      supervisor.
/// [V5] A call is one more thing that is under way: what happens meanwhile waits. It counts against no limit, sets off
///      no strategy and no automatic shutdown.
class SupervisorRules {
 public:
  SupervisorRules(AnyStrategy strategy, Intensity intensity, Backoff backoff,
                  AutoShutdown auto_shutdown = AutoShutdown::Never) noexcept
      : strategy_{strategy},
        limit_{intensity},
        intensity_{intensity},
        backoff_{backoff},
        auto_shutdown_{auto_shutdown} {}

  /// At the end of the start order. Keys ascend: none is used twice. Before Begin, or for a StartChild.
  void add(ChildKey key, Restart restart, bool significant = false);

  [[nodiscard]] std::vector<RuleEffect> step(const RuleEvent& event, TimePoint now, std::uint64_t random);

  /// Nothing is under way, and nothing waits to be dealt with: a call may come.
  [[nodiscard]] bool is_idle() const noexcept;
  [[nodiscard]] ChildState state_of(ChildKey key) const noexcept;

 private:
  enum class Mode : unsigned char { Fresh, Starting, RollingBack, Running, Restarting, Calling, Ending, Ended };
  enum class State : unsigned char {
    Undefined,  // no life, spec kept
    Starting,
    Running,
    Stopping,
    Exited,   // ended; its event waits among the deferred
    Waiting,  // a start attempt is due later
  };
  struct Child {
    ChildKey key;
    Restart restart;
    bool significant = false;
    State state = State::Undefined;
    bool open = false;           // its place takes messages
    bool counted = false;        // the attempt it waits for has been counted
    std::uint32_t attempts = 0;  // start attempts since it last ran for long, for the backoff
    TimePoint running_since{};
    ExitReason failure{};  // why it waits for another attempt
  };
  struct PlanStep {
    enum class Kind : unsigned char {
      Stop,
      Start,
      Delay,  // the group's start waits
      Group,  // plan the group's starts, now that its stops are done
    };
    Kind kind;
    ChildKey child;
  };

  void on_started(Child& child, TimePoint now);
  void on_start_failed(Child& child, const ExitReason& reason);
  void on_ignored(Child& child);
  void on_exited(Child& child, const RuleEvent& event);
  void on_retry_due(Child& child, const RuleEvent& event);
  void on_stop(const ExitReason& reason);
  void on_call(Child& child, RuleEvent::Kind call);
  void reply(ChildKey key, CallOutcome outcome) {
    emit({.kind = RuleEffect::Kind::Reply, .child = key, .outcome = outcome});
  }
  void fail_call(Child& child, const ExitReason& reason);
  void finish_call();
  void ended_for_good(Child& child);
  [[nodiscard]] bool is_last_significant() const noexcept;
  void handle_exit(Child& child, const RuleEvent& event);
  void restart(Child& child, const ExitReason& reason, bool delay_served);
  void retry(Child& child);
  [[nodiscard]] AffectedRange affected_by(ChildKey failed) const noexcept;
  void begin_group(ChildKey failed, Duration delay);
  void start_group(ChildKey failed);
  void end(const ExitReason& reason);
  void advance();
  void take_step(const PlanStep& step);
  void finish_plan();
  void close(Child& child);
  void close_all();
  void consume_deferred(ChildKey key);
  void wait_for_retry(Child& child, bool counted, Duration delay);
  [[nodiscard]] Duration delay_for(Child& child);
  [[nodiscard]] Child* find(ChildKey key) noexcept;
  [[nodiscard]] std::size_t index_of(ChildKey key) const noexcept;  // children_.size() if it is none
  void remove(ChildKey key);
  void emit(RuleEffect effect) { effects_.push_back(std::move(effect)); }

  AnyStrategy strategy_;
  RestartLimit limit_;
  Intensity intensity_;
  Backoff backoff_;
  Mode mode_ = Mode::Fresh;
  AutoShutdown auto_shutdown_;
  std::vector<Child> children_;  // in start order, hence by ascending key
  std::deque<PlanStep> plan_;
  std::optional<ChildKey> awaited_;  // the step under way waits for this child, the only one that starts or stops
  std::deque<RuleEvent> deferred_;
  ExitReason end_reason_;
  ChildKey failed_ = 0;  // whose start went wrong at the beginning
  struct Call {
    RuleEvent::Kind kind{};
    ChildKey child = 0;
    CallOutcome outcome = CallOutcome::Done;
    ExitReason reason;
    ChildKey failed = 0;  // the child that could not start
  } call_;                // in mode Calling
  Duration pending_delay_{};
  std::vector<RuleEffect> effects_;
  TimePoint now_{};
  std::uint64_t random_ = 0;
};

/// What the end of a child is called in reports. `told`: it was told to stop; `brutal`: by killing it.
/// Source: OTP's supervisor, report_error in shutdown/1: which reasons are no shutdown_error.
[[nodiscard]] EventKind kind_of_end(bool told, bool brutal, Restart restart, const ExitReason& reason) noexcept;

}  // namespace coppice::detail
