#include "coppice/supervisors/dynamic_supervisor.hpp"

#include <utility>

#include "dynamic_body.hpp"
#include "spec_faults.hpp"
#include "start.hpp"

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

Result<AnyRef, CallError> call_supervisor(const ActorRef<DynamicSupervisor>& ref, StartChild call, Duration within) {
  return ask_flat<AnyRef>(ref, std::move(call), within);
}
Result<std::vector<AnyRef>, CallError> call_supervisor(const ActorRef<DynamicSupervisor>& ref, StartChildren call,
                                                       Duration within) {
  return ask_flat<std::vector<AnyRef>>(ref, std::move(call), within);
}
Result<void, CallError> call_supervisor(const ActorRef<DynamicSupervisor>& ref, TerminateDynamicChild call,
                                        Duration within) {
  return ask_flat<void>(ref, std::move(call), within);
}
Result<std::vector<ChildInfo>, CallError> call_supervisor(const ActorRef<DynamicSupervisor>& ref, WhichChildren call,
                                                          Duration within) {
  return ask_flat<std::vector<ChildInfo>>(ref, call, within);
}
Result<ChildCounts, CallError> call_supervisor(const ActorRef<DynamicSupervisor>& ref, CountChildren call,
                                               Duration within) {
  return ask_flat<ChildCounts>(ref, call, within);
}

}  // namespace detail

Result<ActorRef<DynamicSupervisor>, StartError> start_tree(System& system, const DynamicSupervisorSpec& spec) {
  auto started = detail::start_top(system, ChildSpec{spec});
  if (!started) return Error{std::move(started).error()};
  return detail::RefAccess::make<ActorRef<DynamicSupervisor>>(std::move(started).value());
}

}  // namespace coppice
