#include <string>

#include "dynamic_body.hpp"

// What can be seen of a dynamic supervisor's children, and what is told of them.

namespace coppice::detail {

std::vector<ChildInfo> DynamicBody::which_children() const {
  std::vector<ChildInfo> infos;
  infos.reserve(count_);
  for (const Cell* place = places_.newest(); place != nullptr; place = place->older_sibling()) {
    const DynamicChild& child = *find(place);
    const bool waits = child.rules.state == DynamicChildRules::State::Waiting;
    infos.push_back({.id = place->name(),
                     .actor = RefAccess::make<AnyRef>(child.cell),
                     .state = waits ? ChildState::Restarting : ChildState::Running,
                     .is_supervisor = child.is_supervisor()});
  }
  return infos;
}

ChildCounts DynamicBody::count_children() const {
  ChildCounts counts;
  for (const Cell* place = places_.newest(); place != nullptr; place = place->older_sibling()) {
    ++counts.specs;
    ++(place->ops().child_event != nullptr ? counts.supervisors : counts.workers);
    if (find(place)->rules.state != DynamicChildRules::State::Waiting) ++counts.active;
  }
  return counts;
}

void DynamicBody::report(EventKind kind, const DynamicChild& child, const Told& told) noexcept {
  report_child(cell_, kind,
               {.cell = child.cell.get(),
                .id = {},
                .type = child.cell->ops().type,
                .restart = child.rules.restart,
                .shutdown = child.shutdown,
                .is_supervisor = child.is_supervisor()},
               told);
}

/// What happened, by name; a child that was left behind is told of here.
DynamicBody::Happening DynamicBody::happening_of(const ChildEvent& event, const DynamicChild& child) noexcept {
  using State = DynamicChildRules::State;
  Happening happening{
      .kind = EventKind::ChildStartFailed,
      .told = {.reason = &event.reason, .handling = event.handling, .was_told = child.rules.state == State::Stopping}};
  Told& told = happening.told;
  const bool brutal = child.shutdown.is_brutal() || is_killed_;
  if (event.left_behind) {  // at its limit, to the timer's precision
    const Duration limit = told.was_told ? child.shutdown.within() : child.start_within;
    if (!brutal && limit != kForever) told.waited = limit;
    report(EventKind::ChildLeftBehind, child, told);
  }
  switch (event.kind) {
    case ChildEvent::Kind::Started:
      happening.kind = event.incarnation > 1 ? EventKind::ChildRestarted : EventKind::ChildStarted;
      break;
    case ChildEvent::Kind::StartFailed: break;
    case ChildEvent::Kind::StartIgnored:
      happening.kind = EventKind::ChildStopped;
      told.text = "ignored: it did not want to start";
      break;
    default:
      if (child.rules.state != State::Starting)  // else it was killed while it started
        happening.kind = kind_of_end(told.was_told, brutal, child.rules.restart, event.reason);
      break;
  }
  return happening;
}

}  // namespace coppice::detail
