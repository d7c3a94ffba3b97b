#include <string>

#include "catch.hpp"
#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"
#include "supervisors/rules_driver.hpp"

// The golden traces of spec/otp-supervision.md §1.19 and the points of §1.7 and §1.8, on the pure rules.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::RulesDriver;

constexpr Intensity kThree{.restarts = 3, .within = 5s};

RulesDriver four(AnyStrategy strategy, Intensity intensity = kThree) {
  return RulesDriver{strategy, intensity, {{"a"}, {"b"}, {"c"}, {"d"}}};
}

void up(RulesDriver& rules) {
  rules.start();
  REQUIRE(rules.up);
  CHECK(rules.take() == Lines{"start a", "start b", "start c", "start d"});
}

TEST_CASE("a child that does not start takes the ones before it with it in reverse") {  // §1.3, §1.19
  for (const AnyStrategy strategy : {AnyStrategy{OneForOne{}}, AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    RulesDriver rules = four(strategy);
    rules.plan("c", {false});
    rules.start();
    CHECK(rules.take() == Lines{"start a", "start b", "start c!", "stop b", "stop a"});
    CHECK(rules.aborted);
    CHECK(rules.aborted_by == "c");
    CHECK_THAT(rules.reason.to_string(), testing::has_text("cannot start c"));
    CHECK_FALSE(rules.up);
    CHECK_FALSE(rules.down);
    CHECK(rules.limit_reports == 0);  // intensity is irrelevant here
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE("a supervisor without children comes up and goes down") {
  RulesDriver rules{OneForAll{}, kThree, {}};
  rules.start();
  CHECK(rules.up);
  rules.stop();
  CHECK(rules.down);
  CHECK(rules.take().empty());
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a stop goes from the last child to the first") {  // §1.19
  RulesDriver rules = four(OneForOne{});
  up(rules);
  rules.stop();
  CHECK(rules.take() == Lines{"stop d", "stop c", "stop b", "stop a"});
  CHECK(rules.down);
  CHECK(rules.reason == ExitReason::shutdown());
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a supervisor ends with the reason it was stopped with, even normal") {  // §1.15
  for (const ExitReason& why : {ExitReason::normal(), ExitReason::shutdown("term"), ExitReason::error("linked")}) {
    RulesDriver rules = four(OneForOne{});
    up(rules);
    rules.tell_stop(why);
    rules.settle();
    CHECK(rules.reason == why);
  }
}

TEST_CASE("each strategy restarts its own range") {  // §1.19, F51
  struct Row {
    AnyStrategy strategy;
    Lines trace;
  };
  const Row rows[] = {
      {OneForOne{}, {"start b"}},
      {RestForOne{}, {"stop d", "stop c", "start b", "start c", "start d"}},
      {OneForAll{}, {"stop d", "stop c", "stop a", "start a", "start b", "start c", "start d"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.strategy.name());
    RulesDriver rules = four(row.strategy);
    up(rules);
    rules.crash("b");
    CHECK(rules.take() == row.trace);
    CHECK_FALSE(rules.down);
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE(
    "a one for all group whose second member never starts is tried exactly as often as the intensity says") {  // §1.19
  RulesDriver rules = four(OneForAll{}, {.restarts = 4, .within = 5s});
  up(rules);
  rules.fail_always("b");
  rules.crash("a");
  CHECK(rules.take() == Lines{"stop d", "stop c", "stop b",     //
                              "start a", "start b!", "stop a",  //
                              "start a", "start b!", "stop a",  //
                              "start a", "start b!", "stop a",  //
                              "start a", "start b!", "stop a"});
  CHECK(rules.down);
  CHECK(rules.limit_reports == 1);
  CHECK(rules.reason.kind() == ExitReason::Kind::Shutdown);  // §1.9
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a rest for one retry starts only from the member that failed") {  // §1.19
  RulesDriver rules = four(RestForOne{});
  up(rules);
  rules.fail_always("c");
  rules.crash("b");
  CHECK(rules.take() == Lines{"stop d", "stop c", "start b", "start c!", "start c!", "start c!", "stop b", "stop a"});
  CHECK(rules.down);
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("with intensity zero the first restart ends everything") {  // §1.19
  for (const AnyStrategy strategy : {AnyStrategy{OneForOne{}}, AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    RulesDriver rules = four(strategy, {.restarts = 0, .within = 5s});
    up(rules);
    rules.crash("b");
    CHECK(rules.take() == Lines{"stop d", "stop c", "stop a"});
    CHECK(rules.down);
    CHECK(rules.reason.kind() == ExitReason::Kind::Shutdown);
    CHECK_THAT(rules.reason.to_string(), testing::has_text("boom"));  // names the crash that was one too many
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE("a start that always fails is attempted exactly as often as the intensity says") {  // §1.8: I = 4, 4 attempts
  for (const unsigned restarts : {1U, 2U, 4U, 10U}) {
    RulesDriver rules = four(OneForOne{}, {.restarts = restarts, .within = 5s});
    up(rules);
    rules.fail_always("b");
    rules.crash("b");
    Lines wanted(restarts, "start b!");
    for (const char* const id : {"stop d", "stop c", "stop a"}) wanted.emplace_back(id);
    CHECK(rules.take() == wanted);
    CHECK(rules.down);
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE("simultaneous crashes in a group count once") {  // §1.7, point 2
  for (const auto& order : {Lines{"a", "b", "c"}, Lines{"c", "b", "a"}, Lines{"b", "d", "a"}}) {
    RulesDriver rules = four(OneForAll{}, {.restarts = 1, .within = 5s});
    up(rules);
    for (const auto& id : order) rules.die(id, ExitReason::error("boom"));
    rules.settle();
    CHECK_FALSE(rules.down);
    CHECK(rules.which() == Lines{"d up", "c up", "b up", "a up"});
    rules.crash("a");
    CHECK(rules.down);
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE("simultaneous crashes under one for one count each") {  // §1.7, point 2
  RulesDriver rules = four(OneForOne{}, {.restarts = 1, .within = 5s});
  up(rules);
  rules.die("a", ExitReason::error("boom"));
  rules.die("b", ExitReason::error("boom"));
  rules.settle();
  CHECK(rules.take() == Lines{"start a", "stop d", "stop c", "stop a"});
  CHECK(rules.down);
}

TEST_CASE("simultaneous crashes under rest for one count once from the first on, and once more before it") {
  RulesDriver rules = four(RestForOne{}, {.restarts = 2, .within = 5s});
  up(rules);
  rules.die("b", ExitReason::error("boom"));
  rules.die("d", ExitReason::error("boom"));  // in b's group: consumed
  rules.settle();
  CHECK_FALSE(rules.down);
  rules.take();
  rules.die("d", ExitReason::error("boom"));
  rules.die("a", ExitReason::error("boom"));  // not in d's group: a second restart
  rules.settle();
  CHECK(rules.down);
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a temporary bystander is gone after a group restart") {  // §1.7, §1.11
  for (const AnyStrategy strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    RulesDriver rules{strategy, kThree, {{"a"}, {"t", Restart::Temporary}, {"c"}}};
    rules.start();
    rules.take();
    rules.crash("a");
    CHECK(rules.take() == Lines{"stop c", "stop t", "start a", "start c"});
    CHECK(rules.which() == Lines{"c up", "a up"});
    rules.crash("a");
    CHECK(rules.take() == Lines{"stop c", "start a", "start c"});
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE("a temporary child's crash restarts nobody") {  // §1.11
  for (const AnyStrategy strategy : {AnyStrategy{OneForOne{}}, AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    RulesDriver rules{strategy, {.restarts = 0, .within = 5s}, {{"a"}, {"t", Restart::Temporary}, {"c"}}};
    rules.start();
    rules.take();
    rules.crash("t");
    CHECK(rules.take().empty());
    CHECK(rules.which() == Lines{"c up", "a up"});
  }
}

TEST_CASE("a group restart brings finished transients back") {  // §1.7, point 1
  for (const AnyStrategy strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    RulesDriver rules{strategy, kThree, {{"a"}, {"t", Restart::Transient}, {"c"}}};
    rules.start();
    rules.crash("t", ExitReason::normal());
    CHECK(rules.which() == Lines{"c up", "t undefined", "a up"});
    rules.take();
    rules.crash("a");
    CHECK(rules.take() == Lines{"stop c", "start a", "start t", "start c"});
    CHECK(rules.which() == Lines{"c up", "t up", "a up"});
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE("a child that crashes while it is told to stop counts for nothing") {  // §1.7, point 4
  RulesDriver rules = four(OneForAll{}, {.restarts = 1, .within = 5s});
  up(rules);
  rules.die("b", ExitReason::error("boom"));
  rules.pump();  // stop d is asked for
  CHECK(rules.take() == Lines{"stop d"});
  rules.die("c", ExitReason::error("in passing"));
  rules.settle();
  CHECK_FALSE(rules.down);
  CHECK(rules.limit_reports == 0);
  CHECK(rules.which() == Lines{"d up", "c up", "b up", "a up"});
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a crash of a member that a group restart has already started again is dealt with afterwards") {  // [V3]
  RulesDriver rules = four(OneForAll{}, {.restarts = 2, .within = 5s});
  up(rules);
  rules.die("d", ExitReason::error("boom"));
  while (rules.take() != Lines{"start a"}) REQUIRE(rules.pump());
  rules.pump();  // a runs; start b is under way
  rules.die("a", ExitReason::error("again"));
  rules.settle();
  CHECK_FALSE(rules.down);
  CHECK(rules.which() == Lines{"d up", "c up", "b up", "a up"});
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a stop cancels a pending retry") {  // §1.8, §1.10
  RulesDriver rules{OneForOne{}, {.restarts = 100, .within = 5s}, {{"a"}, {"b"}}, Exponential{.first = 100ms}};
  rules.start();
  rules.fail_always("b");
  rules.crash("b");
  CHECK(rules.armed() == 1);
  rules.take();
  rules.stop();
  CHECK(rules.take() == Lines{"stop a"});
  CHECK(rules.down);
  CHECK(rules.armed() == 0);
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a stop between two attempts of a start that fails ends the attempts") {  // OTP-9549
  RulesDriver rules = four(OneForOne{}, {.restarts = 1'000'000, .within = 5s});
  up(rules);
  rules.fail_always("b");
  rules.die("b", ExitReason::error("boom"));
  for (int i = 0; i < 50; ++i) rules.pump();
  rules.tell_stop();
  rules.settle();
  CHECK(rules.down);
  CHECK(rules.reason == ExitReason::shutdown());
  Lines trace = rules.take();
  REQUIRE(trace.size() > 3);
  CHECK(Lines(trace.end() - 3, trace.end()) == Lines{"stop d", "stop c", "stop a"});
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a stop in the middle of the start rolls back what had started") {
  RulesDriver rules = four(OneForOne{});
  rules.begin();
  rules.tell_stop();  // comes while start a is under way
  rules.settle();
  CHECK(rules.take() == Lines{"start a", "stop a"});
  CHECK((rules.down || rules.aborted));
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("a child that crashes while later ones still start is restarted once all are up") {
  RulesDriver rules = four(OneForOne{}, {.restarts = 1, .within = 5s});
  rules.begin();
  rules.pump();
  rules.pump();  // a runs, start b is under way
  rules.die("a", ExitReason::error("early"));
  rules.settle();
  CHECK(rules.up);
  CHECK_FALSE(rules.down);
  CHECK(rules.which() == Lines{"d up", "c up", "b up", "a up"});
  CHECK(rules.take() == Lines{"start a", "start b", "start c", "start d", "start a"});
  CHECK(rules.violations() == Lines{});
}

TEST_CASE("the sliding window lets a restart through once an old one has left it") {  // §1.6
  RulesDriver rules = four(OneForOne{}, {.restarts = 2, .within = 5s});
  up(rules);
  rules.crash("a");
  rules.advance(3s);
  rules.crash("b");
  rules.advance(2s + 1ns);  // a's is 5 s and 1 ns old
  rules.crash("c");
  CHECK_FALSE(rules.down);
  rules.advance(1s);  // b's 3 s, c's 1 s
  rules.crash("a");
  CHECK(rules.down);
}

}  // namespace
}  // namespace coppice
