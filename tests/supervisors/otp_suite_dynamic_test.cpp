#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "supervisors/otp_suite.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/work.hpp"

// The cases of simple_one_for_one, which is DynamicSupervisor here.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Lines;
using testing::Member;
using testing::Planned;
using testing::TestSystem;
using testing::word;
using Kind = CallError::Kind;

struct Pool {
  explicit Pool(DynamicSupervisorOptions options = {.id = "pool"}, std::uint64_t seed = 1)
      : system{{.seed = seed}}, root{system.start(dynamic_supervisor(std::move(options))).value()} {
    family.with_reasons = true;
  }
  ~Pool() { testing::check_end(system); }
  [[nodiscard]] ChildSpec spec(const std::string& id, Restart restart = Restart::Permanent, Shutdown shutdown = 5s) {
    return testing::member(family, ChildOptions{.id = id, .restart = restart, .shutdown = shutdown});
  }
  ActorRef<Member> start(const std::string& id, Restart restart = Restart::Permanent) {
    return root.start_child(spec(id, restart)).value().as<Member>();
  }
  void tell(const ActorRef<Member>& child, const auto& message) {
    child.send(message);
    system.run_until_idle();
  }
  Lines stop() {
    static_cast<void>(family.take());
    const auto reason = system.stop(root, {.reason = ExitReason::shutdown()}).get();
    CHECK(reason == Result<ExitReason, StopError>{ExitReason::shutdown()});
    return family.take();
  }
  [[nodiscard]] std::uint64_t count() { return root.count_children().value().specs; }
  Family family;
  TestSystem system;
  ActorRef<DynamicSupervisor> root;
};

TEST_CASE("sup_start_ignore_temporary_child_start_child_simple: a temporary child that ignores its start is not kept") {
  Pool pool;
  pool.family.plans["c"] = {Planned::Ignore};
  const auto ignored = pool.root.start_child(pool.spec("c", Restart::Temporary));
  REQUIRE(ignored);
  CHECK_FALSE(*ignored);
  CHECK(pool.count() == 0);
}

TEST_CASE("sup_start_ignore_permanent_child_start_child_simple: nor is a permanent one") {
  Pool pool;
  pool.family.plans["c"] = {Planned::Ignore};
  const auto ignored = pool.root.start_child(pool.spec("c"));
  REQUIRE(ignored);
  CHECK_FALSE(*ignored);
  CHECK(pool.count() == 0);
  CHECK(word(pool.root.start_child(pool.spec("c"))) == "ok");
}

TEST_CASE("sup_start_child_returns_error_simple: a child that cannot start is the caller's affair alone") {
  Pool pool{{.id = "pool", .intensity = {.restarts = 0, .within = 5s}}};
  pool.family.plans["c"] = {Planned::Error};
  CHECK(word(pool.root.start_child(pool.spec("c"))) == word(Kind::StartFailed));
  CHECK(pool.count() == 0);
  CHECK_FALSE(pool.system.has_stopped(pool.root));
}

TEST_CASE("sup_start_map_simple: what is not said of a child has its default, its id included") {
  Pool pool;
  struct Plain : Actor<Plain> {
    int handle(int n) { return n; }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
  };
  const auto child = pool.root.start_child<Plain>({}).value();
  CHECK(child.ask(3, 1s).get() == Result<int, AskError>{3});
  child.send(Bang{});
  pool.system.run_until_idle();
  CHECK(child.incarnation() == 2);  // permanent
}

struct Stubborn : Actor<Stubborn> {
  explicit Stubborn(testing::Gate* g) : gate{g} {}
  void handle(Bang) { gate->pass(); }
  testing::Gate* gate;
};

TEST_CASE("sup_stop_timeout_dynamic: who does not stop in its time is killed while the others stop as they should") {
  testing::Gate gate;
  Family family;
  family.with_reasons = true;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto root = system.start(dynamic_supervisor({.id = "pool"})).value();
  REQUIRE(root.start_child(testing::member(family, "calm")));
  const auto stubborn = root.start_child<Stubborn>({.shutdown = 20ms}, &gate).value();
  family.take().clear();
  stubborn.send(Bang{});
  REQUIRE(gate.wait_for_arrivals());
  const auto reason = system.stop(root, {.within = testing::kPatience, .reason = ExitReason::shutdown()}).get();
  CHECK(reason == Result<ExitReason, StopError>{ExitReason::shutdown()});
  CHECK(family.take() == Lines{"stop calm shutdown"});
  CHECK(gate.inside() == 1);
  gate.open();
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("sup_stop_brutal_kill_dynamic: children that are to be killed are killed and hear nothing") {
  Pool pool;
  for (const char* const id : {"a", "b", "c"})
    REQUIRE(pool.root.start_child(pool.spec(id, Restart::Permanent, Shutdown::brutal())));
  CHECK(pool.stop().empty());
  for (const char* const id : {"a", "b", "c"}) CHECK(pool.family.destroyed[id] == 1);
}

TEST_CASE("sup_stop_non_shutdown_exit_dynamic: whatever children end with while it stops it ends with shutdown") {
  struct Sulky : Actor<Sulky> {
    explicit Sulky(int* s) : stopped{s} {}
    void on_stop(const ExitReason&) {
      ++*stopped;
      throw std::runtime_error{"sulking"};
    }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
    int* stopped;
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    int stopped = 0;
    Pool pool{{.id = "pool", .intensity = testing::kPlenty}, seed};
    ActorRef<Sulky> last;
    for (int i = 0; i < 5; ++i) last = pool.root.start_child<Sulky>({}, &stopped).value();
    auto over = pool.system.stop(pool.root, {.reason = ExitReason::shutdown()});
    last.send(Bang{});
    CHECK(over.get() == Result<ExitReason, StopError>{ExitReason::shutdown()});
    CHECK(stopped >= 5);
    const int after = stopped;
    pool.system.advance(1h);
    CHECK(stopped == after);
  }
}

TEST_CASE("child_adm_simple: children are started and ended by calls and counted as they stand") {
  Pool pool;
  CHECK(pool.root.which_children().value().empty());
  CHECK(pool.root.count_children().value() == ChildCounts{});
  const auto one = pool.start("one");
  const auto two = pool.start("two");
  CHECK(pool.root.count_children().value() == ChildCounts{.specs = 2, .active = 2, .supervisors = 0, .workers = 2});
  CHECK(word(pool.root.terminate_child(one)) == "ok");
  CHECK(word(pool.root.terminate_child(one)) == word(Kind::NotFound));
  CHECK(pool.root.count_children().value() == ChildCounts{.specs = 1, .active = 1, .supervisors = 0, .workers = 1});
  CHECK(AnyRef{two} == pool.root.which_children().value().at(0).actor);
  CHECK(pool.stop() == Lines{"stop two shutdown"});
  CHECK(word(pool.root.start_child(pool.spec("three"))) == word(Kind::Closing));
}

TEST_CASE("simple_one_for_one: only the child that ended is restarted") {
  Pool pool;
  const auto one = pool.start("one");
  const auto two = pool.start("two");
  pool.family.take().clear();
  pool.tell(one, End{ExitReason::error("abnormal")});
  CHECK(pool.family.take() == Lines{"stop one error", "start one ok"});
  CHECK(one.incarnation() == 2);
  CHECK(two.incarnation() == 1);
}

TEST_CASE("simple_one_for_one_shutdown: children are told to stop side by side and all are gone when it is") {
  std::set<Lines> orders;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Pool pool{{.id = "pool"}, seed};
    for (const char* const id : {"a", "b", "c"}) static_cast<void>(pool.start(id));
    const Lines order = pool.stop();
    CHECK(std::set<std::string>(order.begin(), order.end()) ==
          std::set<std::string>{"stop a shutdown", "stop b shutdown", "stop c shutdown"});
    orders.insert(order);
  }
  CHECK(orders.size() == 6);  // nobody waits for anybody
}

TEST_CASE("simple_one_for_one_extra: each child is restarted with the arguments it was started with") {
  struct Numbered : Actor<Numbered> {
    explicit Numbered(int n) : number{n} {}
    int handle(int) { return number; }
    void handle(Bang) { throw std::runtime_error{"boom"}; }
    int number;
  };
  Pool pool{{.id = "pool", .intensity = testing::kPlenty}};
  std::vector<ActorRef<Numbered>> children;
  children.reserve(10);
  for (int i = 0; i < 10; ++i) children.push_back(pool.root.start_child<Numbered>({}, i).value());
  for (const auto& child : children) child.send(Bang{});
  pool.system.run_until_idle();
  for (int i = 0; i < 10; ++i) {
    const auto& child = children[static_cast<std::size_t>(i)];
    CHECK(child.incarnation() == 2);
    CHECK(child.ask(0, 1s).get() == Result<int, AskError>{i});
  }
}

TEST_CASE("simple_one_for_one_escalation: a child that ends too often takes the supervisor along") {
  Pool pool{{.id = "pool", .intensity = {.restarts = 1, .within = 5s}}};
  const auto one = pool.start("one");
  const auto two = pool.start("two");
  pool.tell(one, Bang{});
  pool.family.take().clear();
  pool.tell(one, Bang{});
  CHECK(pool.system.has_stopped(pool.root));
  CHECK(pool.family.take() == Lines{"stop one error", "stop two shutdown"});
  CHECK(two.is_closed());
}

TEST_CASE("simple_one_for_one_corruption: what it is told of strangers does it no harm") {
  Pool pool;
  const auto child = pool.start("child");
  const auto stranger = pool.system.spawn<Member>(&pool.family, std::string{"stranger"});
  pool.system.run_until_idle();
  CHECK(word(pool.root.terminate_child(stranger)) == word(Kind::NotFound));
  CHECK(word(pool.root.terminate_child(pool.root)) == word(Kind::NotFound));
  CHECK(word(pool.root.terminate_child(AnyRef{})) == word(Kind::NotFound));
  pool.tell(stranger, Bang{});
  CHECK(pool.count() == 1);
  CHECK(child.incarnation() == 1);
  CHECK_FALSE(pool.system.has_stopped(pool.root));
}

TEST_CASE("simple_one_for_one_restart_ignore: a child that ignores its restart is gone") {
  Pool pool;
  const auto child = pool.start("c");
  pool.family.plans["c"] = {Planned::Ignore};
  pool.tell(child, Bang{});
  CHECK(pool.count() == 0);
  CHECK(child.is_closed());
  CHECK_FALSE(pool.system.has_stopped(pool.root));
}

TEST_CASE("simple_one_for_one_scale_many_temporary_children: ten times the children cost less than fifty times") {
  const auto took = [](int count) {
    Pool pool;
    std::vector<ActorRef<Member>> children;
    children.reserve(static_cast<std::size_t>(count));
    const auto began = testing::work_of_this_thread();
    for (int i = 0; i < count; ++i) children.push_back(pool.start("c", Restart::Temporary));
    for (const auto& child : children) CHECK(word(pool.root.terminate_child(child)) == "ok");
    return testing::work_of_this_thread() - began;
  };
  const auto best = [&](int count) { return std::min({took(count), took(count), took(count)}); };
  const auto few = best(500);
  const auto many = best(5'000);
  CAPTURE(few / 1us, many / 1us);
  CHECK(many < 50 * few);
}

TEST_CASE("hanging_restart_loop_simple: a supervisor whose child never starts serves calls and ends when told") {
  Pool pool{{.id = "pool", .intensity = testing::kPlenty}};
  const auto child = pool.start("c");
  pool.family.fail_always("c");
  child.send(Bang{});
  const auto attempts = [&] { return pool.family.constructed["c"]; };
  while (attempts() < 20) REQUIRE(pool.system.step());
  const auto other = pool.start("other");
  CHECK(pool.count() == 2);
  CHECK(attempts() < 60);
  CHECK(word(pool.root.terminate_child(child)) == "ok");
  const int last = attempts();
  pool.system.run_until_idle();
  CHECK(attempts() <= last + 1);
  CHECK(pool.count() == 1);

  const auto again = pool.root.start_child(pool.spec("d")).value().as<Member>();
  pool.family.fail_always("d");
  again.send(Bang{});
  while (pool.family.constructed["d"] < 20) REQUIRE(pool.system.step());
  CHECK(pool.system.stop(pool.root, {.reason = ExitReason::shutdown()}).get() ==
        Result<ExitReason, StopError>{ExitReason::shutdown()});
  CHECK(pool.family.constructed["d"] < 60);
  CHECK(other.is_closed());
}

TEST_CASE("significant_simple: a dynamic supervisor has no significant children") {
  Pool pool;
  const auto spec = testing::member(pool.family, {.id = "c", .restart = Restart::Transient, .significant = true});
  CHECK(word(pool.root.start_child(spec)) == word(Kind::BadSpec));
  CHECK(pool.count() == 0);
}

}  // namespace
}  // namespace coppice
