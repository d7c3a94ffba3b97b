#pragma once

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "coppice/supervisors/auto_shutdown.hpp"
#include "coppice/supervisors/restart.hpp"
#include "supervisors/rules_driver.hpp"
#include "support/log.hpp"

namespace coppice::testing {

using RecordedChild = RuleChild;

/// One recorded step. Traces as lines: "start b ok", "stop d shutdown".
struct RecordedStep {
  std::string op;  // crash, plan, start, terminate, restart, delete, stop
  std::vector<std::string> ids;
  std::string reason;
  std::vector<Planned> outcomes;
  RecordedChild spec;  // of start
  std::string result;  // of a call
  Lines trace;
  bool alive = true;
  Lines which;              // "d up", newest first
  std::vector<int> counts;  // specs, active, supervisors, workers
  std::string exit;

  [[nodiscard]] bool is_call() const { return !result.empty(); }
};

struct RecordedScenario {
  int number = 0;
  std::string strategy;
  std::uint32_t intensity = 0;
  AutoShutdown auto_shutdown = AutoShutdown::Never;
  std::vector<RecordedChild> children;
  std::vector<std::pair<std::string, std::vector<Planned>>> plans;
  std::string failed_id;  // empty: it started
  Lines init_trace;
  std::vector<RecordedStep> steps;
  nlohmann::json all;
};

struct Recordings {
  std::vector<RecordedScenario> playable;
  std::map<std::string, int> skipped;  // scenarios by what they need
};

/// A .jsonl.gz, line by line, through gzip: what every system that has the file can do.
inline std::vector<std::string> unzip_lines(const std::string& path) {
  struct Close {
    void operator()(FILE* pipe) const { static_cast<void>(pclose(pipe)); }
  };
  const std::unique_ptr<FILE, Close> pipe{popen(("gzip -dc '" + path + "'").c_str(), "r")};
  if (!pipe) throw std::runtime_error{"gzip does not start"};
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe.get())) text.append(buffer, n);
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    if (to > from) lines.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return lines;
}

namespace recordings {

inline Restart restart_of(const std::string& word) {
  if (word == "permanent") return Restart::Permanent;
  return word == "transient" ? Restart::Transient : Restart::Temporary;
}
inline std::vector<Planned> outcomes_of(const nlohmann::json& results) {
  std::vector<Planned> outcomes;
  for (const auto& outcome : results) {
    outcomes.push_back(outcome == "ok" ? Planned::Ok : outcome == "error" ? Planned::Error : Planned::Ignore);
  }
  return outcomes;
}
inline RecordedChild child_of(const nlohmann::json& json) {
  return {json.at("id").get<std::string>(), restart_of(json.at("restart").get<std::string>()),
          json.at("significant").get<bool>()};
}
inline AutoShutdown auto_shutdown_of(const std::string& word) {
  if (word == "never") return AutoShutdown::Never;
  return word == "any_significant" ? AutoShutdown::AnySignificant : AutoShutdown::AllSignificant;
}
inline Lines trace_of(const nlohmann::json& trace) {
  Lines lines;
  for (const auto& item : trace) {
    const auto what = item[2].get<std::string>();
    lines.push_back(item[0].get<std::string>() + ' ' + item[1].get<std::string>() + ' ' +
                    (what == "kill" ? "killed" : what));
  }
  return lines;
}

inline RecordedStep step_of(const nlohmann::json& json) {
  RecordedStep step;
  step.op = json.at("op").get<std::string>();
  if (json.contains("id")) step.ids = {json.at("id").get<std::string>()};
  if (json.contains("result")) step.result = json.at("result").get<std::string>();
  if (json.contains("spec")) step.spec = child_of(json.at("spec"));
  if (step.op == "crash_many") step.ids = json.at("ids").get<std::vector<std::string>>();
  if (step.op == "crash_many") step.op = "crash";
  if (json.contains("reason")) step.reason = json.at("reason").get<std::string>();
  if (step.reason == "kill") step.reason = "killed";
  if (step.op == "plan") {
    step.outcomes = outcomes_of(json.at("results"));
    return step;
  }
  step.trace = trace_of(json.at("trace"));
  step.alive = json.at("alive").get<bool>();
  if (step.alive) {
    for (const auto& child : json.at("which"))
      step.which.push_back(child[0].get<std::string>() + ' ' + child[1].get<std::string>());
    step.counts = json.at("counts").get<std::vector<int>>();
  } else {
    step.exit = json.at("exit").get<std::string>();
  }
  return step;
}

}  // namespace recordings

inline Recordings load_recordings(const std::string& path) {
  Recordings result;
  for (const std::string& line : unzip_lines(path)) {
    auto json = nlohmann::json::parse(line);
    RecordedScenario scenario;
    scenario.number = json.at("n").get<int>();
    scenario.strategy = json.at("strategy").get<std::string>();
    if (scenario.strategy == "simple_one_for_one") {
      ++result.skipped["scenarios: simple_one_for_one"];
      continue;
    }
    scenario.auto_shutdown = recordings::auto_shutdown_of(json.at("auto_shutdown").get<std::string>());
    for (const auto& child : json.at("children")) scenario.children.push_back(recordings::child_of(child));
    for (const auto& plan : json.at("init_plans"))
      scenario.plans.emplace_back(plan.at("id").get<std::string>(), recordings::outcomes_of(plan.at("results")));
    scenario.intensity = json.at("intensity").get<std::uint32_t>();
    if (json.at("init") != "ok") scenario.failed_id = json.at("init_failed_id").get<std::string>();
    scenario.init_trace = recordings::trace_of(json.at("init_trace"));
    for (const auto& step : json.at("steps")) scenario.steps.push_back(recordings::step_of(step));
    scenario.all = std::move(json);
    result.playable.push_back(std::move(scenario));
  }
  return result;
}

}  // namespace coppice::testing
