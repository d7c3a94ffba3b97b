#include <string>

#include "supervisors/otp_suite.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Family;
using testing::Lines;
using testing::Planned;
using testing::Suite;
using testing::TestSystem;
using testing::word;
using Kind = CallError::Kind;

const ExitReason kAbnormal = ExitReason::error("abnormal");

// ---- restart type and exit reason ----

/// One child of that type under one_for_one ends with that reason.
void ends(Restart restart, const ExitReason& reason, const Lines& which, std::uint32_t lives) {
  Suite suite;
  suite.run({}, {suite.spec("c1", restart)});
  suite.end("c1", reason);
  CHECK(suite.which() == which);
  if (lives > 0) CHECK(suite.lives("c1") == lives);
  CHECK_FALSE(suite.is_over());
}

TEST_CASE("permanent_normal: a permanent child that ends normally is restarted") {
  ends(Restart::Permanent, ExitReason::normal(), {"c1 running"}, 2);
}
TEST_CASE("transient_normal: a transient child that ends normally is not restarted and its spec is kept") {
  ends(Restart::Transient, ExitReason::normal(), {"c1 down"}, 0);
}
TEST_CASE("temporary_normal: a temporary child that ends normally is forgotten") {
  ends(Restart::Temporary, ExitReason::normal(), {}, 0);
}
TEST_CASE("permanent_shutdown: a permanent child that shuts down is restarted") {
  ends(Restart::Permanent, ExitReason::shutdown(), {"c1 running"}, 2);
  ends(Restart::Permanent, ExitReason::shutdown("some reason"), {"c1 running"}, 2);
}
TEST_CASE("transient_shutdown: a transient child that shuts down is not restarted and its spec is kept") {
  ends(Restart::Transient, ExitReason::shutdown(), {"c1 down"}, 0);
  ends(Restart::Transient, ExitReason::shutdown("some reason"), {"c1 down"}, 0);
}
TEST_CASE("temporary_shutdown: a temporary child that shuts down is forgotten") {
  ends(Restart::Temporary, ExitReason::shutdown(), {}, 0);
  ends(Restart::Temporary, ExitReason::shutdown("some reason"), {}, 0);
}
TEST_CASE("permanent_abnormal: a permanent child that ends abnormally is restarted") {
  ends(Restart::Permanent, kAbnormal, {"c1 running"}, 2);
}
TEST_CASE("transient_abnormal: a transient child that ends abnormally is restarted") {
  ends(Restart::Transient, kAbnormal, {"c1 running"}, 2);
}
TEST_CASE("temporary_abnormal: a temporary child that ends abnormally is forgotten") {
  ends(Restart::Temporary, kAbnormal, {}, 0);
}

TEST_CASE("temporary_bystander: a temporary child that is stopped with its group is gone") {
  for (const AnyStrategy strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    CAPTURE(strategy.name());
    Suite suite;
    suite.run({.id = "app", .strategy = strategy},
              {suite.spec("c1"), suite.spec("c2", Restart::Temporary), suite.spec("c3")});
    suite.crash("c1");
    CHECK(suite.which() == Lines{"c3 running", "c1 running"});
    CHECK(suite.lives("c1") == 2);
    CHECK(suite.lives("c3") == 2);
  }
}

TEST_CASE("faulty_application_shutdown: a top supervisor that gives up is the program's failure and says why") {
  Family family;
  testing::Log failures;
  testing::TestOptions options;
  options.system.on_failure = [&](const FailureReport& report) {
    failures.add(report.path + ": " + report.reason.to_string());
  };
  TestSystem system{std::move(options)};
  const auto root = system.start(
      supervisor({.id = "app", .intensity = {.restarts = 0, .within = 5s}}, testing::members(family, {"a", "b"})));
  REQUIRE(root);
  testing::at(*root, "a").send(testing::Bang{});
  CHECK(system.has_stopped(root));
  REQUIRE(failures.size() == 1);
  CHECK_THAT(failures.lines().front(), testing::has_text("app: "));
  CHECK_THAT(failures.lines().front(), testing::has_text("boom"));
  testing::check_end(system);
}

// ---- strategies ----

TEST_CASE("multiple_restarts: many restarts of a child within the limit do no harm") {
  Suite suite;
  suite.run({.id = "app", .intensity = testing::kPlenty}, suite.specs({"c1", "c2"}));
  for (std::uint32_t i = 2; i < 200; ++i) {
    suite.crash("c1");
    REQUIRE(suite.lives("c1") == i);
  }
  CHECK(suite.lives("c2") == 1);
  CHECK(suite.which() == Lines{"c2 running", "c1 running"});
}

TEST_CASE("one_for_one: only the child that ended is restarted") {
  Suite suite;
  suite.run({}, suite.specs({"c1", "c2"}));
  suite.end("c1", kAbnormal);
  CHECK(suite.family.take() == Lines{"stop c1 error", "start c1 ok"});
  CHECK(suite.lives("c2") == 1);
  suite.end("c2", ExitReason::normal());
  CHECK(suite.family.take() == Lines{"stop c2 normal", "start c2 ok"});
}

TEST_CASE("one_for_one_escalation: a child that ends too often takes the supervisor along") {
  Suite suite;
  suite.run({.id = "app", .intensity = {.restarts = 1, .within = 5s}}, suite.specs({"c1", "c2"}));
  suite.crash("c1");
  suite.family.take().clear();
  suite.crash("c1");
  CHECK(suite.is_over());
  CHECK(suite.family.take() == Lines{"stop c1 error", "stop c2 shutdown"});
}

TEST_CASE("one_for_all: all children are stopped last to first and started first to last") {
  Suite suite;
  suite.run({.id = "app", .strategy = OneForAll{}}, suite.specs({"c1", "c2", "c3"}));
  suite.end("c2", kAbnormal);
  CHECK(suite.family.take() ==
        Lines{"stop c2 error", "stop c3 shutdown", "stop c1 shutdown", "start c1 ok", "start c2 ok", "start c3 ok"});
  CHECK(suite.which() == Lines{"c3 running", "c2 running", "c1 running"});
}

TEST_CASE("one_for_all_escalation: a group that restarts too often takes the supervisor along") {
  Suite suite;
  suite.run({.id = "app", .strategy = OneForAll{}, .intensity = {.restarts = 1, .within = 5s}},
            suite.specs({"c1", "c2"}));
  suite.crash("c1");
  suite.family.take().clear();
  suite.crash("c1");
  CHECK(suite.is_over());
  CHECK(suite.family.take() == Lines{"stop c1 error", "stop c2 shutdown"});
}

TEST_CASE("one_for_all_other_child_fails_restart: another member that fails to start begins the whole group anew") {
  Suite suite;
  suite.run({.id = "app", .strategy = OneForAll{}, .intensity = {.restarts = 3, .within = 5s}},
            suite.specs({"c1", "c2"}));
  suite.family.plans["c2"] = {Planned::Error};
  suite.crash("c1");
  CHECK(suite.family.take() == Lines{"stop c1 error", "stop c2 shutdown", "start c1 ok", "start c2 error",
                                     "stop c1 shutdown", "start c1 ok", "start c2 ok"});
  CHECK_FALSE(suite.is_over());
}

TEST_CASE("rest_for_one: the child that ended and those after it are restarted") {
  Suite suite;
  suite.run({.id = "app", .strategy = RestForOne{}}, suite.specs({"c1", "c2", "c3"}));
  suite.end("c2", kAbnormal);
  CHECK(suite.family.take() == Lines{"stop c2 error", "stop c3 shutdown", "start c2 ok", "start c3 ok"});
  CHECK(suite.lives("c1") == 1);
}

TEST_CASE("rest_for_one_escalation: a rest that restarts too often takes the supervisor along") {
  Suite suite;
  suite.run({.id = "app", .strategy = RestForOne{}, .intensity = {.restarts = 1, .within = 5s}},
            suite.specs({"c1", "c2"}));
  suite.crash("c1");
  suite.family.take().clear();
  suite.crash("c1");
  CHECK(suite.is_over());
  CHECK(suite.family.take() == Lines{"stop c1 error", "stop c2 shutdown"});
}

TEST_CASE("rest_for_one_other_child_fails_restart: a later member that fails to start is tried again from there on") {
  Suite suite;
  suite.run({.id = "app", .strategy = RestForOne{}, .intensity = {.restarts = 3, .within = 5s}},
            suite.specs({"c1", "c2"}));
  suite.family.plans["c2"] = {Planned::Error};
  suite.crash("c1");
  CHECK(suite.family.take() ==
        Lines{"stop c1 error", "stop c2 shutdown", "start c1 ok", "start c2 error", "start c2 ok"});
  CHECK(suite.lives("c1") == 2);
}

// ---- the loop of a start that always fails ----

/// While c2's start fails again and again, the supervisor hears what is asked of it, and ends when told.
void serves_in_the_loop(const AnyStrategy& strategy) {
  CAPTURE(strategy.name());
  Suite suite;
  suite.run({.id = "app", .strategy = strategy, .intensity = testing::kPlenty}, suite.specs({"c1", "c2", "c3"}));
  suite.family.fail_always("c2");
  testing::at(suite.root, "c2").send(testing::Bang{});
  const auto attempts = [&] { return suite.family.constructed["c2"]; };
  while (attempts() < 20) REQUIRE(suite.system.step());  // it never rests
  CHECK(word(suite.root.start_child(suite.spec("c4"))) == "ok");
  CHECK(word(suite.root.restart_child("c2")) == word(Kind::Restarting));
  CHECK(word(suite.root.delete_child("c2")) == word(Kind::Restarting));
  CHECK(attempts() < 60);  // it was answered between two attempts, not after the last
  CHECK(word(suite.root.terminate_child("c2")) == "ok");
  const int last = attempts();
  suite.settle();  // the loop is over
  CHECK(attempts() == last);
  CHECK_FALSE(suite.is_over());

  suite.family.plans["c2"].clear();
  REQUIRE(suite.root.restart_child("c2"));
  suite.family.fail_always("c2");
  testing::at(suite.root, "c2").send(testing::Bang{});
  while (attempts() < last + 20) REQUIRE(suite.system.step());
  CHECK(suite.system.stop(suite.root, {.reason = ExitReason::shutdown()}).get() ==
        Result<ExitReason, StopError>{ExitReason::shutdown()});
  CHECK(attempts() < last + 60);
}

TEST_CASE("hanging_restart_loop: a supervisor whose child never starts serves calls and ends when told") {
  serves_in_the_loop(OneForOne{});
  serves_in_the_loop(OneForAll{});
}
TEST_CASE("hanging_restart_loop_rest_for_one: so does one whose rest never starts") {
  serves_in_the_loop(RestForOne{});
}

// ---- trees ----

TEST_CASE("tree: supervisors below are children as others and what calls added below goes with their life") {
  Suite suite;
  suite.run(
      {.id = "app", .strategy = OneForAll{}, .intensity = {.restarts = 4, .within = 1h}},
      {suite.spec("c1"), supervisor({.id = "s", .intensity = {.restarts = 0, .within = 1h}}, suite.specs({"c2", "c3"})),
       suite.spec("c4")});
  const auto below = suite.root.child<Supervisor>("s").value();
  REQUIRE(below.start_child(suite.spec("added")));
  REQUIRE(below.terminate_child("c2"));
  REQUIRE(below.delete_child("c2"));
  suite.family.take().clear();

  // Its own limit is used up at once: it ends, and its parent restarts the whole.
  testing::at(below, "c3").send(testing::Bang{});
  suite.settle();
  CHECK(suite.family.take() == Lines{"stop c3 error", "stop added shutdown", "stop c4 shutdown", "stop c1 shutdown",
                                     "start c1 ok", "start c2 ok", "start c3 ok", "start c4 ok"});
  CHECK(below.count_children().value() == ChildCounts{.specs = 2, .active = 2, .supervisors = 0, .workers = 2});

  suite.crash("c1");
  CHECK(suite.family.take() == Lines{"stop c1 error", "stop c4 shutdown", "stop c3 shutdown", "stop c2 shutdown",
                                     "start c1 ok", "start c2 ok", "start c3 ok", "start c4 ok"});
  static_cast<void>(suite.system.stop(suite.root).get());
  CHECK(suite.family.take() == Lines{"stop c4 shutdown", "stop c3 shutdown", "stop c2 shutdown", "stop c1 shutdown"});
}

// ---- significant children ----

TEST_CASE("nonsignificant_temporary: the end of a temporary child that is not significant ends nothing") {
  for (const AutoShutdown mode : {AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant}) {
    for (const ExitReason& reason : {ExitReason::normal(), ExitReason::shutdown(), kAbnormal}) {
      Suite suite;
      suite.run({.id = "app", .auto_shutdown = mode},
                {suite.spec("c1", Restart::Temporary), suite.spec("c2", Restart::Temporary)});
      suite.end("c1", reason);
      CHECK(suite.which() == Lines{"c2 running"});
      suite.end("c2", reason);
      CHECK_FALSE(suite.is_over());
    }
  }
}

TEST_CASE("nonsignificant_transient: the end of a transient child that is not significant ends nothing") {
  for (const AutoShutdown mode : {AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant}) {
    Suite suite;
    suite.run({.id = "app", .auto_shutdown = mode},
              {suite.spec("c1", Restart::Transient), suite.spec("c2", Restart::Transient)});
    suite.end("c1", ExitReason::normal());
    suite.end("c2", ExitReason::shutdown());
    CHECK(suite.which() == Lines{"c2 down", "c1 down"});
    CHECK_FALSE(suite.is_over());
  }
}

/// Two significant children of that type, and one that is not.
void significant(Restart restart, const ExitReason& reason) {
  for (const AutoShutdown mode : {AutoShutdown::AnySignificant, AutoShutdown::AllSignificant}) {
    CAPTURE(to_string(restart), reason.to_string(), static_cast<int>(mode));
    Suite suite;
    suite.run({.id = "app", .auto_shutdown = mode},
              {suite.spec("other"), suite.spec("c1", restart, true), suite.spec("c2", restart, true)});
    testing::Probe<int> probe{suite.system};
    probe.watch(suite.root);
    suite.end("c1", reason);
    CHECK(suite.is_over() == (mode == AutoShutdown::AnySignificant));
    if (!suite.is_over()) suite.end("c2", reason);
    CHECK(suite.is_over());
    const auto down = probe.expect_down(1s);
    REQUIRE(down);
    CHECK(down->reason.kind() == ExitReason::Kind::Shutdown);
  }
}

TEST_CASE("significant_temporary: temporary children that are significant end their supervisor however they end") {
  for (const ExitReason& reason :
       {ExitReason::normal(), ExitReason::shutdown(), ExitReason::shutdown("why"), kAbnormal})
    significant(Restart::Temporary, reason);
}

TEST_CASE("significant_transient: transient children that are significant end their supervisor unless they come back") {
  for (const ExitReason& reason : {ExitReason::normal(), ExitReason::shutdown(), ExitReason::shutdown("why")})
    significant(Restart::Transient, reason);
  Suite suite;
  suite.run({.id = "app", .auto_shutdown = AutoShutdown::AnySignificant}, {suite.spec("c1", Restart::Transient, true)});
  suite.end("c1", kAbnormal);
  CHECK(suite.which() == Lines{"c1 running"});
  CHECK(suite.lives("c1") == 2);
}

TEST_CASE("significant_bystander: a significant child that is stopped with its group ends nothing") {
  for (const AutoShutdown mode : {AutoShutdown::AnySignificant, AutoShutdown::AllSignificant}) {
    for (const AnyStrategy strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
      Suite suite;
      suite.run(
          {.id = "app", .strategy = strategy, .auto_shutdown = mode},
          {suite.spec("c1"), suite.spec("c2", Restart::Transient, true), suite.spec("c3", Restart::Temporary, true)});
      suite.crash("c1");
      CHECK_FALSE(suite.is_over());
      CHECK(suite.which() == Lines{"c2 running", "c1 running"});
    }
  }
}

TEST_CASE("significant_escalation: the automatic shutdown of a supervisor that is significant itself goes on upwards") {
  for (const AutoShutdown mode : {AutoShutdown::AnySignificant, AutoShutdown::AllSignificant}) {
    Suite suite;
    suite.run({.id = "app", .auto_shutdown = mode},
              {suite.spec("other"), supervisor({.id = "s",
                                                .auto_shutdown = AutoShutdown::AnySignificant,
                                                .significant = true,
                                                .restart = Restart::Transient},
                                               suite.spec("low", Restart::Transient, true), suite.spec("beside"))});
    const auto below = suite.root.child<Supervisor>("s").value();
    testing::at(below, "low").send(testing::End{ExitReason::normal()});
    suite.settle();
    CHECK(suite.is_over());
    CHECK(suite.family.take() == Lines{"stop low normal", "stop beside shutdown", "stop other shutdown"});
  }
}

}  // namespace
}  // namespace coppice
