#include <iostream>
#include <string>

#include "catch.hpp"
#include "conformance/model_player.hpp"
#include "conformance/replay.hpp"
#include "conformance/stories.hpp"
#include "support/scale.hpp"

// Scenarios of the recordings' shapes that nobody has recorded: drawn at random, answered by the model, which answers the
// recordings as OTP did, and then played on real supervisors.

namespace coppice {
namespace {

using testing::Command;
using testing::ModelPlayer;
using testing::RecordedScenario;
using testing::RecordedStep;
using testing::scenario_of;
using testing::Seen;
using testing::step_of;
using testing::Story;

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
