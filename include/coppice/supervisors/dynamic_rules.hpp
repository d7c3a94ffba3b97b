#pragma once

#include <cstdint>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/exit_reason.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/supervisors/backoff.hpp"
#include "coppice/supervisors/restart.hpp"
#include "coppice/supervisors/restart_limit.hpp"

namespace coppice::detail {

/// How one child of a dynamic supervisor stands.
struct DynamicChildRules {
  enum class State : unsigned char {
    Starting,
    Running,
    Waiting,  // a start attempt is due later
    Stopping,
  };
  Restart restart = Restart::Permanent;
  State state = State::Starting;
  bool is_new = true;          // its first life has not run yet: whoever asked for it waits
  bool counted = false;        // the attempt it waits for has been counted
  std::uint32_t attempts = 0;  // start attempts since it last ran for long, for the backoff
  TimePoint running_since{};
  ExitReason failure{};  // why it waits for another attempt
};

/// What happened to one child, or what is wanted of it.
struct DynamicEvent {
  enum class Kind : unsigned char {
    Started,
    StartFailed,
    Ignored,    // it did not want to start
    Exited,     // by itself or as told
    RetryDue,   // the delay that the rules asked for is over
    Terminate,  // somebody wants it gone, or the supervisor ends
  };
  Kind kind;
  ExitReason reason = {};
  OnError verdict = OnError::Supervise;
};

/// What must be done about it, in the order of the fields.
struct DynamicVerdict {
  enum class Report : unsigned char { None, LimitReached, Escalated };
  /// What whoever asked for the first life hears.
  enum class Answer : unsigned char { None, Runs, Ignored, Failed };
  enum class Act : unsigned char {
    None,
    Start,   // its next life; Started, StartFailed or Ignored will follow
    Stop,    // by its shutdown rule; Exited will follow
    Wait,    // RetryDue after `delay`
    Forget,  // it is gone, whether it waited for a start or has ended
  };
  Report report = Report::None;
  bool retains = false;  // its life has ended, and another will come
  Answer answer = Answer::None;
  Act act = Act::None;
  Duration delay{};
  bool ends = false;  // the supervisor ends, with `reason`: all children are told to stop, at once
  ExitReason reason = {};
};

/// The rules of a dynamic supervisor as a pure step function, one child at a time: they never look at each other. What
/// is common to them is the restart limit.
///
/// Threads    one.
/// Cost       each step: constant, plus what RestartLimit costs.
/// Source     OTP's supervisor with simple_one_for_one, and Elixir's DynamicSupervisor.
/// [D1] A child that has ended for good is forgotten: there is no spec left to restart by hand.
/// [D2] Each start attempt after a failure counts against the limit; the one too many ends the supervisor.
/// [D3] Once the supervisor ends, nobody is started.
class DynamicRules {
 public:
  DynamicRules(Intensity intensity, Backoff backoff) noexcept
      : limit_{intensity}, intensity_{intensity}, backoff_{backoff} {}

  [[nodiscard]] DynamicVerdict step(DynamicChildRules& child, const DynamicEvent& event, TimePoint now,
                                    std::uint64_t random);
  /// The supervisor was told to end.
  void end() noexcept { is_ending_ = true; }
  [[nodiscard]] bool is_ending() const noexcept { return is_ending_; }

 private:
  [[nodiscard]] DynamicVerdict on_start_failed(DynamicChildRules& child, const ExitReason& reason);
  [[nodiscard]] DynamicVerdict on_exited(DynamicChildRules& child, const DynamicEvent& event);
  [[nodiscard]] DynamicVerdict on_terminate(DynamicChildRules& child) noexcept;
  [[nodiscard]] DynamicVerdict restart(DynamicChildRules& child, const ExitReason& reason, Duration delay);
  [[nodiscard]] Duration delay_for(DynamicChildRules& child);

  RestartLimit limit_;
  Intensity intensity_;
  Backoff backoff_;
  bool is_ending_ = false;
  TimePoint now_{};
  std::uint64_t random_ = 0;
};

}  // namespace coppice::detail
