#include <algorithm>
#include <utility>

#include "supervisor_body.hpp"

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
  if (call.kind == RuleEvent::Kind::StartChild) return begin_start(std::move(call));
  const Child* const child = find(call.id);
  if (child == nullptr) return call.answer(Error{CallError{.kind = CallError::Kind::NotFound}});
  const RuleEvent event{.kind = call.kind, .child = child->key};
  current_call_ = std::move(call);
  apply(event);
}

void Supervisor::Body::begin_start(SupervisorCall call) {
  using Kind = CallError::Kind;
  const AutoShutdown auto_shutdown = places_->spec->options().auto_shutdown;
  if (std::string fault = detail::fault_of_child(*call.spec, auto_shutdown); !fault.empty())
    return call.answer(Error{CallError{.kind = Kind::BadSpec, .text = std::move(fault)}});
  if (const Child* const child = find(call.spec->id())) {
    const bool runs = state_of(*child) == ChildState::Running;
    return call.answer(Error{CallError{.kind = runs ? Kind::AlreadyStarted : Kind::AlreadyPresent,
                                       .child = runs ? ref_of(*child) : AnyRef{}}});
  }
  if (last_key_ == kLastKey)
    return call.answer(Error{CallError{.kind = Kind::BadSpec, .text = "this supervisor has started 2^29 children"}});
  const RuleEvent event{.kind = RuleEvent::Kind::StartChild, .child = add_child(call.spec).key};
  current_call_ = std::move(call);
  apply(event);
}

void Supervisor::Body::reply(const RuleEffect& effect) {
  using Kind = CallError::Kind;
  SupervisorCall call = *std::exchange(current_call_, std::nullopt);
  const Child* const child = find(effect.child);
  switch (effect.outcome) {
    case detail::CallOutcome::Done: return call.answer(child == nullptr ? AnyRef{} : ref_of(*child));
    case detail::CallOutcome::Ignored: return call.answer(AnyRef{});
    case detail::CallOutcome::Failed:
      return call.answer(Error{CallError{.kind = Kind::StartFailed, .reason = effect.reason}});
    case detail::CallOutcome::Running: return call.answer(Error{CallError{.kind = Kind::Running}});
    case detail::CallOutcome::Restarting: return call.answer(Error{CallError{.kind = Kind::Restarting}});
  }
}

AnyRef Supervisor::Body::ref_of(const Child& child) const { return detail::RefAccess::make<AnyRef>(child.cell); }

namespace {

/// The promise as the untyped queue of calls keeps it. Dropped with the supervisor, it answers Closing.
template <class T>
class PendingAnswer {
 public:
  explicit PendingAnswer(ReplyPromise<Result<T, CallError>> promise) : promise_{std::move(promise)} {}
  PendingAnswer(PendingAnswer&& other) noexcept
      : promise_{std::move(other.promise_)}, open_{std::exchange(other.open_, false)} {}
  ~PendingAnswer() {
    if (open_) promise_.set(Error{CallError{.kind = CallError::Kind::Closing}});
  }
  void operator()(Result<AnyRef, CallError> outcome) {
    open_ = false;
    if constexpr (std::is_void_v<T>) {
      outcome ? promise_.set() : promise_.set(Error{outcome.error()});
    } else {
      promise_.set(std::move(outcome));
    }
  }

 private:
  ReplyPromise<Result<T, CallError>> promise_;
  bool open_ = true;
};

}  // namespace

template <class T>
Later<Result<T, CallError>> Supervisor::queue(SupervisorCall call) {
  auto [promise, later] = reply_later<Result<T, CallError>>();
  call.answer = PendingAnswer<T>{std::move(promise)};
  body_->call(std::move(call));
  return std::move(later);
}

Later<Result<AnyRef, CallError>> Supervisor::handle(StartChild call) {
  return queue<AnyRef>(
      {.kind = RuleEvent::Kind::StartChild, .spec = std::make_shared<const ChildSpec>(std::move(call.spec))});
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
namespace {

CallError::Kind kind_of(AskError error) noexcept {
  if (error == AskError::Timeout) return CallError::Kind::NoAnswer;
  return error == AskError::Rejected ? CallError::Kind::Blocking : CallError::Kind::Closing;
}

/// The answer of an answer.
template <class T, class M>
Result<T, CallError> ask_flat(const ActorRef<Supervisor>& ref, M&& call, Duration within) {
  if (this_thread.cell != nullptr) return Error{CallError{.kind = CallError::Kind::Blocking}};
  auto answer = ref.ask(std::forward<M>(call), within).get();
  if (!answer) return Error{CallError{.kind = kind_of(answer.error())}};
  return std::move(answer).value();
}

}  // namespace

Result<AnyRef, CallError> call_supervisor(const ActorRef<Supervisor>& ref, StartChild call, Duration within) {
  return ask_flat<AnyRef>(ref, std::move(call), within);
}
Result<void, CallError> call_supervisor(const ActorRef<Supervisor>& ref, TerminateChild call, Duration within) {
  return ask_flat<void>(ref, std::move(call), within);
}
Result<AnyRef, CallError> call_supervisor(const ActorRef<Supervisor>& ref, RestartChild call, Duration within) {
  return ask_flat<AnyRef>(ref, std::move(call), within);
}
Result<void, CallError> call_supervisor(const ActorRef<Supervisor>& ref, DeleteChild call, Duration within) {
  return ask_flat<void>(ref, std::move(call), within);
}
Result<std::vector<ChildInfo>, CallError> call_supervisor(const ActorRef<Supervisor>& ref, WhichChildren call,
                                                          Duration within) {
  return ask_flat<std::vector<ChildInfo>>(ref, call, within);
}
Result<ChildCounts, CallError> call_supervisor(const ActorRef<Supervisor>& ref, CountChildren call, Duration within) {
  return ask_flat<ChildCounts>(ref, call, within);
}
Result<ChildSpec, CallError> call_supervisor(const ActorRef<Supervisor>& ref, GetChildSpec call, Duration within) {
  return ask_flat<ChildSpec>(ref, std::move(call), within);
}

}  // namespace detail
}  // namespace coppice
