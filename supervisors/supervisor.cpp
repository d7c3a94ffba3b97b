#include "coppice/supervisors/supervisor.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "child_place.hpp"
#include "place_closed.hpp"
#include "supervisor_body.hpp"

namespace coppice {

using detail::SupervisedChild;

namespace {

/// One delay of one child; comes back to the supervisor in its system lane.
struct DueTimer final : Timer {
  DueTimer(Cell& s, std::uint32_t c) noexcept
      : Timer{&DueTimer::fire_due, [](Timer& t) noexcept { delete static_cast<DueTimer*>(&t); }},
        supervisor{IntrusivePtr<Cell>::share(&s)},
        code{c} {}
  static void fire_due(Timer& timer) noexcept {
    auto& self = static_cast<DueTimer&>(timer);
    self.fired.store(true, detail::kRelease);  // partner: on_due
    CellSignal* const poke = detail::make_signal(CellSignal::Kind::Poke);
    poke->incarnation = self.code;
    self.supervisor->signal(poke);
  }
  IntrusivePtr<Cell> supervisor;
  std::uint32_t code;  // key * 8 + what is due
  detail::Atomic<bool> fired{false};
};

RuleEvent::Kind rule_kind(ChildEvent::Kind kind) noexcept {
  switch (kind) {
    case ChildEvent::Kind::Started: return RuleEvent::Kind::Started;
    case ChildEvent::Kind::StartFailed: return RuleEvent::Kind::StartFailed;
    case ChildEvent::Kind::StartIgnored: return RuleEvent::Kind::Ignored;
    default: return RuleEvent::Kind::Exited;
  }
}

}  // namespace

Supervisor::Body::Body(Cell& cell, detail::SupervisorFactory& places)
    : cell_{cell},
      places_{&places},
      rules_{places.spec->options().strategy, places.spec->options().intensity, places.spec->options().backoff,
             places.spec->options().auto_shutdown} {
  children_.reserve(places.spec->children().size());
  // Aliasing: each spec lives as long as the whole.
  for (const ChildSpec& spec : places.spec->children()) {
    Child& child = add_child(std::shared_ptr<const ChildSpec>{places.spec, &spec});
    child.cell = places.get(spec.id());
    if (child.cell) keys_of_cells_[child.cell.get()] = child.key;
  }
}

/// At the end of the start order.
SupervisedChild& Supervisor::Body::add_child(std::shared_ptr<const ChildSpec> spec) {
  const detail::ChildKey key = ++last_key_;
  rules_.add(key, spec->options().restart, spec->options().significant);
  keys_[spec->id()] = key;
  children_.push_back(
      Child{.key = key, .spec = std::move(spec), .cell = {}, .due = {}, .stopping = false, .starting = false});
  Child& child = children_.back();
  if (const HealthCheck& check = child.spec->options().health; check.interval != kForever)
    child.health = std::make_unique<detail::HealthMonitor>(check);
  return child;
}

Supervisor::Body::~Body() {
  // What was started by calls goes with this life; those of the spec come back with the next.
  for (const Child& child : children_) {
    if (child.key <= places_->spec->children().size() || !child.cell) continue;
    child.cell->signal(detail::make_signal(CellSignal::Kind::Bury));
    places_->set(child.spec->id(), {});
  }
  for (Child& child : children_) {
    for (const Due due : kEveryDue) disarm(child, due);
  }
}

void Supervisor::Body::begin_stop(const ExitReason& reason) {
  ending_ = true;
  if (reason.kind() == ExitReason::Kind::Killed && !killing_) {
    killing_ = true;  // no child may take its time any more
    for (Child& child : children_) {
      if (child.stopping || child.starting) kill_child(child);
    }
  }
  apply({.kind = RuleEvent::Kind::Stop, .reason = reason});
}

/// What a child, or a timer of ours, has to say.
void Supervisor::Body::child_event(const ChildEvent& event) {
  if (event.kind == ChildEvent::Kind::Poke) {
    if (event.incarnation == detail::kClosedCode) {
      on_closed();
      return serve_calls();
    }
    if (Child* const child = find(event.incarnation / 8)) on_due(static_cast<Due>(event.incarnation % 8), *child);
    serve_calls();
    return;
  }
  const auto known = keys_of_cells_.find(event.child);
  Child* const child = known == keys_of_cells_.end() ? nullptr : find(known->second);
  if (child == nullptr) return;  // a place that was given up
  detail::Told told{.reason = &event.reason, .handling = event.handling};
  const EventKind kind = note_event(event, *child, told);
  disarm(*child, Due::StartLimit);
  disarm(*child, Due::StopLimit);
  disarm(*child, Due::Kill);
  told.was_told = was_told(*child);
  child->stopping = child->starting = false;
  end_checks(*child);
  child->unwell = {};
  if (child->health && event.kind == ChildEvent::Kind::Started)
    arm(*child, Due::Health, child->health->start(*child->cell, now()));
  apply_and_report(
      {.kind = rule_kind(event.kind), .child = child->key, .reason = event.reason, .verdict = event.verdict}, kind,
      *child, told);
  serve_calls();
}

/// The shell around the rules: the step decides, this carries out.
void Supervisor::Body::apply(const RuleEvent& event) {
  for (const RuleEffect& effect : rules_.step(event, now(), cell_.runtime()->random())) perform(effect);
}

void Supervisor::Body::perform(const RuleEffect& effect) {
  switch (effect.kind) {
    case RuleEffect::Kind::Up: is_up_ = true; return cell_.finish_start(nullptr);
    case RuleEffect::Kind::StartAborted: {
      const Child* const failed = find(effect.child);
      const ExitReason reason = ExitReason::shutdown(
          std::string{detail::kFailedToStart} + (failed == nullptr ? std::string{} : failed->spec->id()),
          effect.reason);
      end_ = End{.start_failed = true, .reason = reason};
      return finish();
    }
    case RuleEffect::Kind::Reply: return reply(effect);
    case RuleEffect::Kind::Down: end_ = End{.start_failed = false, .reason = effect.reason}; return finish();
    default: break;
  }
  Child* const child = find(effect.child);
  if (child == nullptr) return;
  switch (effect.kind) {
    case RuleEffect::Kind::Start: start_child(*child); break;
    case RuleEffect::Kind::Stop: stop_child(*child, effect.keep); break;
    // (No cell: its first start found the system full.)
    case RuleEffect::Kind::Retain:
      child->gave_up = false;
      if (child->cell) child->cell->signal(detail::make_signal(CellSignal::Kind::Retain));
      break;
    case RuleEffect::Kind::Close:
      if (child->gave_up && !ending_) report(EventKind::ChildGaveUp, *child, {.reason = &child->end});
      if (child->cell) close_child(*child);
      break;
    case RuleEffect::Kind::Remove: remove_child(*child); break;
    case RuleEffect::Kind::Arm:
      if (effect.delay > Duration::zero()) {
        const std::string delay =
            std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(effect.delay).count()) + " ms";
        report(EventKind::BackoffScheduled, *child, {.text = delay, .delay = effect.delay});
      }
      arm(*child, Due::Retry, effect.delay);
      break;
    case RuleEffect::Kind::Disarm: disarm(*child, Due::Retry); break;
    case RuleEffect::Kind::LimitReached:
      ending_ = true;
      report(EventKind::RestartLimitExceeded, *child,
             {.reason = &effect.reason, .next = SupervisorReport::Next::GivesUp});
      break;
    case RuleEffect::Kind::AutoShutdown:
      ending_ = true;
      report(EventKind::AutoShutdown, *child, {.next = SupervisorReport::Next::GivesUp});
      break;
    case RuleEffect::Kind::Escalated:
      ending_ = true;
      report(EventKind::Escalated, *child, {.reason = &effect.reason, .next = SupervisorReport::Next::GivesUp});
      break;
    default: break;
  }
}

void Supervisor::Body::start_child(Child& child) {
  const ChildOptions& options = child.spec->options();
  detail::Runtime& runtime = *cell_.runtime();
  if (options.start_within != kForever) arm(child, Due::StartLimit, options.start_within);
  child.starting = true;
  child.gave_up = false;
  child.since = now();
  const bool reusable = child.cell && child.cell->parent() == &cell_ && !child.cell->has_ended();
  if (reusable) {
    child.cell->signal(detail::make_signal(CellSignal::Kind::Restart));
    return;
  }
  const auto factory = child.spec->factory();
  ExitReason why_not;
  // Where it was killed, or its supervisor was, its refs go on to the new place.
  auto made =
      detail::make_place(cell_, detail::place_of(*child.spec, factory.get(), runtime), child.cell.get(), why_not);
  if (!made) {
    disarm(child, Due::StartLimit);
    child.starting = false;
    detail::Told told{.reason = &why_not};
    return apply_and_report({.kind = RuleEvent::Kind::StartFailed, .child = child.key, .reason = why_not},
                            EventKind::ChildStartFailed, child, told);
  }
  if (child.cell) keys_of_cells_.erase(child.cell.get());
  child.cell = made;
  keys_of_cells_[made.get()] = child.key;
  places_->set(options.id, made);
  runtime.default_scheduler->submit_back(*made);
}

void Supervisor::Body::stop_child(Child& child, bool keep) {
  child.unwell = {};
  tell_to_stop(child, ExitReason::shutdown(), keep, keep);
}

void Supervisor::Body::tell_to_stop(Child& child, const ExitReason& reason, bool keep_place, bool told_to_keep) {
  const Shutdown shutdown = child.spec->options().shutdown;
  child.stopping = true;
  child.since = now();
  end_checks(child);
  if (shutdown.is_brutal() || killing_) return kill_child(child);
  CellSignal* const stop = detail::make_signal(CellSignal::Kind::Stop);
  stop->reason = reason;
  stop->keep_place = keep_place;
  stop->told_to_keep = told_to_keep;
  child.cell->signal(stop);
  if (!shutdown.is_infinite()) arm(child, Due::StopLimit, shutdown.within());
}

/// Who was told to stop for good has closed its place by then, unless it ended by itself before it heard of it.
void Supervisor::Body::close_child(Child& child) {
  if (child.cell->is_closed()) return;
  child.cell->signal(detail::make_signal(CellSignal::Kind::Close));
  ++closing_;
  detail::attach(*child.cell, IntrusivePtr<detail::PlaceItem>::adopt(new detail::ClosedNotice{cell_, *child.cell}));
}

void Supervisor::Body::on_closed() {
  if (closing_ > 0) --closing_;
  if (closing_ == 0 && outcome_due_) answer_call(*std::exchange(outcome_due_, std::nullopt));
  finish();
}

/// Ends once every place below is closed: a supervisor is gone after its children, never before.
void Supervisor::Body::finish() {
  if (!end_ || closing_ > 0) return;
  const End end = *std::exchange(end_, std::nullopt);
  if (end.start_failed) return cell_.finish_start(&end.reason);
  cell_.finish_stop(end.reason);
}

/// Until the child's end arrives; it may stand between two handlers when we look, so look again.
void Supervisor::Body::kill_child(Child& child) {
  if (!detail::try_kill(*child.cell, child.unwell)) arm(child, Due::Kill, std::chrono::milliseconds{1});
}

void Supervisor::Body::on_due(Due due, Child& child) {
  // Disarmed, and perhaps armed anew, while its signal was on the way: the child's end and its time limit may race.
  IntrusivePtr<Timer>& armed = child.due[static_cast<std::size_t>(due)];
  if (!armed || !static_cast<DueTimer&>(*armed).fired.load(detail::kAcquire)) return;
  armed = {};
  switch (due) {
    case Due::Retry: return apply({.kind = RuleEvent::Kind::RetryDue, .child = child.key});
    case Due::StartLimit:
      if (child.cell->phase() == Phase::Running) return;  // late, but started: the news is on its way
      return kill_child(child);
    case Due::StopLimit:
    case Due::Kill: return kill_child(child);
    case Due::Health: return check_health(child);
  }
}

/// The rules hear of the end that this may lead to as of any other that they did not ask for.
void Supervisor::Body::check_health(Child& child) {
  detail::this_thread.now_known = false;  // a turn that deals with many children may take a while
  const detail::HealthFinding finding = child.health->tick(now());
  if (finding.report) report(*finding.report, child, {.text = finding.text});
  if (finding.act == detail::HealthFinding::Act::Wait) return arm(child, Due::Health, finding.next);
  child.unwell = finding.reason;
  if (finding.act == detail::HealthFinding::Act::Stop) return tell_to_stop(child, finding.reason, true, false);
  child.stopping = true;
  child.since = now();
  end_checks(child);
  kill_child(child);
}

void Supervisor::Body::end_checks(Child& child) noexcept {
  if (!child.health) return;
  disarm(child, Due::Health);
  child.health->stop();
}

void Supervisor::Body::arm(Child& child, Due due, Duration after) {
  disarm(child, due);
  auto timer = IntrusivePtr<Timer>::adopt(new DueTimer{cell_, child.key * 8 + static_cast<std::uint32_t>(due)});
  child.due[static_cast<std::size_t>(due)] = timer;
  // Without a delay it is a message to ourselves, behind what waits there: OTP's try_again_restart.
  if (after <= Duration::zero()) return DueTimer::fire_due(*timer);
  cell_.scheduler().arm(*timer, detail::saturating_add(now(), after));
}

void Supervisor::Body::disarm(Child& child, Due due) noexcept {
  if (const auto timer = std::exchange(child.due[static_cast<std::size_t>(due)], {})) cell_.scheduler().disarm(*timer);
}

void Supervisor::Body::remove_child(Child& child) {
  for (const Due due : kEveryDue) disarm(child, due);
  if (child.cell) {
    close_child(child);
    child.cell->signal(detail::make_signal(CellSignal::Kind::Bury));
  }
  const std::string& id = child.spec->id();
  places_->set(id, {});
  keys_of_cells_.erase(child.cell.get());
  if (const auto named = keys_.find(id); named != keys_.end() && named->second == child.key) keys_.erase(named);
  children_.erase(children_.begin() + (&child - children_.data()));
}

SupervisedChild* Supervisor::Body::find(detail::ChildKey key) noexcept {
  const auto found = std::lower_bound(children_.begin(), children_.end(), key,
                                      [](const Child& child, detail::ChildKey wanted) { return child.key < wanted; });
  return found == children_.end() || found->key != key ? nullptr : &*found;
}

SupervisedChild* Supervisor::Body::find(std::string_view id) noexcept {
  const auto found = keys_.find(std::string{id});
  return found == keys_.end() ? nullptr : find(found->second);
}

Supervisor::Supervisor(detail::SupervisorFactory& places) : body_{new Body{cell(), places}} {}
Supervisor::~Supervisor() { delete body_; }
void Supervisor::on_start() { body_->apply({.kind = RuleEvent::Kind::Begin}); }
void Supervisor::child_event(const ChildEvent& event) { body_->child_event(event); }
void Supervisor::begin_stop(const ExitReason& reason) { body_->begin_stop(reason); }

}  // namespace coppice
