#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "supervisors/otp_suite.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/work.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Lines;
using testing::Member;
using testing::Planned;
using testing::Suite;
using testing::TestSystem;
using testing::word;
using Kind = CallError::Kind;

// ---- starting ----

TEST_CASE("sup_start_normal: a supervisor without children starts and ends") {
  Suite suite{SupervisorOptions{}};
  CHECK(suite.root.phase() == Phase::Running);
  CHECK(suite.which().empty());
  const auto reason = suite.system.stop(suite.root, {.reason = ExitReason::shutdown()}).get();
  REQUIRE(reason);
  CHECK(*reason == ExitReason::shutdown());
}

TEST_CASE("sup_start_ignore_child: a child that ignores its start is kept and is down") {
  Suite suite{SupervisorOptions{}};
  suite.family.plans["c1"] = {Planned::Ignore};
  const auto ignored = suite.root.start_child(suite.spec("c1"));
  REQUIRE(ignored);
  CHECK_FALSE(*ignored);
  const auto started = suite.root.start_child(suite.spec("c2"));
  REQUIRE(started);
  CHECK(*started == AnyRef{testing::at(suite.root, "c2")});
  CHECK(suite.which() == Lines{"c2 running", "c1 down"});
  CHECK(suite.counts() == ChildCounts{.specs = 2, .active = 1, .supervisors = 0, .workers = 2});
}

TEST_CASE("sup_start_ignore_temporary_child: a temporary child that ignores the first start leaves no trace") {
  Suite suite;
  suite.family.plans["c1"] = {Planned::Ignore};
  suite.run({}, {suite.spec("c1", Restart::Temporary), suite.spec("c2", Restart::Temporary)});
  CHECK(suite.which() == Lines{"c2 running"});
  CHECK(suite.counts() == ChildCounts{.specs = 1, .active = 1, .supervisors = 0, .workers = 1});
}

TEST_CASE("sup_start_ignore_temporary_child_start_child: nor does one that was started by a call") {
  Suite suite{SupervisorOptions{}};
  suite.family.plans["c1"] = {Planned::Ignore};
  const auto ignored = suite.root.start_child(suite.spec("c1", Restart::Temporary));
  REQUIRE(ignored);
  CHECK_FALSE(*ignored);
  REQUIRE(suite.root.start_child(suite.spec("c2", Restart::Temporary)));
  CHECK(suite.which() == Lines{"c2 running"});
  REQUIRE(suite.root.start_child(suite.spec("c1", Restart::Temporary)));  // its id is free
}

TEST_CASE("sup_start_error_return: a supervisor whose own description is wrong does not start") {
  TestSystem system;
  const auto started = system.start(supervisor({.id = "app", .intensity = {.restarts = 1, .within = 0s}}));
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == StartError::Kind::BadSpec);
  CHECK(system.stats().actors == 0);
  testing::check_end(system);
}

TEST_CASE("sup_start_fail: a supervisor in whose start something is thrown does not start and nothing is left") {
  TestSystem system;
  int thrown = 0;
  const auto make = [&thrown]() -> Member {
    ++thrown;
    throw std::runtime_error{"no such device"};
  };
  const auto started = system.start(supervisor({.id = "app"}, child({.id = "a"}, make)));
  REQUIRE_FALSE(started);
  CHECK(thrown == 1);
  CHECK_THAT(started.error().text, testing::has_text("no such device"));
  CHECK(system.stats().actors == 0);
  testing::check_end(system);
}

TEST_CASE("sup_start_child_returns_error: a first child that fails to start is the supervisor's failure to start") {
  Family family;
  TestSystem system;
  family.plans["c1"] = {Planned::Error};
  const auto started = system.start(supervisor({.id = "app"}, testing::members(family, {"c1", "c2"})));
  REQUIRE_FALSE(started);
  CHECK(started.error().child == "c1");
  CHECK(started.error().reason.kind() == ExitReason::Kind::Shutdown);  // {shutdown, {failed_to_start_child, …}}
  CHECK(family.take() == Lines{"start c1!"});
  testing::check_end(system);
}

TEST_CASE("sup_start_restart_child_returns_error: a restart that fails is tried again until it does not") {
  for (const AnyStrategy strategy : {AnyStrategy{OneForOne{}}, AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    CAPTURE(strategy.name());
    Suite suite;
    suite.run({.id = "app", .strategy = strategy, .intensity = {.restarts = 3, .within = 5s}}, {suite.spec("c1")});
    suite.family.plans["c1"] = {Planned::Error, Planned::Error};
    suite.crash("c1");
    CHECK(suite.family.take() == Lines{"stop c1 error", "start c1 error", "start c1 error", "start c1 ok"});
    CHECK_FALSE(suite.is_over());
  }
}

TEST_CASE("sup_start_map: a child is described by name and what is not said has its default") {
  Suite suite;
  suite.run({}, {testing::member(suite.family, "c1"),
                 testing::member(suite.family, {.id = "c2", .restart = Restart::Transient, .shutdown = 100ms})});
  const auto least = suite.root.get_childspec("c1");
  REQUIRE(least);
  CHECK(least->options().restart == Restart::Permanent);
  CHECK(least->options().shutdown == Shutdown{5s});
  CHECK_FALSE(least->options().significant);
  CHECK_FALSE(least->is_supervisor());
  const auto more = suite.root.get_childspec("c2");
  REQUIRE(more);
  CHECK(more->options().restart == Restart::Transient);
  CHECK(more->options().shutdown == Shutdown{100ms});
  CHECK(word(suite.root.get_childspec("c3")) == word(Kind::NotFound));
}

TEST_CASE("sup_start_map_faulty_specs: a wrong description of a child starts nothing") {
  Family family;
  const auto faulty = [&](std::vector<ChildSpec> children) {
    TestSystem system;
    const auto started = system.start(SupervisorSpec{{.id = "app"}, std::move(children)});
    REQUIRE_FALSE(started);
    CHECK(started.error().kind == StartError::Kind::BadSpec);
    CHECK_FALSE(started.error().text.empty());
    testing::check_end(system);
  };
  faulty({testing::member(family, "")});                             // missing_id
  faulty({testing::member(family, {.id = "a", .shutdown = -1ms})});  // invalid_shutdown
  faulty({testing::member(family, {.id = "a", .start_within = 0ms})});
  faulty(
      {testing::member(family, {.id = "a", .restart = Restart::Temporary, .significant = true})});  // bad_combination
  faulty({testing::member(family, "a"), testing::member(family, "a")});  // duplicate_child_name
  CHECK(family.take().empty());
}

// ---- stopping ----

TEST_CASE("sup_stop_infinity: children that have all the time are told to shut down and waited for") {
  Suite suite;
  suite.run({}, {testing::member(suite.family, {.id = "c1", .shutdown = Shutdown::infinity()}),
                 testing::member(suite.family, {.id = "c2", .shutdown = Shutdown::infinity()})});
  static_cast<void>(suite.system.stop(suite.root, {.reason = ExitReason::shutdown()}).get());
  CHECK(suite.family.take() == Lines{"stop c2 shutdown", "stop c1 shutdown"});
}

/// Stands in its handler until the test opens the gate.
struct Stubborn : Actor<Stubborn> {
  explicit Stubborn(testing::Gate* g) : gate{g} {}
  void handle(Bang) { gate->pass(); }
  testing::Gate* gate;
};

TEST_CASE("sup_stop_timeout: a child that does not stop in its time is killed and the others stop as they should") {
  testing::Gate gate;
  Family family;
  family.with_reasons = true;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root =
      system.start(supervisor({.id = "app"}, testing::member(family, {.id = "c1", .shutdown = 1s}),
                              child<Stubborn>({.id = "c2", .shutdown = 20ms}, &gate), testing::member(family, "c3")));
  REQUIRE(root);
  family.take().clear();
  const auto stubborn = root->child<Stubborn>("c2").value();
  stubborn.send(Bang{});
  REQUIRE(gate.wait_for_arrivals());
  const auto reason = system.stop(*root, {.within = testing::kPatience, .reason = ExitReason::shutdown()}).get();
  REQUIRE(reason);
  CHECK(*reason == ExitReason::shutdown());
  CHECK(stubborn.is_closed());
  CHECK(gate.inside() == 1);  // killed, and still in there
  CHECK(family.take() == Lines{"stop c3 shutdown", "stop c1 shutdown"});
  gate.open();
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("sup_stop_brutal_kill: a child that is to be killed is killed at once and hears nothing") {
  Suite suite;
  suite.run({}, {testing::member(suite.family, "c1"),
                 testing::member(suite.family, {.id = "c2", .shutdown = Shutdown::brutal()})});
  static_cast<void>(suite.system.stop(suite.root, {.reason = ExitReason::shutdown()}).get());
  CHECK(suite.family.take() == Lines{"stop c1 shutdown"});
  CHECK(suite.family.destroyed["c2"] == 1);
}

TEST_CASE("sup_stop_race: children that end by themselves while their supervisor stops are not restarted") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(
        supervisor({.id = "app", .intensity = testing::kPlenty}, testing::members(family, {"a", "b", "c", "d"})));
    REQUIRE(root);
    auto stopped = system.stop(*root, {.reason = ExitReason::shutdown()});
    for (const char* const id : {"a", "b", "c", "d"}) testing::at(*root, id).send(End{ExitReason::error("racing")});
    const auto reason = stopped.get();
    REQUIRE(reason);
    CHECK(*reason == ExitReason::shutdown());
    for (const auto& [id, count] : family.constructed) CHECK(count == family.destroyed[id]);
    const auto lives = family.constructed;
    system.advance(1h);
    CHECK(family.constructed == lives);
    testing::check_end(system);
  }
}

// ---- calls ----

TEST_CASE("child_adm: children are started, stopped, restarted and deleted by calls") {
  Suite suite{SupervisorOptions{}};
  CHECK(word(suite.root.start_child(suite.spec("c1"))) == "ok");
  CHECK(word(suite.root.start_child(suite.spec("c1"))) == word(Kind::AlreadyStarted));
  CHECK(word(suite.root.restart_child("c1")) == word(Kind::Running));
  CHECK(word(suite.root.delete_child("c1")) == word(Kind::Running));
  CHECK(suite.which() == Lines{"c1 running"});
  CHECK(suite.counts() == ChildCounts{.specs = 1, .active = 1, .supervisors = 0, .workers = 1});

  CHECK(word(suite.root.terminate_child("c1")) == "ok");
  CHECK(suite.which() == Lines{"c1 down"});
  CHECK(word(suite.root.start_child(suite.spec("c1"))) == word(Kind::AlreadyPresent));
  CHECK(word(suite.root.terminate_child("c1")) == "ok");  // already down
  CHECK(word(suite.root.restart_child("c1")) == "ok");
  CHECK(suite.which() == Lines{"c1 running"});

  CHECK(word(suite.root.terminate_child("c1")) == "ok");
  CHECK(word(suite.root.delete_child("c1")) == "ok");
  for (const auto& answer : {word(suite.root.terminate_child("c1")), word(suite.root.restart_child("c1")),
                             word(suite.root.delete_child("c1"))})
    CHECK(answer == word(Kind::NotFound));
  CHECK(suite.which().empty());
  CHECK(suite.counts() == ChildCounts{});

  // Of a supervisor that has ended.
  static_cast<void>(suite.system.stop(suite.root).get());
  CHECK(word(suite.root.start_child(suite.spec("c2"))) == word(Kind::Closing));
  CHECK(word(suite.root.which_children()) == word(Kind::Closing));
  CHECK(word(suite.root.count_children()) == word(Kind::Closing));
  CHECK(word(suite.root.terminate_child("c1")) == word(Kind::Closing));
}

TEST_CASE("child_specs: wrong descriptions are refused by the call and start nothing") {
  Suite suite{SupervisorOptions{}};
  for (const ChildSpec& faulty : {testing::member(suite.family, ""), testing::member(suite.family, "a/b"),
                                  testing::member(suite.family, {.id = "a", .shutdown = -1ns}),
                                  testing::member(suite.family, {.id = "a", .start_within = -1ns}),
                                  testing::member(suite.family, {.id = "a", .mailbox = Bounded{.capacity = 0}})}) {
    CHECK(word(suite.root.start_child(faulty)) == word(Kind::BadSpec));
  }
  CHECK(suite.family.take().empty());
  CHECK(suite.which().empty());
}

TEST_CASE("child_specs_map: significance is checked against restart type and auto_shutdown") {
  for (const AutoShutdown mode : {AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant}) {
    Suite suite;
    suite.run({.id = "app", .auto_shutdown = mode}, {});
    const bool allowed = mode != AutoShutdown::Never;
    CHECK(word(suite.root.start_child(suite.spec("p", Restart::Permanent, true))) == word(Kind::BadSpec));
    CHECK(word(suite.root.start_child(suite.spec("t", Restart::Transient, true))) ==
          (allowed ? "ok" : word(Kind::BadSpec)));
    CHECK(word(suite.root.start_child(suite.spec("x", Restart::Temporary, true))) ==
          (allowed ? "ok" : word(Kind::BadSpec)));
  }
}

TEST_CASE("sup_flags: options of a supervisor that are out of bounds are refused by name") {
  const auto refused = [](SupervisorOptions options, const char* text) {
    TestSystem system;
    const auto started = system.start(SupervisorSpec{std::move(options), {}});
    REQUIRE_FALSE(started);
    CHECK(started.error().kind == StartError::Kind::BadSpec);
    CHECK_THAT(started.error().text, testing::has_text(text));
    testing::check_end(system);
  };
  refused({.id = "app", .intensity = {.restarts = 1, .within = 0s}}, "within");  // invalid_period
  refused({.id = "app", .intensity = {.restarts = 1, .within = -1s}}, "within");
  refused({.id = "app", .backoff = Exponential{.factor = 0.0}}, "backoff");
  refused({.id = ""}, "id");
  Suite zero;
  zero.run({.id = "app", .intensity = {.restarts = 0, .within = 1ns}}, {});  // the least there is
  CHECK_FALSE(zero.is_over());
}

TEST_CASE("external_start_no_progress_log: a start by a call is reported as a start and not as a restart") {
  Suite suite{SupervisorOptions{}};
  const auto count = [&](const char* what) {
    int lines = 0;
    for (const auto& line : suite.system.event_log()) lines += line.find(what) != std::string::npos ? 1 : 0;
    return lines;
  };
  REQUIRE(suite.root.start_child(suite.spec("c1")));
  CHECK(count("child started app c1") == 1);
  CHECK(count("child restarted") == 0);
  suite.crash("c1");
  CHECK(count("child started app c1") == 1);
  CHECK(count("child restarted app c1") == 1);
}

TEST_CASE("child_unlink: a child that cuts its ties to its supervisor is stopped by it all the same") {
  struct Naughty : Actor<Naughty> {
    explicit Naughty(int* s) : stopped{s} {}
    void on_start() {
      unlink(parent());
      link(parent());
      unlink(parent());
    }
    void on_stop(const ExitReason&) { ++*stopped; }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
    int* stopped;
  };
  int stopped = 0;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, child<Naughty>({.id = "n"}, &stopped)));
  REQUIRE(root);
  root->child<Naughty>("n").value().send(Bang{});  // restarted all the same
  system.run_until_idle();
  CHECK(root->child<Naughty>("n").value().incarnation() == 2);
  const auto reason = system.stop(*root, {.within = 1s, .reason = ExitReason::shutdown()}).get();
  REQUIRE(reason);
  CHECK(*reason == ExitReason::shutdown());
  CHECK(stopped == 2);
  testing::check_end(system);
}

TEST_CASE("count_children: children are counted as they come and go") {
  Suite suite{SupervisorOptions{}};
  CHECK(suite.counts() == ChildCounts{});
  for (std::uint64_t n = 1; n <= 5; ++n) {
    REQUIRE(
        suite.root.start_child(suite.spec("c" + std::to_string(n), n == 5 ? Restart::Temporary : Restart::Permanent)));
    CHECK(suite.counts() == ChildCounts{.specs = n, .active = n, .supervisors = 0, .workers = n});
  }
  REQUIRE(suite.root.terminate_child("c1"));
  CHECK(suite.counts() == ChildCounts{.specs = 5, .active = 4, .supervisors = 0, .workers = 5});
  REQUIRE(suite.root.delete_child("c1"));
  CHECK(suite.counts() == ChildCounts{.specs = 4, .active = 4, .supervisors = 0, .workers = 4});
  suite.crash("c2");  // restarted
  CHECK(suite.counts() == ChildCounts{.specs = 4, .active = 4, .supervisors = 0, .workers = 4});
  suite.crash("c5");  // temporary
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 3, .supervisors = 0, .workers = 3});
}

TEST_CASE("count_children_supervisor: supervisors below are counted apart and their children not at all") {
  Suite suite;
  suite.run({}, {supervisor({.id = "s1"}, suite.specs({"a", "b"})), suite.spec("w"), supervisor({.id = "s2"})});
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 3, .supervisors = 2, .workers = 1});
  REQUIRE(suite.root.terminate_child("s1"));
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 2, .supervisors = 2, .workers = 1});
  REQUIRE(suite.root.restart_child("s1"));
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 3, .supervisors = 2, .workers = 1});
}

TEST_CASE("count_restarting_children: who waits for a start attempt is no active child and is one again") {
  Suite suite;
  suite.run({.id = "app", .intensity = testing::kPlenty, .backoff = Exponential{.first = 1s}},
            suite.specs({"a", "b", "c"}));
  suite.crash("a");
  suite.crash("b");
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 1, .supervisors = 0, .workers = 3});
  REQUIRE(suite.root.terminate_child("a"));
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 1, .supervisors = 0, .workers = 3});
  suite.system.advance(1s);
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 2, .supervisors = 0, .workers = 3});
  REQUIRE(suite.root.restart_child("a"));
  CHECK(suite.counts() == ChildCounts{.specs = 3, .active = 3, .supervisors = 0, .workers = 3});
}

/// Keeps what it was started with.
struct Keeper : Actor<Keeper> {
  explicit Keeper(std::shared_ptr<int> k) : kept{std::move(k)} {}
  void handle(const End& end) { stop(end.reason); }
  std::shared_ptr<int> kept;
};

TEST_CASE("do_not_save_start_parameters_for_temporary_children: what a temporary child was started with goes with it") {
  for (const bool by_itself : {true, false}) {
    Suite suite{SupervisorOptions{}};
    auto argument = std::make_shared<int>(7);
    const std::weak_ptr<int> watched = argument;
    REQUIRE(suite.root.start_child(child<Keeper>({.id = "t", .restart = Restart::Temporary}, argument)));
    REQUIRE(suite.root.start_child(child<Keeper>({.id = "u", .restart = Restart::Temporary}, argument)));
    argument.reset();
    CHECK_FALSE(watched.expired());
    if (by_itself) {
      suite.root.child<Keeper>("t").value().send(End{ExitReason::error("boom")});
      suite.root.child<Keeper>("u").value().send(End{ExitReason::normal()});
      suite.settle();
    } else {
      REQUIRE(suite.root.terminate_child("t"));
      REQUIRE(suite.root.terminate_child("u"));
      suite.settle();
    }
    CHECK(suite.counts() == ChildCounts{});
    CHECK(watched.expired());
  }
}

TEST_CASE("do_not_save_child_specs_for_temporary_children: a temporary child's spec goes with it however it ends") {
  Suite suite{SupervisorOptions{}};
  const auto started = [&] {
    REQUIRE(suite.root.start_child(suite.spec("t", Restart::Temporary)));
    CHECK(suite.which() == Lines{"t running"});
  };
  for (const ExitReason& reason :
       {ExitReason::normal(), ExitReason::shutdown(), ExitReason::killed(), ExitReason::error("boom")}) {
    started();
    suite.end("t", reason);
    CHECK(suite.which().empty());
  }
  started();
  REQUIRE(suite.root.terminate_child("t"));
  CHECK(suite.which().empty());
  CHECK(word(suite.root.restart_child("t")) == word(Kind::NotFound));
  CHECK(word(suite.root.delete_child("t")) == word(Kind::NotFound));
}

TEST_CASE("order_of_children: children keep their order whatever happens to them") {
  Suite suite;
  suite.run({.id = "app", .intensity = testing::kPlenty}, suite.specs({"a", "b", "c"}));
  const Lines all{"e running", "d running", "c running", "b running", "a running"};
  REQUIRE(suite.root.start_child(suite.spec("d")));
  REQUIRE(suite.root.start_child(suite.spec("e")));
  CHECK(suite.which() == all);
  suite.crash("b");
  suite.crash("a");
  CHECK(suite.which() == all);
  REQUIRE(suite.root.terminate_child("c"));
  CHECK(suite.which() == Lines{"e running", "d running", "c down", "b running", "a running"});
  REQUIRE(suite.root.restart_child("c"));
  CHECK(suite.which() == all);
  REQUIRE(suite.root.terminate_child("a"));  // only who is deleted and started anew comes last
  REQUIRE(suite.root.delete_child("a"));
  REQUIRE(suite.root.start_child(suite.spec("a")));
  CHECK(suite.which() == Lines{"a running", "e running", "d running", "c running", "b running"});
  suite.family.take().clear();
  static_cast<void>(suite.system.stop(suite.root).get());
  CHECK(suite.family.take() ==
        Lines{"stop a shutdown", "stop e shutdown", "stop d shutdown", "stop c shutdown", "stop b shutdown"});
}

TEST_CASE("scale_start_stop_many_children: ten times the children cost no more than fifty times the time") {
  const auto took = [](int count) {
    Suite suite{SupervisorOptions{}};
    const auto began = testing::work_of_this_thread();
    for (int i = 0; i < count; ++i) REQUIRE(suite.root.start_child(suite.spec("c" + std::to_string(i))));
    for (int i = 0; i < count; ++i) REQUIRE(suite.root.terminate_child("c" + std::to_string(i)));
    // Newest first: each one that is deleted moves those behind it.
    for (int i = count; i-- > 0;) REQUIRE(suite.root.delete_child("c" + std::to_string(i)));
    return testing::work_of_this_thread() - began;
  };
  const auto best = [&](int count) { return std::min({took(count), took(count), took(count)}); };
  const auto few = best(400);
  const auto many = best(4'000);
  CAPTURE(few / 1us, many / 1us);
  CHECK(many < 50 * few);
}

}  // namespace
}  // namespace coppice
