#include "coppice/supervisors/supervisor.hpp"

#include <algorithm>
#include <string>
#include <utility>

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
  std::uint32_t code;  // key * 4 + what is due
  detail::Atomic<bool> fired{false};
};

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
  return children_.back();
}

Supervisor::Body::~Body() {
  // What was started by calls goes with this life; those of the spec come back with the next.
  for (const Child& child : children_) {
    if (child.key <= places_->spec->children().size() || !child.cell) continue;
    child.cell->signal(detail::make_signal(CellSignal::Kind::Bury));
    places_->set(child.spec->id(), {});
  }
  for (Child& child : children_) {
    for (const Due due : {Due::Retry, Due::StopLimit, Due::Kill, Due::StartLimit}) disarm(child, due);
  }
}

void Supervisor::Body::begin_stop(const ExitReason& reason) {
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
    if (event.incarnation == detail::kClosedCode) return on_closed();
    if (Child* const child = find(event.incarnation / 4)) on_due(static_cast<Due>(event.incarnation % 4), *child);
    serve_calls();
    return;
  }
  const auto known = keys_of_cells_.find(event.child);
  Child* const child = known == keys_of_cells_.end() ? nullptr : find(known->second);
  if (child == nullptr) return;  // a place that was given up
  RuleEvent rule{
      .kind = RuleEvent::Kind::Exited, .child = child->key, .reason = event.reason, .verdict = event.verdict};
  switch (event.kind) {
    case ChildEvent::Kind::Started:
      rule.kind = RuleEvent::Kind::Started;
      report(event.incarnation > 1 ? EventKind::ChildRestarted : EventKind::ChildStarted, *child, {});
      break;
    case ChildEvent::Kind::StartFailed:
      rule.kind = RuleEvent::Kind::StartFailed;
      report(EventKind::ChildStartFailed, *child, event.reason.to_string());
      break;
    case ChildEvent::Kind::StartIgnored:
      rule.kind = RuleEvent::Kind::Ignored;
      report(EventKind::ChildStopped, *child, "ignored: it did not want to start");
      break;
    default:
      report(event.reason.is_normal() ? EventKind::ChildStopped : EventKind::ChildFailed, *child,
             event.reason.to_string());
      break;
  }
  disarm(*child, Due::StartLimit);
  disarm(*child, Due::StopLimit);
  disarm(*child, Due::Kill);
  child->stopping = child->starting = false;
  apply(rule);
  serve_calls();
}

/// The shell around the rules: the step decides, this carries out.
void Supervisor::Body::apply(const RuleEvent& event) {
  for (const RuleEffect& effect : rules_.step(event, now(), cell_.runtime()->random())) perform(effect);
}

void Supervisor::Body::perform(const RuleEffect& effect) {
  switch (effect.kind) {
    case RuleEffect::Kind::Up: return cell_.finish_start(nullptr);
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
      if (child->cell) child->cell->signal(detail::make_signal(CellSignal::Kind::Retain));
      break;
    case RuleEffect::Kind::Close:
      if (child->cell) close_child(*child);
      break;
    case RuleEffect::Kind::Remove: remove_child(*child); break;
    case RuleEffect::Kind::Arm:
      if (effect.delay > Duration::zero()) {
        report(EventKind::BackoffScheduled, *child,
               std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(effect.delay).count()) + " ms");
      }
      arm(*child, Due::Retry, effect.delay);
      break;
    case RuleEffect::Kind::Disarm: disarm(*child, Due::Retry); break;
    case RuleEffect::Kind::LimitReached:
      report(EventKind::RestartLimitExceeded, *child, effect.reason.to_string());
      break;
    case RuleEffect::Kind::AutoShutdown: report(EventKind::AutoShutdown, *child, {}); break;
    case RuleEffect::Kind::Escalated: report(EventKind::Escalated, *child, effect.reason.to_string()); break;
    default: break;
  }
}

void Supervisor::Body::start_child(Child& child) {
  const ChildOptions& options = child.spec->options();
  detail::Runtime& runtime = *cell_.runtime();
  if (options.start_within != kForever) arm(child, Due::StartLimit, options.start_within);
  child.starting = true;
  const bool reusable = child.cell && child.cell->parent() == &cell_ && !child.cell->has_ended();
  if (reusable) {
    child.cell->signal(detail::make_signal(CellSignal::Kind::Restart));
    return;
  }
  if (!runtime.admit()) {
    disarm(child, Due::StartLimit);
    child.starting = false;
    return apply({.kind = RuleEvent::Kind::StartFailed,
                  .child = child.key,
                  .reason = ExitReason::error("the system is full or shutting down")});
  }
  const auto factory = child.spec->factory();
  auto made = IntrusivePtr<Cell>::adopt(
      Cell::make(runtime, *runtime.default_scheduler, child.spec->ops(), factory.get(), &cell_));
  made->set_supervised();
  made->set_name(options.id, false);
  // A supervisor hears what it is asked, however much that is.
  made->set_mailbox(child.spec->is_supervisor() ? MailboxOptions{Unbounded{}}
                                                : options.mailbox.or_else(runtime.mailbox_default));
  // A place that was killed, or whose supervisor was: its refs go on to the new cell.
  if (child.cell) made->continue_from(*child.cell);
  if (child.cell) keys_of_cells_.erase(child.cell.get());
  child.cell = made;
  keys_of_cells_[made.get()] = child.key;
  places_->set(options.id, made);
  runtime.default_scheduler->submit_back(*made);
}

void Supervisor::Body::stop_child(Child& child, bool keep) {
  const Shutdown shutdown = child.spec->options().shutdown;
  child.stopping = true;
  if (shutdown.is_brutal() || killing_) return kill_child(child);
  CellSignal* const stop = detail::make_signal(CellSignal::Kind::Stop);
  stop->reason = ExitReason::shutdown();
  stop->keep_place = stop->told_to_keep = keep;
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
  if (!detail::try_kill(*child.cell)) arm(child, Due::Kill, std::chrono::milliseconds{1});
}

void Supervisor::Body::on_due(Due due, Child& child) {
  // Disarmed, and perhaps armed anew, while its signal was on the way: the child's end and its time limit may race.
  IntrusivePtr<Timer>& armed = child.due[static_cast<std::size_t>(due)];
  if (!armed || !static_cast<DueTimer&>(*armed).fired.load(detail::kAcquire)) return;
  armed = {};
  switch (due) {
    case Due::Retry: return apply({.kind = RuleEvent::Kind::RetryDue, .child = child.key});
    case Due::StartLimit:
    case Due::StopLimit:
    case Due::Kill: return kill_child(child);
  }
}

void Supervisor::Body::arm(Child& child, Due due, Duration after) {
  disarm(child, due);
  auto timer = IntrusivePtr<Timer>::adopt(new DueTimer{cell_, child.key * 4 + static_cast<std::uint32_t>(due)});
  child.due[static_cast<std::size_t>(due)] = timer;
  // Without a delay it is a message to ourselves, behind what waits there: OTP's try_again_restart.
  if (after <= Duration::zero()) return DueTimer::fire_due(*timer);
  cell_.scheduler().arm(*timer, detail::saturating_add(now(), after));
}

void Supervisor::Body::disarm(Child& child, Due due) noexcept {
  if (const auto timer = std::exchange(child.due[static_cast<std::size_t>(due)], {})) cell_.scheduler().disarm(*timer);
}

void Supervisor::Body::remove_child(Child& child) {
  for (const Due due : {Due::Retry, Due::StopLimit, Due::Kill, Due::StartLimit}) disarm(child, due);
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

void Supervisor::Body::report(EventKind kind, const Child& child, std::string_view text) {
  detail::EventSink* const events = cell_.runtime()->events;
  if (events == nullptr) return;
  const std::string path = cell_.path();
  events->record(Event{.kind = kind,
                       .actor = child.cell ? child.cell->id() : 0,
                       .incarnation = child.cell ? child.cell->incarnation() : 0,
                       .path = path,
                       .subject = child.spec->id(),
                       .text = text,
                       .time = now()});
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
