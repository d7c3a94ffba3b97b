#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "coppice/patterns/saga_rules.hpp"

namespace coppice::testing {

/// Every record of saga "s" that may come next: what is decided, and every outcome of what is pending.
inline std::vector<SagaRecord> possible(const SagaRules& rules, const SagaProgress& progress) {
  if (!progress.begun) return {{"s", SagaEvent::Begun, {}, "payload"}};
  std::vector<SagaRecord> next = rules.decide(progress, "s");
  for (const std::size_t i : rules.pending(progress)) {
    const std::string& name = rules.step(i).name;
    if (progress.steps[i] == SagaStepState::Undoing) {
      next.push_back({"s", SagaEvent::UndoDone, name, {}});
      continue;
    }
    next.push_back({"s", SagaEvent::StepDone, name, {}});
    if (rules.may_be_refused(i)) next.push_back({"s", SagaEvent::StepRefused, name, "no " + name});
    if (rules.may_be_given_up(i)) next.push_back({"s", SagaEvent::StepGivenUp, name, "late " + name});
  }
  return next;
}

/// [G2] of a saga that has ended.
inline bool is_whole(const SagaRules& rules, const SagaProgress& progress) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const SagaStepState state = progress.steps[i];
    if (!progress.failed) {
      if (state != SagaStepState::Done) return false;
      continue;
    }
    const bool stays = !rules.step(i).undo && (state == SagaStepState::Done || state == SagaStepState::GivenUp);
    if (!stays && state != SagaStepState::Idle && state != SagaStepState::Refused && state != SagaStepState::Undone)
      return false;
  }
  return true;
}

}  // namespace coppice::testing
