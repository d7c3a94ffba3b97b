#pragma once

#include <string>
#include <vector>

#include "conformance/model_player.hpp"
#include "conformance/recordings.hpp"
#include "supervisors/random_commands.hpp"

namespace coppice::testing {

/// Random commands as scenarios and steps of the recordings.
[[nodiscard]] inline RecordedScenario scenario_of(const Story& story) {
  static constexpr const char* kStrategies[] = {"one_for_one", "one_for_all", "rest_for_one"};
  RecordedScenario scenario;
  scenario.strategy = kStrategies[static_cast<int>(story.settings.strategy)];
  scenario.intensity = story.settings.restarts;
  scenario.auto_shutdown = story.settings.auto_shutdown;
  scenario.children.reserve(story.children.size());
  for (const auto& spec : story.children) scenario.children.push_back({spec.id, spec.restart, spec.significant});
  return scenario;
}

/// The step that this command is; one without an op for what is none.
[[nodiscard]] inline RecordedStep step_of(const Command& command, ModelPlayer& player) {
  static constexpr const char* kOps[] = {"plan", "crash", "", "start", "terminate", "restart", "delete", "stop"};
  RecordedStep step;
  step.op = kOps[static_cast<int>(command.kind)];
  step.ids = command.ids;
  step.reason = command.reason;
  step.outcomes = command.outcomes;
  step.spec = {command.spec.id, command.spec.restart, command.spec.significant};
  if (command.kind == Command::Kind::Start) step.ids = {command.spec.id};
  if (command.kind == Command::Kind::Crash) {
    std::erase_if(step.ids, [&](const std::string& id) { return !player.model.is_up(id); });
    if (step.ids.empty()) step.op.clear();
  }
  return step;
}

}  // namespace coppice::testing
