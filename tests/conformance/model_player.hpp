#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "conformance/replay.hpp"
#include "supervisors/otp_model.hpp"

namespace coppice::testing {

inline OtpModel::Settings settings_of(const RecordedScenario& scenario) {
  using Strategy = OtpModel::Strategy;
  return {.strategy = scenario.strategy == "one_for_all"    ? Strategy::OneForAll
                      : scenario.strategy == "rest_for_one" ? Strategy::RestForOne
                                                            : Strategy::OneForOne,
          .restarts = scenario.intensity,
          .within = scenario.period.count(),
          .auto_shutdown = scenario.auto_shutdown,
          .delay = scenario.delay.count()};
}
inline std::vector<OtpModel::Spec> model_children(const RecordedScenario& scenario) {
  std::vector<OtpModel::Spec> children;
  children.reserve(scenario.children.size());
  for (const auto& child : scenario.children) children.push_back({child.id, child.restart, child.significant});
  return children;
}

/// The model of OTP's supervisor, as a player of recordings.
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
  Seen advance(Duration by) override {
    passed += by;
    model.advance(passed.count());
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
  Duration passed{};
};

}  // namespace coppice::testing
