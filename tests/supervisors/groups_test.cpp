#include <algorithm>

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
using testing::Grow;
using testing::Lines;
using testing::TestSystem;

TEST_CASE("each strategy restarts its range of five in order") {  // F51
  struct Row {
    AnyStrategy strategy;
    Lines hooks;
    int others_kept;  // the state of 1 afterwards
  };
  const Row rows[] = {
      {OneForOne{}, {"stop 3", "start 3"}, 7},
      {OneForAll{},
       {"stop 3", "stop 5", "stop 4", "stop 2", "stop 1", "start 1", "start 2", "start 3", "start 4", "start 5"},
       0},
      {RestForOne{}, {"stop 3", "stop 5", "stop 4", "start 3", "start 4", "start 5"}, 7},
  };
  for (const Row& row : rows) {
    for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
      CAPTURE(row.strategy.name(), seed);
      Family family;
      TestSystem system{{.seed = seed}};
      const auto root = system.start(
          supervisor({.id = "app", .strategy = row.strategy}, testing::members(family, {"1", "2", "3", "4", "5"})));
      REQUIRE(root);
      CHECK(family.take() == Lines{"start 1", "start 2", "start 3", "start 4", "start 5"});
      CHECK(testing::at(*root, "1").ask(Grow{7}, 1s).get() == Result<int, AskError>{7});
      testing::at(*root, "3").send(Bang{});
      system.run_until_idle();
      CHECK(family.take() == row.hooks);
      CHECK(testing::at(*root, "1").ask(Grow{0}, 1s).get() == Result<int, AskError>{row.others_kept});
      CHECK(system.stats().actors == 6);
      testing::check_end(system);
      CHECK(family.take() == Lines{"stop 5", "stop 4", "stop 3", "stop 2", "stop 1"});
    }
  }
}

TEST_CASE("siblings that a group restart stops keep their mailboxes") {  // decisions: lives and places
  struct Note {
    int number;
  };
  struct Slow : Actor<Slow> {
    explicit Slow(testing::BasicLog<std::pair<std::uint32_t, int>>* s) : seen{s} {}
    void handle(Note note) { seen->add({incarnation(), note.number}); }
    void handle(Bang) { throw 1; }
    testing::BasicLog<std::pair<std::uint32_t, int>>* seen;
  };
  for (const AnyStrategy strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    for (std::uint64_t seed = 1; seed <= testing::scaled(300); ++seed) {
      CAPTURE(strategy.name(), seed);
      testing::BasicLog<std::pair<std::uint32_t, int>> seen;
      TestSystem system{{.seed = seed}};
      const auto root =
          system.start(supervisor({.id = "app", .strategy = strategy}, child<Slow>({.id = "first"}, &seen),
                                  child<Slow>({.id = "second"}, &seen)));
      REQUIRE(root);
      const auto second = root->child<Slow>("second").value();
      root->child<Slow>("first").value().send(Bang{});
      for (int i = 0; i < 20; ++i) second.send(Note{i});
      system.run_until_idle();
      const auto lines = seen.lines();
      REQUIRE(lines.size() == 20);
      for (int i = 0; i < 20; ++i) {
        CHECK(lines[static_cast<std::size_t>(i)].second == i);
        if (i > 0) CHECK(lines[static_cast<std::size_t>(i)].first >= lines[static_cast<std::size_t>(i) - 1].first);
      }
      CHECK(second.incarnation() == 2);
      testing::check_end(system);
      CHECK(system.ledger().dead() == 1);
    }
  }
}

TEST_CASE("a nested tree stops and starts depth first") {  // §1.15, F58
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "top", .strategy = OneForAll{}}, testing::member(family, "x"),
                                              supervisor({.id = "s"}, testing::members(family, {"a", "b"})),
                                              testing::member(family, "y")));
    REQUIRE(root);
    CHECK(family.take() == Lines{"start x", "start a", "start b", "start y"});
    const auto sub = root->child<Supervisor>("s").value();
    const auto b = testing::at(sub, "b");
    testing::at(*root, "x").send(Bang{});
    system.run_until_idle();
    CHECK(family.take() == Lines{"stop x", "stop y", "stop b", "stop a", "start x", "start a", "start b", "start y"});
    // The static children came back, under the same refs.
    CHECK(sub == root->child<Supervisor>("s").value());
    CHECK(b == testing::at(sub, "b"));
    CHECK(b.ask(Grow{3}, 1s).get() == Result<int, AskError>{3});
    CHECK(b.incarnation() == 2);
    CHECK(b.path() == "top/s/b");
    testing::check_end(system);
    CHECK(family.take() == Lines{"stop y", "stop b", "stop a", "stop x"});
  }
}

TEST_CASE("a crash below a nested supervisor is dealt with there alone") {  // F58: OneForAll over {actor, RestForOne
                                                                            // supervisor}
  Family family;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "top", .strategy = OneForAll{}}, testing::member(family, "x"),
                 supervisor({.id = "s", .strategy = RestForOne{}}, testing::members(family, {"a", "b", "c"}))));
  REQUIRE(root);
  family.take().clear();
  testing::at(root->child<Supervisor>("s").value(), "b").send(Bang{});
  system.run_until_idle();
  CHECK(family.take() == Lines{"stop b", "stop c", "start b", "start c"});
  CHECK(testing::at(*root, "x").incarnation() == 1);
  CHECK(system.stats().restarts == 2);
  testing::check_end(system);
}

TEST_CASE("a group restart brings finished transients back and drops temporary bystanders") {  // §1.7
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app", .strategy = OneForAll{}}, testing::member(family, "a"),
                                              testing::member(family, "t", Restart::Transient),
                                              testing::member(family, "m", Restart::Temporary)));
    REQUIRE(root);
    const auto t = testing::at(*root, "t");
    const auto m = testing::at(*root, "m");
    t.send(End{ExitReason::normal()});
    system.run_until_idle();
    CHECK(t.is_closed());
    CHECK(t.send(Grow{}) == Delivery::Closed);
    family.take().clear();
    testing::at(*root, "a").send(Bang{});
    system.run_until_idle();
    CHECK(family.take() == Lines{"stop a", "stop m", "start a", "start t"});
    CHECK(t.ask(Grow{2}, 1s).get() == Result<int, AskError>{2});  // the old ref, the place reopened empty
    CHECK(m.send(Grow{}) == Delivery::Closed);
    CHECK(root->child<testing::Member>("m") ==
          Result<ActorRef<testing::Member>, LookupError>{Error{LookupError::Unknown}});
    testing::check_end(system);
  }
}

TEST_CASE("a retry of a group starts where the group failed") {  // §1.19, on real actors
  struct Row {
    AnyStrategy strategy;
    const char* crashed;
    const char* failing;
    Intensity intensity;
    Lines hooks;
  };
  const Row rows[] = {
      {OneForAll{},
       "a",
       "b",
       {.restarts = 4, .within = 5s},
       {"stop a", "stop d", "stop c", "stop b", "start a", "start b!", "stop a", "start a", "start b!", "stop a",
        "start a", "start b!", "stop a", "start a", "start b!", "stop a"}},
      {RestForOne{},
       "b",
       "c",
       {.restarts = 3, .within = 5s},
       {"stop b", "stop d", "stop c", "start b", "start c!", "start c!", "start c!", "stop b", "stop a"}},
      {OneForOne{},
       "b",
       "b",
       {.restarts = 4, .within = 5s},
       {"stop b", "start b!", "start b!", "start b!", "start b!", "stop d", "stop c", "stop a"}},
      {OneForOne{}, "b", "b", {.restarts = 0, .within = 5s}, {"stop b", "stop d", "stop c", "stop a"}},
  };
  for (const Row& row : rows) {
    for (std::uint64_t seed = 1; seed <= testing::scaled(50); ++seed) {
      CAPTURE(row.strategy.name(), seed);
      Family family;
      TestSystem system{{.seed = seed}};
      const auto root = system.start(supervisor({.id = "app", .strategy = row.strategy, .intensity = row.intensity},
                                                testing::members(family, {"a", "b", "c", "d"})));
      REQUIRE(root);
      family.take().clear();
      family.fail_always(row.failing);
      testing::at(*root, row.crashed).send(Bang{});
      system.run_until_idle();
      CHECK(family.take() == row.hooks);
      CHECK(system.has_stopped(root));
      REQUIRE(system.failures().size() == 1);
      CHECK(system.stats().actors == 0);
      testing::check_end(system);
    }
  }
}

struct Pairs {
  static constexpr std::string_view kName = "pairs";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t failed, std::size_t count) const noexcept {
    const std::size_t first = failed / 2 * 2;
    return {first, std::min(first + 2, count)};
  }
};

TEST_CASE("a strategy of the user's own runs on real actors") {
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .strategy = Pairs{}}, testing::members(family, {"1", "2", "3", "4", "5"})));
  REQUIRE(root);
  family.take().clear();
  testing::at(*root, "3").send(Bang{});
  system.run_until_idle();
  CHECK(family.take() == Lines{"stop 3", "stop 4", "start 3", "start 4"});
  testing::at(*root, "5").send(Bang{});
  system.run_until_idle();
  CHECK(family.take() == Lines{"stop 5", "start 5"});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
