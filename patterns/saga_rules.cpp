#include "coppice/patterns/saga_rules.hpp"

#include <algorithm>

namespace coppice {

using State = SagaStepState;

SagaRules::SagaRules(SagaPlan plan) : pivot_stage_{plan.stages.size()} {
  COPPICE_VERIFY(check(plan).has_value(), "a SagaPlan that cannot be carried out; check() says why");
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
    for (SagaStep& step : plan.stages[stage]) {
      if (step.pivot) pivot_stage_ = stage;
      steps_.push_back({std::move(step), stage});
    }
  }
}

std::optional<std::size_t> SagaRules::index_of(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].step.name == name) return i;
  }
  return std::nullopt;
}

bool SagaRules::may_be_refused(std::size_t index) const noexcept { return steps_[index].stage <= pivot_stage_; }
bool SagaRules::may_be_given_up(std::size_t index) const noexcept { return steps_[index].stage < pivot_stage_; }

SagaProgress SagaRules::nothing() const { return {.steps = std::vector<State>(steps_.size(), State::Idle)}; }

Result<void, std::string> SagaRules::apply(SagaProgress& progress, const SagaRecord& record) const {
  const auto wrong = [&](const std::string& why) { return Error{to_string(record) + ": " + why}; };
  if (record.event == SagaEvent::Begun) {
    if (progress.begun) return wrong("it had begun before");
    progress.begun = true;
    return {};
  }
  if (!progress.begun) return wrong("it had not begun");
  if (progress.ended) return wrong("it had ended");
  if (record.event == SagaEvent::Completed || record.event == SagaEvent::Compensated) {
    if (!is_decided(progress, record)) return wrong("it was not there yet");
    progress.ended = true;
    return {};
  }
  const auto index = index_of(record.step);
  if (!index) return wrong("the plan has no such step");
  State& state = progress.steps[*index];
  switch (record.event) {
    case SagaEvent::StepBegun:
    case SagaEvent::UndoBegun:
      if (!is_decided(progress, record)) return wrong("it was not its turn");
      state = record.event == SagaEvent::StepBegun ? State::Begun : State::Undoing;
      return {};
    case SagaEvent::StepDone:
      if (state != State::Begun) return wrong("it was not under way");
      state = State::Done;
      return {};
    case SagaEvent::UndoDone:
      if (state != State::Undoing) return wrong("it was not under way");
      state = State::Undone;
      return {};
    default: break;
  }
  const bool refused = record.event == SagaEvent::StepRefused;
  if (state != State::Begun) return wrong("it was not under way");
  if (!(refused ? may_be_refused(*index) : may_be_given_up(*index))) return wrong("the pivot is done");
  state = refused ? State::Refused : State::GivenUp;
  if (!progress.failed) progress.reason = record.text;
  progress.failed = true;
  return {};
}

bool SagaRules::is_decided(const SagaProgress& progress, const SagaRecord& record) const {
  const auto records = decide(progress, record.saga);
  return std::ranges::any_of(
      records, [&](const SagaRecord& next) { return next.event == record.event && next.step == record.step; });
}

std::vector<SagaRecord> SagaRules::decide(const SagaProgress& progress, const std::string& saga) const {
  if (!progress.begun || progress.ended) return {};
  const auto now = pending(progress);
  // Whatever comes next, it waits for what is under way; but the rest of a stage, or of its undoing, goes with it.
  const auto next = progress.failed ? next_back(progress) : next_forward(progress);
  std::vector<SagaRecord> records;
  records.reserve(next.size() + 1);
  for (const std::size_t index : next) {
    records.push_back(
        {saga, progress.failed ? SagaEvent::UndoBegun : SagaEvent::StepBegun, steps_[index].step.name, {}});
  }
  if (next.empty() && now.empty()) {
    records.push_back({saga, progress.failed ? SagaEvent::Compensated : SagaEvent::Completed, {}, {}});
  }
  return records;
}

std::vector<std::size_t> SagaRules::pending(const SagaProgress& progress) const {
  std::vector<std::size_t> found;
  if (progress.ended) return found;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (progress.steps[i] == State::Begun || progress.steps[i] == State::Undoing) found.push_back(i);
  }
  return found;
}

bool SagaRules::needs_undoing(const SagaProgress& progress, std::size_t index) const {
  const State state = progress.steps[index];
  return steps_[index].step.undo && (state == State::Done || state == State::GivenUp);
}

/// The idle steps of the first stage that is not done.
std::vector<std::size_t> SagaRules::next_forward(const SagaProgress& progress) const {
  std::vector<std::size_t> next;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (progress.steps[i] == State::Done) continue;
    const std::size_t stage = steps_[i].stage;
    for (; i < steps_.size() && steps_[i].stage == stage; ++i) {
      if (progress.steps[i] == State::Idle) next.push_back(i);
    }
    break;
  }
  return next;
}

/// What is to be undone of the last stage that has something to undo; nothing while a step is under way.
std::vector<std::size_t> SagaRules::next_back(const SagaProgress& progress) const {
  std::vector<std::size_t> next;
  if (std::ranges::find(progress.steps, State::Begun) != progress.steps.end()) return next;
  std::size_t last = steps_.size();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (needs_undoing(progress, i) || progress.steps[i] == State::Undoing) last = i;
  }
  if (last == steps_.size()) return next;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].stage == steps_[last].stage && needs_undoing(progress, i)) next.push_back(i);
  }
  return next;
}

}  // namespace coppice
