#include <algorithm>
#include <iostream>
#include <string>
#include <utility>

#include "catch.hpp"
#include "conformance/replay.hpp"
#include "supervisors/otp_model.hpp"
#include "supervisors/rules_driver.hpp"

namespace coppice {
namespace {

using testing::Lines;
using testing::OtpModel;
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

OtpModel::Settings settings_of(const RecordedScenario& scenario) {
  using Strategy = OtpModel::Strategy;
  return {.strategy = scenario.strategy == "one_for_all"    ? Strategy::OneForAll
                      : scenario.strategy == "rest_for_one" ? Strategy::RestForOne
                                                            : Strategy::OneForOne,
          .restarts = scenario.intensity,
          .within = testing::kRecordedPeriod.count(),
          .auto_shutdown = scenario.auto_shutdown};
}
std::vector<OtpModel::Spec> model_children(const RecordedScenario& scenario) {
  std::vector<OtpModel::Spec> children;
  for (const auto& child : scenario.children) children.push_back({child.id, child.restart, child.significant});
  return children;
}

struct ModelPlayer final : Player {
  explicit ModelPlayer(const RecordedScenario& s) : model{settings_of(s), model_children(s)} {}
  void plan(const std::string& id, const std::vector<Planned>& outcomes) override { model.plan(id, outcomes); }
  Seen start() override {
    model.start();
    return {.trace = std::exchange(model.trace, {}),
            .alive = model.alive,
            .exit = model.alive ? "" : "failed: " + model.failed_to_start};
  }
  Seen crash(const std::vector<std::string>& ids, const std::string& reason) override {
    model.crash(ids, reason);
    return seen();
  }
  Seen stop() override {
    model.stop();
    return seen();
  }
  Seen call(const RecordedStep& step) override {
    const std::string result = step.op == "start"
                                   ? model.start_child({step.spec.id, step.spec.restart, step.spec.significant})
                               : step.op == "terminate" ? model.terminate_child(step.ids.front())
                               : step.op == "restart"   ? model.restart_child(step.ids.front())
                                                        : model.delete_child(step.ids.front());
    Seen after = seen();
    after.result = result;
    return after;
  }
  Seen seen() {
    Seen now{.trace = std::exchange(model.trace, {}), .alive = model.alive, .exit = model.exit_reason};
    if (!model.alive) return now;
    now.which = model.which();
    const int specs = static_cast<int>(now.which.size());
    const auto up = std::count_if(now.which.begin(), now.which.end(), [](auto& line) { return line.ends_with(" up"); });
    now.counts = {specs, static_cast<int>(up), 0, specs};
    return now;
  }
  OtpModel model;
};

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
  CHECK(tally.scenarios > 1'200);
}

}  // namespace
}  // namespace coppice
