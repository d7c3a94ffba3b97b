#include "outcomes.hpp"

#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include <coppice/base/fnv1a.hpp>

#include "steps.hpp"

using coppice::SagaEvent;
using coppice::SagaRecord;

namespace {

/// What a record adds to an order's outcome.
void note(Outcome& outcome, const SagaRecord& record) {
  const auto step = step_named(record.step);
  switch (record.event) {
    case SagaEvent::StepRefused:
    case SagaEvent::StepGivenUp:
      if (outcome.why.empty()) outcome.why = record.event == SagaEvent::StepRefused ? record.text : kGivenUp;
      [[fallthrough]];
    case SagaEvent::StepDone: outcome.taken.emplace_back(record.step); break;
    case SagaEvent::UndoDone:
      if (step) outcome.taken.emplace_back(kSteps[*step].undoing);
      break;
    case SagaEvent::Completed: outcome.end = Outcome::End::Done; break;
    case SagaEvent::Compensated: outcome.end = Outcome::End::Undone; break;
    default: break;
  }
}

}  // namespace

coppice::Result<Outcomes, std::string> read_outcomes(const coppice::SagaRules& rules,
                                                     const std::vector<OrderPtr>& orders,
                                                     coppice::SagaJournal& journal) {
  const auto records = journal.load();
  if (!records) return coppice::Error{records.error()};
  std::unordered_map<std::string, std::size_t> numbers;
  for (const OrderPtr& order : orders) numbers.emplace(order->id, order->number);
  std::vector<coppice::SagaProgress> progress(orders.size(), rules.nothing());
  Outcomes outcomes(orders.size());
  for (const SagaRecord& record : *records) {
    const auto found = numbers.find(record.saga);
    if (found == numbers.end()) return coppice::Error{"it has a saga of no order: " + to_string(record)};
    const std::size_t order = found->second;
    if (record.event == SagaEvent::Begun && record.text != std::to_string(order))
      return coppice::Error{"it has an order in another place: " + to_string(record)};
    if (const auto good = rules.apply(progress[order], record); !good)
      return coppice::Error{"it contradicts itself: " + good.error()};
    note(outcomes[order], record);
  }
  return outcomes;
}

std::string subject_of(const std::vector<OrderPtr>& orders, std::int64_t units, std::int64_t cents) {
  coppice::detail::Fnv1a digest;
  const auto mix = [&](std::string_view field) { digest.add(field).add("\n"); };
  for (const OrderPtr& order : orders) {
    for (const std::string& field : {order->id, order->customer, order->item}) mix(field);
    mix(fmt::format("{},{}", order->quantity, order->price_cents));
  }
  return fmt::format("{} orders of digest {:016x}, {} units and {} cents each", orders.size(), digest.value(), units,
                     cents);
}
