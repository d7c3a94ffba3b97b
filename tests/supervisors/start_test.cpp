#include <algorithm>
#include <optional>

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
using testing::Life;
using testing::Lines;
using testing::Member;
using testing::TestSystem;

TEST_CASE("a tree starts depth first and start returns when all of it runs") {  // §1.3
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a"),
                                              supervisor({.id = "sub"}, testing::members(family, {"b", "c"})),
                                              testing::member(family, "d")));
    REQUIRE(root);
    CHECK(family.take() == Lines{"start a", "start b", "start c", "start d"});
    CHECK(root->path() == "app");
    CHECK(root->phase() == Phase::Running);
    CHECK(system.stats().actors == 6);
    CHECK(system.ready() == 0);
    testing::check_end(system);
    CHECK(family.take() == Lines{"stop d", "stop c", "stop b", "stop a"});
  }
}

TEST_CASE("the third of five throws and the first two are stopped again in reverse") {  // F56
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    family.plans["3"] = {false};
    const auto spec = supervisor({.id = "app"}, testing::members(family, {"1", "2", "3", "4", "5"}));
    const auto root = system.start(spec);
    REQUIRE_FALSE(root);
    CHECK(family.take() == Lines{"start 1", "start 2", "start 3!", "stop 2", "stop 1"});
    CHECK(root.error().kind == StartError::Kind::ChildFailed);
    CHECK(root.error().child == "3");
    CHECK_THAT(root.error().reason.to_string(), testing::has_text("cannot start 3"));
    CHECK_THAT(root.error().text, testing::has_text("cannot start 3"));
    // Nothing of it is left, and the same spec starts afterwards.
    CHECK(system.stats().actors == 0);
    CHECK(system.start(spec).has_value());
    CHECK(family.take() == Lines{"start 1", "start 2", "start 3", "start 4", "start 5"});
    testing::check_end(system);
    CHECK(family.constructed["1"] == family.destroyed["1"]);
  }
}

TEST_CASE("a start that fails is reported to its caller and to nobody else") {
  Family family;
  TestSystem system;
  family.plans["a"] = {false};
  CHECK_FALSE(system.start(supervisor({.id = "app"}, testing::member(family, "a"))));
  CHECK(system.failures() == Lines{});
  testing::check_end(system);
}

TEST_CASE("a start that fails deep in the tree names the whole path") {  // F56
  Family family;
  TestSystem system;
  family.plans["c"] = {false};
  const auto root =
      system.start(supervisor({.id = "app"}, testing::member(family, "a"),
                              supervisor({.id = "outer"}, testing::member(family, "b"),
                                         supervisor({.id = "inner"}, testing::members(family, {"x", "c", "y"})))));
  REQUIRE_FALSE(root);
  CHECK(root.error().kind == StartError::Kind::ChildFailed);
  CHECK(root.error().child == "outer/inner/c");
  CHECK(family.take() == Lines{"start a", "start b", "start x", "start c!", "stop x", "stop b", "stop a"});
  testing::check_end(system);
}

TEST_CASE("an on_start that throws is a start that failed") {  // F56
  struct Late : Actor<Late> {
    explicit Late(int* d) : destroyed{d} {}
    ~Late() { ++*destroyed; }
    void on_start() { throw std::runtime_error{"late"}; }
    void handle(int) {}
    int* destroyed;
  };
  Family family;
  int destroyed = 0;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app"}, testing::member(family, "a"), child<Late>({.id = "late"}, &destroyed)));
  REQUIRE_FALSE(root);
  CHECK(root.error().child == "late");
  CHECK_THAT(root.error().reason.to_string(), testing::has_text("late"));
  CHECK(destroyed == 1);
  CHECK(family.take() == Lines{"start a", "stop a"});
  testing::check_end(system);
}

TEST_CASE("the n-th start fails wherever in the tree it is and nothing is left") {
  for (std::uint64_t n = 1; n <= 8; ++n) {
    for (std::uint64_t seed = 1; seed <= testing::scaled(10); ++seed) {
      CAPTURE(n, seed);
      Family family;
      TestSystem system{{.seed = seed}};
      system.fail_start(n);
      const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a"),
                                                supervisor({.id = "sub"}, testing::members(family, {"b", "c"})),
                                                testing::member(family, "d")));
      CHECK(root.has_value() == (n > 6));
      if (!root) {
        CHECK(system.stats().actors == 0);
        CHECK(root.error().kind == StartError::Kind::ChildFailed);
        CHECK_THAT(root.error().reason.to_string(), testing::has_text("injected"));
      }
      testing::check_end(system);
      for (const auto& [id, count] : family.constructed) CHECK(count == family.destroyed[id]);
    }
  }
}

TEST_CASE("a bad specification starts nothing and says what is wrong") {  // F59
  Family family;
  const auto one = [&](ChildOptions options) {
    return supervisor({.id = "app"}, testing::member(family, std::move(options)));
  };
  const auto with = [&](SupervisorOptions options) {
    return supervisor(std::move(options), testing::member(family, "a"));
  };
  struct Row {
    const char* name;
    SupervisorSpec spec;
    const char* text;
  };
  const Row rows[] = {
      {"duplicate id", supervisor({.id = "app"}, testing::members(family, {"a", "b", "a"})), "\"a\""},
      {"a supervisor's id twice", supervisor({.id = "app"}, testing::member(family, "s"), supervisor({.id = "s"})),
       "\"s\""},
      {"empty child id", one({.id = ""}), "id"},
      {"slash in an id", one({.id = "a/b"}), "a/b"},
      {"empty id", supervisor({.id = ""}, testing::member(family, "a")), "id"},
      {"slash in the supervisor's id", with({.id = "x/y"}), "x/y"},
      {"window of zero", with({.id = "app", .intensity = {.restarts = 1, .within = 0s}}), "within"},
      {"negative window", with({.id = "app", .intensity = {.restarts = 1, .within = -1s}}), "within"},
      {"negative first delay", with({.id = "app", .backoff = Exponential{.first = -1ms}}), "backoff"},
      {"cap below the first", with({.id = "app", .backoff = Exponential{.first = 2s, .cap = 1s}}), "backoff"},
      {"factor below one", with({.id = "app", .backoff = Exponential{.factor = 0.5}}), "backoff"},
      {"jitter above a half", with({.id = "app", .backoff = Exponential{.jitter = 0.6}}), "backoff"},
      {"negative jitter", with({.id = "app", .backoff = Exponential{.jitter = -0.1}}), "backoff"},
      {"factor that is no number",
       with({.id = "app", .backoff = Exponential{.factor = std::numeric_limits<double>::quiet_NaN()}}), "backoff"},
      {"no time to start", one({.id = "a", .start_within = 0s}), "start_within"},
      {"negative time to start", one({.id = "a", .start_within = -1s}), "start_within"},
      {"mailbox without room", one({.id = "a", .mailbox = Bounded{.capacity = 0}}), "capacity"},
      {"fault deep in the tree",
       supervisor({.id = "app"}, testing::member(family, "a"),
                  supervisor({.id = "s"}, testing::members(family, {"b", "b"}))),
       "\"b\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    TestSystem system;
    const auto root = system.start(row.spec);
    REQUIRE_FALSE(root);
    CHECK(root.error().kind == StartError::Kind::BadSpec);
    CHECK_THAT(root.error().text, testing::has_text(row.text));
    CHECK(family.take().empty());  // atomic: all of it is checked before anything starts
    CHECK(system.stats().actors == 0);
    testing::check_end(system);
  }
}

TEST_CASE("a negative time to stop is refused and brutal is not") {  // F57: no option does nothing
  Family family;
  for (const Duration within : {Duration{-1ns}, Duration{-5s}}) {
    TestSystem system;
    const auto root = system.start(supervisor({.id = "app"}, testing::member(family, {.id = "a", .shutdown = within})));
    CAPTURE(within.count());
    REQUIRE_FALSE(root);
    CHECK(root.error().kind == StartError::Kind::BadSpec);
    testing::check_end(system);
  }
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app"}, testing::member(family, {.id = "a", .shutdown = Shutdown::brutal()})));
  REQUIRE(root);
  CHECK(system.stop(*root).get().has_value());
  testing::check_end(system);
}

TEST_CASE("a blocking start on an actor's turn is refused") {
  struct Starter : Actor<Starter> {
    explicit Starter(std::optional<StartError::Kind>* k) : kind{k} {}
    void handle(Bang) {
      const auto root = system().start(supervisor({.id = "inner"}, child<Starter>({.id = "s"}, kind)));
      if (!root) *kind = root.error().kind;
    }
    std::optional<StartError::Kind>* kind;
  };
  std::optional<StartError::Kind> kind;
  TestSystem system;
  system.spawn<Starter>(&kind).send(Bang{});
  system.run_until_idle();
  CHECK(kind == StartError::Kind::Blocking);
  testing::check_end(system);
}

TEST_CASE("a full system starts no tree and nothing of it is left") {
  for (const std::uint64_t most : {1U, 2U, 3U, 4U, 5U, 6U}) {
    CAPTURE(most);
    Family family;
    testing::TestOptions options;
    options.system.actors_max = most;
    TestSystem system{std::move(options)};
    const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a"),
                                              supervisor({.id = "sub"}, testing::members(family, {"b", "c"}))));
    CHECK(root.has_value() == (most >= 5));
    if (!root) {
      CHECK(system.stats().actors == 0);
      // What was started is stopped again, in reverse.
      Lines lines = family.take();
      Lines undone;
      for (const auto& line : lines) {
        if (line.starts_with("start")) undone.insert(undone.begin(), "stop" + line.substr(5));
      }
      CHECK(Lines(lines.begin() + static_cast<std::ptrdiff_t>(lines.size() - undone.size()), lines.end()) == undone);
    }
    testing::check_end(system);
  }
}

TEST_CASE("a start after the shutdown is refused") {
  Family family;
  TestSystem system;
  CHECK(system.shutdown().complete);
  const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a")));
  REQUIRE_FALSE(root);
  CHECK(root.error().kind == StartError::Kind::Closing);
  CHECK(family.take().empty());
  testing::check_end(system);
}

TEST_CASE("the children that a life spawned end with it") {
  struct Greedy : Actor<Greedy> {  // holds a child, and so a place, of its own
    void on_start() { extra = spawn<Greedy2>(); }
    struct Greedy2 : Actor<Greedy2> {
      void handle(int) {}
    };
    void handle(Bang) { throw 1; }
    ActorRef<Greedy2> extra;
  };
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, child<Greedy>({.id = "g"})));
  REQUIRE(root);
  root->child<Greedy>("g").value().send(Bang{});
  system.run_until_idle();
  CHECK(system.stats().actors == 3);  // the old life's child went with it
  testing::check_end(system);
}

TEST_CASE("a ref of a supervisor finds its children and checks their type") {
  Family family;
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "app"}, testing::member(family, "a"), supervisor({.id = "sub"}, testing::member(family, "b"))));
  REQUIRE(root);
  CHECK(root->child<Member>("a").value().ask(Life{}, 1s).get() == Result<std::uint32_t, AskError>{1});
  CHECK(root->child<Member>("nobody").error() == LookupError::Unknown);
  CHECK(root->child<Member>("").error() == LookupError::Unknown);
  CHECK(root->child<Member>("b").error() == LookupError::Unknown);
  CHECK(root->child<Supervisor>("a").error() == LookupError::WrongType);
  CHECK(root->child<Member>("sub").error() == LookupError::WrongType);
  CHECK(root->child<Supervisor>("sub").value().child<Member>("b").value().path() == "app/sub/b");
  CHECK(ActorRef<Supervisor>{}.child<Member>("a").error() == LookupError::Unknown);
  const ActorRef<Supervisor> kept = *root;
  testing::check_end(system);
  CHECK_FALSE(kept.child<Member>("a"));
}

TEST_CASE("defaults of a child are what they are said to be") {  // F59: by behaviour
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::member(family, ChildOptions{.id = "a"})));
  REQUIRE(root);
  testing::at(*root, "a").send(testing::End{ExitReason::normal()});
  system.run_until_idle();
  CHECK(testing::at(*root, "a").incarnation() == 2);  // permanent
  testing::check_end(system);
}

/// Counts lives, and notes whether one that had started ended without on_stop.
struct Punctual : Actor<Punctual> {
  struct Counts {
    int constructed = 0;
    int stopped = 0;
    int destroyed = 0;
  };
  explicit Punctual(Counts* c) : counts{c} { ++counts->constructed; }
  ~Punctual() { ++counts->destroyed; }
  void on_stop(const ExitReason&) { ++counts->stopped; }
  void handle(Bang) { throw std::runtime_error{"bang"}; }
  Counts* counts;
};

TEST_CASE("a start that is late makes no life that is killed at once and ends none that has begun") {  // F56
  int late = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Punctual::Counts counts;
    TestSystem system{{.seed = seed, .schedule = {.early_timers_one_in = 2}}};
    const auto root = system.start(supervisor({.id = "app", .intensity = {.restarts = 100, .within = 1h}},
                                              child<Punctual>({.id = "a", .start_within = 1s}, &counts)));
    REQUIRE(root);
    root->child<Punctual>("a").value().send(Bang{});
    // The time limit comes due before the child has run, or while the news of its start is on its way.
    while (system.explore(1h)) {
    }
    const auto starts_missed =
        std::count_if(system.event_log().begin(), system.event_log().end(),
                      [](const std::string& line) { return line.find("actor start failed") != std::string::npos; });
    late += starts_missed != 0 ? 1 : 0;
    CHECK(root->child<Punctual>("a").value().phase() == Phase::Running);
    CHECK(counts.constructed == 2);
    testing::check_end(system);
    CHECK(counts.destroyed == counts.constructed);
    CHECK(counts.stopped == counts.constructed);
  }
  CHECK(late > 10);
}

}  // namespace
}  // namespace coppice
