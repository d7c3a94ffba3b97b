#include "coppice/supervisors/dynamic_rules.hpp"

#include "start_attempts.hpp"

namespace coppice::detail {

using Act = DynamicVerdict::Act;
using Answer = DynamicVerdict::Answer;
using State = DynamicChildRules::State;

DynamicVerdict DynamicRules::step(DynamicChildRules& child, const DynamicEvent& event, TimePoint now,
                                  std::uint64_t random) {
  now_ = now;
  random_ = random;
  switch (event.kind) {
    case DynamicEvent::Kind::Started: {
      DynamicVerdict verdict;
      if (child.is_new) verdict.answer = Answer::Runs;
      child.is_new = false;
      child.running_since = now;
      if (child.state == State::Starting) child.state = State::Running;  // or it has been told to stop meanwhile
      return verdict;
    }
    case DynamicEvent::Kind::StartFailed: return on_start_failed(child, event.reason);
    case DynamicEvent::Kind::Ignored:
      return {.answer = child.is_new ? Answer::Ignored : Answer::None, .act = Act::Forget};
    case DynamicEvent::Kind::Exited: return on_exited(child, event);
    case DynamicEvent::Kind::RetryDue:
      if (child.state != State::Waiting) return {};
      if (!child.counted) return restart(child, child.failure, Duration::zero());
      child.state = State::Starting;
      return {.act = Act::Start};
    case DynamicEvent::Kind::Terminate: return on_terminate(child);
  }
  return {};
}

/// The first start is tried once. Another life's is tried again, as a restart of its own.
DynamicVerdict DynamicRules::on_start_failed(DynamicChildRules& child, const ExitReason& reason) {
  if (child.is_new) {
    child.state = State::Stopping;  // nobody need stop it
    return {.answer = Answer::Failed, .act = Act::Forget, .reason = reason};
  }
  if (is_ending_ || child.state == State::Stopping) return {.act = Act::Forget};
  child.state = State::Waiting;
  child.counted = false;
  child.failure = reason;
  return {.act = Act::Wait, .delay = delay_for(child)};
}

/// Source: OTP's do_restart.
DynamicVerdict DynamicRules::on_exited(DynamicChildRules& child, const DynamicEvent& event) {
  if (child.state == State::Starting) return on_start_failed(child, event.reason);  // killed while it started
  if (is_ending_ || child.state == State::Stopping) {
    return {.answer = child.is_new ? Answer::Failed : Answer::None, .act = Act::Forget, .reason = event.reason};
  }
  if (event.verdict == OnError::Escalate) {
    is_ending_ = true;
    return {.report = DynamicVerdict::Report::Escalated,
            .act = Act::Forget,
            .ends = true,
            .reason = ExitReason::error("a child escalated", event.reason)};
  }
  const bool is_done = child.restart == Restart::Temporary || event.verdict == OnError::Stop ||
                       (child.restart == Restart::Transient && event.reason.is_normal());
  if (is_done && event.verdict != OnError::Restart) return {.act = Act::Forget};
  return restart(child, event.reason, delay_for(child));
}

DynamicVerdict DynamicRules::on_terminate(DynamicChildRules& child) noexcept {
  switch (child.state) {
    case State::Waiting: return {.act = Act::Forget};
    case State::Stopping: return {};
    case State::Starting:
    case State::Running: break;
  }
  child.state = State::Stopping;
  return {.act = Act::Stop};
}

DynamicVerdict DynamicRules::restart(DynamicChildRules& child, const ExitReason& reason, Duration delay) {
  if (!limit_.add(now_)) {
    is_ending_ = true;
    return {.report = DynamicVerdict::Report::LimitReached,
            .act = Act::Forget,
            .ends = true,
            .reason = limit_reached(intensity_, reason)};
  }
  if (delay > Duration::zero()) {
    child.state = State::Waiting;
    child.counted = true;
    return {.retains = true, .act = Act::Wait, .delay = delay};
  }
  child.state = State::Starting;
  return {.retains = true, .act = Act::Start};
}

Duration DynamicRules::delay_for(DynamicChildRules& child) {
  return next_delay(backoff_, child.attempts, child.running_since, now_, random_);
}

}  // namespace coppice::detail
