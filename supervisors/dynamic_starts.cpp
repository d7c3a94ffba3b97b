#include <algorithm>
#include <utility>

#include "child_place.hpp"
#include "dynamic_body.hpp"
#include "spec_faults.hpp"

// How a dynamic supervisor begins what it is asked to start, and answers.

namespace coppice::detail {
namespace {

/// So many children are begun for each signal that the supervisor takes, of which it takes a limited number a turn.
constexpr int kStartsInARow = 16;

std::string fault_in_request(const StartRequest& request) {
  for (const ChildSpec& spec : request.specs) {
    if (std::string fault = fault_of_child(spec, AutoShutdown::Never, false); !fault.empty()) return fault;
  }
  return {};
}

}  // namespace

void DynamicBody::start(IntrusivePtr<StartRequest> request) {
  using Kind = CallError::Kind;
  if (rules_.is_ending()) {
    request->error = CallError{.kind = Kind::Closing};
  } else if (std::string fault = fault_in_request(*request); !fault.empty()) {
    request->error = CallError{.kind = Kind::BadSpec, .text = std::move(fault)};
  } else if (const std::uint64_t left = options().children_max - std::min(count_, options().children_max);
             request->specs.size() > left) {
    request->error = CallError{.kind = Kind::TooMany};
  }
  if (request->error || request->specs.empty()) return finish_request(*request);
  request->refs.reserve(request->specs.size());
  starts_.push_back(std::move(request));
  if (!goes_on_) begin_some_starts();
}

void DynamicBody::begin_some_starts() {
  for (int begun = 0; begun < kStartsInARow && !starts_.empty();) {
    const IntrusivePtr<StartRequest> request = starts_.front();
    if (!request->error) {
      begin_start(request);
      ++begun;
    }
    // At once: the answer takes the refs away, perhaps before the next row, and then it would look as if none had begun.
    if (request->error || request->is_begun()) starts_.pop_front();
  }
  goes_on_ = !starts_.empty();
  cell_.runtime()->default_scheduler->announce();
  if (goes_on_) poke(kStartsCode);
}

void DynamicBody::begin_start(const IntrusivePtr<StartRequest>& request) {
  const std::size_t index = request->refs.size();
  const ChildSpec& spec = request->specs[index];
  request->refs.emplace_back();
  if (!has_room()) return start_failed(*request, {.kind = CallError::Kind::TooMany});  // a start in between took it
  ExitReason why_not;
  const auto factory = spec.factory();
  auto place = make_place(cell_, place_of(spec, factory.get(), *cell_.runtime()), nullptr, why_not);
  if (!place)
    return start_failed(*request, {.kind = CallError::Kind::StartFailed, .text = spec.id(), .reason = why_not});
  auto* const child = new DynamicChild{spec.options().shutdown, spec.options().start_within};
  child->rules.restart = spec.options().restart;
  child->cell = place;
  child->request = request;
  child->place_in_request = index;
  if (const HealthCheck& check = spec.options().health; check.interval != kForever)
    child->health = std::make_unique<HealthMonitor>(check);
  place->set_record(child);
  places_.add(*place);
  ++count_;
  ++request->waits_for;
  request->refs[index] = RefAccess::make<AnyRef>(place);
  set_limit(*child, child->start_within);
  place->scheduler().submit_quietly(*place);  // the whole row is announced at its end
}

/// One of a request's children could not be had: those that could go again.
void DynamicBody::start_failed(StartRequest& request, CallError error) {
  if (request.error) return;
  request.error = std::move(error);
  ++request.waits_for;  // not answered while this goes on
  const auto keep = IntrusivePtr<StartRequest>::share(&request);
  for (std::size_t i = request.refs.size(); i-- > 0;) {
    DynamicChild* const child = find(&RefAccess::cell(request.refs[i]));
    if (child == nullptr) continue;
    if (!child->request) {  // it runs already
      child->request = keep;
      ++request.waits_for;
    }
    apply(*child, {.kind = DynamicEvent::Kind::Terminate});
  }
  if (--request.waits_for == 0) finish_request(request);
}

void DynamicBody::answer_start(DynamicChild& child, const DynamicVerdict& verdict) {
  if (!child.request) return;
  StartRequest& request = *child.request;
  switch (verdict.answer) {
    case DynamicVerdict::Answer::None: return;
    case DynamicVerdict::Answer::Runs:
      if (!request.error) let_go(child);  // else it is being stopped again, and waited for
      return;
    case DynamicVerdict::Answer::Ignored: request.refs[child.place_in_request] = AnyRef{}; return;
    case DynamicVerdict::Answer::Failed:
      return start_failed(request, {.kind = CallError::Kind::StartFailed,
                                    .text = request.specs[child.place_in_request].id(),
                                    .reason = verdict.reason});
  }
}

/// The request need not wait for this child any more.
void DynamicBody::let_go(DynamicChild& child) {
  const auto request = std::exchange(child.request, {});
  if (request && --request->waits_for == 0 && (request->is_begun() || request->error)) finish_request(*request);
}

void DynamicBody::finish_request(StartRequest& request) { request.answer(request.error ? &*request.error : nullptr); }

}  // namespace coppice::detail
