#include <exception>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/test_end.hpp"

// Anything may be thrown, anywhere in a life: the supervisor goes on as if it had been the plainest of errors.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::TestSystem;

enum class Hook { Constructor, OnStart, OnRestart, OnStop, Destructor, OnError };
constexpr Hook kHooks[] = {Hook::Constructor, Hook::OnStart,    Hook::OnRestart,
                           Hook::OnStop,      Hook::Destructor, Hook::OnError};
constexpr const char* kHookNames[] = {"constructor", "on_start", "on_restart", "on_stop", "destructor", "on_error"};

struct NullWhat final : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};
struct Immovable {
  Immovable() = default;
  Immovable(const Immovable& other) noexcept(false) : text{other.text} {}
  std::string text = std::string(10'000, 'x');
};
/// Throws again while it is destroyed, by somebody who catches it.
struct Quarrelsome {
  Quarrelsome() = default;
  Quarrelsome(const Quarrelsome&) = default;
  ~Quarrelsome() {
    try {
      throw 1;
    } catch (int) {
    }
  }
};

struct Thrown {
  const char* name;
  void (*raise)();
};
constexpr Thrown kThrown[] = {
    {"an int", [] { throw 42; }},
    {"a string", [] { throw std::string{"text"}; }},
    {"a literal", [] { throw "literal"; }},
    {"a null pointer", [] { throw static_cast<const char*>(nullptr); }},
    {"an exception", [] { throw std::runtime_error{"boom"}; }},
    {"an exception without words", [] { throw NullWhat{}; }},
    {"a nested exception",
     [] {
       try {
         throw std::runtime_error{"inner"};
       } catch (...) {
         std::throw_with_nested(std::logic_error{"outer"});
       }
     }},
    {"an exit reason", [] { throw ExitReason::normal(); }},
    {"what may not be copied", [] { throw Immovable{}; }},
    {"what throws in its end", [] { throw Quarrelsome{}; }},
};

/// What a child of the family does wrong: `left` times, in `hook`.
struct Plan {
  Hook hook = Hook::OnStop;
  void (*raise)() = nullptr;
  int left = 0;
  int raised = 0;
};

struct Crash {};

struct Child : Actor<Child> {
  Child(Plan* p, std::string i) : plan{p}, id{std::move(i)} { at(Hook::Constructor); }
  ~Child() noexcept(false) { at(Hook::Destructor); }
  void on_start() { at(Hook::OnStart); }
  void on_restart(const ExitReason&) { at(Hook::OnRestart); }
  void on_stop(const ExitReason&) { at(Hook::OnStop); }
  OnError on_error(const ExitReason&) {
    at(Hook::OnError);
    return OnError::Supervise;
  }
  void handle(Crash) { throw std::runtime_error{"told to"}; }
  std::string handle(int) { return id; }
  void at(Hook hook) {
    if (id != "b" || hook != plan->hook || plan->left == 0) return;
    --plan->left;
    ++plan->raised;
    plan->raise();
  }
  Plan* plan;
  std::string id;
};

struct Family {
  explicit Family(const AnyStrategy& strategy, Shutdown shutdown = 5s) {
    const auto spec = [&](const char* id) {
      return child<Child>({.id = id, .shutdown = shutdown}, &plan, std::string{id});
    };
    started = system.start(supervisor({.id = "app", .strategy = strategy, .intensity = {.restarts = 100, .within = 1h}},
                                      spec("a"), spec("b"), spec("c")));
  }
  void misbehave(Hook hook, const Thrown& thrown, int times) {
    plan.hook = hook;
    plan.raise = thrown.raise;
    plan.left = times;
  }
  void crash(const char* id) {
    started->child<Child>(id).value().send(Crash{});
    system.run_until_idle();
  }
  void check_all_answer() {
    for (const char* const id : {"a", "b", "c"}) {
      const auto answer = started->child<Child>(id).value().ask(1, 1s).get();
      CHECK(answer == Result<std::string, AskError>{std::string{id}});
    }
  }
  Plan plan;
  TestSystem system;
  Result<ActorRef<Supervisor>, StartError> started = Error{StartError{}};
};

const AnyStrategy kStrategies[] = {OneForOne{}, OneForAll{}, RestForOne{}};

TEST_CASE("whatever a hook throws while its child is restarted the child comes back under every strategy") {
  for (const AnyStrategy& strategy : kStrategies) {
    for (const Hook hook : kHooks) {
      for (const Thrown& thrown : kThrown) {
        CAPTURE(strategy.name(), kHookNames[static_cast<int>(hook)], thrown.name);
        Family family{strategy};
        REQUIRE(family.started);
        family.misbehave(hook, thrown, 2);
        family.crash("b");
        CHECK(family.plan.raised >= 1);
        CHECK_FALSE(family.system.has_stopped(family.started));
        family.check_all_answer();
        family.crash("b");
        family.check_all_answer();
        CHECK(family.plan.left == 0);
        testing::check_end(family.system);
      }
    }
  }
}

TEST_CASE("whatever a member's hook throws while a group restarts around it the group comes back") {
  for (const AnyStrategy& strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    for (const Hook hook : kHooks) {
      if (hook == Hook::OnError) continue;  // who is told to stop has not failed
      for (const Thrown& thrown : kThrown) {
        CAPTURE(strategy.name(), kHookNames[static_cast<int>(hook)], thrown.name);
        Family family{strategy};
        REQUIRE(family.started);
        family.misbehave(hook, thrown, 1);
        family.crash("a");
        CHECK(family.plan.raised == 1);
        family.check_all_answer();
        testing::check_end(family.system);
      }
    }
  }
}

TEST_CASE("whatever a hook throws at the first start the start fails and says who") {
  for (const AnyStrategy& strategy : kStrategies) {
    for (const Hook hook : {Hook::Constructor, Hook::OnStart}) {
      for (const Thrown& thrown : kThrown) {
        CAPTURE(strategy.name(), kHookNames[static_cast<int>(hook)], thrown.name);
        Plan plan{.hook = hook, .raise = thrown.raise, .left = 1};
        TestSystem system;
        const auto started = system.start(supervisor({.id = "app", .strategy = strategy},
                                                     child<Child>({.id = "a"}, &plan, std::string{"a"}),
                                                     child<Child>({.id = "b"}, &plan, std::string{"b"})));
        REQUIRE_FALSE(started);
        CHECK(started.error().kind == StartError::Kind::ChildFailed);
        CHECK(started.error().child == "b");
        REQUIRE(started.error().reason.cause() != nullptr);
        CHECK(started.error().reason.cause()->kind() == ExitReason::Kind::Error);
        CHECK(system.stats().actors == 0);
        testing::check_end(system);
      }
    }
  }
}

TEST_CASE("whatever hooks throw while a supervisor stops everybody is stopped") {
  for (const AnyStrategy& strategy : kStrategies) {
    for (const Hook hook : {Hook::OnStop, Hook::Destructor}) {
      for (const Thrown& thrown : kThrown) {
        for (const Shutdown shutdown : {Shutdown::brutal(), Shutdown{5s}, Shutdown::infinity()}) {
          CAPTURE(strategy.name(), kHookNames[static_cast<int>(hook)], thrown.name, shutdown.is_brutal());
          Family family{strategy, shutdown};
          REQUIRE(family.started);
          family.misbehave(hook, thrown, 1);
          const auto reason = family.system.stop(*family.started, {.reason = ExitReason::shutdown()}).get();
          REQUIRE(reason);
          CHECK(*reason == ExitReason::shutdown());
          CHECK(family.plan.raised == (hook == Hook::OnStop && shutdown.is_brutal() ? 0 : 1));
          CHECK(family.system.stats().actors == 0);
          testing::check_end(family.system);
        }
      }
    }
  }
}

TEST_CASE("a hook that always throws uses up the limit and no more") {
  for (const AnyStrategy& strategy : kStrategies) {
    for (const Hook hook : {Hook::Constructor, Hook::OnStart, Hook::OnRestart}) {
      for (const Thrown& thrown : kThrown) {
        CAPTURE(strategy.name(), kHookNames[static_cast<int>(hook)], thrown.name);
        Family family{strategy};
        REQUIRE(family.started);
        family.misbehave(hook, thrown, 1'000'000);
        family.crash("b");
        CHECK(family.plan.raised == 100);  // each attempt that the limit allows
        CHECK(family.system.has_stopped(family.started));
        testing::check_end(family.system);
      }
    }
  }
}

}  // namespace
}  // namespace coppice
