#include <random>
#include <string>

#include "catch.hpp"
#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"
#include "supervisors/otp_model.hpp"
#include "supervisors/rules_driver.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::OtpModel;
using testing::RulesDriver;

struct Dice {
  std::mt19937_64 engine;
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
};

AnyStrategy strategy_of(OtpModel::Strategy which) {
  if (which == OtpModel::Strategy::OneForOne) return OneForOne{};
  if (which == OtpModel::Strategy::OneForAll) return OneForAll{};
  return RestForOne{};
}

const char* const kReasons[] = {"normal", "shutdown", "shutdown_term", "error", "killed", "error"};
ExitReason reason_of(const std::string& word) {
  if (word == "normal") return ExitReason::normal();
  if (word == "shutdown") return ExitReason::shutdown();
  if (word == "shutdown_term") return ExitReason::shutdown("term");
  if (word == "killed") return ExitReason::killed();
  return ExitReason::error("boom");
}

TEST_CASE("random commands end as OTP's supervisor ends them") {  // P8 (b)
  for (std::size_t seed = 1; seed <= testing::scaled(10'000); ++seed) {
    Dice dice{std::mt19937_64{seed}};
    const auto which = static_cast<OtpModel::Strategy>(dice.below(3));
    const Intensity intensity{.restarts = static_cast<std::uint32_t>(dice.below(5)),
                              .within = std::chrono::seconds{1 + dice.below(4)}};
    std::vector<std::pair<std::string, Restart>> specs;
    std::vector<testing::RuleChild> children;
    for (std::size_t i = 0, n = 1 + dice.below(6); i < n; ++i) {
      const auto restart = static_cast<Restart>(dice.below(3));
      specs.emplace_back(std::string(1, static_cast<char>('a' + i)), restart);
      children.push_back({specs.back().first, restart});
    }
    OtpModel model{which, intensity.restarts, intensity.within / 1ns, specs};
    RulesDriver rules{strategy_of(which), intensity, children};
    std::string story = "seed " + std::to_string(seed) + ' ' + std::string{strategy_of(which).name()} + ' ' +
                        std::to_string(intensity.restarts) + " in " + std::to_string(intensity.within / 1s) + "s:";
    for (const auto& [id, restart] : specs) story += ' ' + id + '=' + to_string(restart);
    const auto plan = [&](std::size_t odds) {
      if (!dice.one_in(odds)) return;
      const std::string& id = specs[dice.below(specs.size())].first;
      std::vector<bool> outcomes;
      for (std::size_t i = 0, n = 1 + dice.below(4); i < n; ++i) outcomes.push_back(dice.one_in(3));
      story += "; plan " + id;
      for (const bool ok : outcomes) story += ok ? " ok" : " error";
      model.plan(id, outcomes);
      rules.plan(id, {outcomes.begin(), outcomes.end()});
    };
    plan(10);
    model.start();
    rules.start();

    for (std::size_t step = 0; step < 12 && model.alive; ++step) {
      plan(3);
      const Duration pause = dice.one_in(2) ? 0ns : Duration{500ms * dice.below(6)};
      rules.advance(pause);
      if (dice.one_in(15)) {
        story += "; stop";
        model.stop();
        rules.stop();
        continue;
      }
      std::vector<std::string> ids;
      for (const auto& [id, restart] : specs) {
        if (model.is_up(id) && dice.one_in(ids.empty() ? 2 : 4))
          ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(dice.below(ids.size() + 1)), id);
      }
      if (ids.empty()) continue;
      const std::string reason = kReasons[dice.below(6)];
      story += "; +" + std::to_string(pause / 1ms) + "ms crash";
      for (const auto& id : ids) story += ' ' + id;
      story += ' ' + reason;
      model.crash(ids, reason, (rules.now.time_since_epoch()) / 1ns);
      for (const auto& id : ids) rules.die(id, reason_of(reason));
      rules.settle();
      if (rules.down == model.alive || rules.violations() != Lines{}) break;
    }
    INFO(story);
    REQUIRE(rules.violations() == Lines{});
    REQUIRE(rules.take_full() == model.trace);
    REQUIRE((rules.down || rules.aborted) == !model.alive);
    REQUIRE(rules.aborted_by == model.failed_to_start);
    if (!model.alive && model.failed_to_start.empty()) REQUIRE(RulesDriver::word(rules.reason) == model.exit_reason);
    if (model.alive) REQUIRE(rules.which() == model.which());
  }
}

/// What must hold whatever happens when; the driver watches the rest (one step awaited, nothing after the end, nobody
/// twice).
TEST_CASE("whatever happens at whatever moment the supervisor keeps its contract and ends when told") {
  for (std::size_t seed = 1; seed <= testing::scaled(10'000); ++seed) {
    Dice dice{std::mt19937_64{seed + 1'000'000}};
    CAPTURE(seed);
    const Backoff backoff =
        dice.one_in(2) ? Backoff{Exponential{.first = 100ms, .jitter = dice.one_in(2) ? 0.5 : 0.0}} : Backoff{};
    const Intensity intensity{.restarts = static_cast<std::uint32_t>(dice.below(8)), .within = 2s};
    std::vector<testing::RuleChild> children;
    const std::size_t count = 1 + dice.below(6);
    for (std::size_t i = 0; i < count; ++i)
      children.push_back({std::string(1, static_cast<char>('a' + i)), static_cast<Restart>(dice.below(3))});
    RulesDriver rules{strategy_of(static_cast<OtpModel::Strategy>(dice.below(3))), intensity, children, backoff};
    rules.begin();
    bool told = false;
    for (int step = 0; step < 200 && !rules.down && !rules.aborted; ++step) {
      switch (dice.below(told ? 4 : 12)) {
        case 0:
        case 1:
        case 2: rules.pump(); break;
        case 3:
          if (rules.is_resting()) rules.advance(50ms * dice.below(10));
          break;
        case 4:
        case 5:
        case 6: {
          const auto alive = rules.alive();
          if (alive.empty()) break;
          const auto& id = alive[dice.below(alive.size())];
          const OnError verdict = dice.one_in(6) ? static_cast<OnError>(dice.below(5)) : OnError::Supervise;
          rules.die(id, reason_of(kReasons[dice.below(6)]), verdict == OnError::Resume ? OnError::Supervise : verdict);
          break;
        }
        case 7: rules.plan(children[dice.below(count)].id, {false, dice.one_in(2)}); break;
        case 8:
          if (dice.one_in(8)) {
            rules.tell_stop();
            told = true;
          }
          break;
        default: rules.pump(); break;
      }
    }
    if (!rules.down && !rules.aborted) {
      rules.tell_stop();
      rules.settle();
    }
    CHECK((rules.down || rules.aborted));
    REQUIRE(rules.violations() == Lines{});
    REQUIRE(rules.alive().empty());
    REQUIRE(rules.armed() == 0);
  }
}

TEST_CASE("groups stop in reverse start order and start in start order whatever happens") {  // [V2]
  for (std::size_t seed = 1; seed <= testing::scaled(2'000); ++seed) {
    Dice dice{std::mt19937_64{seed}};
    CAPTURE(seed);
    std::vector<testing::RuleChild> children;
    for (char id = 'a'; id < 'h'; ++id) children.push_back({std::string(1, id)});
    RulesDriver rules{dice.one_in(2) ? AnyStrategy{OneForAll{}} : AnyStrategy{RestForOne{}},
                      {.restarts = 100, .within = 5s},
                      children};
    rules.start();
    rules.take();
    for (int i = 0; i < 5; ++i) {
      rules.crash(children[dice.below(children.size())].id);
      const Lines trace = rules.take();
      std::size_t stops = 0;
      while (stops < trace.size() && trace[stops].starts_with("stop")) ++stops;
      REQUIRE(std::is_sorted(trace.begin(), trace.begin() + static_cast<std::ptrdiff_t>(stops), std::greater<>{}));
      REQUIRE(std::is_sorted(trace.begin() + static_cast<std::ptrdiff_t>(stops), trace.end()));
      REQUIRE(trace.size() == 2 * stops + 1);
    }
  }
}

}  // namespace
}  // namespace coppice
