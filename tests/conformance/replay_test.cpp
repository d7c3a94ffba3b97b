#include <iostream>
#include <string>

#include "catch.hpp"
#include "conformance/model_player.hpp"
#include "conformance/replay.hpp"
#include "supervisors/rules_driver.hpp"

namespace coppice {
namespace {

using testing::Lines;
using testing::ModelPlayer;
using testing::Planned;
using testing::Player;
using testing::RecordedScenario;
using testing::RecordedStep;
using testing::RulesDriver;
using testing::Seen;
using testing::Tally;

const testing::Recordings& recordings() {
  static const testing::Recordings all = testing::load_recordings(COPPICE_RECORDINGS_DIR "/otp27_supervisor.jsonl.gz");
  return all;
}

void report(const char* what, const Tally& tally) {
  std::cout << "conformance, " << what << ": " << tally.scenarios << " scenarios, " << tally.steps << " steps, "
            << tally.divergences << " divergences\n";
  for (const auto& [why, count] : tally.skipped) std::cout << "  not played: " << count << ", " << why << '\n';
  for (const auto& [step, count] : tally.mapped) std::cout << "  " << count << " times " << step << '\n';
  INFO(tally.first);
  CHECK(tally.divergences == 0);
}

std::vector<testing::RuleChild> rule_children(const RecordedScenario& scenario) {
  std::vector<testing::RuleChild> children;
  for (const auto& child : scenario.children) children.push_back({child.id, child.restart, child.significant});
  return children;
}

struct RulesPlayer final : Player {
  explicit RulesPlayer(const RecordedScenario& s)
      : rules{strategy_of(s),
              {.restarts = s.intensity, .within = testing::kRecordedPeriod},
              rule_children(s),
              {},
              s.auto_shutdown} {}
  void plan(const std::string& id, const std::vector<Planned>& outcomes) override {
    rules.plan(id, {outcomes.begin(), outcomes.end()});
  }
  Seen start() override {
    rules.start();
    return {rules.take_full(), !rules.aborted, {}, rules.aborted ? "failed: " + rules.aborted_by : ""};
  }
  Seen crash(const std::vector<std::string>& ids, const std::string& reason) override {
    for (const auto& id : ids) rules.die(id, testing::exit_reason_of(reason));
    rules.settle();
    return seen();
  }
  Seen stop() override {
    rules.stop();
    return seen();
  }
  Seen call(const RecordedStep& step) override {
    const std::string result = step.op == "start"
                                   ? rules.start_child({step.spec.id, step.spec.restart, step.spec.significant})
                               : step.op == "terminate" ? rules.terminate_child(step.ids.front())
                               : step.op == "restart"   ? rules.restart_child(step.ids.front())
                                                        : rules.delete_child(step.ids.front());
    Seen after = seen();
    after.result = result;
    return after;
  }
  Seen seen() {
    if (rules.down) return {rules.take_full(), false, {}, RulesDriver::word(rules.reason)};
    Seen now{rules.take_full(), true, rules.which(), ""};
    const int specs = static_cast<int>(now.which.size());
    now.counts = {specs, static_cast<int>(rules.alive().size()), 0, specs};
    return now;
  }
  RulesDriver rules;
};

TEST_CASE("the pure rules answer as OTP 27 did") {
  Tally tally;
  for (const RecordedScenario& scenario : recordings().scenarios) {
    if (scenario.is_dynamic()) continue;
    RulesPlayer player{scenario};
    testing::play(tally, scenario, player);
    REQUIRE(player.rules.violations() == Lines{});
  }
  report("pure rules", tally);
  CHECK(tally.scenarios > 1'200);
}

TEST_CASE("the model that the rules are tested with answers as OTP 27 did") {
  Tally tally;
  for (const RecordedScenario& scenario : recordings().scenarios) {
    if (scenario.is_dynamic()) continue;
    ModelPlayer player{scenario};
    testing::play(tally, scenario, player);
  }
  report("model", tally);
  CHECK(tally.scenarios > 1'200);
}

TEST_CASE("real supervisors with real children answer as OTP 27 did") {
  const Tally tally = testing::replay(recordings());
  report("real supervisors", tally);
  CHECK(tally.scenarios == static_cast<int>(recordings().scenarios.size()));
}

}  // namespace
}  // namespace coppice
