#include "coppice/patterns/saga_plan.hpp"

#include <set>

namespace coppice {

std::string SagaCall::key() const { return saga + '/' + step + (action == SagaAction::Do ? "/do" : "/undo"); }

namespace {

Result<void, OptionError> check(const SagaStep& step, std::set<std::string>& names) {
  if (step.name.empty()) return Error{OptionError{"name is empty; each step has one"}};
  if (step.name.find('/') != std::string::npos)
    return Error{OptionError{"name is " + step.name + "; it may have no '/'"}};
  if (!names.insert(step.name).second) return Error{OptionError{"name is " + step.name + " twice; it must be unique"}};
  if (step.answer_within <= Duration::zero())
    return Error{OptionError{"answer_within of " + step.name + " must be longer than zero"}};
  if (const auto good = check(step.retry); !good)
    return Error{OptionError{"retry of " + step.name + ": " + good.error().text}};
  return {};
}

}  // namespace

Result<void, OptionError> check(const SagaPlan& plan) {
  if (plan.stages.empty()) return Error{OptionError{"stages is empty; there must be a step"}};
  std::set<std::string> names;
  std::size_t pivots = 0;
  for (const auto& stage : plan.stages) {
    if (stage.empty()) return Error{OptionError{"stages has an empty one; each must have a step"}};
    for (const SagaStep& step : stage) {
      if (auto good = check(step, names); !good) return good;
      if (!step.pivot) continue;
      if (++pivots > 1) return Error{OptionError{"pivot is set for " + step.name + " too; there may be one"}};
      if (stage.size() > 1) return Error{OptionError{"pivot " + step.name + " must be alone in its stage"}};
    }
  }
  return {};
}

}  // namespace coppice
