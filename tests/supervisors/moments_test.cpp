#include <algorithm>
#include <string>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/test_end.hpp"

// What matters is when: the window's edge, the depth of a tree, a crash in the middle of a restart, many at once, calls
// while a start attempt is due.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::Family;
using testing::Lines;
using testing::TestSystem;
using Kind = CallError::Kind;

const AnyStrategy kStrategies[] = {OneForOne{}, OneForAll{}, RestForOne{}};

// ---- the window ----

/// Whether a supervisor that stands `restarts` within `within` stands crashes at these times.
bool survives(std::uint32_t restarts, Duration within, const std::vector<Duration>& crashes) {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app", .intensity = {.restarts = restarts, .within = within}},
                                            testing::members(family, {"a", "b"})));
  REQUIRE(root);
  Duration now{};
  bool first = true;
  for (const Duration at : crashes) {
    if (system.has_stopped(root)) break;
    system.advance(at - now);
    now = at;
    testing::at(*root, first ? "a" : "b").send(Bang{});  // the window is the supervisor's, not the child's
    system.run_until_idle();
    first = !first;
  }
  const bool stands = !system.has_stopped(root);
  testing::check_end(system);
  return stands;
}

TEST_CASE("a restart exactly as old as the window counts and one nanosecond older does not on a real supervisor") {
  for (const Duration within :
       {Duration{1ns}, Duration{999ns}, Duration{1ms}, Duration{1s}, Duration{5s}, Duration{24h}}) {
    CAPTURE(within.count());
    for (std::uint32_t restarts = 0; restarts <= 3; ++restarts) {
      CAPTURE(restarts);
      // All but the last at once, the last at the edge.
      std::vector<Duration> crashes(restarts + 1, Duration::zero());
      crashes.back() = within;
      CHECK_FALSE(survives(restarts, within, crashes));
      crashes.back() = within + 1ns;
      CHECK(survives(restarts, within, crashes) == (restarts > 0));  // none is allowed: the first ends it
    }
  }
}

TEST_CASE("no phase of a whole second matters") {
  // OTP cuts its clock to whole seconds: with one restart in a second, crashes 1.8 s apart may end a supervisor there,
  // and crashes 1.0 s apart may not.
  for (const Duration phase : {0ms, 100ms, 250ms, 499ms, 500ms, 501ms, 900ms, 999ms}) {
    CAPTURE(phase / 1ms);
    CHECK(survives(1, 1s, {phase, phase + 1800ms, phase + 3600ms}));
    CHECK(survives(1, 1s, {phase, phase + 1s + 1ns}));
    CHECK_FALSE(survives(1, 1s, {phase, phase + 1s}));
    CHECK_FALSE(survives(1, 1s, {phase, phase + 999ms}));
  }
}

TEST_CASE("the window slides over each restart and not over the last alone") {
  CHECK(survives(2, 5s, {0s, 4s, 8s, 12s, 16s, 20s}));  // never more than two within five seconds
  CHECK_FALSE(survives(2, 5s, {0s, 4s, 8s, 8s}));       // 4, 8, 8
  CHECK(survives(2, 5s, {0s, 1s, 5s + 1ns}));           // the first has just left
  CHECK_FALSE(survives(2, 5s, {0s, 1s, 5s}));
  CHECK_FALSE(survives(2, 5s, {0s, 3s, 6s, 7s}));
  CHECK(survives(3, 5s, {0s, 0s, 0s, 6s, 6s, 6s}));
}

// ---- levels ----

SupervisorSpec tower(Family& family, int levels, std::uint32_t restarts) {
  SupervisorSpec spec = supervisor({.id = "level-1", .intensity = {.restarts = restarts, .within = 1000h}},
                                   testing::member(family, "leaf"));
  for (int level = 2; level <= levels; ++level) {
    spec = supervisor({.id = "level-" + std::to_string(level), .intensity = {.restarts = restarts, .within = 1000h}},
                      spec);
  }
  return spec;
}

TEST_CASE("a tower of supervisors gives up at one more than each allows to the power of its levels") {
  for (int levels = 1; levels <= 4; ++levels) {
    for (std::uint32_t restarts = 0; restarts <= 3; ++restarts) {
      CAPTURE(levels, restarts);
      Family family;
      TestSystem system;
      const auto root = system.start(tower(family, levels, restarts));
      REQUIRE(root);
      ActorRef<Supervisor> lowest = *root;
      for (int level = levels - 1; level >= 1; --level)
        lowest = lowest.child<Supervisor>("level-" + std::to_string(level)).value();
      const auto leaf = testing::at(lowest, "leaf");
      std::uint32_t expected = 1;
      for (int level = 0; level < levels; ++level) expected *= restarts + 1;
      std::uint32_t crashes = 0;
      while (!system.has_stopped(root)) {
        REQUIRE(crashes < expected);
        leaf.send(Bang{});
        ++crashes;
        system.run_until_idle();
      }
      CHECK(crashes == expected);
      CHECK(family.constructed["leaf"] == static_cast<int>(expected));  // one life for each crash
      testing::check_end(system);
    }
  }
}

// ---- in the middle of a group restart ----

TEST_CASE("a crash at any step of a group restart is dealt with and counts at most once") {
  for (const AnyStrategy& strategy : kStrategies) {
    for (const char* const second : {"a", "b", "c", "d"}) {
      for (std::size_t cut = 0; cut < 30; ++cut) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
          CAPTURE(strategy.name(), second, cut, seed);
          Family family;
          TestSystem system{{.seed = seed}};
          // Two crashes: two restarts at most.
          const auto root =
              system.start(supervisor({.id = "app", .strategy = strategy, .intensity = {.restarts = 2, .within = 1h}},
                                      testing::members(family, {"a", "b", "c", "d"})));
          REQUIRE(root);
          testing::at(*root, "b").send(Bang{});
          for (std::size_t i = 0; i < cut; ++i) static_cast<void>(system.step());
          testing::at(*root, second).send(Bang{});
          system.run_until_idle();
          REQUIRE_FALSE(system.has_stopped(root));
          CHECK(root->count_children().value().active == 4);
          for (const char* const id : {"a", "b", "c", "d"})
            CHECK(family.constructed[id] - family.destroyed[id] == 1);  // never two lives, never none
          testing::check_end(system);
        }
      }
    }
  }
}

TEST_CASE("a start that fails at any step of a group restart is tried again until all run") {
  for (const AnyStrategy& strategy : kStrategies) {
    for (const char* const failing : {"a", "b", "c", "d"}) {
      for (std::size_t failures = 1; failures <= 3; ++failures) {
        CAPTURE(strategy.name(), failing, failures);
        Family family;
        TestSystem system;
        const auto root =
            system.start(supervisor({.id = "app", .strategy = strategy, .intensity = {.restarts = 4, .within = 1h}},
                                    testing::members(family, {"a", "b", "c", "d"})));
        REQUIRE(root);
        family.plans[failing].assign(failures, testing::Outcome{false});
        testing::at(*root, "b").send(Bang{});
        system.run_until_idle();
        REQUIRE_FALSE(system.has_stopped(root));
        CHECK(root->count_children().value().active == 4);
        testing::check_end(system);
      }
    }
  }
}

// ---- many at once ----

/// Lets them die one after the other before the supervisor looks; false: it was drawn in between.
bool all_die(TestSystem& system, const ActorRef<Supervisor>& root, Family& family,
             const std::vector<std::string>& ids) {
  for (const auto& id : ids) {
    const std::size_t before = family.log.size();
    testing::at(root, id).send(Bang{});
    static_cast<void>(system.step());
    const Lines lines = family.log.lines();
    if (lines.size() != before + 1 || lines.back() != "stop " + id) return false;
  }
  return true;
}

TEST_CASE("crashes at the same time count once in a group and each on its own under one for one") {
  struct Row {
    AnyStrategy strategy;
    std::vector<std::string> ids;
    std::uint32_t counted;
  };
  const Row rows[] = {
      {OneForAll{}, {"a", "b", "c"}, 1},  {OneForAll{}, {"c", "a"}, 1},       {OneForOne{}, {"a", "b", "c"}, 3},
      {OneForOne{}, {"b", "a"}, 2},       {RestForOne{}, {"a", "b", "c"}, 1}, {RestForOne{}, {"b", "c"}, 1},
      {RestForOne{}, {"c", "b"}, 2},  // the rest from c, then the rest from b
      {RestForOne{}, {"c", "b", "a"}, 3},
  };
  for (const Row& row : rows) {
    for (const bool enough : {true, false}) {
      int played = 0;
      for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(row.strategy.name(), row.ids.front(), row.counted, enough, seed);
        Family family;
        TestSystem system{{.seed = seed}};
        const Intensity limit{.restarts = enough ? row.counted : row.counted - 1, .within = 1h};
        const auto root = system.start(supervisor({.id = "app", .strategy = row.strategy, .intensity = limit},
                                                  testing::members(family, {"a", "b", "c"})));
        REQUIRE(root);
        if (!all_die(system, *root, family, row.ids)) continue;
        ++played;
        system.run_until_idle();
        CHECK(system.has_stopped(root) == !enough);
        if (enough) CHECK(root->count_children().value().active == 3);
        testing::check_end(system);
      }
      CHECK(played > 5);
    }
  }
}

// ---- calls while a start attempt is due ----

template <class T>
std::string word(const Result<T, CallError>& result) {
  return result ? "ok" : to_string(result.error().kind);
}
std::string word(Kind kind) { return to_string(kind); }

TEST_CASE("each call has its answer while an attempt is due with and without a delay under every strategy") {
  for (const AnyStrategy& strategy : kStrategies) {
    for (const bool delayed : {true, false}) {
      for (const char* const last : {"terminate", "stop", "success"}) {
        CAPTURE(strategy.name(), delayed, last);
        Family family;
        TestSystem system;
        const auto root = system.start(supervisor({.id = "app",
                                                   .strategy = strategy,
                                                   .intensity = testing::kPlenty,
                                                   .backoff = delayed ? Backoff{Exponential{}} : Backoff{}},
                                                  testing::members(family, {"a", "b", "c"})));
        REQUIRE(root);
        family.plans["b"].assign(delayed ? 1 : 1'000, testing::Outcome{false});
        testing::at(*root, "b").send(Bang{});
        if (delayed) {
          system.advance(100ms);  // the first attempt has failed, the second is due
        } else {
          while (family.constructed["b"] < 10) REQUIRE(system.step());  // between two attempts, which have no pause
        }
        const auto spec = [&](const char* id) { return testing::member(family, id); };
        CHECK(word(root->start_child(spec("b"))) == word(Kind::AlreadyPresent));
        CHECK(word(root->restart_child("b")) == word(Kind::Restarting));
        CHECK(word(root->delete_child("b")) == word(Kind::Restarting));
        CHECK(word(root->get_childspec("b")) == "ok");
        CHECK(word(root->start_child(spec("d"))) == "ok");
        CHECK(word(root->terminate_child("d")) == "ok");
        CHECK(word(root->delete_child("d")) == "ok");
        CHECK(root->count_children().value().specs == 3);
        const std::vector<ChildInfo> which = root->which_children().value();
        REQUIRE(which.size() == 3);
        CHECK(which[1].id == "b");
        if (delayed) CHECK(which[1].state == ChildState::Restarting);
        if (!delayed) CHECK(family.plans["b"].size() > 900);  // nobody waited for the end of the loop

        if (std::string{last} == "terminate") {
          CHECK(word(root->terminate_child("b")) == "ok");
          const int attempts = family.constructed["b"];
          system.advance(1h);
          CHECK(family.constructed["b"] == attempts);
          family.plans["b"].clear();
          CHECK(word(root->restart_child("b")) == "ok");
          CHECK(root->child<testing::Member>("b").has_value());
        } else if (std::string{last} == "stop") {
          CHECK(system.stop(*root, {.reason = ExitReason::shutdown()}).get().has_value());
          const int attempts = family.constructed["b"];
          system.advance(1h);
          CHECK(family.constructed["b"] == attempts);
        } else {
          family.plans["b"].clear();
          system.advance(1h);
          CHECK(root->count_children().value().active == 3);
        }
        testing::check_end(system);
      }
    }
  }
}

}  // namespace
}  // namespace coppice
