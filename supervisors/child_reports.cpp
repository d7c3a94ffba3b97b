#include "child_reports.hpp"

#include <string>

#include "coppice/actor/actor.hpp"

// What a supervisor of any kind tells of its children, to monitors and to SystemOptions::on_report.

namespace coppice::detail {

EventKind kind_of_end(bool told, bool brutal, Restart restart, const ExitReason& reason) noexcept {
  if (!told) return reason.is_normal() ? EventKind::ChildStopped : EventKind::ChildFailed;
  const bool as_told = brutal ? reason.kind() == ExitReason::Kind::Killed : reason == ExitReason::shutdown();
  const bool is_fine = as_told || (restart != Restart::Permanent && reason.is_normal());
  return is_fine ? EventKind::ChildStopped : EventKind::ChildShutdownError;
}

void report_child(const Cell& supervisor, EventKind kind, const ReportedChild& child, const Told& told) noexcept {
  Runtime& runtime = *supervisor.runtime();
  const bool is_reported = runtime.reports && is_problem(kind);
  if (runtime.events == nullptr && !is_reported) return;
  try {
    std::string id{child.id};
    if (id.empty()) id = child.cell->name();
    if (id.empty()) id = "#" + std::to_string(child.cell->id());
    const std::string above = supervisor.path();
    const std::string path = above + '/' + id;
    const SupervisorReport report{
        .kind = kind,
        .time = turn_now(runtime),
        .path = path,
        .supervisor = above,
        .id = id,
        .type = child.type->name,
        .actor = child.cell == nullptr ? 0 : child.cell->id(),
        .incarnation = child.cell == nullptr ? 0 : child.cell->incarnation(),
        .restart = child.restart,
        .shutdown = child.shutdown.within(),
        .is_supervisor = child.is_supervisor,
        .handling = told.handling == nullptr ? std::string_view{} : told.handling->name,
        .reason = told.reason == nullptr ? ExitReason{} : *told.reason,
        .next = told.next,
        .delay = told.delay,
        .waited = told.waited,
    };
    if (runtime.events != nullptr) {
      const bool has_reason = told.reason != nullptr && told.text.empty() && kind != EventKind::ChildStarted &&
                              kind != EventKind::ChildRestarted && kind != EventKind::AutoShutdown;
      const std::string text = has_reason ? report.reason.to_string() : std::string{told.text};
      runtime.events->record(Event{.kind = kind,
                                   .actor = report.actor,
                                   .incarnation = report.incarnation,
                                   .path = above,
                                   .subject = id,
                                   .text = text,
                                   .time = report.time,
                                   .report = &report});
    }
    if (is_reported) runtime.report(report);
  } catch (...) {  // no memory to say it
  }
}

}  // namespace coppice::detail
