#include <string>

#include "catch.hpp"
#include "supervisors/random_commands.hpp"
#include "supervisors/rules_driver.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Command;
using testing::Dice;
using testing::Lines;
using testing::OtpModel;
using testing::reason_of;
using testing::RulesDriver;
using testing::Story;
using testing::strategy_of;

TEST_CASE("random commands end as OTP's supervisor ends them") {  // P8 (b)
  for (std::uint64_t seed = 1; seed <= testing::scaled(20'000); ++seed) {
    const Story story = testing::random_story(seed);
    if (!testing::fault_of(story)) continue;
    const Story small = testing::shrunk(story);
    INFO("seed " << seed << ", shrunk from " << story.commands.size() << " commands: " << testing::text_of(small)
                 << *testing::fault_of(small));
    FAIL();
  }
}

TEST_CASE("a sequence of commands that fails is shrunk to the least one that does") {
  // A bug that is known: who is dead already when its group is stopped keeps its exit, which then counts.
  const auto with_bug = [](Story story) {
    story.settings.consumes_the_dead = false;
    return story;
  };
  int found = 0;
  for (std::uint64_t seed = 1; found < 20; ++seed) {
    REQUIRE(seed < 10'000);
    const Story story = with_bug(testing::random_story(seed));
    if (!testing::fault_of(story)) continue;
    ++found;
    const Story small = testing::shrunk(story);
    INFO("seed " << seed << ": " << testing::text_of(story) << "shrunk to: " << testing::text_of(small));
    REQUIRE(testing::fault_of(small));
    Story right = small;
    right.settings.consumes_the_dead = true;
    CHECK_FALSE(testing::fault_of(right));  // it fails for that reason
    CHECK(small.children.size() <= 3);
    CHECK(small.commands.size() <= 2);
    for (std::size_t i = 0; i < small.commands.size(); ++i) {  // nothing can be left out
      Story less = small;
      less.commands.erase(less.commands.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK_FALSE(testing::fault_of(less));
    }
  }
}

TEST_CASE("a story prints as the commands that play it again") {
  const Story story{.settings = {.strategy = OtpModel::Strategy::RestForOne,
                                 .restarts = 2,
                                 .within = 5'000'000'000,
                                 .auto_shutdown = AutoShutdown::AnySignificant},
                    .children = {{"a"}, {"b", Restart::Transient, true}},
                    .commands = {{.kind = Command::Kind::Plan, .ids = {"a"}, .outcomes = {testing::Planned::Ignore}},
                                 {.kind = Command::Kind::Crash, .ids = {"a", "b"}, .reason = "error"},
                                 {.kind = Command::Kind::Start, .spec = {"c", Restart::Temporary}},
                                 {.kind = Command::Kind::Advance, .by = 250ms}}};
  CHECK(testing::text_of(story) ==
        "rest_for_one, 2 restarts in 5000ms, auto_shutdown any_significant, delay 0ms; children: a=permanent "
        "b=transient significant\n  plan a ignore\n  crash a b error\n  start c=temporary\n  advance 250ms\n");
}

const char* const kReasons[] = {"normal", "shutdown", "shutdown_term", "error", "killed", "error"};

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
    const auto auto_shutdown = static_cast<AutoShutdown>(dice.below(3));
    const auto any_child = [&](std::size_t i) {
      const auto restart = static_cast<Restart>(dice.below(3));
      return testing::RuleChild{std::string(1, static_cast<char>('a' + i)), restart,
                                restart != Restart::Permanent && dice.one_in(3)};
    };
    for (std::size_t i = 0; i < count; ++i) children.push_back(any_child(i));
    RulesDriver rules{strategy_of(static_cast<OtpModel::Strategy>(dice.below(3))), intensity, children, backoff,
                      auto_shutdown};
    rules.begin();
    bool told = false;
    for (int step = 0; step < 200 && !rules.down && !rules.aborted; ++step) {
      switch (dice.below(told ? 4 : 14)) {
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
        case 9:
        case 10: {
          using Event = RulesDriver::Event::Kind;
          constexpr Event kCalls[] = {Event::StartChild, Event::TerminateChild, Event::RestartChild,
                                      Event::DeleteChild};
          rules.call_soon(kCalls[dice.below(4)], any_child(dice.below(count + 2)));
          break;
        }
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
