#include <iostream>
#include <string>

#include "catch.hpp"
#include "conformance/model_player.hpp"
#include "conformance/replay.hpp"
#include "supervisors/random_commands.hpp"
#include "support/scale.hpp"

// Scenarios of the recordings' shapes that nobody has recorded: drawn at random, answered by the model, which answers the
// recordings as OTP did, and then played on real supervisors.

namespace coppice {
namespace {

using testing::Command;
using testing::ModelPlayer;
using testing::RecordedScenario;
using testing::RecordedStep;
using testing::Seen;
using testing::Story;

RecordedScenario scenario_of(const Story& story) {
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
RecordedStep step_of(const Command& command, ModelPlayer& player) {
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

void note(RecordedStep& step, const Seen& seen) {
  step.result = seen.result;
  step.trace = seen.trace;
  step.alive = seen.alive;
  step.which = seen.which;
  step.counts = seen.counts;
  step.exit = seen.exit;
}

/// The scenario with the model's answers.
RecordedScenario recorded_by_model(const Story& story, int number) {
  RecordedScenario scenario = scenario_of(story);
  scenario.number = number;
  scenario.text = testing::text_of(story);
  ModelPlayer player{scenario};
  std::size_t i = 0;
  for (; i < story.commands.size() && story.commands[i].kind == Command::Kind::Plan; ++i) {
    const Command& plan = story.commands[i];
    scenario.plans.emplace_back(plan.ids.front(), plan.outcomes);
    player.plan(plan.ids.front(), plan.outcomes);
  }
  const Seen start = player.start();
  scenario.init_trace = start.trace;
  scenario.failed_id = player.model.failed_to_start;
  for (; i < story.commands.size() && player.model.alive; ++i) {
    RecordedStep step = step_of(story.commands[i], player);
    if (step.op.empty()) continue;
    if (step.op == "plan") {
      player.plan(step.ids.front(), step.outcomes);
    } else if (step.op == "stop") {
      note(step, player.stop());
    } else if (step.op == "crash") {
      note(step, player.crash(step.ids, step.reason));
    } else {
      note(step, player.call(step));
    }
    scenario.steps.push_back(std::move(step));
  }
  return scenario;
}

TEST_CASE("real supervisors answer random scenarios as the model does") {
  testing::Recordings recordings;
  const int count = static_cast<int>(testing::scaled(3'000));
  for (int seed = 1; seed <= count; ++seed)
    recordings.scenarios.push_back(
        recorded_by_model(testing::random_story(static_cast<std::uint64_t>(seed) + 5'000'000), seed));
  const testing::Tally tally = testing::replay(recordings);
  std::cout << "conformance, random scenarios: " << tally.scenarios << " scenarios, " << tally.steps << " steps, "
            << tally.divergences << " divergences\n";
  INFO(tally.first);
  CHECK(tally.divergences == 0);
  CHECK(tally.scenarios == count);
}

}  // namespace
}  // namespace coppice
