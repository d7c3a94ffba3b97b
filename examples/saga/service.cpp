#include "service.hpp"

#include <stdexcept>

#include "steps.hpp"

using coppice::AskError;
using coppice::Result;
using coppice::SagaAction;
using coppice::SagaAnswer;
using coppice::SagaCall;

coppice::Later<SagaAnswer> Service::handle(const SagaCall& call) {
  const OrderPtr& order = orders_->at(std::stoul(call.payload));
  const Transition at = transition(order->number, step_named(call.step).value(), call.action == SagaAction::Undo);
  if (chaos_->strikes(at, Chaos::Moment::Before)) throw std::runtime_error{"injected before the step"};
  auto [promise, later] = reply_later<SagaAnswer>();
  ask(keeper_, Entry{call, order}, coppice::kForever)
      .then([this, at, answer_to = std::move(promise)](Result<SagaAnswer, AskError> answer) mutable {
        if (!answer) return;  // whoever asked hears that there is no reply
        if (chaos_->strikes(at, Chaos::Moment::After)) throw std::runtime_error{"injected after the step"};
        answer_to.set(std::move(*answer));
      });
  return std::move(later);
}
