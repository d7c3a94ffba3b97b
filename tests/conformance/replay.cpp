#include "conformance/replay.hpp"

#include <algorithm>
#include <utility>

#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"

namespace coppice::testing {
namespace {

std::string text_of(const Lines& lines) {
  std::string text;
  for (const auto& line : lines) text += " [" + line + ']';
  return text.empty() ? " nothing" : text;
}
std::string text_of(const std::vector<int>& counts) {
  std::string text;
  for (const int n : counts) text += ' ' + std::to_string(n);
  return text.empty() ? " none" : text;
}

/// Without the order that simple_one_for_one does not define: of its instances, and of their stops at the end.
Seen without_undefined_order(Seen seen) {
  std::sort(seen.which.begin(), seen.which.end());
  if (seen.alive) return seen;
  const auto last_other = std::find_if(seen.trace.rbegin(), seen.trace.rend(), [](const std::string& line) {
    return !(line.starts_with("stop ") && line.ends_with(" shutdown"));
  });
  std::sort(last_other.base(), seen.trace.end());
  return seen;
}

/// Whether they agree; the first time that they do not is kept in full.
bool compare(Tally& tally, const RecordedScenario& scenario, const std::string& where, const Seen& recorded,
             const Seen& seen) {
  const std::string differs = scenario.is_dynamic()
                                  ? difference(without_undefined_order(recorded), without_undefined_order(seen))
                                  : difference(recorded, seen);
  if (differs.empty()) return true;
  if (tally.divergences++ == 0) {
    tally.first = "scenario " + std::to_string(scenario.number) + " (line " + std::to_string(scenario.line) + "), " +
                  where + ":\n" + differs + "  in full: " + scenario.text + '\n';
  }
  return false;
}

Seen recorded_start(const RecordedScenario& scenario) {
  const bool alive = scenario.failed_id.empty();
  return {.trace = scenario.init_trace, .alive = alive, .exit = alive ? "" : "failed: " + scenario.failed_id};
}
Seen recorded_of(const RecordedStep& step) {
  return {step.trace, step.alive, step.which, step.exit, step.result, step.counts};
}

std::string title_of(const RecordedStep& step, std::size_t index) {
  std::string title = "step " + std::to_string(index + 1) + ", " + step.op;
  for (const auto& id : step.ids) title += ' ' + id;
  return step.reason.empty() ? title : title + ' ' + step.reason;
}

bool play_steps(Tally& tally, const RecordedScenario& scenario, Player& player) {
  for (const auto& [id, outcomes] : scenario.plans) player.plan(id, outcomes);
  if (!compare(tally, scenario, "start", recorded_start(scenario), player.start())) return false;
  for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
    const RecordedStep& step = scenario.steps[i];
    ++tally.steps;
    if (step.op == "plan") {
      player.plan(step.ids.front(), step.outcomes);
      continue;
    }
    if (scenario.is_dynamic() && (step.op == "restart" || step.op == "delete"))
      ++tally.mapped[step.op + "_child of simple_one_for_one: refused by OTP, no such call of a DynamicSupervisor"];
    const Seen seen = step.op == "stop"    ? player.stop()
                      : step.op == "crash" ? player.crash(step.ids, step.reason)
                                           : player.call(step);
    if (!compare(tally, scenario, title_of(step, i), recorded_of(step), seen)) return false;
  }
  return true;
}

void add(Tally& to, const Tally& more, std::uint64_t seed) {
  to.scenarios += more.scenarios;
  to.steps += more.steps;
  for (const auto& [what, count] : more.mapped) to.mapped[what] += count;
  if (to.divergences == 0 && more.divergences > 0) to.first = "seed " + std::to_string(seed) + ", " + more.first;
  to.divergences += more.divergences;
}

/// In the order of deaths that was recorded, which a seed draws or does not.
void play_for_real(Tally& tally, const RecordedScenario& scenario) {
  constexpr std::uint64_t kSeedsMax = 100'000;
  for (std::uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
    std::string why_not;
    const auto player = make_real_player(scenario, seed, why_not);
    if (!player) {
      ++tally.skipped[why_not];
      return;
    }
    Tally attempt;
    try {
      play(attempt, scenario, *player);
    } catch (const OrderLost&) {
      continue;
    }
    return add(tally, attempt, seed);
  }
  Tally given_up{.scenarios = 1, .divergences = 1};
  given_up.first = "scenario " + std::to_string(scenario.number) + " (line " + std::to_string(scenario.line) +
                   "): no seed gives the recorded order of deaths\n";
  add(tally, given_up, kSeedsMax);
}

}  // namespace

std::string difference(const Seen& expected, const Seen& seen) {
  std::string text;
  const auto field = [&](const char* name, const std::string& wanted, const std::string& got) {
    if (wanted != got) text += std::string{"  "} + name + ": expected" + wanted + ", got" + got + '\n';
  };
  field("result", ' ' + expected.result, ' ' + seen.result);
  field("trace", text_of(expected.trace), text_of(seen.trace));
  field("alive", expected.alive ? " yes" : " no", seen.alive ? " yes" : " no");
  field("exit", ' ' + expected.exit, ' ' + seen.exit);
  field("which", text_of(expected.which), text_of(seen.which));
  field("counts", text_of(expected.counts), text_of(seen.counts));
  return text;
}

void play(Tally& tally, const RecordedScenario& scenario, Player& player) {
  ++tally.scenarios;
  if (!play_steps(tally, scenario, player)) return;
  const std::string wrong = player.end();
  if (wrong.empty() || tally.divergences++ > 0) return;
  tally.first = "scenario " + std::to_string(scenario.number) + " (line " + std::to_string(scenario.line) +
                "), after the last step: " + wrong + "\n  in full: " + scenario.text + '\n';
}

AnyStrategy strategy_of(const RecordedScenario& scenario) {
  if (scenario.strategy == "one_for_all") return OneForAll{};
  if (scenario.strategy == "rest_for_one") return RestForOne{};
  return OneForOne{};
}

ExitReason exit_reason_of(const std::string& word) {
  if (word == "normal") return ExitReason::normal();
  if (word == "shutdown") return ExitReason::shutdown();
  if (word == "shutdown_term") return ExitReason::shutdown("term");
  if (word == "killed") return ExitReason::killed();
  return ExitReason::error("boom");
}

Tally replay(const Recordings& recordings) {
  Tally tally;
  for (const RecordedScenario& scenario : recordings.scenarios) play_for_real(tally, scenario);
  return tally;
}

}  // namespace coppice::testing
