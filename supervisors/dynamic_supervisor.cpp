#include "coppice/supervisors/dynamic_supervisor.hpp"

#include <utility>

#include "dynamic_body.hpp"
#include "spec_faults.hpp"
#include "start.hpp"
#include "tree_walk.hpp"

namespace coppice {

using detail::IntrusivePtr;
using detail::PendingAnswer;
using detail::StartRequest;

namespace {

struct OneStart final : StartRequest {
  explicit OneStart(PendingAnswer<AnyRef> p) noexcept : promise{std::move(p)} {}
  void answer(const CallError* failure) noexcept override {
    if (failure != nullptr) return promise.set(Error{*failure});
    promise.set(refs.front());
  }
  PendingAnswer<AnyRef> promise;
};

struct ManyStarts final : StartRequest {
  explicit ManyStarts(PendingAnswer<std::vector<AnyRef>> p) noexcept : promise{std::move(p)} {}
  void answer(const CallError* failure) noexcept override {
    if (failure != nullptr) return promise.set(Error{*failure});
    promise.set(std::move(refs));
  }
  PendingAnswer<std::vector<AnyRef>> promise;
};

}  // namespace

DynamicSupervisor::DynamicSupervisor(detail::DynamicFactory& places) : body_{new detail::DynamicBody{cell(), places}} {}
DynamicSupervisor::~DynamicSupervisor() { delete body_; }
void DynamicSupervisor::on_start() { cell().finish_start(nullptr); }
void DynamicSupervisor::child_event(const detail::ChildEvent& event) { body_->child_event(event); }
void DynamicSupervisor::begin_stop(const ExitReason& reason) { body_->begin_stop(reason); }

Later<Result<AnyRef, CallError>> DynamicSupervisor::handle(StartChild call) {
  auto [promise, later] = reply_later<Result<AnyRef, CallError>>();
  auto request = IntrusivePtr<StartRequest>::adopt(new OneStart{PendingAnswer<AnyRef>{std::move(promise)}});
  request->specs.push_back(std::move(call.spec));
  body_->start(std::move(request));
  return std::move(later);
}

Later<Result<std::vector<AnyRef>, CallError>> DynamicSupervisor::handle(StartChildren call) {
  auto [promise, later] = reply_later<Result<std::vector<AnyRef>, CallError>>();
  auto request =
      IntrusivePtr<StartRequest>::adopt(new ManyStarts{PendingAnswer<std::vector<AnyRef>>{std::move(promise)}});
  request->specs = std::move(call.specs);
  body_->start(std::move(request));
  return std::move(later);
}

Later<Result<void, CallError>> DynamicSupervisor::handle(const TerminateDynamicChild& call) {
  auto [promise, later] = reply_later<Result<void, CallError>>();
  body_->terminate(call.child, PendingAnswer<void>{std::move(promise)});
  return std::move(later);
}

std::vector<ChildInfo> DynamicSupervisor::handle(WhichChildren) { return body_->which_children(); }
ChildCounts DynamicSupervisor::handle(CountChildren) { return body_->count_children(); }

namespace detail {

using DynamicCalls = RefExtension<DynamicSupervisor, ActorRef<DynamicSupervisor>>;

const ActorRef<DynamicSupervisor>& DynamicCalls::self() const noexcept {
  return static_cast<const ActorRef<DynamicSupervisor>&>(*this);
}
Result<AnyRef, CallError> DynamicCalls::start_child(ChildSpec spec, Duration within) const {
  return ask_flat<AnyRef>(self(), StartChild{std::move(spec)}, within);
}
Result<std::vector<AnyRef>, CallError> DynamicCalls::start_children(std::vector<ChildSpec> specs,
                                                                    Duration within) const {
  return ask_flat<std::vector<AnyRef>>(self(), StartChildren{std::move(specs)}, within);
}
Result<void, CallError> DynamicCalls::terminate_child(const AnyRef& child, Duration within) const {
  return ask_flat<void>(self(), TerminateDynamicChild{child}, within);
}
Result<std::vector<ChildInfo>, CallError> DynamicCalls::which_children(Duration within) const {
  return ask_flat<std::vector<ChildInfo>>(self(), WhichChildren{}, within);
}
Result<ChildCounts, CallError> DynamicCalls::count_children(Duration within) const {
  return ask_flat<ChildCounts>(self(), CountChildren{}, within);
}
Result<SupervisionTree, CallError> DynamicCalls::tree(Duration within) const { return read_tree(self(), within); }
bool DynamicCalls::print_tree(std::FILE* to, Duration within) const { return print_tree_of(self(), to, within); }

}  // namespace detail

Result<ActorRef<DynamicSupervisor>, StartError> start_tree(System& system, const DynamicSupervisorSpec& spec) {
  auto started = detail::start_top(system, ChildSpec{spec});
  if (!started) return Error{std::move(started).error()};
  return detail::RefAccess::make<ActorRef<DynamicSupervisor>>(std::move(started).value());
}

}  // namespace coppice
