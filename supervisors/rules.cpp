#include "coppice/supervisors/rules.hpp"

#include <algorithm>
#include <utility>

#include "start_attempts.hpp"

// [path 7 of 7] restart: from fail, in the supervisor; to run, in the child's next life

namespace coppice::detail {

std::vector<RuleEffect> SupervisorRules::step(const RuleEvent& event, TimePoint now, std::uint64_t random) {
  now_ = now;
  random_ = random;
  effects_.clear();
  if (mode_ == Mode::Ended) return {};
  if (event.kind == RuleEvent::Kind::Begin) {
    mode_ = Mode::Starting;
    for (const Child& child : children_) plan_.push_back({PlanStep::Kind::Start, child.key});
    advance();
  } else if (event.kind == RuleEvent::Kind::Stop) {
    on_stop(event.reason);
  } else if (Child* const child = find(event.child)) {  // a child that is forgotten has nothing to say
    switch (event.kind) {
      case RuleEvent::Kind::Started: on_started(*child, now); break;
      case RuleEvent::Kind::StartFailed: on_start_failed(*child, event.reason); break;
      case RuleEvent::Kind::Ignored: on_ignored(*child); break;
      case RuleEvent::Kind::Exited: on_exited(*child, event); break;
      case RuleEvent::Kind::RetryDue: on_retry_due(*child, event); break;
      default: on_call(*child, event.kind); break;
    }
  }
  return std::exchange(effects_, {});
}

// ---- events ----

void SupervisorRules::on_started(Child& child, TimePoint now) {
  if (child.state != State::Starting) return;
  child.state = State::Running;
  child.running_since = now;
  awaited_.reset();
  advance();
}

void SupervisorRules::on_start_failed(Child& child, const ExitReason& reason) {
  if (child.state != State::Starting) return;
  child.state = State::Undefined;
  awaited_.reset();
  if (mode_ == Mode::Starting) {
    // No retry at the beginning: everything back, last to first.
    mode_ = Mode::RollingBack;
    end_reason_ = reason;
    failed_ = child.key;
    close(child);
    plan_.clear();
    for (auto it = children_.rbegin(); it != children_.rend(); ++it) plan_.push_back({PlanStep::Kind::Stop, it->key});
  } else if (mode_ == Mode::Restarting) {
    // Those before it stay up, those after it stay down; it is tried again, as a restart of its own.
    plan_.clear();
    child.failure = reason;
    wait_for_retry(child, false, delay_for(child));
  } else if (mode_ == Mode::Calling) {
    fail_call(child, reason);
  }
  advance();
}

/// As if it had started and ended at once, but nothing counts it: a temporary child's spec goes, the others' is kept.
void SupervisorRules::on_ignored(Child& child) {
  if (child.state != State::Starting) return;
  child.state = State::Undefined;
  awaited_.reset();
  if (mode_ == Mode::Calling && call_.kind != RuleEvent::Kind::StartChildren) call_.outcome = CallOutcome::Ignored;
  close(child);
  if (child.restart == Restart::Temporary) remove(child.key);
  advance();
}

void SupervisorRules::on_exited(Child& child, const RuleEvent& event) {
  if (awaited_ == child.key) {
    if (child.state == State::Starting) return on_start_failed(child, event.reason);  // killed while it started
    awaited_.reset();
    child.state = State::Undefined;
    if (mode_ != Mode::Restarting || child.restart == Restart::Temporary) close(child);
    if ((mode_ == Mode::Restarting || mode_ == Mode::Calling) && child.restart == Restart::Temporary) remove(child.key);
    advance();
    return;
  }
  if (child.state != State::Running) return;
  if (awaited_ || !plan_.empty()) {
    child.state = State::Exited;
    deferred_.push_back(event);
    return;
  }
  child.state = State::Undefined;
  handle_exit(child, event);
  advance();
}

void SupervisorRules::on_retry_due(Child& child, const RuleEvent& event) {
  if (child.state != State::Waiting) return;
  if (awaited_ || !plan_.empty()) {
    deferred_.push_back(event);
    return;
  }
  retry(child);
  advance();
}

void SupervisorRules::on_stop(const ExitReason& reason) {
  if (mode_ == Mode::Ending || mode_ == Mode::RollingBack) return;
  end(reason);
  advance();
}

/// Source: OTP's handle_call.
void SupervisorRules::on_call(Child& child, RuleEvent::Kind call) {
  COPPICE_ASSERT(is_idle(), "a call waits until the supervisor is idle");
  const bool is_down = child.state == State::Undefined;
  const CallOutcome refusal = child.state == State::Waiting ? CallOutcome::Restarting : CallOutcome::Running;
  const ChildKey key = child.key;
  if (call != RuleEvent::Kind::TerminateChild && !is_down) return reply(key, refusal);
  if (call == RuleEvent::Kind::DeleteChild) {
    remove(key);
    return reply(key, CallOutcome::Done);
  }
  mode_ = Mode::Calling;
  call_ = Call{.kind = call, .child = key, .outcome = CallOutcome::Done, .reason = {}};
  if (call == RuleEvent::Kind::StartChildren) {
    for (std::size_t i = index_of(key); i < children_.size(); ++i)
      plan_.push_back({PlanStep::Kind::Start, children_[i].key});
    return advance();
  }
  const bool starts = call != RuleEvent::Kind::TerminateChild;
  plan_.push_back({starts ? PlanStep::Kind::Start : PlanStep::Kind::Stop, key});
  advance();
}

/// A child that was to start could not. Those that were added with it go again, last to first.
void SupervisorRules::fail_call(Child& child, const ExitReason& reason) {
  call_.outcome = CallOutcome::Failed;
  call_.reason = reason;
  call_.failed = child.key;
  close(child);
  if (call_.kind != RuleEvent::Kind::StartChildren) return;
  plan_.clear();
  for (auto each = children_.rbegin(); each != children_.rend() && each->key >= call_.child; ++each) {
    if (each->key != child.key) plan_.push_back({PlanStep::Kind::Stop, each->key});
  }
}

void SupervisorRules::finish_call() {
  const Call call = std::exchange(call_, {});
  const bool failed = call.outcome == CallOutcome::Failed;
  emit({.kind = RuleEffect::Kind::Reply,
        .child = failed ? call.failed : call.child,
        .outcome = call.outcome,
        .reason = call.reason});
  if (!failed) return;
  if (call.kind == RuleEvent::Kind::StartChild) remove(call.child);
  if (call.kind != RuleEvent::Kind::StartChildren) return;
  while (!children_.empty() && children_.back().key >= call.child) {
    close(children_.back());
    remove(children_.back().key);
  }
}

// ---- decisions ----

/// What an end means. Source: OTP's do_restart.
void SupervisorRules::handle_exit(Child& child, const RuleEvent& event) {
  if (event.verdict == OnError::Escalate) {
    emit({.kind = RuleEffect::Kind::Escalated, .child = child.key, .reason = event.reason});
    close(child);
    return end(ExitReason::error("a child escalated", event.reason));
  }
  if (event.verdict == OnError::Restart) return restart(child, event.reason, false);
  if (child.restart == Restart::Temporary || event.verdict == OnError::Stop ||
      (child.restart == Restart::Transient && event.reason.is_normal())) {
    return ended_for_good(child);
  }
  restart(child, event.reason, false);
}

/// It has ended by itself, and no other life will come. Source: OTP's do_auto_shutdown.
void SupervisorRules::ended_for_good(Child& child) {
  const bool was_significant = child.significant;
  const ChildKey key = child.key;
  close(child);
  if (child.restart == Restart::Temporary) remove(key);
  if (!was_significant || auto_shutdown_ == AutoShutdown::Never) return;
  if (auto_shutdown_ == AutoShutdown::AllSignificant && !is_last_significant()) return;
  emit({.kind = RuleEffect::Kind::AutoShutdown, .child = key});
  end(ExitReason::shutdown("significant children have ended"));
}

/// No significant child is left. One that waits for a start attempt is, and so is one whose end waits to be dealt with.
bool SupervisorRules::is_last_significant() const noexcept {
  return std::none_of(children_.begin(), children_.end(),
                      [](const Child& child) { return child.significant && child.state != State::Undefined; });
}

void SupervisorRules::restart(Child& child, const ExitReason& reason, bool delay_served) {
  if (!limit_.add(now_)) {
    emit({.kind = RuleEffect::Kind::LimitReached, .child = child.key, .reason = reason});
    child.state = State::Undefined;
    close(child);
    return end(limit_reached(intensity_, reason));
  }
  child.state = State::Undefined;
  emit({.kind = RuleEffect::Kind::Retain, .child = child.key});
  begin_group(child.key, delay_served ? Duration::zero() : delay_for(child));
}

/// Its delay is over. It waits no longer, also when another member of its group fails before its turn comes.
void SupervisorRules::retry(Child& child) {
  if (!child.counted) return restart(child, child.failure, true);
  child.state = State::Undefined;
  begin_group(child.key, Duration::zero());  // whoever came up meanwhile, by a call, is started anew as well
}

/// What the strategy says, made sound: a user's may be wrong.
AffectedRange SupervisorRules::affected_by(ChildKey failed) const noexcept {
  const std::size_t index = index_of(failed);
  const AffectedRange range = strategy_.affected(index, children_.size());
  return {std::min(range.first, index), std::clamp(range.last, index + 1, children_.size())};
}

void SupervisorRules::begin_group(ChildKey failed, Duration delay) {
  mode_ = Mode::Restarting;
  const AffectedRange range = affected_by(failed);
  for (std::size_t i = range.last; i-- > range.first;) {
    if (children_[i].key != failed) plan_.push_back({PlanStep::Kind::Stop, children_[i].key});
  }
  if (delay > Duration::zero()) {
    pending_delay_ = delay;
    plan_.push_back({PlanStep::Kind::Delay, failed});
  } else {
    plan_.push_back({PlanStep::Kind::Group, failed});
  }
}

void SupervisorRules::start_group(ChildKey failed) {
  mode_ = Mode::Restarting;
  const AffectedRange range = affected_by(failed);
  for (std::size_t i = range.first; i < range.last; ++i) {
    // A user's strategy may answer otherwise than before the stops: who runs is left alone.
    if (children_[i].state == State::Undefined) plan_.push_back({PlanStep::Kind::Start, children_[i].key});
  }
}

/// Everything is stopped, last to first; then the supervisor ends.
void SupervisorRules::end(const ExitReason& reason) {
  mode_ = Mode::Ending;
  end_reason_ = reason;
  plan_.clear();
  for (auto it = children_.rbegin(); it != children_.rend(); ++it) plan_.push_back({PlanStep::Kind::Stop, it->key});
}

Duration SupervisorRules::delay_for(Child& child) {
  return next_delay(backoff_, child.attempts, child.running_since, now_, random_);
}

void SupervisorRules::wait_for_retry(Child& child, bool counted, Duration delay) {
  child.state = State::Waiting;
  child.counted = counted;
  emit({.kind = RuleEffect::Kind::Arm, .child = child.key, .delay = delay});
}

// ---- the plan ----

/// Goes on with the plan until a step has to be waited for.
void SupervisorRules::advance() {
  while (!awaited_ && mode_ != Mode::Ended) {
    if (plan_.empty()) {
      if (mode_ == Mode::Running && deferred_.empty()) return;
      finish_plan();
      continue;
    }
    const PlanStep next = plan_.front();
    plan_.pop_front();
    take_step(next);
  }
}

void SupervisorRules::take_step(const PlanStep& step) {
  Child* const child = find(step.child);
  if (child == nullptr) return;
  switch (step.kind) {
    case PlanStep::Kind::Start:
      child->state = State::Starting;
      child->open = true;
      awaited_ = child->key;
      emit({.kind = RuleEffect::Kind::Start, .child = child->key});
      return;
    case PlanStep::Kind::Delay: wait_for_retry(*child, true, pending_delay_); return;
    case PlanStep::Kind::Group: start_group(child->key); return;
    case PlanStep::Kind::Stop: break;
  }
  const bool group = mode_ == Mode::Restarting;
  const bool forgets = (group || mode_ == Mode::Calling) && child->restart == Restart::Temporary;
  const bool keep = group && !forgets;
  switch (child->state) {
    case State::Running:
      child->state = State::Stopping;
      awaited_ = child->key;
      emit({.kind = RuleEffect::Kind::Stop, .child = child->key, .keep = keep});
      return;
    case State::Exited:
      consume_deferred(child->key);
      child->state = State::Undefined;
      if (keep) {
        emit({.kind = RuleEffect::Kind::Retain, .child = child->key});
      } else {
        close(*child);
      }
      break;
    case State::Waiting:
      emit({.kind = RuleEffect::Kind::Disarm, .child = child->key});
      consume_deferred(child->key);  // its RetryDue, if that has come
      child->state = State::Undefined;
      if (mode_ == Mode::Calling) close(*child);
      break;
    case State::Undefined:
    case State::Starting:
    case State::Stopping: break;  // a step is taken only when nobody is awaited
  }
  if (forgets) remove(child->key);
}

/// The plan is done: report it, and turn to what came meanwhile.
void SupervisorRules::finish_plan() {
  switch (mode_) {
    case Mode::Starting: emit({.kind = RuleEffect::Kind::Up}); break;
    case Mode::RollingBack:
      close_all();
      emit({.kind = RuleEffect::Kind::StartAborted, .child = failed_, .reason = end_reason_});
      mode_ = Mode::Ended;
      return;
    case Mode::Calling: finish_call(); break;
    case Mode::Ending:
      close_all();
      emit({.kind = RuleEffect::Kind::Down, .reason = end_reason_});
      mode_ = Mode::Ended;
      return;
    default: break;
  }
  mode_ = Mode::Running;
  if (deferred_.empty()) return;
  const RuleEvent event = deferred_.front();
  deferred_.pop_front();
  Child* const child = find(event.child);
  if (child == nullptr) return;
  if (event.kind == RuleEvent::Kind::Exited && child->state == State::Exited) {
    child->state = State::Undefined;
    handle_exit(*child, event);
  } else if (event.kind == RuleEvent::Kind::RetryDue && child->state == State::Waiting) {
    retry(*child);
  }
}

void SupervisorRules::consume_deferred(ChildKey key) {
  std::erase_if(deferred_, [&](const RuleEvent& event) { return event.child == key; });
}

void SupervisorRules::close(Child& child) {
  if (!std::exchange(child.open, false)) return;
  emit({.kind = RuleEffect::Kind::Close, .child = child.key});
}

void SupervisorRules::close_all() {
  for (Child& child : children_) {
    if (child.state == State::Waiting) {
      emit({.kind = RuleEffect::Kind::Disarm, .child = child.key});
      child.state = State::Undefined;
    }
    close(child);
  }
}

bool SupervisorRules::is_idle() const noexcept {
  return mode_ == Mode::Running && !awaited_ && plan_.empty() && deferred_.empty();
}

std::size_t SupervisorRules::index_of(ChildKey key) const noexcept {
  const auto found = std::lower_bound(children_.begin(), children_.end(), key,
                                      [](const Child& child, ChildKey wanted) { return child.key < wanted; });
  const bool is_there = found != children_.end() && found->key == key;
  return is_there ? static_cast<std::size_t>(found - children_.begin()) : children_.size();
}

SupervisorRules::Child* SupervisorRules::find(ChildKey key) noexcept {
  const std::size_t index = index_of(key);
  return index == children_.size() ? nullptr : &children_[index];
}

ChildState SupervisorRules::state_of(ChildKey key) const noexcept {
  const std::size_t index = index_of(key);
  if (index == children_.size()) return ChildState::Down;
  switch (children_[index].state) {
    case State::Undefined:
    case State::Exited: return ChildState::Down;
    case State::Waiting: return ChildState::Restarting;
    default: return ChildState::Running;
  }
}

void SupervisorRules::add(ChildKey key, Restart restart, bool significant) {
  COPPICE_ASSERT(children_.empty() || children_.back().key < key, "keys of children ascend");
  children_.push_back(Child{.key = key, .restart = restart, .significant = significant});
}

void SupervisorRules::remove(ChildKey key) {
  consume_deferred(key);
  children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index_of(key)));
  emit({.kind = RuleEffect::Kind::Remove, .child = key});
}

}  // namespace coppice::detail
