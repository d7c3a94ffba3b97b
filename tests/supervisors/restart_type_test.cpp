#include "catch.hpp"
#include "coppice/testing/probe.hpp"
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
using testing::Member;
using testing::TestSystem;

struct Ended {
  const char* name;
  ExitReason reason;
  bool normal;
};

TEST_CASE("restart type against exit reason decides whether another life comes") {  // F52
  const Ended ends[] = {
      {"normal", ExitReason::normal(), true},
      {"shutdown", ExitReason::shutdown(), true},
      {"shutdown with a term", ExitReason::shutdown("term"), true},
      {"crash", ExitReason::error("boom"), false},
      {"killed", ExitReason::killed(), false},
      {"noproc", ExitReason::no_proc(), false},
  };
  for (const AnyStrategy strategy : {AnyStrategy{OneForOne{}}, AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    for (const Restart restart : {Restart::Permanent, Restart::Transient, Restart::Temporary}) {
      for (const Ended& end : ends) {
        for (std::uint64_t seed = 1; seed <= testing::scaled(10); ++seed) {
          CAPTURE(strategy.name(), to_string(restart), end.name, seed);
          Family family;
          TestSystem system{{.seed = seed}};
          const auto root =
              system.start(supervisor({.id = "app", .strategy = strategy}, testing::member(family, "a"),
                                      testing::member(family, "b", restart), testing::member(family, "c")));
          REQUIRE(root);
          const auto b = testing::at(*root, "b");
          testing::Probe<int> probe{system};
          probe.watch(b);
          system.run_until_idle();
          b.send(End{end.reason});
          system.run_until_idle();
          const bool restarted = restart == Restart::Permanent || (restart == Restart::Transient && !end.normal);
          CHECK(b.is_closed() == !restarted);
          CHECK(family.constructed["b"] == (restarted ? 2 : 1));
          CHECK(family.constructed["c"] == (restarted && strategy.name() != "one_for_one" ? 2 : 1));
          CHECK(family.constructed["a"] == (restarted && strategy.name() == "one_for_all" ? 2 : 1));
          const auto down = probe.expect_down(1s);
          REQUIRE(down);
          CHECK(down->reason == end.reason);
          CHECK(down->incarnation == 1);
          CHECK(down->actor == AnyRef{b});
          // A temporary one's spec is dropped, a transient one's kept.
          CHECK(root->child<Member>("b").has_value() == (restart != Restart::Temporary));
          CHECK(b.send(Grow{}) == (restarted ? Delivery::Accepted : Delivery::Closed));
          CHECK_FALSE(system.has_stopped(root));
          testing::check_end(system);
        }
      }
    }
  }
}

TEST_CASE("a temporary child is never restarted even by its siblings' failure") {  // F52
  for (const AnyStrategy strategy : {AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    Family family;
    TestSystem system;
    const auto root =
        system.start(supervisor({.id = "app", .strategy = strategy}, testing::member(family, "a"),
                                testing::member(family, "t", Restart::Temporary), testing::member(family, "c")));
    REQUIRE(root);
    const auto t = testing::at(*root, "t");
    testing::at(*root, "a").send(Bang{});
    system.run_until_idle();
    CHECK(t.is_closed());
    CHECK(family.constructed["t"] == 1);
    CHECK(family.constructed["c"] == 2);
    CHECK_FALSE(root->child<Member>("t"));
    testing::check_end(system);
  }
}

struct Judge : Actor<Judge> {
  Judge(OnError v, int* c) : verdict{v}, constructed{c} { ++*constructed; }
  OnError on_error(const ExitReason&) { return verdict; }
  void handle(Bang) { throw std::runtime_error{"judged"}; }
  int handle(Grow grow) { return grown += grow.by; }
  OnError verdict;
  int* constructed;
  int grown = 0;
};

TEST_CASE("what on_error answers goes before the restart type") {  // F11 with a supervisor
  for (const Restart restart : {Restart::Permanent, Restart::Transient}) {
    for (const OnError verdict : {OnError::Supervise, OnError::Resume, OnError::Stop, OnError::Restart}) {
      CAPTURE(to_string(restart), static_cast<int>(verdict));
      int constructed = 0;
      TestSystem system;
      const auto root =
          system.start(supervisor({.id = "app"}, child<Judge>({.id = "j", .restart = restart}, verdict, &constructed)));
      REQUIRE(root);
      const auto j = root->child<Judge>("j").value();
      CHECK(j.ask(Grow{4}, 1s).get() == Result<int, AskError>{4});
      j.send(Bang{});
      system.run_until_idle();
      CHECK_FALSE(system.has_stopped(root));
      if (verdict == OnError::Stop) {
        CHECK(j.is_closed());
        CHECK(constructed == 1);
        CHECK(j.ask(Grow{1}, 1s).get() == Result<int, AskError>{Error{AskError::Closed}});
        CHECK(root->child<Judge>("j").has_value());  // its spec is kept
      } else if (verdict == OnError::Resume) {
        CHECK(constructed == 1);
        CHECK(j.ask(Grow{1}, 1s).get() == Result<int, AskError>{5});
      } else {
        CHECK(constructed == 2);
        CHECK(j.ask(Grow{1}, 1s).get() == Result<int, AskError>{1});
      }
      testing::check_end(system);
    }
  }
}

TEST_CASE("an escalated failure takes the whole branch with it and the parent restarts it") {  // F64's core
  for (const Restart restart : {Restart::Permanent, Restart::Transient}) {  // the branch's: an error is abnormal
    CAPTURE(to_string(restart));
    int constructed = 0;
    Family family;
    TestSystem system;
    const auto root = system.start(
        supervisor({.id = "top"},
                   supervisor({.id = "branch", .restart = restart},
                              child<Judge>({.id = "j"}, OnError::Escalate, &constructed), testing::member(family, "m")),
                   testing::member(family, "other")));
    REQUIRE(root);
    const auto branch = root->child<Supervisor>("branch").value();
    family.take().clear();
    branch.child<Judge>("j").value().send(Bang{});
    system.run_until_idle();
    CHECK(family.take() == Lines{"stop m", "start m"});
    CHECK(constructed == 2);
    CHECK(branch.incarnation() == 2);
    CHECK(testing::at(*root, "other").incarnation() == 1);
    testing::check_end(system);
  }
}

TEST_CASE("a failure escalated from the top is the system's") {
  int constructed = 0;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "top"}, child<Judge>({.id = "j"}, OnError::Escalate, &constructed)));
  REQUIRE(root);
  root->child<Judge>("j").value().send(Bang{});
  CHECK(system.has_stopped(root));
  REQUIRE(system.failures().size() == 1);
  CHECK_THAT(system.failures().front(), testing::has_text("judged"));
  testing::check_end(system);
}

TEST_CASE("an on_error that throws leaves the decision to the supervisor") {
  struct Worse : Actor<Worse> {
    OnError on_error(const ExitReason&) { throw 7; }
    void handle(Bang) { throw 6; }
  };
  TestSystem system;
  const auto root = system.start(supervisor({.id = "top"}, child<Worse>({.id = "w"})));
  REQUIRE(root);
  const auto w = root->child<Worse>("w").value();
  w.send(Bang{});
  system.run_until_idle();
  CHECK(w.incarnation() == 2);
  CHECK(w.phase() == Phase::Running);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
