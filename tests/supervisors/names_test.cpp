#include <string>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// A supervised child that is found by a name, whichever life it is on.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Gate;
using testing::Grow;
using testing::Life;
using testing::Lines;
using testing::Member;
using testing::TestSystem;

TEST_CASE("a child keeps its name over its restarts and gives it back with its place") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(50); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app", .strategy = OneForAll{}, .intensity = testing::kPlenty},
                                              testing::member(family, ChildOptions{.id = "a", .name = "worker"}),
                                              testing::member(family, "b")));
    REQUIRE(root);
    const auto worker = system.named<Member>("worker");
    const auto child = testing::at(*root, "a");
    CHECK(system.find<Member>("worker").value() == child);
    CHECK(child.path() == "app/a");
    for (std::uint32_t life = 1; life <= 5; ++life) {
      CHECK(worker.ask(Life{}, 1s).get().value() == life);
      if (life % 2 == 0) {
        testing::at(*root, "b").send(Bang{});
      } else {
        CHECK(worker.send(Bang{}) == Delivery::Accepted);
      }
      CHECK(worker.send(Bang{}) == Delivery::Accepted);  // between two lives as well
      CHECK(system.try_spawn<Member>({.name = "worker"}, &family, "x").error() == SpawnError::DuplicateName);
      system.run_until_idle();
      if (child.incarnation() == life + 2) ++life;  // both were felt
    }
    REQUIRE(system.stop(*root).get());
    CHECK_FALSE(system.find_any("worker"));
    testing::check_end(system);
  }
}

TEST_CASE("a child that is terminated has no name until it is started again") {
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app"}, testing::member(family, ChildOptions{.id = "a", .name = "worker"})));
  REQUIRE(root);
  const auto child = testing::at(*root, "a");
  REQUIRE(root->terminate_child("a"));
  CHECK_FALSE(system.find_any("worker"));
  SECTION("it takes it again") {
    REQUIRE(root->restart_child("a"));
    CHECK(system.find<Member>("worker").value() == child);
    CHECK(child.send(Grow{}) == Delivery::Accepted);
  }
  SECTION("unless somebody else has it by then") {
    const auto other = system.spawn<Member>({.name = "worker"}, &family, "other");
    system.run_until_idle();
    const std::uint64_t actors = system.stats().actors;
    const auto restarted = root->restart_child("a");
    REQUIRE_FALSE(restarted);
    CHECK(restarted.error().kind == CallError::Kind::StartFailed);
    CHECK(restarted.error().reason == ExitReason::error("already started: the name \"worker\" is worker's"));
    CHECK(system.find<Member>("worker").value() == other);
    CHECK(system.stats().actors == actors);
    CHECK(child.send(Grow{}) == Delivery::Closed);
    REQUIRE(system.stop(other).get());
    REQUIRE(root->restart_child("a"));
    CHECK(system.find<Member>("worker").value() == child);
  }
  SECTION("deleted it has none") {
    REQUIRE(root->delete_child("a"));
    CHECK_FALSE(system.find_any("worker"));
    CHECK(system.get_or_spawn<Member>("worker", &family, "new"));
  }
  testing::check_end(system);
}

TEST_CASE("a start under a name that is taken fails and says who has it") {  // OTP: already_started
  Family family;
  TestSystem system;
  const auto holder = system.spawn<Member>({.name = "worker"}, &family, "holder");
  system.run_until_idle();
  static_cast<void>(family.take());
  SECTION("in a tree") {
    const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a"),
                                              testing::member(family, ChildOptions{.id = "b", .name = "worker"})));
    REQUIRE_FALSE(root);
    CHECK(root.error().kind == StartError::Kind::ChildFailed);
    CHECK(root.error().child == "b");
    REQUIRE(root.error().reason.cause() != nullptr);
    CHECK(root.error().reason.cause()->text() == "already started: the name \"worker\" is worker's");
    CHECK(family.take() == Lines{"start a", "stop a"});
    CHECK(system.stats().actors == 1);
  }
  SECTION("twice in one tree") {
    const auto root =
        system.start(supervisor({.id = "app"}, testing::member(family, ChildOptions{.id = "a", .name = "twice"}),
                                testing::member(family, ChildOptions{.id = "b", .name = "twice"})));
    REQUIRE_FALSE(root);
    CHECK(root.error().reason.cause()->text() == "already started: the name \"twice\" is app/a's");
    CHECK_FALSE(system.find_any("twice"));
  }
  SECTION("at run time") {
    const auto root = system.start(supervisor({.id = "app"}));
    REQUIRE(root);
    const auto started = root->start_child(testing::member(family, ChildOptions{.id = "b", .name = "worker"}));
    REQUIRE_FALSE(started);
    CHECK(started.error().kind == CallError::Kind::StartFailed);
    CHECK(root->count_children()->specs == 0);
  }
  SECTION("the root's own") {
    const auto root = system.start(supervisor({.id = "app", .name = "worker"}));
    REQUIRE_FALSE(root);
    CHECK(root.error().kind == StartError::Kind::NameTaken);
    CHECK(root.error().text == "already started: the name \"worker\" is worker's");
    CHECK(system.stats().actors == 1);
  }
  CHECK(system.find<Member>("worker").value() == holder);
  testing::check_end(system);
}

TEST_CASE("a supervisor has a name too") {
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .intensity = testing::kPlenty, .name = "the app"},
                              supervisor({.id = "sub", .intensity = {.restarts = 0}, .name = "the sub"},
                                         testing::member(family, ChildOptions{.id = "a", .name = "the child"}))));
  REQUIRE(root);
  CHECK(system.find<Supervisor>("the app").value() == *root);
  const auto sub = system.find<Supervisor>("the sub").value();
  const auto child = system.find<Member>("the child").value();
  CHECK(child == testing::at(sub, "a"));
  child.send(Bang{});  // one too many: the sub is restarted, and its child with it
  system.run_until_idle();
  CHECK(sub.incarnation() == 2);
  CHECK(system.find<Supervisor>("the sub").value() == sub);
  CHECK(system.find<Member>("the child").value() == testing::at(sub, "a"));
  CHECK(system.named<Member>("the child").ask(Grow{}, 1s).get());
  testing::check_end(system);
}

TEST_CASE("a child that was killed takes its name again in a fresh cell") {
  struct Hanging : Actor<Hanging> {
    void handle(Gate* gate) { gate->pass(); }
    std::uint32_t handle(int) { return incarnation(); }
  };
  Gate gate;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root = system.start(supervisor(
      {.id = "app", .strategy = OneForAll{}},
      child<Hanging>({.id = "h", .shutdown = Shutdown::brutal(), .name = "hanging"}), child<Hanging>({.id = "x"})));
  REQUIRE(root);
  const auto hanging = system.named<Hanging>("hanging");
  const auto before = hanging.resolve().value();
  before.send(&gate);
  REQUIRE(gate.wait_for_arrivals());
  // Its sibling's crash restarts both; this one hangs, is killed, and goes on elsewhere.
  static_cast<void>(system.stop(root->child<Hanging>("x").value(), {.reason = ExitReason::error("x")}).get());
  REQUIRE(testing::eventually([&] {
    const auto life = hanging.ask(1, 1s).get();
    return life && life.value() == 2;
  }));
  CHECK(hanging.resolve().value() == before);  // one place
  CHECK(system.stats().zombies == 1);
  gate.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  CHECK(hanging.resolve().value() == before);  // the zombie took nothing with it
  // Its last turn, which has answered, may still be ending when it is killed again: then it is named as late.
  const ShutdownReport report = system.shutdown({.within = testing::kPatience});
  CHECK(report.complete);
  for (const LateActor& late : report.late) CHECK(late.path.starts_with("app/h"));
  testing::check_ledger(system);
  CHECK(system.stats().actors == 0);
  CHECK(system.stats().zombies == 0);
}

TEST_CASE("children of one pattern have names of one pattern") {
  Family family;
  TestSystem system;
  const auto specs = children<Member>(3, ChildOptions{.id = "worker-{}", .name = "pool/{}"}, &family, std::string{"w"});
  CHECK_FALSE(specs[0] == specs[1]);
  const auto root = system.start(supervisor({.id = "app"}, specs));
  REQUIRE(root);
  for (const char* const number : {"1", "2", "3"})
    CHECK(system.find<Member>(std::string{"pool/"} + number).value() ==
          testing::at(*root, std::string{"worker-"} + number));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
