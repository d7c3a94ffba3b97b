#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/gate.hpp"
#include "support/own_time.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

// Source: Elixir's DynamicSupervisor, and OTP's supervisor with simple_one_for_one.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Grow;
using testing::kPlenty;
using testing::Life;
using testing::Lines;
using testing::Member;
using testing::Planned;
using testing::TestSystem;
using testing::word;
using Kind = CallError::Kind;

struct Scene {
  explicit Scene(DynamicSupervisorOptions options = {.id = "pool"}, std::uint64_t seed = 1)
      : system{{.seed = seed}}, pool{system.start(dynamic_supervisor(std::move(options))).value()} {}
  [[nodiscard]] ChildSpec spec(const std::string& id, Restart restart = Restart::Permanent) {
    return testing::member(family, ChildOptions{.id = id, .restart = restart});
  }
  ActorRef<Member> start(const std::string& id, Restart restart = Restart::Permanent) {
    return pool.start_child(spec(id, restart)).value().as<Member>();
  }
  void tell(const ActorRef<Member>& member, const auto& message) {
    member.send(message);
    system.run_until_idle();
  }
  [[nodiscard]] Lines children() const {
    Lines lines;
    const std::vector<ChildInfo> infos = pool.which_children().value();
    for (const ChildInfo& child : infos) lines.push_back(child.id + ' ' + to_string(child.state));
    return lines;
  }
  Family family;
  TestSystem system;
  ActorRef<DynamicSupervisor> pool;
};

TEST_CASE("a dynamic supervisor begins without children and starts those it is given") {
  Scene scene;
  CHECK(scene.children().empty());
  const auto a = scene.start("a");
  const auto b = scene.start("b");
  CHECK(scene.family.take() == Lines{"start a", "start b"});
  CHECK(scene.children() == Lines{"b running", "a running"});
  CHECK(scene.pool.count_children().value() == ChildCounts{.specs = 2, .active = 2, .supervisors = 0, .workers = 2});
  CHECK(a.path() == "pool/a");
  CHECK(b.ask(Grow{2}, 1s).get() == Result<int, AskError>{2});
  const auto typed = scene.pool.start_child<Member>({.restart = Restart::Temporary}, &scene.family, std::string{"c"});
  REQUIRE(typed);
  CHECK(typed->name().empty());
  CHECK(typed->ask(Life{}, 1s).get() == Result<std::uint32_t, AskError>{1});
  testing::check_end(scene.system);
}

TEST_CASE("children of a dynamic supervisor may have one id for all, or none") {
  Scene scene;
  const auto one = scene.start("twin");
  const auto other = scene.start("twin");
  CHECK(one != other);
  CHECK(scene.children() == Lines{"twin running", "twin running"});
  CHECK(word(scene.pool.terminate_child(one)) == "ok");
  CHECK(one.is_closed());
  CHECK_FALSE(other.is_closed());
  testing::check_end(scene.system);
}

TEST_CASE("what an end means to a dynamic child is decided by restart type and reason") {
  struct Row {
    Restart restart;
    ExitReason reason;
    bool comes_back;
  };
  const std::vector<Row> rows{
      {Restart::Permanent, ExitReason::normal(), true},          {Restart::Permanent, ExitReason::shutdown(), true},
      {Restart::Permanent, ExitReason::error("x"), true},        {Restart::Transient, ExitReason::normal(), false},
      {Restart::Transient, ExitReason::shutdown("term"), false}, {Restart::Transient, ExitReason::error("x"), true},
      {Restart::Temporary, ExitReason::normal(), false},         {Restart::Temporary, ExitReason::error("x"), false}};
  for (const Row& row : rows) {
    CAPTURE(to_string(row.restart), row.reason.to_string());
    Scene scene;
    const auto child = scene.start("a", row.restart);
    const auto sibling = scene.start("b");
    scene.tell(child, End{row.reason});
    CHECK(child.is_closed() == !row.comes_back);
    CHECK(scene.pool.count_children().value().specs == (row.comes_back ? 2 : 1));  // forgotten, spec and all
    CHECK(sibling.incarnation() == 1);
    if (row.comes_back) CHECK(child.ask(Life{}, 1s).get() == Result<std::uint32_t, AskError>{2});
    testing::check_end(scene.system);
  }
}

TEST_CASE("no more than children_max live at once, and there is room again after an end") {
  Scene scene{{.id = "pool", .children_max = 2}};
  const auto a = scene.start("a");
  const auto b = scene.start("b", Restart::Temporary);
  CHECK(word(scene.pool.start_child(scene.spec("c"))) == word(Kind::TooMany));
  scene.tell(b, End{});
  CHECK(word(scene.pool.start_child(scene.spec("c"))) == "ok");
  CHECK(word(scene.pool.start_child(scene.spec("d"))) == word(Kind::TooMany));
  CHECK(word(scene.pool.terminate_child(a)) == "ok");
  CHECK(word(scene.pool.start_child(scene.spec("d"))) == "ok");
  testing::check_end(scene.system);

  Scene none{{.id = "pool", .children_max = 0}};
  CHECK(word(none.pool.start_child(none.spec("a"))) == word(Kind::TooMany));
  CHECK(none.family.take().empty());
  testing::check_end(none.system);
}

TEST_CASE("a child that waits for its start counts against children_max") {
  Scene scene{{.id = "pool", .children_max = 1, .intensity = kPlenty, .backoff = Exponential{.first = 1s}}};
  const auto a = scene.start("a");
  scene.tell(a, Bang{});
  CHECK(scene.children() == Lines{"a restarting"});
  CHECK(scene.pool.count_children().value() == ChildCounts{.specs = 1, .active = 0, .supervisors = 0, .workers = 1});
  CHECK(word(scene.pool.start_child(scene.spec("b"))) == word(Kind::TooMany));
  scene.system.advance(1s);
  CHECK(scene.children() == Lines{"a running"});
  CHECK(a.incarnation() == 2);
  testing::check_end(scene.system);
}

TEST_CASE("terminate_child ends a child however it stands, and answers NotFound for everybody else") {
  Scene scene{{.id = "pool", .intensity = kPlenty, .backoff = Exponential{.first = 1s}}};
  const auto runs = scene.start("runs");
  const auto waits = scene.start("waits");
  scene.tell(waits, Bang{});
  static_cast<void>(scene.family.take());
  CHECK(word(scene.pool.terminate_child(runs)) == "ok");
  CHECK(word(scene.pool.terminate_child(waits)) == "ok");
  scene.system.advance(1h);
  CHECK(scene.family.take() == Lines{"stop runs"});  // and the start attempt was cancelled
  CHECK(runs.is_closed());
  CHECK(waits.is_closed());
  CHECK(scene.children().empty());
  CHECK(word(scene.pool.terminate_child(runs)) == word(Kind::NotFound));
  CHECK(word(scene.pool.terminate_child(AnyRef{})) == word(Kind::NotFound));
  const auto stranger = scene.system.spawn<Member>(&scene.family, std::string{"stranger"});
  scene.system.run_until_idle();
  CHECK(word(scene.pool.terminate_child(stranger)) == word(Kind::NotFound));
  CHECK_FALSE(stranger.is_closed());
  testing::check_end(scene.system);
}

TEST_CASE("a dynamic child that cannot start leaves nothing behind, and one that ignores its start neither") {
  Scene scene;
  scene.family.plans["bad"] = {Planned::Error};
  scene.family.plans["idle"] = {Planned::Ignore};
  const auto failed = scene.pool.start_child(scene.spec("bad"));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Kind::StartFailed);
  CHECK(failed.error().text == "bad");
  CHECK_THAT(failed.error().reason.to_string(), Catch::Contains("cannot start bad"));
  const auto ignored = scene.pool.start_child(scene.spec("idle"));
  REQUIRE(ignored);
  CHECK_FALSE(*ignored);  // names no place
  CHECK(scene.children().empty());
  CHECK(scene.system.stats().actors == 1);
  testing::check_end(scene.system);
}

TEST_CASE("a dynamic child's failed restart is tried again, each try counted, and the limit ends the supervisor") {
  Scene scene{{.id = "pool", .intensity = {.restarts = 4, .within = 5s}}};
  const auto bystander = scene.start("b");
  const auto child = scene.start("a");
  scene.family.fail_always("a");
  static_cast<void>(scene.family.take());
  scene.tell(child, Bang{});
  CHECK(scene.family.take() == Lines{"stop a", "start a!", "start a!", "start a!", "start a!", "stop b"});
  CHECK(scene.system.has_stopped(scene.pool));
  CHECK(bystander.is_closed());
  REQUIRE(scene.system.failures().size() == 1);
  CHECK_THAT(scene.system.failures().front(), Catch::Contains("more than 4 restarts"));
  testing::check_end(scene.system);
}

TEST_CASE("a dynamic child that ignores its restart is forgotten") {
  Scene scene;
  const auto child = scene.start("a");
  scene.family.plans["a"] = {Planned::Ignore};
  scene.tell(child, Bang{});
  CHECK(scene.children().empty());
  CHECK(child.is_closed());
  testing::check_end(scene.system);
}

TEST_CASE("start_children starts all of them or none") {
  Scene scene{{.id = "pool", .children_max = 5}};
  const auto all = scene.pool.start_children(testing::members(scene.family, {"a", "b", "c"}));
  REQUIRE(all);
  REQUIRE(all->size() == 3);
  CHECK((*all)[1].as<Member>().name() == "b");
  CHECK(scene.children() == Lines{"c running", "b running", "a running"});
  static_cast<void>(scene.family.take());

  CHECK(word(scene.pool.start_children(testing::members(scene.family, {"d", "e", "f"}))) == word(Kind::TooMany));
  auto wrong = testing::members(scene.family, {"d"});
  wrong.push_back(testing::member(scene.family, ChildOptions{.id = "e", .shutdown = -1ms}));
  const auto bad = scene.pool.start_children(wrong);
  CHECK(word(bad) == word(Kind::BadSpec));
  CHECK_THAT(bad.error().text, Catch::Contains("\"e\""));
  CHECK(scene.family.take().empty());

  scene.family.plans["e"] = {Planned::Error};
  const auto failed = scene.pool.start_children(testing::members(scene.family, {"d", "e"}));
  CHECK(word(failed) == word(Kind::StartFailed));
  CHECK(failed.error().text == "e");
  CHECK(scene.children() == Lines{"c running", "b running", "a running"});
  CHECK(scene.system.stats().actors == 4);  // gone when the answer came
  CHECK(scene.pool.start_children({}).value().empty());
  testing::check_end(scene.system);
}

TEST_CASE("a batch of any size with a failure anywhere leaves nothing, under any schedule") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Scene scene{{.id = "pool"}, seed};
    const auto keeps = scene.start("keeps");
    std::vector<std::string> ids;
    for (std::uint64_t i = 0; i < 1 + seed * 13 % 700; ++i) ids.push_back("n" + std::to_string(i));
    const std::size_t bad = seed * 7919 % ids.size();
    scene.family.plans[ids[bad]] = {Planned::Error};
    const auto result = scene.pool.start_children(testing::members(scene.family, ids));
    CAPTURE(seed, ids.size(), bad);
    CHECK(word(result) == word(Kind::StartFailed));
    CHECK(result.error().text == ids[bad]);
    CHECK(scene.children() == Lines{"keeps running"});
    CHECK(scene.system.stats().actors == 2);
    for (const auto& [id, times] : scene.family.constructed) {
      if (id != "keeps") CHECK(times == scene.family.destroyed[id]);
    }
    CHECK_FALSE(keeps.is_closed());
    testing::check_end(scene.system);
  }
}

TEST_CASE("a dynamic supervisor that is restarted begins without children") {
  Family family;
  TestSystem system;
  const auto root = system
                        .start(supervisor({.id = "app", .strategy = OneForAll{}}, testing::member(family, "front"),
                                          dynamic_supervisor({.id = "pool"})))
                        .value();
  const auto pool = root.child<DynamicSupervisor>("pool").value();
  const auto child = pool.start_child(testing::member(family, "a")).value().as<Member>();
  static_cast<void>(family.take());
  testing::at(root, "front").send(Bang{});
  system.run_until_idle();
  CHECK(family.take() == Lines{"stop front", "stop a", "start front"});
  CHECK(child.is_closed());
  CHECK(pool.incarnation() == 2);
  CHECK(pool.count_children().value().specs == 0);
  CHECK(pool.start_child(testing::member(family, "a")));
  CHECK(root.count_children().value() == ChildCounts{.specs = 2, .active = 2, .supervisors = 1, .workers = 1});
  testing::check_end(system);
}

TEST_CASE("a dynamic supervisor that gives up is its parent's failed child") {
  Family family;
  TestSystem system;
  const auto root =
      system
          .start(supervisor({.id = "app"}, dynamic_supervisor({.id = "pool", .intensity = {.restarts = 0}}),
                            testing::member(family, "other")))
          .value();
  const auto pool = root.child<DynamicSupervisor>("pool").value();
  const auto child = pool.start_child(testing::member(family, "a")).value().as<Member>();
  static_cast<void>(pool.start_child(testing::member(family, "b")).value());
  static_cast<void>(family.take());
  child.send(Bang{});
  system.run_until_idle();
  CHECK(family.take() == Lines{"stop a", "stop b"});
  CHECK(pool.incarnation() == 2);
  CHECK(pool.count_children().value().specs == 0);
  CHECK(testing::at(root, "other").incarnation() == 1);
  testing::check_end(system);
}

TEST_CASE("supervisors of both kinds nest in each other") {
  Family family;
  TestSystem system;
  const auto pool = system.start(dynamic_supervisor({.id = "pool"})).value();
  const auto tree = pool.start_child(supervisor({.id = "tree"}, testing::members(family, {"a", "b"}))).value();
  const auto inner = pool.start_child(dynamic_supervisor({.id = "inner"})).value().as<DynamicSupervisor>();
  REQUIRE(inner.start_child(testing::member(family, "c")));
  CHECK(tree.as<Supervisor>().child<Member>("b").value().path() == "pool/tree/b");
  CHECK(pool.count_children().value() == ChildCounts{.specs = 2, .active = 2, .supervisors = 2, .workers = 0});
  static_cast<void>(family.take());
  system.crash(tree);
  system.run_until_idle();
  CHECK(family.take() == Lines{"stop b", "stop a", "start a", "start b"});
  REQUIRE(pool.terminate_child(tree));
  CHECK(family.take() == Lines{"stop b", "stop a"});
  testing::check_end(system);
}

TEST_CASE("what is wrong with a dynamic supervisor's options is said and nothing is started") {
  TestSystem system;
  const auto refused = [&](DynamicSupervisorOptions options, const std::string& text) {
    const auto result = system.start(dynamic_supervisor(std::move(options)));
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == StartError::Kind::BadSpec);
    CHECK_THAT(result.error().text, Catch::Contains(text));
  };
  refused({}, "empty id");
  refused({.id = "a/b"}, "'/'");
  refused({.id = "x", .intensity = {.within = 0s}}, "longer than zero");
  refused({.id = "x", .backoff = Exponential{.factor = 0.5}}, "factor");
  refused({.id = "x", .shutdown = -1s}, "negative");
  Family family;
  const auto pool = system.start(dynamic_supervisor({.id = "pool"})).value();
  const auto significant = pool.start_child(
      testing::member(family, ChildOptions{.id = "a", .restart = Restart::Temporary, .significant = true}));
  CHECK(word(significant) == word(Kind::BadSpec));
  testing::check_end(system);
}

TEST_CASE("calls to a dynamic supervisor that has ended answer Closing and on an actor's turn Blocking") {
  Scene scene;
  struct Caller : Actor<Caller> {
    explicit Caller(ActorRef<DynamicSupervisor> p) : pool{std::move(p)} {}
    void on_start() {
      blocking = pool.count_children().error().kind == Kind::Blocking;
      ask(pool, CountChildren{}, 1s).then([this](Result<ChildCounts, AskError> counts) { asked = counts->specs; });
    }
    bool handle(Grow) { return blocking && asked == 1; }
    ActorRef<DynamicSupervisor> pool;
    bool blocking = false;
    std::uint64_t asked = 99;
  };
  static_cast<void>(scene.start("a"));
  const auto caller = scene.system.spawn<Caller>(scene.pool);
  scene.system.run_until_idle();
  CHECK(caller.ask(Grow{}, 1s).get() == Result<bool, AskError>{true});
  static_cast<void>(scene.system.stop(scene.pool));
  scene.system.run_until_idle();
  CHECK(word(scene.pool.start_child(scene.spec("b"))) == word(Kind::Closing));
  CHECK(word(scene.pool.count_children()) == word(Kind::Closing));
  testing::check_end(scene.system);
}

TEST_CASE("a named dynamic child is found by its name over restarts, and a taken name fails the start") {
  Scene scene{{.id = "pool", .name = "the pool"}};
  CHECK(scene.system.find<DynamicSupervisor>("the pool").value() == scene.pool);
  const auto named = [&] { return testing::member(scene.family, ChildOptions{.id = "a", .name = "ann"}); };
  const auto ann = scene.pool.start_child(named()).value().as<Member>();
  CHECK(scene.system.find<Member>("ann").value() == ann);
  const auto other = scene.pool.start_child(named());
  CHECK(word(other) == word(Kind::StartFailed));
  CHECK_THAT(other.error().reason.to_string(), Catch::Contains("already started"));
  scene.tell(ann, Bang{});
  CHECK(scene.system.find<Member>("ann").value().incarnation() == 2);
  REQUIRE(scene.pool.terminate_child(ann));
  CHECK_FALSE(scene.system.find<Member>("ann"));
  CHECK(word(scene.pool.start_child(named())) == "ok");
  testing::check_end(scene.system);
}

TEST_CASE("each child of a dynamic supervisor is stopped by its own shutdown value") {
  Scene scene;
  for (const auto& [id, shutdown] : std::vector<std::pair<std::string, Shutdown>>{
           {"brutal", Shutdown::brutal()}, {"timed", 1s}, {"infinite", Shutdown::infinity()}, {"none", 0s}}) {
    REQUIRE(scene.pool.start_child(testing::member(scene.family, ChildOptions{.id = id, .shutdown = shutdown})));
  }
  static_cast<void>(scene.family.take());
  static_cast<void>(scene.system.stop(scene.pool).get());
  const Lines told = scene.family.take();
  CHECK(std::set<std::string>{told.begin(), told.end()} ==
        std::set<std::string>{"stop infinite", "stop none", "stop timed"});  // nobody is told who is killed
  testing::check_end(scene.system);
}

// ---- with threads ----

struct Block {
  testing::Gate* gate;
};
struct Stuck : Actor<Stuck> {
  void handle(Block block) { block.gate->pass(); }
  std::uint32_t handle(Life) { return incarnation(); }
};

TEST_CASE("children that hang are given their time all at once when a dynamic supervisor stops") {
  testing::Gate gate;
  SystemOptions options = testing::quiet();
  options.workers = 12;
  ActorSystem system{std::move(options)};
  const auto pool = system.start(dynamic_supervisor({.id = "pool"})).value();
  for (int i = 0; i < 10; ++i) {
    const auto stuck = pool.start_child<Stuck>({.shutdown = 300ms}).value();
    stuck.send(Block{&gate});
  }
  REQUIRE(gate.wait_for_arrivals(10));
  const auto begun = std::chrono::steady_clock::now();
  const testing::OwnTime time;
  static_cast<void>(system.stop(pool, {.within = 20s}).get());
  const auto took = std::chrono::steady_clock::now() - begun;
  CHECK(took >= 300ms);
  CHECK(time.passed() < 1500ms);  // one after the other would be three seconds
  CHECK(system.stats().zombies == 10);
  gate.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a dynamic child that hangs in its start is killed and one that hangs in a handler goes on in a fresh cell") {
  testing::Gate gate;
  struct Hangs : Actor<Hangs> {
    explicit Hangs(testing::Gate* g) { g->pass(); }
    void handle(Life) {}
  };
  SystemOptions options = testing::quiet();
  options.workers = 4;
  ActorSystem system{std::move(options)};
  const auto pool = system.start(dynamic_supervisor({.id = "pool", .intensity = kPlenty})).value();
  const auto hung = pool.start_child(child<Hangs>({.id = "hangs", .start_within = 20ms}, &gate));
  CHECK(word(hung) == word(Kind::StartFailed));
  CHECK(hung.error().reason.kind() == ExitReason::Kind::Killed);

  const auto stuck = pool.start_child<Stuck>({.shutdown = Shutdown::brutal()}).value();
  stuck.send(Block{&gate});
  REQUIRE(gate.wait_for_arrivals(2));
  CHECK(word(pool.terminate_child(stuck)) == "ok");
  CHECK(stuck.is_closed());
  CHECK(pool.count_children().value().specs == 0);
  gate.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("threads that start, crash and terminate dynamic children at once lose none and double none") {
  Family family;  // only its log is used by several threads, and that locks
  SystemOptions options = testing::quiet();
  options.workers = 2;
  ActorSystem system{std::move(options)};
  struct Worker : Actor<Worker> {
    void handle(Bang) { throw std::runtime_error{"boom"}; }
    std::uint32_t handle(Life) { return incarnation(); }
  };
  const auto pool = system.start(dynamic_supervisor({.id = "pool", .intensity = kPlenty})).value();
  constexpr int kThreads = 4;
  constexpr int kEach = 300;
  std::atomic<int> kept{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto worker = pool.start_child<Worker>({}).value();
        worker.send(Bang{});
        const bool terminates = (i + t) % 3 != 0;
        if (terminates) {
          if (!pool.terminate_child(worker) || !worker.is_closed()) std::abort();
        } else {
          ++kept;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(testing::at_rest(system));
  REQUIRE(
      testing::eventually([&] { return pool.count_children().value().active == static_cast<std::uint64_t>(kept); }));
  CHECK(pool.count_children().value().specs == static_cast<std::uint64_t>(kept));
  std::set<std::uint64_t> ids;
  for (const ChildInfo& child : pool.which_children().value()) {
    ids.insert(child.actor.id());
    CHECK(child.actor.as<Worker>().ask(Life{}, 10s).get() == Result<std::uint32_t, AskError>{2});
  }
  CHECK(ids.size() == static_cast<std::size_t>(kept));
  CHECK(system.stats().actors == static_cast<std::uint64_t>(kept) + 1);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
