#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// What a supervisor answers at run time. Source: OTP's supervisor, the returns of start_child and its siblings.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Grow;
using testing::kPatience;
using testing::kPlenty;
using testing::Life;
using testing::Lines;
using testing::Member;
using testing::Planned;
using testing::TestSystem;
using testing::word;
using Kind = CallError::Kind;

Lines states(const ActorRef<Supervisor>& root) {
  Lines lines;
  const std::vector<ChildInfo> children = root.which_children().value();
  for (const ChildInfo& child : children) lines.push_back(child.id + ' ' + to_string(child.state));
  return lines;
}

struct Scene {
  explicit Scene(SupervisorOptions options = {.id = "app"}, const std::vector<std::string>& ids = {"a", "b"}) {
    root = system.start(SupervisorSpec{std::move(options), testing::members(family, ids)}).value();
    static_cast<void>(family.take());
  }
  [[nodiscard]] ChildSpec spec(const std::string& id, Restart restart = Restart::Permanent, bool significant = false) {
    return testing::member(family, ChildOptions{.id = id, .restart = restart, .significant = significant});
  }
  void settle() { system.run_until_idle(); }
  Family family;
  TestSystem system;
  ActorRef<Supervisor> root;
};

TEST_CASE("a child started at run time is the last in start order and runs when the call returns") {  // F57
  Scene scene{{.id = "app", .strategy = RestForOne{}}};
  const auto started = scene.root.start_child(scene.spec("c"));
  REQUIRE(started);
  CHECK(scene.family.take() == Lines{"start c"});
  CHECK(started->as<Member>().ask(Grow{3}, 1s).get() == Result<int, AskError>{3});
  CHECK(AnyRef{testing::at(scene.root, "c")} == *started);
  CHECK(states(scene.root) == Lines{"c running", "b running", "a running"});
  testing::at(scene.root, "b").send(Bang{});
  scene.settle();
  CHECK(scene.family.take() == Lines{"stop b", "stop c", "start b", "start c"});
  testing::check_end(scene.system);
  CHECK(scene.family.take() == Lines{"stop c", "stop b", "stop a"});
}

TEST_CASE("each call answers as the child stands") {
  Scene scene{{.id = "app", .intensity = kPlenty, .backoff = Exponential{}}, {"up", "down", "waiting"}};
  REQUIRE(scene.root.terminate_child("down"));
  testing::at(scene.root, "waiting").send(Bang{});
  scene.settle();
  static_cast<void>(scene.family.take());
  REQUIRE(states(scene.root) == Lines{"waiting restarting", "down down", "up running"});

  const auto again = scene.root.start_child(scene.spec("up"));
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == Kind::AlreadyStarted);
  CHECK(again.error().child == AnyRef{testing::at(scene.root, "up")});
  CHECK(word(scene.root.start_child(scene.spec("down"))) == word(Kind::AlreadyPresent));
  CHECK(word(scene.root.start_child(scene.spec("waiting"))) == word(Kind::AlreadyPresent));
  CHECK(word(scene.root.restart_child("up")) == word(Kind::Running));
  CHECK(word(scene.root.restart_child("waiting")) == word(Kind::Restarting));
  CHECK(word(scene.root.restart_child("nobody")) == word(Kind::NotFound));
  CHECK(word(scene.root.delete_child("up")) == word(Kind::Running));
  CHECK(word(scene.root.delete_child("waiting")) == word(Kind::Restarting));
  CHECK(word(scene.root.delete_child("nobody")) == word(Kind::NotFound));
  CHECK(word(scene.root.terminate_child("nobody")) == word(Kind::NotFound));
  CHECK(word(scene.root.terminate_child("down")) == "ok");  // it is down already
  CHECK(scene.family.take().empty());                       // none of this did anything

  CHECK(word(scene.root.restart_child("down")) == "ok");
  CHECK(scene.family.take() == Lines{"start down"});
  CHECK(word(scene.root.terminate_child("waiting")) == "ok");
  scene.system.advance(1h);
  CHECK(scene.family.take().empty());  // its start attempt was cancelled
  CHECK(word(scene.root.delete_child("waiting")) == "ok");
  CHECK(word(scene.root.start_child(scene.spec("waiting"))) == "ok");
  CHECK(states(scene.root) == Lines{"waiting running", "down running", "up running"});
  CHECK(scene.root.count_children().value() == ChildCounts{.specs = 3, .active = 3, .supervisors = 0, .workers = 3});
  testing::check_end(scene.system);
}

TEST_CASE("a spec is refused with what is wrong and nothing is started") {
  Scene scene;
  const auto refused = [&](const ChildSpec& spec, const std::string& text) {
    const auto result = scene.root.start_child(spec);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == Kind::BadSpec);
    CHECK_THAT(result.error().text, Catch::Contains(text));
  };
  refused(scene.spec(""), "empty id");
  refused(scene.spec("a/b"), "'/'");
  refused(testing::member(scene.family, ChildOptions{.id = "x", .shutdown = -1ms}), "negative");
  refused(testing::member(scene.family, ChildOptions{.id = "x", .start_within = 0ns}), "longer than zero");
  refused(testing::member(scene.family, ChildOptions{.id = "x", .mailbox = Bounded{.capacity = 0}}), "capacity");
  refused(scene.spec("x", Restart::Transient, true), "Never");
  refused(supervisor({.id = "tree"}, testing::members(scene.family, {"p", "p"})), "two children");
  CHECK(scene.family.take().empty());
  CHECK(scene.root.count_children().value().specs == 2);
  testing::check_end(scene.system);
}

TEST_CASE("several children start in their order, all or none") {
  Scene scene;
  const auto started = scene.root.start_children(testing::members(scene.family, {"c", "d"}));
  REQUIRE(started);
  REQUIRE(started->size() == 2);
  CHECK((*started)[1] == AnyRef{testing::at(scene.root, "d")});
  CHECK(scene.family.take() == Lines{"start c", "start d"});

  scene.family.plans["g"] = {Planned::Error};
  const auto failed = scene.root.start_children(testing::members(scene.family, {"e", "f", "g", "h"}));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Kind::StartFailed);
  CHECK(failed.error().text == "g");
  CHECK_THAT(failed.error().reason.to_string(), Catch::Contains("cannot start g"));
  CHECK(scene.family.take() == Lines{"start e", "start f", "start g!", "stop f", "stop e"});
  CHECK(states(scene.root) == Lines{"d running", "c running", "b running", "a running"});
  CHECK_FALSE(scene.root.child<Member>("e"));

  const auto taken = scene.root.start_children(testing::members(scene.family, {"i", "a"}));
  CHECK(word(taken) == word(Kind::AlreadyStarted));
  CHECK(taken.error().text == "a");
  CHECK(word(scene.root.start_children(testing::members(scene.family, {"i", "i"}))) == word(Kind::BadSpec));
  CHECK(scene.root.start_children({}).value().empty());
  CHECK(scene.family.take().empty());

  scene.family.plans["t"] = {Planned::Error};
  const auto temporary = scene.root.start_children({scene.spec("s"), scene.spec("t", Restart::Temporary)});
  REQUIRE_FALSE(temporary);
  CHECK(temporary.error().text == "t");
  CHECK(scene.family.take() == Lines{"start s", "start t!", "stop s"});

  scene.family.plans["j"] = {Planned::Ignore};
  auto batch = testing::members(scene.family, {"i"});
  batch.push_back(scene.spec("j", Restart::Temporary));
  batch.push_back(scene.spec("k"));
  const auto ignored = scene.root.start_children(batch);
  REQUIRE(ignored);
  CHECK((*ignored)[0]);
  CHECK_FALSE((*ignored)[1]);
  CHECK((*ignored)[2]);
  CHECK(states(scene.root) == Lines{"k running", "i running", "d running", "c running", "b running", "a running"});
  testing::check_end(scene.system);
}

TEST_CASE("a member of a batch that crashes before the batch fails is gone with it and counts for nothing") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root =
        system.start(SupervisorSpec{{.id = "app", .intensity = {.restarts = 0}}, testing::members(family, {"a"})})
            .value();
    struct Rash : Actor<Rash> {
      void on_start() { self().send(Bang{}); }
      void handle(Bang) { throw std::runtime_error{"boom"}; }
    };
    family.plans["c"] = {Planned::Error};
    std::vector<ChildSpec> batch;
    batch.push_back(child<Rash>({.id = "b"}));
    batch.push_back(testing::member(family, "c"));
    const auto failed = root.start_children(std::move(batch));
    CAPTURE(seed);
    CHECK(word(failed) == word(Kind::StartFailed));
    CHECK(root.count_children().value().specs == 1);
    CHECK_FALSE(system.has_stopped(root));
    testing::check_end(system);
  }
}

TEST_CASE("a start that fails leaves no trace and a restart that fails keeps the spec") {
  Scene scene;
  scene.family.plans["c"] = {Planned::Error};
  const auto failed = scene.root.start_child(scene.spec("c"));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Kind::StartFailed);
  CHECK_THAT(failed.error().reason.to_string(), Catch::Contains("cannot start c"));
  CHECK(states(scene.root) == Lines{"b running", "a running"});
  CHECK_FALSE(scene.root.child<Member>("c"));

  REQUIRE(scene.root.terminate_child("b"));
  scene.family.plans["b"] = {Planned::Error};
  CHECK(word(scene.root.restart_child("b")) == word(Kind::StartFailed));
  CHECK(states(scene.root) == Lines{"b down", "a running"});
  scene.system.advance(1h);  // no attempt of its own follows
  CHECK(states(scene.root) == Lines{"b down", "a running"});
  CHECK(word(scene.root.restart_child("b")) == "ok");
  CHECK(testing::at(scene.root, "b").ask(Grow{1}, 1s).get() == Result<int, AskError>{1});
  testing::check_end(scene.system);
}

TEST_CASE("a child that ignores its start is kept unless it is temporary") {
  Scene scene;
  scene.family.plans["kept"] = {Planned::Ignore};
  scene.family.plans["gone"] = {Planned::Ignore};
  const auto kept = scene.root.start_child(scene.spec("kept"));
  REQUIRE(kept);
  CHECK_FALSE(*kept);
  const auto gone = scene.root.start_child(scene.spec("gone", Restart::Temporary));
  REQUIRE(gone);
  CHECK_FALSE(*gone);
  CHECK(states(scene.root) == Lines{"kept down", "b running", "a running"});
  CHECK(scene.family.take() == Lines{"start kept?", "start gone?"});
  CHECK(scene.system.stats().failures == 0);
  CHECK(word(scene.root.restart_child("kept")) == "ok");
  CHECK(states(scene.root) == Lines{"kept running", "b running", "a running"});
  testing::check_end(scene.system);
}

TEST_CASE("a tree starts although one of its children ignores its start") {
  Family family;
  family.plans["b"] = {Planned::Ignore};
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::members(family, {"a", "b", "c"})));
  REQUIRE(root);
  CHECK(family.take() == Lines{"start a", "start b?", "start c"});
  CHECK(states(*root) == Lines{"c running", "b down", "a running"});
  testing::check_end(system);
  CHECK(family.take() == Lines{"stop c", "stop a"});
}

TEST_CASE("terminating counts against no limit and sets off no strategy") {
  Scene scene{{.id = "app", .strategy = OneForAll{}, .intensity = {.restarts = 0, .within = 5s}}, {"a", "b", "c"}};
  for (int round = 0; round < 5; ++round) {
    REQUIRE(scene.root.terminate_child("b"));
    REQUIRE(scene.root.restart_child("b"));
  }
  CHECK(scene.family.take().size() == 10);
  CHECK(states(scene.root) == Lines{"c running", "b running", "a running"});
  testing::check_end(scene.system);
}

TEST_CASE("a terminated place is closed and restarting it opens it again for the same refs") {
  Scene scene;
  const auto a = testing::at(scene.root, "a");
  REQUIRE(scene.root.terminate_child("a"));
  CHECK(a.send(Grow{}) == Delivery::Closed);
  REQUIRE(scene.root.restart_child("a"));
  CHECK(a.ask(Life{}, 1s).get() == Result<std::uint32_t, AskError>{2});
  testing::check_end(scene.system);
}

TEST_CASE("a call in the middle of a group restart waits for its end") {  // the supervisor never looks half done
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root =
        system.start(supervisor({.id = "app", .strategy = OneForAll{}}, testing::members(family, {"a", "b", "c"})));
    REQUIRE(root);
    static_cast<void>(family.take());
    testing::at(*root, "b").send(Bang{});
    for (std::uint64_t i = 0; i < seed % 20; ++i) system.step();
    REQUIRE(root->start_child(testing::member(family, "d")));
    system.run_until_idle();
    Lines lines = family.take();
    const Lines group{"stop b", "stop c", "stop a", "start a", "start b", "start c"};
    const bool after = lines == [&] {
      Lines all = group;
      all.push_back("start d");
      return all;
    }();
    // The call may have come before the crash was heard of: then d is stopped and started with the others.
    const bool before = lines.size() == 9 && lines.back() == "start d";
    CHECK((after || before));
    CHECK(states(*root) == Lines{"d running", "c running", "b running", "a running"});
    testing::check_end(system);
  }
}

TEST_CASE("children that were started at run time are forgotten when their supervisor is restarted") {  // OTP's `tree`
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor(
      {.id = "app", .intensity = kPlenty},
      supervisor({.id = "inner", .intensity = {.restarts = 0, .within = 5s}}, testing::member(family, "a"))));
  REQUIRE(root);
  const auto inner = root->child<Supervisor>("inner").value();
  REQUIRE(inner.start_child(testing::member(family, "extra")));
  REQUIRE(inner.terminate_child("a"));
  REQUIRE(inner.delete_child("a"));
  const auto extra = inner.child<Member>("extra").value();
  extra.send(Bang{});  // one restart too many: inner ends, and app starts it again
  system.run_until_idle();
  CHECK(states(inner) == Lines{"a running"});
  CHECK_FALSE(inner.child<Member>("extra"));
  CHECK(extra.is_closed());
  testing::check_end(system);
}

TEST_CASE("a temporary child is forgotten however it ends") {
  Scene scene;
  REQUIRE(scene.root.start_child(scene.spec("t", Restart::Temporary)));
  SECTION("by a crash") { testing::at(scene.root, "t").send(Bang{}); }
  SECTION("by itself") { testing::at(scene.root, "t").send(End{ExitReason::normal()}); }
  SECTION("terminated") { REQUIRE(scene.root.terminate_child("t")); }
  scene.settle();
  CHECK(states(scene.root) == Lines{"b running", "a running"});
  CHECK(word(scene.root.restart_child("t")) == word(Kind::NotFound));
  CHECK(word(scene.root.delete_child("t")) == word(Kind::NotFound));
  CHECK_FALSE(scene.root.child<Member>("t"));
  testing::check_end(scene.system);
}

TEST_CASE("a significant child takes its supervisor along as auto_shutdown says") {  // EEP 56
  struct Row {
    AutoShutdown auto_shutdown;
    Lines ends;  // these end by themselves, in this order
    bool ended;
  };
  const Row rows[] = {
      {AutoShutdown::AnySignificant, {"s1"}, true},           {AutoShutdown::AnySignificant, {"plain"}, false},
      {AutoShutdown::AllSignificant, {"s1"}, false},          {AutoShutdown::AllSignificant, {"s1", "s2"}, true},
      {AutoShutdown::AllSignificant, {"plain", "s1"}, false},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.auto_shutdown), row.ends);
    Scene scene{{.id = "app", .auto_shutdown = row.auto_shutdown}, {"p"}};
    for (const char* const id : {"s1", "s2"}) REQUIRE(scene.root.start_child(scene.spec(id, Restart::Transient, true)));
    REQUIRE(scene.root.start_child(scene.spec("plain", Restart::Transient)));
    for (const std::string& id : row.ends) {
      testing::at(scene.root, id).send(End{ExitReason::normal()});
      scene.settle();
    }
    CHECK(scene.system.has_stopped(scene.root) == row.ended);
    CHECK(scene.system.failures().empty());
    testing::check_end(scene.system);
  }
}

TEST_CASE("terminating the last significant child ends nothing") {
  Scene scene{{.id = "app", .auto_shutdown = AutoShutdown::AllSignificant}, {"p"}};
  REQUIRE(scene.root.start_child(scene.spec("s", Restart::Transient, true)));
  REQUIRE(scene.root.terminate_child("s"));
  scene.settle();
  CHECK_FALSE(scene.system.has_stopped(scene.root));
  testing::check_end(scene.system);
}

TEST_CASE("a spec comes back as it was given") {
  Scene scene;
  const ChildSpec given = scene.spec("c", Restart::Transient);
  REQUIRE(scene.root.start_child(given));
  CHECK(scene.root.get_childspec("c").value() == given);
  CHECK(word(scene.root.get_childspec("nobody")) == word(Kind::NotFound));
  testing::check_end(scene.system);
}

TEST_CASE("calls to a supervisor that has ended answer closing") {
  Scene scene;
  REQUIRE(scene.system.stop(scene.root).get());
  CHECK(word(scene.root.start_child(scene.spec("c"))) == word(Kind::Closing));
  CHECK(word(scene.root.terminate_child("a")) == word(Kind::Closing));
  CHECK(word(scene.root.which_children()) == word(Kind::Closing));
  CHECK(scene.family.take() == Lines{"stop b", "stop a"});
  testing::check_end(scene.system);
}

TEST_CASE("calls that wait when their supervisor ends answer closing") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app"}, testing::members(family, {"a", "b"})));
    REQUIRE(root);
    std::vector<AskFuture<Result<AnyRef, CallError>>> answers;
    for (const char* const id : {"c", "d", "e"})
      answers.push_back(root->ask(StartChild{testing::member(family, id)}, kForever));
    for (std::uint64_t i = 0; i < seed % 12; ++i) system.step();
    static_cast<void>(system.stop(*root).get());
    for (auto& answer : answers) {
      const auto result = answer.get();  // comes, whatever it is
      const bool refused =
          !result ? result.error() == AskError::Closed : !*result && result->error().kind == Kind::Closing;
      CHECK((refused || (result && *result)));
    }
    testing::check_end(system);
    CHECK(family.constructed == family.destroyed);
  }
}

TEST_CASE("an actor asks and a blocking call on its turn is refused") {
  struct Manager : Actor<Manager> {
    Manager(ActorRef<Supervisor> r, Family* f) : root{std::move(r)}, family{f} {}
    std::string handle(int) { return word(root.start_child(testing::member(*family, "blocking"))); }
    void handle(long) {
      ask(root, StartChild{testing::member(*family, "asked")}, 1s)
          .then([this](Result<Result<AnyRef, CallError>, AskError> started) {
            outcome = started && *started && **started;
          });
    }
    bool handle(bool) { return outcome; }
    ActorRef<Supervisor> root;
    Family* family;
    bool outcome = false;
  };
  Scene scene;
  const auto manager = scene.system.spawn<Manager>(scene.root, &scene.family);
  CHECK(manager.ask(1, 1s).get() == Result<std::string, AskError>{word(Kind::Blocking)});
  manager.send(1L);
  scene.settle();
  CHECK(manager.ask(true, 1s).get() == Result<bool, AskError>{true});
  CHECK(states(scene.root) == Lines{"asked running", "b running", "a running"});
  testing::check_end(scene.system);
}

TEST_CASE("threads that start and stop children at once lose none and double none") {
  struct Plain : Actor<Plain> {
    int handle(int n) { return n; }
  };
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root = system.start(supervisor({.id = "app"}, child<Plain>({.id = "first"}))).value();
  constexpr int kThreads = 4;
  const int rounds = static_cast<int>(testing::scaled(100));
  std::vector<int> wrong(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t, &bad = wrong[static_cast<std::size_t>(t)]] {
      for (int i = 0; i < rounds; ++i) {
        const std::string id = std::to_string(t) + '-' + std::to_string(i);
        const auto started = root.start_child(child<Plain>({.id = id}), kPatience);
        if (!started || started->as<Plain>().ask(i, kPatience).get() != Result<int, AskError>{i}) ++bad;
        if (root.start_child(child<Plain>({.id = id}), kPatience)) ++bad;
        if (i % 2 == 0) continue;
        if (!root.terminate_child(id, kPatience) || !root.delete_child(id, kPatience)) ++bad;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(kThreads));
  const auto left = 1 + static_cast<std::uint64_t>(kThreads) * ((static_cast<std::uint64_t>(rounds) + 1) / 2);
  CHECK(root.count_children().value() == ChildCounts{.specs = left, .active = left, .supervisors = 0, .workers = left});
  REQUIRE(testing::at_rest(system));
  CHECK(system.stats().actors == left + 1);
  testing::check_end(system);
}

TEST_CASE("who is started by a call during the delay of a group restart is started anew with the group") {  // OTP: §1.8
  Scene scene{{.id = "app", .strategy = OneForAll{}, .intensity = kPlenty, .backoff = Exponential{}}, {"a", "b", "c"}};
  testing::at(scene.root, "a").send(Bang{});
  scene.settle();
  CHECK(scene.family.take() == Lines{"stop a", "stop c", "stop b"});
  REQUIRE(scene.root.restart_child("b"));
  REQUIRE(scene.root.start_child(scene.spec("d")));
  CHECK(scene.family.take() == Lines{"start b", "start d"});
  scene.system.advance(100ms);
  CHECK(scene.family.take() == Lines{"stop d", "stop b", "start a", "start b", "start c", "start d"});
  CHECK(states(scene.root) == Lines{"d running", "c running", "b running", "a running"});
  testing::check_end(scene.system);
}

}  // namespace
}  // namespace coppice
