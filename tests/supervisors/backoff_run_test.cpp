#include <set>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::Family;
using testing::Grow;
using testing::Lines;
using testing::TestSystem;

TEST_CASE("restarts wait 100 then 200 then 400 milliseconds to the nanosecond") {  // F55
  for (std::uint64_t seed = 1; seed <= testing::scaled(50); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app", .intensity = testing::kPlenty, .backoff = Exponential{}},
                                              testing::members(family, {"a", "b"})));
    REQUIRE(root);
    const auto a = testing::at(*root, "a");
    family.take().clear();
    for (const Duration delay : {100ms, 200ms, 400ms, 800ms, 1600ms}) {
      a.send(Bang{});
      system.run_until_idle();
      CHECK(family.take() == Lines{"stop a"});  // the stop is not delayed
      system.advance(delay - 1ns);
      CHECK(family.take().empty());
      // A sibling answers during the delay; a message to the waiting one is kept.
      CHECK(testing::at(*root, "b").send(Grow{}) == Delivery::Accepted);
      CHECK(a.send(Grow{}) == Delivery::Accepted);
      system.run_until_idle();
      CHECK(system.ledger().queued == 1);
      system.advance(1ns);
      CHECK(family.take() == Lines{"start a"});
      CHECK(system.ledger().queued == 0);
    }
    CHECK(testing::at(*root, "b").message_count() == 5);
    testing::check_end(system);
  }
}

TEST_CASE("a stop during the delay cancels it and nothing starts afterwards") {  // F55
  for (std::uint64_t seed = 1; seed <= testing::scaled(50); ++seed) {
    for (const bool whole_system : {false, true}) {
      CAPTURE(seed, whole_system);
      Family family;
      TestSystem system{{.seed = seed}};
      const auto root = system.start(supervisor({.id = "app", .intensity = testing::kPlenty, .backoff = Exponential{}},
                                                testing::members(family, {"a", "b"})));
      REQUIRE(root);
      const auto a = testing::at(*root, "a");
      a.send(Bang{});
      system.run_until_idle();
      a.send(Grow{});  // waits for a life that will not come
      family.take().clear();
      if (whole_system) {
        CHECK(system.shutdown().complete);
      } else {
        CHECK(system.stop(*root).get().has_value());
      }
      CHECK(family.take() == Lines{"stop b"});
      CHECK(system.stats().timers == 0);
      system.advance(1h);
      CHECK(family.take().empty());
      CHECK(system.ledger().dead(DeadReason::Stopped) == 1);
      CHECK(a.is_closed());
      testing::check_end(system);
    }
  }
}

TEST_CASE("a group waits together before its first start") {
  for (const AnyStrategy strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    Family family;
    TestSystem system;
    const auto root = system.start(supervisor({.id = "app", .strategy = strategy, .backoff = Exponential{}},
                                              testing::members(family, {"a", "b", "c"})));
    REQUIRE(root);
    family.take().clear();
    testing::at(*root, "a").send(Bang{});
    system.run_until_idle();
    CHECK(family.take() == Lines{"stop a", "stop c", "stop b"});
    system.advance(100ms - 1ns);
    CHECK(family.take().empty());
    system.advance(1ns);
    CHECK(family.take() == Lines{"start a", "start b", "start c"});
    testing::check_end(system);
  }
}

TEST_CASE("a start that fails is tried again after longer and longer delays until the limit") {  // F55, F56
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .intensity = {.restarts = 3, .within = 1h}, .backoff = Exponential{}},
                              testing::members(family, {"a", "b"})));
  REQUIRE(root);
  family.fail_always("a");
  family.take().clear();
  testing::at(*root, "a").send(Bang{});
  system.advance(100ms);
  CHECK(family.take() == Lines{"stop a", "start a!"});
  system.advance(200ms);
  CHECK(family.take() == Lines{"start a!"});
  system.advance(400ms);
  CHECK(family.take() == Lines{"start a!"});
  CHECK(testing::at(*root, "b").ask(Grow{1}, 1s).get() == Result<int, AskError>{1});
  system.advance(1h);
  CHECK(family.take() == Lines{"stop b"});
  CHECK(system.has_stopped(root));
  testing::check_end(system);
}

TEST_CASE("who waited for its group is down when another member fails before its turn") {
  Family family;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "app", .strategy = OneForAll{}, .intensity = testing::kPlenty, .backoff = Exponential{}},
                 testing::members(family, {"a", "b"})));
  REQUIRE(root);
  testing::at(*root, "b").send(Bang{});
  system.run_until_idle();
  family.plans["a"] = {false};
  system.advance(100ms);  // the group is due, and ends with a
  const auto state_of = [&](std::size_t newest) { return root->which_children().value().at(newest).state; };
  CHECK(state_of(1) == ChildState::Restarting);
  CHECK(state_of(0) == ChildState::Down);  // no attempt of b is due: a's brings it back
  REQUIRE(root->terminate_child("a"));
  family.take().clear();
  REQUIRE(root->restart_child("b"));  // and nothing keeps it from being started by a call
  CHECK(family.take() == Lines{"start b"});
  system.advance(1h);
  CHECK(family.take().empty());
  testing::check_end(system);
}

TEST_CASE("a child that ran long enough waits the first delay again") {  // F55
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .intensity = testing::kPlenty, .backoff = Exponential{.reset_after = 10s}},
                              testing::member(family, "a")));
  REQUIRE(root);
  const auto a = testing::at(*root, "a");
  for (const Duration delay : {100ms, 200ms}) {
    a.send(Bang{});
    system.advance(delay);
  }
  system.advance(10s);
  a.send(Bang{});
  family.take().clear();
  system.advance(100ms);
  CHECK(family.take() == Lines{"stop a", "start a"});
  testing::check_end(system);
}

TEST_CASE("the fast phase restarts at once") {  // F55
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor(
      {.id = "app", .intensity = testing::kPlenty, .backoff = Exponential{.fast = 2}}, testing::member(family, "a")));
  REQUIRE(root);
  family.take().clear();
  for (int i = 0; i < 2; ++i) {
    testing::at(*root, "a").send(Bang{});
    system.run_until_idle();
    CHECK(family.take() == Lines{"stop a", "start a"});
  }
  testing::at(*root, "a").send(Bang{});
  system.run_until_idle();
  CHECK(family.take() == Lines{"stop a"});
  system.advance(100ms);
  CHECK(family.take() == Lines{"start a"});
  testing::check_end(system);
}

TEST_CASE("jitter is drawn from the system's seed and stays in its bounds") {  // F55
  std::set<std::string> distinct;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Family family;
    TestSystem system{{.seed = seed, .system = [&] {
                         SystemOptions options;
                         options.seed = seed;
                         return options;
                       }()}};
    const auto root = system.start(
        supervisor({.id = "app", .backoff = Exponential{.first = 1s, .jitter = 0.2}}, testing::member(family, "a")));
    REQUIRE(root);
    family.take().clear();
    testing::at(*root, "a").send(Bang{});
    system.advance(800ms - 1us);
    CHECK(family.take() == Lines{"stop a"});
    const TimePoint before = system.now();
    while (family.take().empty()) REQUIRE(system.advance_to_next_timer());
    const Duration delay = system.now() - before + 800ms - 1us;
    CHECK(delay <= 1200ms + 1us);
    distinct.insert(std::to_string(delay.count()));
    testing::check_end(system);
  }
  CHECK(distinct.size() > 15);
}

}  // namespace
}  // namespace coppice
