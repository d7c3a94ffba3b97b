#include <string>

#include "supervisor_body.hpp"

// What is told of the children, and when; how: child_reports.cpp.

namespace coppice {

using detail::SupervisedChild;

namespace detail {

namespace {

/// What the rules have decided about a child that has ended, into `told`.
void tell_next(const std::vector<RuleEffect>& effects, ChildKey child, Told& told) noexcept {
  using Next = SupervisorReport::Next;
  told.next = Next::Later;
  for (const RuleEffect& effect : effects) {
    if (effect.child != child) continue;
    switch (effect.kind) {
      case RuleEffect::Kind::LimitReached:
      case RuleEffect::Kind::Escalated: told.next = Next::GivesUp; return;
      case RuleEffect::Kind::Retain: told.next = Next::Restarted; break;
      case RuleEffect::Kind::Arm:
        told.next = Next::Restarted;
        told.delay = effect.delay;
        break;
      case RuleEffect::Kind::Close: told.next = Next::Down; break;
      case RuleEffect::Kind::Remove: told.next = Next::Forgotten; break;
      default: break;
    }
  }
}

}  // namespace
}  // namespace detail

namespace {

bool is_supervisor(const SupervisedChild& child) noexcept { return child.spec->ops().child_event != nullptr; }

}  // namespace

/// By the rules, that is: an end that its health checks bring about is a failure.
bool Supervisor::Body::was_told(const Child& child) noexcept { return child.stopping && child.unwell.is_normal(); }

/// The rules decide, it is told what happened and what they decided, and then that is done.
void Supervisor::Body::apply_and_report(const RuleEvent& event, EventKind kind, const Child& child,
                                        detail::Told& told) {
  const auto effects = rules_.step(event, now(), cell_.runtime()->random());
  if (event.kind == RuleEvent::Kind::StartFailed && !is_up_) {
    told.next = SupervisorReport::Next::GivesUp;
  } else if (event.kind != RuleEvent::Kind::Started && !told.was_told) {
    detail::tell_next(effects, child.key, told);
  }
  report(kind, child, told);
  for (const RuleEffect& effect : effects) perform(effect);
}

/// What happened, by name; a child that was left behind is told of here.
EventKind Supervisor::Body::note_event(const ChildEvent& event, Child& child, detail::Told& told) {
  if (event.left_behind) {
    told.waited = detail::saturating_between(child.since, now());
    report(EventKind::ChildLeftBehind, child, told);
  }
  switch (event.kind) {
    case ChildEvent::Kind::Started: return event.incarnation > 1 ? EventKind::ChildRestarted : EventKind::ChildStarted;
    case ChildEvent::Kind::StartFailed: return EventKind::ChildStartFailed;
    case ChildEvent::Kind::StartIgnored:
      told.text = "ignored: it did not want to start";
      return EventKind::ChildStopped;
    default: break;
  }
  if (child.starting && !child.stopping) return EventKind::ChildStartFailed;  // killed while it started
  child.gave_up = is_supervisor(child) && !was_told(child) && event.reason.cause() != nullptr;
  if (child.gave_up) child.end = event.reason;
  const ChildOptions& options = child.spec->options();
  return detail::kind_of_end(was_told(child), options.shutdown.is_brutal() || killing_, options.restart, event.reason);
}

void Supervisor::Body::report(EventKind kind, const Child& child, const detail::Told& told) noexcept {
  const ChildOptions& options = child.spec->options();
  detail::report_child(cell_, kind,
                       {.cell = child.cell.get(),
                        .id = options.id,
                        .type = child.spec->ops().type,
                        .restart = options.restart,
                        .shutdown = options.shutdown,
                        .is_supervisor = is_supervisor(child)},
                       told);
}

}  // namespace coppice
