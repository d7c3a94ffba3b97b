#include "clerk.hpp"

#include <chrono>
#include <limits>

using namespace std::chrono_literals;

Clerk::Clerk(std::shared_ptr<const std::vector<OrderPtr>> orders, std::size_t in_flight,
             std::vector<coppice::AnyRef> vital)
    : orders_{std::move(orders)}, in_flight_{in_flight}, vital_{std::move(vital)} {}

void Clerk::on_start() {
  for (const coppice::AnyRef& one : vital_) watch(one);
}

void Clerk::handle(BeginOrders begin) {
  coordinator_ = std::move(begin.coordinator);
  begin_more();
}

coppice::Later<std::string> Clerk::handle(WhenOver) {
  auto [promise, later] = reply_later<std::string>();
  waiting_.push_back(std::move(promise));
  answer_if_over();
  return std::move(later);
}

void Clerk::handle(const coppice::Down& down) { give_up(down.reason.to_string()); }

void Clerk::begin_more() {
  while (next_ < orders_->size() && next_ - ended_ < in_flight_) begin((*orders_)[next_++]);
}

/// The coordinator's life that had promised an answer may have crashed: the next one can be asked again. It ends for
/// good with its supervisor alone, whose Down is on its way and says why.
void Clerk::begin(const OrderPtr& order) {
  const coppice::RetryOptions patient{
      .attempts = std::numeric_limits<std::uint32_t>::max(), .first = 1ms, .cap = 100ms};
  retry(*this, patient, [this, order] {
    return ask(coordinator_, coppice::BeginSaga{order->id, std::to_string(order->number)}, coppice::kForever);
  }).then([this](const coppice::Result<coppice::SagaEnd, coppice::AskError>& end) {
    if (!end && end.error() == coppice::AskError::Closed) return;
    if (!end) return give_up(to_string(end.error()));
    ++ended_;
    begin_more();
    answer_if_over();
  });
}

void Clerk::give_up(std::string why) {
  if (problem_.empty()) problem_ = std::move(why);
  answer_if_over();
}

void Clerk::answer_if_over() {
  if (problem_.empty() && ended_ < orders_->size()) return;
  for (auto& promise : waiting_) promise.set(std::string{problem_});
  waiting_.clear();
}
