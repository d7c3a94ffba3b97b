#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coppice/actor/signals.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "supervisor_factory.hpp"

namespace coppice {

const char* to_string(StartError::Kind kind) noexcept {
  switch (kind) {
    case StartError::Kind::ChildFailed: return "a child could not start";
    case StartError::Kind::BadSpec: return "the specification is wrong";
    case StartError::Kind::Closing: return "the system is full or shutting down";
    case StartError::Kind::Blocking: return "a blocking start on an actor's turn";
  }
  return "unknown";
}

namespace detail {
namespace {

[[nodiscard]] bool is_negative(const Shutdown& shutdown) noexcept {
  return !shutdown.is_brutal() && shutdown.within() < Duration::zero();
}

/// What is wrong with one supervisor's own options and ids; empty: nothing.
std::string fault_of(const SupervisorSpec& spec) {
  const SupervisorOptions& options = spec.options();
  if (options.id.empty()) return "a supervisor has an empty id";
  if (options.id.find('/') != std::string::npos) return "the id \"" + options.id + "\" contains a '/'";
  if (options.intensity.within <= Duration::zero())
    return "supervisor \"" + options.id + "\": intensity.within must be longer than zero";
  if (is_negative(options.shutdown)) return "supervisor \"" + options.id + "\": shutdown must not be negative";
  if (options.backoff.is_on()) {
    const Exponential& e = options.backoff.exponential();
    if (e.first < Duration::zero() || e.cap < e.first || !(e.factor >= 1.0) || !(e.jitter >= 0.0 && e.jitter <= 0.5) ||
        e.reset_after < Duration::zero()) {
      return "supervisor \"" + options.id +
             "\": backoff needs 0 <= first <= cap, factor >= 1, 0 <= jitter <= 0.5 and reset_after >= 0";
    }
  }
  std::set<std::string> ids;
  for (const ChildSpec& child : spec.children()) {
    if (child.id().empty()) return "a child of \"" + options.id + "\" has an empty id";
    if (child.id().find('/') != std::string::npos) return "the id \"" + child.id() + "\" contains a '/'";
    if (!ids.insert(child.id()).second)
      return "supervisor \"" + options.id + "\" has two children with the id \"" + child.id() + "\"";
    const ChildOptions& c = child.options();
    if (c.start_within <= Duration::zero()) return "child \"" + c.id + "\": start_within must be longer than zero";
    if (is_negative(c.shutdown)) return "child \"" + c.id + "\": shutdown must not be negative";
    if (const auto* const bounded = c.mailbox.bounded(); bounded != nullptr && bounded->capacity == 0) {
      return "child \"" + c.id + "\": a bounded mailbox needs a capacity of at least one";
    }
  }
  return {};
}

/// All of the tree, before anything starts.
std::string fault_in(const SupervisorSpec& root) {
  std::vector<const SupervisorSpec*> left{&root};
  while (!left.empty()) {
    const SupervisorSpec& spec = *left.back();
    left.pop_back();
    if (std::string fault = fault_of(spec); !fault.empty()) return fault;
    for (const ChildSpec& child : spec.children()) {
      if (child.is_supervisor()) left.push_back(child.tree());
    }
  }
  return {};
}

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

}  // namespace detail

Result<ActorRef<Supervisor>, StartError> start_tree(System& system, const SupervisorSpec& spec) {
  using namespace detail;
  using Kind = StartError::Kind;
  if (this_thread.cell != nullptr) return Error{StartError{Kind::Blocking, {}, to_string(Kind::Blocking), {}}};
  if (std::string fault = fault_in(spec); !fault.empty())
    return Error{StartError{Kind::BadSpec, {}, std::move(fault), {}}};
  Runtime& runtime = system.runtime();
  const StartError closing{Kind::Closing, {}, to_string(Kind::Closing), {}};
  if (!runtime.admit()) return Error{closing};
  auto factory = IntrusivePtr<Factory>::adopt(new SupervisorFactory{std::make_shared<const SupervisorSpec>(spec)});
  auto cell = IntrusivePtr<Cell>::adopt(
      Cell::make(runtime, *runtime.default_scheduler, kActorOps<Supervisor>, factory.get(), nullptr));
  auto ticket = IntrusivePtr<Ticket>::adopt(new Ticket{runtime});
  cell->set_name(spec.id(), false);
  cell->set_start_ticket(ticket);
  if (!runtime.adopt_top_level(*cell)) {
    cell->mailbox().close();
    cell->release();  // the place's own count: it never starts
    runtime.unadmit();
    return Error{closing};
  }
  runtime.default_scheduler->submit(*cell);
  while (ticket->progress.load(kAcquire) != Ticket::kDone)
    runtime.wait(ticket->progress, Ticket::kOpen, TimePoint::max());
  if (ticket->ok) return RefAccess::make<ActorRef<Supervisor>>(std::move(cell));
  return Error{StartError{Kind::ChildFailed, failed_child(ticket->reason), ticket->reason.to_string(), ticket->reason}};
}

}  // namespace coppice
