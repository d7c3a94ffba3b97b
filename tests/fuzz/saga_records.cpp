#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coppice/patterns/saga_rules.hpp"
#include "fuzz/input.hpp"
#include "support/saga_walk.hpp"

// What a journal says of a saga, which may have been written by another program or for another plan. A record is taken
// only where it may come next, is refused without a change otherwise, and from wherever the records end the saga comes
// to its own end [G1] [G2]. The input draws the plan, then records, those that may come and any others.

namespace {

using coppice::SagaEvent;
using coppice::SagaProgress;
using coppice::SagaRecord;
using coppice::SagaRules;
using coppice::fuzz::expect;
using coppice::fuzz::Input;
using coppice::testing::is_whole;
using coppice::testing::possible;

constexpr std::array kEvents{SagaEvent::Begun,       SagaEvent::StepBegun,   SagaEvent::StepDone,
                             SagaEvent::StepRefused, SagaEvent::StepGivenUp, SagaEvent::UndoBegun,
                             SagaEvent::UndoDone,    SagaEvent::Completed,   SagaEvent::Compensated};

SagaRules drawn_rules(Input& input) {
  coppice::SagaPlan plan;
  const std::size_t stages = 1 + input.below(4);
  const std::size_t pivot = input.below(2 * stages);  // half of the plans have none
  for (std::size_t stage = 0; stage < stages; ++stage) {
    const std::size_t steps = stage == pivot ? 1 : 1 + input.below(3);
    plan.stages.emplace_back();
    for (std::size_t step = 0; step < steps; ++step) {
      plan.stages.back().push_back({.name = std::to_string(stage) + static_cast<char>('a' + step),
                                    .undo = input.below(3) != 0,
                                    .pivot = stage == pivot});
    }
  }
  expect(check(plan).has_value(), "a plan of this file's is refused");
  return SagaRules{std::move(plan)};
}

bool is_among(const std::vector<SagaRecord>& records, const SagaRecord& record) {
  for (const SagaRecord& each : records) {
    if (each.event == record.event && (record.event == SagaEvent::Begun || each.step == record.step)) return true;
  }
  return false;
}

bool are_alike(const SagaProgress& a, const SagaProgress& b) {
  return a.steps == b.steps && a.begun == b.begun && a.failed == b.failed && a.ended == b.ended && a.reason == b.reason;
}

/// Takes the record where it may come, and sees that it is refused where it may not.
void play(const SagaRules& rules, SagaProgress& progress, const SagaRecord& record) {
  const SagaProgress before = progress;
  const bool may_come = is_among(possible(rules, progress), record);
  const bool was_taken = rules.apply(progress, record).has_value();
  expect(was_taken == may_come, may_come ? "what may come next is refused" : "what may not come is taken");
  if (!was_taken) return expect(are_alike(progress, before), "a refused record has changed something");
  expect(!before.failed || progress.reason == before.reason, "the first reason is lost");
  expect(!before.failed || progress.failed, "a saga that went back goes forward");
  expect(!are_alike(progress, before), "a record has changed nothing");
}

SagaRecord any_record(Input& input, const SagaRules& rules) {
  SagaRecord record{"s", kEvents[input.below(kEvents.size())], {}, "said"};
  const std::size_t step = input.below(rules.size() + 2);
  if (step < rules.size()) record.step = rules.step(step).name;
  if (step == rules.size()) record.step = std::string{input.until('\n')};
  return record;
}

/// A saga never takes more: each step is begun, answered, and perhaps begun back and undone.
std::size_t longest(const SagaRules& rules) { return 4 * rules.size() + 2; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto event = coppice::saga_event(text)) expect(to_string(*event) == text, "no event is written so");
  for (const SagaEvent event : kEvents)
    expect(coppice::saga_event(to_string(event)) == event, "what is written of an event is read as another one");

  Input input{data, size};
  const SagaRules rules = drawn_rules(input);
  SagaProgress progress = rules.nothing();
  std::size_t taken = 0;
  for (; !input.is_over() && !progress.ended; ++taken) {
    const auto next = possible(rules, progress);
    expect(!next.empty(), "a saga that has not ended is stuck");
    while (!input.is_over() && input.one_in(3)) {
      const SagaRecord record = any_record(input, rules);
      if (!is_among(next, record)) play(rules, progress, record);
    }
    play(rules, progress, next[input.below(next.size())]);
  }
  // [G1] Whatever was kept: the rest of it, with the input's last word for each choice.
  for (; !progress.ended; ++taken) {
    expect(taken <= longest(rules), "a saga does not come to its end");
    const auto next = possible(rules, progress);
    expect(!next.empty(), "a saga that has not ended is stuck");
    play(rules, progress, next.back());
  }
  expect(is_whole(rules, progress), "a saga has ended in the middle");
  for (const SagaEvent event : kEvents) play(rules, progress, {"s", event, rules.step(0).name, {}});
  return 0;
}
