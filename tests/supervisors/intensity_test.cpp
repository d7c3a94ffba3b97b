#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Lines;
using testing::TestSystem;

TEST_CASE("by default three restarts in five seconds are allowed and the fourth ends the supervisor") {  // F53
  for (std::uint64_t seed = 1; seed <= testing::scaled(50); ++seed) {
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app"}, testing::members(family, {"a", "b"})));
    REQUIRE(root);
    for (int i = 0; i < 3; ++i) {  // all its children together
      testing::at(*root, i % 2 == 0 ? "a" : "b").send(Bang{});
      CHECK_FALSE(system.has_stopped(root));
      system.advance(1s);
    }
    family.take().clear();
    const auto b = testing::at(*root, "b");
    b.send(Bang{});
    CHECK(system.has_stopped(root));
    CHECK(family.take() == Lines{"stop b", "stop a"});
    CHECK(b.is_closed());
    REQUIRE(system.failures().size() == 1);
    CHECK_THAT(system.failures().front(), testing::has_text("app"));
    CHECK_THAT(system.failures().front(), testing::has_text("boom"));  // its cause
    CHECK(system.stats().actors == 0);
    testing::check_end(system);
  }
}

TEST_CASE("after the window the budget is back") {  // F53
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .intensity = {.restarts = 2, .within = 1s}}, testing::member(family, "a")));
  REQUIRE(root);
  for (int i = 0; i < 20; ++i) {
    testing::at(*root, "a").send(Bang{});
    testing::at(*root, "a").send(Bang{});
    REQUIRE_FALSE(system.has_stopped(root));
    system.advance(1s + 1ns);
  }
  testing::at(*root, "a").send(Bang{});
  testing::at(*root, "a").send(Bang{});
  system.advance(1s);  // exactly at the edge: still inside
  testing::at(*root, "a").send(Bang{});
  CHECK(system.has_stopped(root));
  testing::check_end(system);
}

TEST_CASE("an intensity of zero never restarts") {  // F53
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .intensity = {.restarts = 0, .within = 5s}}, testing::member(family, "a"),
                              testing::member(family, "t", Restart::Transient)));
  REQUIRE(root);
  testing::at(*root, "t").send(End{ExitReason::normal()});
  CHECK_FALSE(system.has_stopped(root));
  testing::at(*root, "a").send(Bang{});
  CHECK(system.has_stopped(root));
  CHECK(family.constructed["a"] == 1);
  testing::check_end(system);
}

TEST_CASE("levels give up in order and the system is told once") {  // F54, §1.6: the top dies on the 8th crash
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const Intensity one{.restarts = 1, .within = 1h};
    const auto root =
        system.start(supervisor({.id = "top", .intensity = one},
                                supervisor({.id = "middle", .intensity = one},
                                           supervisor({.id = "low", .intensity = one}, testing::member(family, "leaf"),
                                                      testing::member(family, "sibling")))));
    REQUIRE(root);
    const auto middle = root->child<Supervisor>("middle").value();
    const auto low = middle.child<Supervisor>("low").value();
    const auto leaf = testing::at(low, "leaf");
    struct Lives {
      std::uint32_t low, middle, top;
    };
    const Lives expected[] = {{1, 1, 1}, {2, 1, 1}, {2, 1, 1}, {3, 2, 1}, {3, 2, 1}, {4, 2, 1}, {4, 2, 1}};
    int crashes = 0;
    for (const Lives& lives : expected) {
      leaf.send(Bang{});
      ++crashes;
      CAPTURE(crashes);
      REQUIRE_FALSE(system.has_stopped(root));
      CHECK(low.incarnation() == lives.low);
      CHECK(middle.incarnation() == lives.middle);
      CHECK(root->incarnation() == lives.top);
      CHECK(leaf.phase() == Phase::Running);
      CHECK(system.failures().empty());
    }
    leaf.send(Bang{});
    CHECK(system.has_stopped(root));
    CHECK(low.is_closed());
    CHECK(leaf.is_closed());
    REQUIRE(system.failures().size() == 1);
    CHECK_THAT(system.failures().front(), testing::has_text("top"));
    CHECK(system.stats().actors == 0);
    // The last three give up leaf to top.
    Lines given_up;
    for (const auto& line : system.event_log()) {
      const auto at = line.find(to_string(EventKind::RestartLimitExceeded));
      if (at != std::string::npos) given_up.push_back(line.substr(at));
    }
    REQUIRE(given_up.size() == 7);
    CHECK_THAT(given_up[4], testing::has_text("top/middle/low leaf"));
    CHECK_THAT(given_up[5], testing::has_text("top/middle low"));
    CHECK_THAT(given_up[6], testing::has_text("top middle"));
    testing::check_end(system);
  }
}

TEST_CASE("a transient supervisor that gives up is not restarted and that is no failure of its parent") {  // §1.9
  Family family;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "top"},
                 supervisor({.id = "sub", .intensity = {.restarts = 0, .within = 5s}, .restart = Restart::Transient},
                            testing::member(family, "a")),
                 testing::member(family, "b")));
  REQUIRE(root);
  const auto sub = root->child<Supervisor>("sub").value();
  testing::at(sub, "a").send(Bang{});
  CHECK(system.has_stopped(sub));
  CHECK_FALSE(system.has_stopped(root));
  CHECK(testing::at(*root, "b").phase() == Phase::Running);
  CHECK(system.failures().empty());
  CHECK(family.constructed["a"] == 1);
  testing::check_end(system);
}

TEST_CASE("a temporary supervisor that gives up is forgotten") {  // §1.9
  Family family;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "top", .strategy = OneForAll{}},
                 supervisor({.id = "sub", .intensity = {.restarts = 0, .within = 5s}, .restart = Restart::Temporary},
                            testing::member(family, "a")),
                 testing::member(family, "b")));
  REQUIRE(root);
  testing::at(root->child<Supervisor>("sub").value(), "a").send(Bang{});
  system.run_until_idle();
  CHECK(root->child<Supervisor>("sub").error() == LookupError::Unknown);
  CHECK(testing::at(*root, "b").incarnation() == 1);
  testing::check_end(system);
}

TEST_CASE("the user is told through on_failure in a test system too") {  // F54: no option does nothing
  Family family;
  int told = 0;
  testing::TestOptions options;
  options.system.on_failure = [&](const FailureReport& report) {
    ++told;
    CHECK(report.path == "app");
    CHECK(report.incarnation == 1);
    CHECK(report.reason.kind() == ExitReason::Kind::Shutdown);
    REQUIRE(report.reason.cause() != nullptr);
    CHECK(report.reason.cause()->text() == "boom");
  };
  TestSystem system{std::move(options)};
  const auto root =
      system.start(supervisor({.id = "app", .intensity = {.restarts = 0, .within = 5s}}, testing::member(family, "a")));
  REQUIRE(root);
  testing::at(*root, "a").send(Bang{});
  CHECK(system.has_stopped(root));
  CHECK(told == 1);
  CHECK(system.failures().size() == 1);
  testing::check_end(system);
}

TEST_CASE("a tree that gave up leaves other trees alone") {
  Family family;
  TestSystem system;
  const auto first = system.start(
      supervisor({.id = "first", .intensity = {.restarts = 0, .within = 5s}}, testing::member(family, "a")));
  const auto second = system.start(supervisor({.id = "second"}, testing::member(family, "b")));
  REQUIRE((first && second));
  testing::at(*first, "a").send(Bang{});
  CHECK(system.has_stopped(first));
  CHECK_FALSE(system.has_stopped(second));
  CHECK(system.stats().actors == 2);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
