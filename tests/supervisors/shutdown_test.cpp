#include "catch.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::Family;
using testing::Gate;
using testing::Grow;
using testing::Lines;
using testing::Log;
using testing::Member;
using testing::TestSystem;

TEST_CASE("shutdown stops trees newest first and each from last to first") {  // F72
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    Family family;
    TestSystem system{{.seed = seed}};
    const auto first = system.start(supervisor({.id = "first"}, testing::members(family, {"a", "b"})));
    const auto second = system.start(supervisor({.id = "second"}, testing::member(family, "c"),
                                                supervisor({.id = "sub"}, testing::members(family, {"d", "e"})),
                                                testing::member(family, "f")));
    REQUIRE((first && second));
    family.take().clear();
    CHECK(system.shutdown().complete);
    CHECK(family.take() == Lines{"stop f", "stop e", "stop d", "stop c", "stop b", "stop a"});
    testing::check_end(system);
  }
}

TEST_CASE("nobody is restarted while a tree stops whatever its end") {  // §1.10: sup_stop_race
  struct Sulky : Actor<Sulky> {
    explicit Sulky(int* c) { ++*c; }
    void on_stop(const ExitReason&) { throw std::runtime_error{"sulking"}; }
    void handle(Bang) { throw 1; }
  };
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    CAPTURE(seed);
    int constructed = 0;
    TestSystem system{{.seed = seed}};
    const auto root =
        system.start(supervisor({.id = "app", .strategy = OneForAll{}}, children<Sulky>(4, "s-{}", &constructed)));
    REQUIRE(root);
    const auto third = root->child<Sulky>("s-3").value();
    auto stopped = system.stop(*root, {.reason = ExitReason::shutdown()});
    third.send(Bang{});
    const auto reason = stopped.get();
    REQUIRE(reason);
    CHECK(constructed >= 4);  // a crash that came before the stop is answered by a restart
    const int after = constructed;
    system.advance(1h);
    CHECK(constructed == after);
    CHECK(system.stats().actors == 0);
    testing::check_end(system);
  }
}

TEST_CASE("stop and crash race and the tree ends at every step of it") {  // P13, stepped
  for (std::size_t cut = 0; cut < 40; ++cut) {
    for (std::uint64_t seed = 1; seed <= testing::scaled(20); ++seed) {
      CAPTURE(cut, seed);
      Family family;
      TestSystem system{{.seed = seed}};
      const auto root = system.start(supervisor({.id = "app", .strategy = OneForAll{}, .intensity = testing::kPlenty},
                                                testing::member(family, "a"),
                                                supervisor({.id = "sub"}, testing::members(family, {"b", "c"}))));
      REQUIRE(root);
      testing::at(*root, "a").send(Bang{});
      testing::at(root->child<Supervisor>("sub").value(), "c").send(Bang{});
      for (std::size_t i = 0; i < cut; ++i) static_cast<void>(system.step());
      auto stopped = system.stop(*root, {.reason = ExitReason::shutdown("enough")});
      const auto reason = stopped.get();
      REQUIRE(reason);
      CHECK(*reason == ExitReason::shutdown("enough"));
      CHECK(system.stats().actors == 0);
      CHECK(system.failures().empty());
      testing::check_end(system);
      for (const auto& [id, count] : family.constructed) CHECK(count == family.destroyed[id]);
    }
  }
}

TEST_CASE("shutdown at every step of a restart ends everything") {  // P13
  for (std::size_t cut = 0; cut < 30; ++cut) {
    Family family;
    TestSystem system{{.seed = cut + 1}};
    const auto root =
        system.start(supervisor({.id = "app", .strategy = RestForOne{}}, testing::members(family, {"a", "b", "c"})));
    REQUIRE(root);
    for (int i = 0; i < 5; ++i) testing::at(*root, "c").send(Grow{});
    testing::at(*root, "a").send(Bang{});
    for (std::size_t i = 0; i < cut; ++i) static_cast<void>(system.step());
    testing::check_end(system);
    for (const auto& [id, count] : family.constructed) CHECK(count == family.destroyed[id]);
  }
}

TEST_CASE("a child that is killed at once runs no on_stop") {  // F57: brutal
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a"),
                                            testing::member(family, {.id = "b", .shutdown = Shutdown::brutal()}),
                                            testing::member(family, "c")));
  REQUIRE(root);
  const auto b = testing::at(*root, "b");
  testing::Probe<int> probe{system};
  probe.watch(b);
  system.run_until_idle();
  family.take().clear();
  CHECK(system.stop(*root).get().has_value());
  CHECK(family.take() == Lines{"stop c", "stop a"});
  CHECK(family.destroyed["b"] == 1);
  const auto down = probe.expect_down(1s);
  REQUIRE(down);
  CHECK(down->reason == ExitReason::killed());
  testing::check_end(system);
}

TEST_CASE("a child that is killed by its own rule is neither late nor a failure") {  // §1.10's log rule: brutal_kill:
                                                                                     // killed is expected
  Family family;
  TestSystem system;
  REQUIRE(
      system.start(supervisor({.id = "app"}, testing::member(family, {.id = "a", .shutdown = Shutdown::brutal()}))));
  const ShutdownReport report = system.shutdown();
  CHECK(report.complete);
  CHECK(report.late.empty());
  CHECK(system.failures() == Lines{});
  CHECK(system.stats().actors == 0);
}

/// Passes the gate when it is told to, and so stands still until the test opens it.
struct Hang {};
struct Hanger : Actor<Hanger> {
  Hanger(Gate* g, Log* l) : gate{g}, log{l} {}
  void on_stop(const ExitReason&) { log->add("on_stop"); }
  void handle(Hang) { gate->pass(); }
  void handle(Bang) { throw std::runtime_error{"boom"}; }
  std::uint32_t handle(testing::Life) { return incarnation(); }
  Gate* gate;
  Log* log;
};

SystemOptions four_workers() {
  SystemOptions options = testing::quiet();
  options.workers = 4;
  return options;
}

TEST_CASE("a hung child is killed at its deadline and the others are unaffected") {  // F57, threaded
  Gate gate;
  Log log;
  Log others;
  ActorSystem system{four_workers()};
  struct Calm : Actor<Calm> {
    explicit Calm(Log* l) : log{l} {}
    void on_stop(const ExitReason&) { log->add("calm stopped"); }
    int handle(int n) { return n; }
    Log* log;
  };
  const auto root = system.start(supervisor({.id = "app"}, child<Calm>({.id = "first"}, &others),
                                            child<Hanger>({.id = "hung", .shutdown = 50ms}, &gate, &log),
                                            child<Calm>({.id = "last"}, &others)));
  REQUIRE(root);
  const auto hung = root->child<Hanger>("hung").value();
  const auto outside = system.spawn<Calm>(&others);
  testing::Probe<int> probe{system};
  probe.watch(hung);
  hung.send(Hang{});
  REQUIRE(gate.wait_for_arrivals());
  hung.send(Hang{});  // waits behind
  const TimePoint before = system.now();
  auto stopped = system.stop(*root, {.within = 20s, .reason = ExitReason::shutdown()});
  const auto reason = stopped.get();
  const Duration took = system.now() - before;
  REQUIRE(reason);
  CHECK(*reason == ExitReason::shutdown());
  CHECK(took >= 50ms);
  CHECK(took < 10s);
  CHECK(gate.inside() == 1);  // its handler still stands there
  CHECK(others.lines() == Lines{"calm stopped", "calm stopped"});
  const auto down = probe.expect_down(testing::kPatience);
  REQUIRE(down);
  CHECK(down->reason == ExitReason::killed());
  CHECK(hung.is_closed());
  CHECK(hung.send(Hang{}) == Delivery::Closed);
  CHECK(outside.ask(4, testing::kPatience).get() == Result<int, AskError>{4});
  CHECK(system.stats().zombies == 1);
  gate.open();
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  CHECK(log.size() == 0);  // a kill runs no on_stop
  testing::check_end(system);
}

TEST_CASE(
    "a hung child of a group is replaced and refs find the new life") {  // decisions: kill after a shutdown time-out
  Gate gate;
  Log log;
  ActorSystem system{four_workers()};
  const auto root =
      system.start(supervisor({.id = "app", .strategy = OneForAll{}}, child<Hanger>({.id = "a"}, &gate, &log),
                              child<Hanger>({.id = "hung", .shutdown = 50ms}, &gate, &log)));
  REQUIRE(root);
  const auto a = root->child<Hanger>("a").value();
  const auto hung = root->child<Hanger>("hung").value();
  hung.send(Hang{});
  REQUIRE(gate.wait_for_arrivals());
  a.send(Bang{});
  REQUIRE(testing::eventually([&] { return hung.incarnation() == 2; }));
  CHECK(root->child<Hanger>("hung").value() == hung);  // one place, although a second cell
  CHECK(root->child<Hanger>("hung").value().ask(testing::Life{}, testing::kPatience).get().has_value());
  CHECK(hung.ask(testing::Life{}, testing::kPatience).get().has_value());  // the old ref goes on to the new cell
  CHECK(a.ask(testing::Life{}, testing::kPatience).get() == Result<std::uint32_t, AskError>{2});
  CHECK(gate.inside() == 1);
  CHECK(system.stats().zombies == 1);
  gate.open();
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a child that hangs in its constructor is a start that failed in time") {  // F56: start time-out, threaded
  struct Stuck : Actor<Stuck> {
    explicit Stuck(Gate* gate) { gate->pass(); }
    void handle(int) {}
  };
  Gate gate;
  Log log;
  ActorSystem system{four_workers()};
  const auto root = system.start(supervisor({.id = "app"}, child<Hanger>({.id = "a"}, &gate, &log),
                                            child<Stuck>({.id = "stuck", .start_within = 50ms}, &gate)));
  REQUIRE_FALSE(root);
  CHECK(root.error().kind == StartError::Kind::ChildFailed);
  CHECK(root.error().child == "stuck");
  CHECK(log.lines() == Lines{"on_stop"});  // a was stopped again
  CHECK(gate.inside() == 1);
  gate.open();
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a child with all the time it wants is waited for") {  // F57: infinity, threaded
  struct Slow : Actor<Slow> {
    Slow(Gate* g, Log* l) : gate{g}, log{l} {}
    void on_stop(const ExitReason&) {
      gate->pass();
      log->add("cleaned up");
    }
    void handle(int) {}
    Gate* gate;
    Log* log;
  };
  Gate gate;
  Log log;
  ActorSystem system{four_workers()};
  const auto root = system.start(
      supervisor({.id = "app"}, child<Slow>({.id = "slow", .shutdown = Shutdown::infinity()}, &gate, &log)));
  REQUIRE(root);
  auto stopped = system.stop(*root, {.within = 60s});
  REQUIRE(gate.wait_for_arrivals());
  CHECK_FALSE(stopped.is_ready());
  gate.open();
  CHECK(stopped.get().has_value());
  CHECK(log.lines() == Lines{"cleaned up"});
  testing::check_end(system);
}

TEST_CASE("a supervisor serves others while it waits for a child to stop") {  // §1.20: it never blocks its worker
  Gate gate;
  Log log;
  SystemOptions options = testing::quiet();
  options.workers = 2;
  ActorSystem system{std::move(options)};
  const auto root =
      system.start(supervisor({.id = "app", .strategy = RestForOne{}}, child<Hanger>({.id = "a"}, &gate, &log),
                              child<Hanger>({.id = "b", .shutdown = Shutdown::infinity()}, &gate, &log)));
  REQUIRE(root);
  const auto a = root->child<Hanger>("a").value();
  root->child<Hanger>("b").value().send(Hang{});
  REQUIRE(gate.wait_for_arrivals());
  a.send(Bang{});  // b is told to stop and stands still
  REQUIRE(testing::eventually([&] { return a.phase() == Phase::Failed; }));
  CHECK(root->child<Hanger>("b").has_value());  // answered at once
  const auto other = system.spawn<Hanger>(&gate, &log);
  CHECK(other.ask(testing::Life{}, testing::kPatience).get().has_value());  // on the one worker that is left
  gate.open();
  CHECK(a.ask(testing::Life{}, testing::kPatience).get() == Result<std::uint32_t, AskError>{2});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
