#include <algorithm>
#include <iostream>
#include <optional>
#include <string>

#include "catch.hpp"
#include "conformance/recordings.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "supervisors/otp_model.hpp"
#include "supervisors/rules_driver.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Family;
using testing::Lines;
using testing::Member;
using testing::OtpModel;
using testing::Planned;
using testing::RecordedScenario;
using testing::RecordedStep;
using testing::RulesDriver;
using testing::TestSystem;

constexpr Duration kLong = 1'000h;  // the recordings' period is far longer than a scenario

const testing::Recordings& recordings() {
  static const testing::Recordings all = testing::load_recordings(COPPICE_RECORDINGS_DIR "/otp27_supervisor.jsonl.gz");
  return all;
}

AnyStrategy strategy_of(const std::string& word) {
  if (word == "one_for_one") return OneForOne{};
  if (word == "one_for_all") return OneForAll{};
  return RestForOne{};
}
ExitReason reason_of(const std::string& word) {
  if (word == "normal") return ExitReason::normal();
  if (word == "shutdown") return ExitReason::shutdown();
  if (word == "shutdown_term") return ExitReason::shutdown("term");
  if (word == "killed") return ExitReason::killed();
  return ExitReason::error("boom");
}

/// What a supervisor answers to one step, in the recordings' terms.
struct Seen {
  Lines trace;
  bool alive = true;
  Lines which;
  std::string exit;
  std::string result = {};
  std::vector<int> counts = {};
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::string text_of(const Seen& seen) {
  std::string text = "trace:";
  for (const auto& line : seen.trace) text += " [" + line + ']';
  text += seen.alive ? "\nalive, which:" : "\nended: " + seen.exit;
  for (const auto& line : seen.which) text += " [" + line + ']';
  if (!seen.result.empty()) text += "\nresult: " + seen.result;
  if (!seen.counts.empty()) text += "\ncounts:";
  for (const int n : seen.counts) text += ' ' + std::to_string(n);
  return text;
}

struct Tally {
  int scenarios = 0;
  int steps = 0;
  int divergences = 0;
  std::string first;
};

/// Whether they agree; the first time that they do not is kept in full.
bool compare(Tally& tally, const RecordedScenario& scenario, const std::string& where, const Seen& recorded,
             const Seen& seen) {
  if (recorded == seen) return true;
  if (++tally.divergences == 1) {
    tally.first = "scenario " + std::to_string(scenario.number) + ", " + where + "\nrecorded " + text_of(recorded) +
                  "\nseen " + text_of(seen) + "\nin full: " + scenario.all.dump();
  }
  return false;
}

Seen recorded_start(const RecordedScenario& scenario) {
  return {scenario.init_trace,
          scenario.failed_id.empty(),
          {},
          scenario.failed_id.empty() ? "" : "failed: " + scenario.failed_id};
}
Seen recorded_of(const RecordedStep& step) {
  return {step.trace, step.alive, step.which, step.exit, step.result, step.counts};
}

void report(const char* what, const Tally& tally) {
  std::cout << "conformance, " << what << ": " << tally.scenarios << " scenarios, " << tally.steps << " steps, "
            << tally.divergences << " divergences\n";
  INFO(tally.first);
  CHECK(tally.divergences == 0);
}

/// Plays one scenario on a player: start() and play(step) answer what was seen.
template <class Player>
void play(Tally& tally, const RecordedScenario& scenario, Player& player) {
  ++tally.scenarios;
  for (const auto& [id, outcomes] : scenario.plans) player.plan(id, outcomes);
  if (!compare(tally, scenario, "start", recorded_start(scenario), player.start())) return;
  for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
    const RecordedStep& step = scenario.steps[i];
    ++tally.steps;
    if (step.op == "plan") {
      player.plan(step.ids.front(), step.outcomes);
      continue;
    }
    const Seen seen = step.op == "stop"    ? player.stop()
                      : step.op == "crash" ? player.crash(step.ids, step.reason)
                                           : player.call(step);
    if (!compare(tally, scenario, "step " + std::to_string(i), recorded_of(step), seen)) return;
  }
}

struct RulesPlayer {
  explicit RulesPlayer(const RecordedScenario& s)
      : rules{strategy_of(s.strategy), {.restarts = s.intensity, .within = kLong}, s.children, {}, s.auto_shutdown} {}
  void plan(const std::string& id, const std::vector<Planned>& outcomes) {
    rules.plan(id, {outcomes.begin(), outcomes.end()});
  }
  Seen start() {
    rules.start();
    return {rules.take_full(), !rules.aborted, {}, rules.aborted ? "failed: " + rules.aborted_by : ""};
  }
  Seen crash(const std::vector<std::string>& ids, const std::string& reason) {
    for (const auto& id : ids) rules.die(id, reason_of(reason));
    rules.settle();
    return seen();
  }
  Seen stop() {
    rules.stop();
    return seen();
  }
  Seen call(const RecordedStep& step) {
    const std::string result = step.op == "start"       ? rules.start_child(step.spec)
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
  for (const RecordedScenario& scenario : recordings().playable) {
    RulesPlayer player{scenario};
    play(tally, scenario, player);
    REQUIRE(player.rules.violations() == Lines{});
  }
  report("pure rules", tally);
  for (const auto& [what, count] : recordings().skipped) std::cout << "  not played: " << count << ' ' << what << '\n';
  CHECK(tally.scenarios > 1'200);
}

/// What the model knows: crashes and stops. Null: not even the start.
std::optional<RecordedScenario> basic_part(const RecordedScenario& whole) {
  const auto ignores = [](const std::vector<Planned>& outcomes) {
    return std::find(outcomes.begin(), outcomes.end(), Planned::Ignore) != outcomes.end();
  };
  for (const auto& child : whole.children) {
    if (child.significant) return std::nullopt;
  }
  for (const auto& [id, outcomes] : whole.plans) {
    if (ignores(outcomes)) return std::nullopt;
  }
  RecordedScenario part = whole;
  const auto cut = std::find_if(part.steps.begin(), part.steps.end(),
                                [&](const RecordedStep& step) { return step.is_call() || ignores(step.outcomes); });
  part.steps.erase(cut, part.steps.end());
  for (RecordedStep& step : part.steps) step.counts.clear();
  return part;
}
std::vector<bool> no_ignores(const std::vector<Planned>& outcomes) {
  std::vector<bool> oks;
  for (const Planned outcome : outcomes) oks.push_back(outcome == Planned::Ok);
  return oks;
}

struct ModelPlayer {
  explicit ModelPlayer(const RecordedScenario& s)
      : model{s.strategy == "one_for_one"   ? OtpModel::Strategy::OneForOne
              : s.strategy == "one_for_all" ? OtpModel::Strategy::OneForAll
                                            : OtpModel::Strategy::RestForOne,
              s.intensity, 1'000'000, [&] {
                std::vector<std::pair<std::string, Restart>> children;
                for (const auto& child : s.children) children.emplace_back(child.id, child.restart);
                return children;
              }()} {}
  void plan(const std::string& id, const std::vector<Planned>& outcomes) { model.plan(id, no_ignores(outcomes)); }
  static Seen call(const RecordedStep&) { return {}; }
  Seen start() {
    model.start();
    return {std::exchange(model.trace, {}), model.alive, {}, model.alive ? "" : "failed: " + model.failed_to_start};
  }
  Seen crash(const std::vector<std::string>& ids, const std::string& reason) {
    model.crash(ids, reason, 0);
    return seen();
  }
  Seen stop() {
    model.stop();
    return seen();
  }
  Seen seen() {
    return {std::exchange(model.trace, {}), model.alive, model.alive ? model.which() : Lines{}, model.exit_reason};
  }
  OtpModel model;
};

TEST_CASE("the model that the rules are tested with answers as OTP 27 did") {
  Tally tally;
  for (const RecordedScenario& whole : recordings().playable) {
    const auto scenario = basic_part(whole);
    if (!scenario) continue;
    ModelPlayer player{*scenario};
    play(tally, *scenario, player);
  }
  report("model", tally);
}

/// Real supervisors, real children. `lost_order`: the seed drew another order of deaths than the recorded one; try the
/// next.
struct ActorPlayer {
  /// Hears how the supervisor ended.
  struct Watcher : Actor<Watcher> {
    Watcher(ActorRef<Supervisor> root, std::string* e) : exit{e} { watch(root); }
    void handle(Down down) { *exit = Family::word(down.reason); }
    std::string* exit;
  };

  ActorPlayer(const RecordedScenario& s, std::uint64_t seed) : scenario{s}, system{{.seed = seed}} {
    family.with_reasons = true;
  }

  void plan(const std::string& id, const std::vector<Planned>& outcomes) {
    family.plans[id].assign(outcomes.begin(), outcomes.end());
  }
  Seen start() {
    SupervisorOptions options{.id = "app",
                              .strategy = strategy_of(scenario.strategy),
                              .intensity = {.restarts = scenario.intensity, .within = kLong},
                              .auto_shutdown = scenario.auto_shutdown};
    std::vector<ChildSpec> children;
    for (const auto& child : scenario.children) children.push_back(spec_of(child));
    auto started = system.start(SupervisorSpec{std::move(options), std::move(children)});
    if (!started) return {family.take(), false, {}, "failed: " + started.error().child};
    root = *started;
    system.spawn<Watcher>(*root, &exit);
    system.run_until_idle();
    return {family.take(), true, {}, ""};
  }
  ChildSpec spec_of(const testing::RecordedChild& c) {
    return testing::member(family, ChildOptions{.id = c.id, .restart = c.restart, .significant = c.significant});
  }
  Seen call(const RecordedStep& step) {
    std::string result;
    if (step.op == "start") result = word_of(root->start_child(spec_of(step.spec)));
    if (step.op == "restart") result = word_of(root->restart_child(step.ids.front()));
    if (step.op == "terminate") result = word_of(root->terminate_child(step.ids.front()));
    if (step.op == "delete") result = word_of(root->delete_child(step.ids.front()));
    system.run_until_idle();
    Seen after = seen();
    after.result = result;
    return after;
  }
  static std::string word_of(const Result<AnyRef, CallError>& result) {
    if (!result) return word_of(result.error());
    return *result ? "ok_pid" : "ok_undefined";
  }
  static std::string word_of(const Result<void, CallError>& result) { return result ? "ok" : word_of(result.error()); }
  static std::string word_of(const CallError& error) {
    switch (error.kind) {
      case CallError::Kind::NotFound: return "not_found";
      case CallError::Kind::Running: return "running";
      case CallError::Kind::Restarting: return "restarting";
      case CallError::Kind::AlreadyStarted: return "already_started";
      case CallError::Kind::AlreadyPresent: return "already_present";
      case CallError::Kind::StartFailed: return "start_error";
      default: return to_string(error.kind);
    }
  }
  Seen crash(const std::vector<std::string>& ids, const std::string& reason) {
    looked = system.event_log().size();
    for (const auto& id : ids) {
      const auto child = testing::at(*root, id);
      if (reason == "error") {
        child.send(testing::Bang{});
      } else {
        child.send(testing::End{reason_of(reason)});
      }
    }
    system.run_until_idle();
    Seen result = seen();
    Lines deaths;
    for (const auto& id : ids) deaths.push_back("stop " + id + ' ' + reason);
    lost_order = ids.size() > 1 && (result.trace.size() < deaths.size() ||
                                    !std::equal(deaths.begin(), deaths.end(), result.trace.begin()));
    // All dead before the supervisor looked: it looks once the first is dead, so its first signals may have come in
    // between.
    lost_order = lost_order || (ids.size() > 1 && looked_early(ids));
    if (lost_order) throw OrderLost{};
    return result;
  }
  Seen stop() {
    static_cast<void>(system.stop(*root, {.reason = ExitReason::shutdown()}).get());
    system.run_until_idle();
    return seen();
  }
  Seen seen() {
    Seen result{family.take(), !system.has_stopped(*root), {}, exit};
    if (!result.alive) return result;
    const std::vector<ChildInfo> children = root->which_children().value();
    for (const ChildInfo& child : children)
      result.which.push_back(child.id + (child.state == ChildState::Down ? " undefined" : " up"));
    const ChildCounts counts = root->count_children().value();
    result.counts = {static_cast<int>(counts.specs), static_cast<int>(counts.active),
                     static_cast<int>(counts.supervisors), static_cast<int>(counts.workers)};
    return result;
  }
  /// Whether the supervisor had heard of a death before the last of them: its events stand between theirs in the log.
  [[nodiscard]] bool looked_early(const std::vector<std::string>& ids) {
    std::size_t dead = 0;
    const auto& log = system.event_log();
    for (; looked < log.size(); ++looked) {
      const std::string& line = log[looked];
      const bool of_a_child = line.find(" app/") != std::string::npos;
      const bool actor_end = of_a_child && (line.find("actor stopped") != std::string::npos ||
                                            line.find("actor failed") != std::string::npos ||
                                            line.find("actor killed") != std::string::npos);
      if (actor_end && dead < ids.size()) ++dead;
      const bool heard =
          line.find("child failed") != std::string::npos || line.find("child stopped") != std::string::npos;
      if (heard && dead < ids.size()) {
        looked = log.size();
        return true;
      }
    }
    return false;
  }
  struct OrderLost {};

  const RecordedScenario& scenario;
  Family family;
  TestSystem system;
  std::optional<ActorRef<Supervisor>> root;
  std::string exit;
  bool lost_order = false;
  std::size_t looked = 0;
};

TEST_CASE("real supervisors with real children answer as OTP 27 did") {
  constexpr std::uint64_t kSeedsMax = 20'000;
  Tally tally;
  int without_order = 0;
  for (const RecordedScenario& scenario : recordings().playable) {
    bool played = false;
    // Where the order of many deaths is rare, from near a seed that draws it; any other does as well, later.
    const std::uint64_t from = scenario.number == 3849 ? 280'000 : 1;
    for (std::uint64_t seed = from; seed < from + kSeedsMax && !played; ++seed) {
      Tally attempt;
      ActorPlayer player{scenario, seed};
      try {
        play(attempt, scenario, player);
      } catch (const ActorPlayer::OrderLost&) {
        continue;
      }
      played = true;
      tally.scenarios += attempt.scenarios;
      tally.steps += attempt.steps;
      if (attempt.divergences > 0 && tally.divergences++ == 0)
        tally.first = "seed " + std::to_string(seed) + ", " + attempt.first;
      testing::check_end(player.system);
    }
    if (!played) ++without_order;
  }
  std::cout << "conformance, real supervisors: no seed drew the recorded order of deaths for " << without_order
            << " scenarios\n";
  report("real supervisors", tally);
  CHECK(without_order == 0);
}

}  // namespace
}  // namespace coppice
