#include <string>
#include <utility>
#include <vector>

#include "start.hpp"

#include "coppice/actor/signals.hpp"
#include "spec_faults.hpp"
#include "supervisor_factory.hpp"

namespace coppice {

const char* to_string(StartError::Kind kind) noexcept {
  switch (kind) {
    case StartError::Kind::ChildFailed: return "a child could not start";
    case StartError::Kind::BadSpec: return "the specification is wrong";
    case StartError::Kind::Closing: return "the system is full or shutting down";
    case StartError::Kind::NameTaken: return "another actor has the supervisor's name";
    case StartError::Kind::Blocking: return "a blocking start on an actor's turn";
  }
  return "unknown";
}

namespace detail {
namespace {

/// "workers/worker-3", from the chain of causes: each supervisor names the child that did not start.
std::string failed_child(const ExitReason& reason) {
  std::string path;
  for (const ExitReason* link = &reason; link != nullptr && link->text().starts_with(kFailedToStart);
       link = link->cause()) {
    if (!path.empty()) path += '/';
    path += link->text().substr(kFailedToStart.size());
  }
  return path;
}

}  // namespace

Result<IntrusivePtr<Cell>, StartError> start_top(System& system, const ChildSpec& spec) {
  using Kind = StartError::Kind;
  if (this_thread.cell != nullptr) return Error{StartError{Kind::Blocking, {}, to_string(Kind::Blocking), {}}};
  if (std::string fault = fault_at_top(spec); !fault.empty())
    return Error{StartError{Kind::BadSpec, {}, std::move(fault), {}}};
  Runtime& runtime = system.runtime();
  const StartError closing{Kind::Closing, {}, to_string(Kind::Closing), {}};
  if (!runtime.admit()) return Error{closing};
  Unborn unborn{runtime};
  const auto factory = spec.factory();
  auto& cell = *(unborn.cell = IntrusivePtr<Cell>::adopt(
                     Cell::make(runtime, *runtime.default_scheduler, spec.ops(), factory.get(), nullptr)));
  auto ticket = IntrusivePtr<Ticket>::adopt(new Ticket{runtime});
  cell.set_name(spec.id());
  cell.set_own_name(spec.options().name);
  cell.set_start_ticket(ticket);
  if (ExitReason why_not; !cell.claim_own_name(why_not))
    return Error{StartError{Kind::NameTaken, {}, std::string{why_not.text()}, why_not}};
  if (!runtime.adopt_top_level(cell)) return Error{closing};
  auto root = unborn.lives();
  runtime.default_scheduler->submit(*root);
  while (ticket->progress.load(kAcquire) != Ticket::kDone)
    runtime.wait(ticket->progress, Ticket::kOpen, TimePoint::max());
  if (ticket->ok) return root;
  return Error{StartError{Kind::ChildFailed, failed_child(ticket->reason), ticket->reason.to_string(), ticket->reason}};
}

}  // namespace detail

Result<ActorRef<Supervisor>, StartError> start_tree(System& system, const SupervisorSpec& spec) {
  auto started = detail::start_top(system, ChildSpec{spec});
  if (!started) return Error{std::move(started).error()};
  return detail::RefAccess::make<ActorRef<Supervisor>>(std::move(started).value());
}

}  // namespace coppice
