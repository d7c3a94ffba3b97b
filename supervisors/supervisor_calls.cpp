#include <algorithm>
#include <set>
#include <utility>

#include "pending_answer.hpp"
#include "spec_faults.hpp"
#include "supervisor_body.hpp"
#include "supervisor_factory.hpp"
#include "tree_walk.hpp"

// What a supervisor can be asked. Source: OTP's supervisor, handle_call.

namespace coppice {

using detail::SupervisorCall;

const char* to_string(CallError::Kind kind) noexcept {
  switch (kind) {
    case CallError::Kind::NotFound: return "no child has this id";
    case CallError::Kind::Running: return "the child runs";
    case CallError::Kind::Restarting: return "a start attempt of the child is due";
    case CallError::Kind::AlreadyStarted: return "a child with this id runs";
    case CallError::Kind::AlreadyPresent: return "a child with this id is kept";
    case CallError::Kind::BadSpec: return "the specification is wrong";
    case CallError::Kind::StartFailed: return "the child could not start";
    case CallError::Kind::TooMany: return "the supervisor has as many children as it may";
    case CallError::Kind::Closing: return "the supervisor ends, or has ended";
    case CallError::Kind::NoAnswer: return "the supervisor did not answer in time";
    case CallError::Kind::Blocking: return "a blocking call on an actor's turn";
  }
  return "unknown";
}

const char* to_string(ChildState state) noexcept {
  switch (state) {
    case ChildState::Down: return "down";
    case ChildState::Running: return "running";
    case ChildState::Restarting: return "restarting";
  }
  return "unknown";
}

// ---- changes ----

void Supervisor::Body::call(SupervisorCall call) {
  calls_.push_back(std::move(call));
  serve_calls();
}

/// One after the other, each when all before it is done: what OTP's supervisor gets by blocking.
void Supervisor::Body::serve_calls() {
  while (!calls_.empty() && !current_call_ && rules_.is_idle()) {
    SupervisorCall next = std::move(calls_.front());
    calls_.pop_front();
    begin_call(std::move(next));
  }
}

void Supervisor::Body::begin_call(SupervisorCall call) {
  if (!call.specs.empty()) return begin_start(std::move(call));
  const Child* const child = find(call.id);
  if (child == nullptr) return call.answer(Error{CallError{.kind = CallError::Kind::NotFound}});
  const RuleEvent event{.kind = call.kind, .child = child->key};
  current_call_ = std::move(call);
  apply(event);
}

void Supervisor::Body::begin_start(SupervisorCall call) {
  if (auto refusal = refusal_of(call)) return call.answer(Error{std::move(*refusal)});
  detail::ChildKey first = 0;
  for (auto& spec : call.specs) {
    const detail::ChildKey key = add_child(std::move(spec)).key;
    if (first == 0) first = key;
  }
  const RuleEvent event{.kind = call.kind, .child = first};
  current_call_ = std::move(call);
  apply(event);
}

/// Why nothing of it is going to be started. Source: OTP's handle_start_child.
std::optional<CallError> Supervisor::Body::refusal_of(const SupervisorCall& start) {
  using Kind = CallError::Kind;
  const AutoShutdown auto_shutdown = places_->spec->options().auto_shutdown;
  std::set<std::string_view> ids;
  for (const auto& spec : start.specs) {
    if (std::string fault = detail::fault_of_child(*spec, auto_shutdown); !fault.empty())
      return CallError{.kind = Kind::BadSpec, .text = std::move(fault)};
    if (!ids.insert(spec->id()).second)
      return CallError{.kind = Kind::BadSpec, .text = "two children have the id \"" + spec->id() + "\""};
    if (const Child* const child = find(spec->id())) {
      const bool runs = state_of(*child) == ChildState::Running;
      return CallError{.kind = runs ? Kind::AlreadyStarted : Kind::AlreadyPresent,
                       .child = runs ? ref_of(*child) : AnyRef{},
                       .text = spec->id()};
    }
  }
  if (kLastKey - last_key_ < start.specs.size())
    return CallError{.kind = Kind::BadSpec, .text = "this supervisor has started 2^29 children"};
  return std::nullopt;
}

std::vector<AnyRef> Supervisor::Body::refs_of(const std::vector<std::string>& ids) {
  std::vector<AnyRef> refs;
  refs.reserve(ids.size());
  for (const std::string& id : ids) {
    const Child* const child = find(id);
    const bool runs = child != nullptr && state_of(*child) == ChildState::Running;
    refs.push_back(runs ? ref_of(*child) : AnyRef{});
  }
  return refs;
}

void Supervisor::Body::reply(const RuleEffect& effect) {
  using Kind = CallError::Kind;
  const Child* const child = find(effect.child);
  switch (effect.outcome) {
    case detail::CallOutcome::Done: return answer_call(child == nullptr ? AnyRef{} : ref_of(*child));
    case detail::CallOutcome::Ignored: return answer_call(AnyRef{});
    case detail::CallOutcome::Failed:
      return answer_call(
          Error{CallError{.kind = Kind::StartFailed, .text = child->spec->id(), .reason = effect.reason}});
    case detail::CallOutcome::Running: return answer_call(Error{CallError{.kind = Kind::Running}});
    case detail::CallOutcome::Restarting: return answer_call(Error{CallError{.kind = Kind::Restarting}});
  }
}

/// Whoever hears that a child is gone finds its place closed and its name free.
void Supervisor::Body::answer_call(Result<AnyRef, CallError> outcome) {
  if (closing_ > 0) {
    outcome_due_.emplace(std::move(outcome));
    return;
  }
  SupervisorCall call = *std::exchange(current_call_, std::nullopt);
  call.answer(std::move(outcome));
}

AnyRef Supervisor::Body::ref_of(const Child& child) const { return detail::RefAccess::make<AnyRef>(child.cell); }

template <class T>
Later<Result<T, CallError>> Supervisor::queue(SupervisorCall call) {
  auto [promise, later] = reply_later<Result<T, CallError>>();
  call.answer = [answer =
                     detail::PendingAnswer<T>{std::move(promise)}](const Result<AnyRef, CallError>& outcome) mutable {
    if (!outcome) return answer.set(Error{outcome.error()});
    if constexpr (std::is_void_v<T>) {
      answer.set();
    } else {
      answer.set(outcome.value());
    }
  };
  body_->call(std::move(call));
  return std::move(later);
}

Later<Result<AnyRef, CallError>> Supervisor::handle(StartChild call) {
  return queue<AnyRef>(
      {.kind = RuleEvent::Kind::StartChild, .specs = {std::make_shared<const ChildSpec>(std::move(call.spec))}});
}
Later<Result<std::vector<AnyRef>, CallError>> Supervisor::handle(StartChildren call) {
  auto [promise, later] = reply_later<Result<std::vector<AnyRef>, CallError>>();
  detail::PendingAnswer<std::vector<AnyRef>> answer{std::move(promise)};
  SupervisorCall start{.kind = RuleEvent::Kind::StartChildren};
  std::vector<std::string> ids;
  for (ChildSpec& spec : call.specs) {
    ids.push_back(spec.id());
    start.specs.push_back(std::make_shared<const ChildSpec>(std::move(spec)));
  }
  if (ids.empty()) {
    answer.set(std::vector<AnyRef>{});
  } else {
    start.answer = [body = body_, all = std::move(ids),
                    promised = std::move(answer)](const Result<AnyRef, CallError>& outcome) mutable {
      if (!outcome) return promised.set(Error{outcome.error()});
      promised.set(body->refs_of(all));
    };
    body_->call(std::move(start));
  }
  return std::move(later);
}
Later<Result<void, CallError>> Supervisor::handle(TerminateChild call) {
  return queue<void>({.kind = RuleEvent::Kind::TerminateChild, .id = std::move(call.id)});
}
Later<Result<AnyRef, CallError>> Supervisor::handle(RestartChild call) {
  return queue<AnyRef>({.kind = RuleEvent::Kind::RestartChild, .id = std::move(call.id)});
}
Later<Result<void, CallError>> Supervisor::handle(DeleteChild call) {
  return queue<void>({.kind = RuleEvent::Kind::DeleteChild, .id = std::move(call.id)});
}

// ---- reads ----

std::vector<ChildInfo> Supervisor::handle(WhichChildren) {
  std::vector<ChildInfo> infos;
  infos.reserve(body_->children_.size());
  std::for_each(body_->children_.rbegin(), body_->children_.rend(), [&](const detail::SupervisedChild& child) {
    const ChildState state = body_->state_of(child);
    infos.push_back({.id = child.spec->id(),
                     .actor = state == ChildState::Down ? AnyRef{} : body_->ref_of(child),
                     .state = state,
                     .is_supervisor = child.spec->is_supervisor()});
  });
  return infos;
}

ChildCounts Supervisor::handle(CountChildren) {
  ChildCounts counts;
  for (const detail::SupervisedChild& child : body_->children_) {
    ++counts.specs;
    ++(child.spec->is_supervisor() ? counts.supervisors : counts.workers);
    if (body_->state_of(child) == ChildState::Running) ++counts.active;
  }
  return counts;
}

Result<ChildSpec, CallError> Supervisor::handle(const GetChildSpec& call) {
  if (const auto* const child = body_->find(call.id)) return *child->spec;
  return Error{CallError{.kind = CallError::Kind::NotFound}};
}

// ---- from a thread ----

namespace detail {

using SupervisorCalls = RefExtension<Supervisor, ActorRef<Supervisor>>;

const ActorRef<Supervisor>& SupervisorCalls::self() const noexcept {
  return static_cast<const ActorRef<Supervisor>&>(*this);
}
AnyRef SupervisorCalls::find_child(std::string_view id) const { return look_up_child(RefAccess::cell(self()), id); }

Result<AnyRef, CallError> SupervisorCalls::start_child(ChildSpec spec, Duration within) const {
  return ask_flat<AnyRef>(self(), StartChild{std::move(spec)}, within);
}
Result<std::vector<AnyRef>, CallError> SupervisorCalls::start_children(std::vector<ChildSpec> specs,
                                                                       Duration within) const {
  return ask_flat<std::vector<AnyRef>>(self(), StartChildren{std::move(specs)}, within);
}
Result<void, CallError> SupervisorCalls::terminate_child(std::string_view id, Duration within) const {
  return ask_flat<void>(self(), TerminateChild{std::string{id}}, within);
}
Result<AnyRef, CallError> SupervisorCalls::restart_child(std::string_view id, Duration within) const {
  return ask_flat<AnyRef>(self(), RestartChild{std::string{id}}, within);
}
Result<void, CallError> SupervisorCalls::delete_child(std::string_view id, Duration within) const {
  return ask_flat<void>(self(), DeleteChild{std::string{id}}, within);
}
Result<std::vector<ChildInfo>, CallError> SupervisorCalls::which_children(Duration within) const {
  return ask_flat<std::vector<ChildInfo>>(self(), WhichChildren{}, within);
}
Result<ChildCounts, CallError> SupervisorCalls::count_children(Duration within) const {
  return ask_flat<ChildCounts>(self(), CountChildren{}, within);
}
Result<ChildSpec, CallError> SupervisorCalls::get_childspec(std::string_view id, Duration within) const {
  return ask_flat<ChildSpec>(self(), GetChildSpec{std::string{id}}, within);
}
Result<SupervisionTree, CallError> SupervisorCalls::tree(Duration within) const { return read_tree(self(), within); }
bool SupervisorCalls::print_tree(std::FILE* to, Duration within) const { return print_tree_of(self(), to, within); }

}  // namespace detail
}  // namespace coppice
