#include "coppice/actor/state_machine.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

// The rules of OTP's gen_statem, by its words: state enter calls, postpone, next_event, time-outs, replies.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

// ---- the code lock of gen_statem's user's guide ----

struct Button {
  int digit;
};
struct Relock {};
struct CodeLength {};
struct Locked {
  std::string typed;
};
struct Opened {};

struct CodeLock : StateMachine<CodeLock, States<Locked, Opened>, Events<void(Button), void(Relock), int(CodeLength)>> {
  CodeLock(std::string c, Log* l) : StateMachine{Locked{}}, code{std::move(c)}, log{l} {}
  void enter(Locked&) { log->add(was<Opened>() ? "locked again" : "locked"); }
  void enter(Opened&) {
    log->add("open");
    state_timeout(10s, Relock{});
  }
  Transition on(Locked& locked, Button& button) {
    locked.typed += std::to_string(button.digit);
    if (locked.typed.size() > code.size()) locked.typed.erase(0, 1);
    return locked.typed == code ? next<Opened>() : keep();
  }
  Transition on(Opened&, Button&) { return postpone(); }
  Transition on(Locked&, Relock&) { return keep(); }
  Transition on(Opened&, Relock&) { return next<Locked>(); }
  template <class S>
  auto on(S&, CodeLength&) {
    return keep().reply(static_cast<int>(code.size()));
  }
  std::string code;
  Log* log;
};

TEST_CASE("a code lock opens relocks by itself and handles what was pressed meanwhile afterwards") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    TestSystem system{{.seed = seed}};
    Log log;
    const auto lock = system.spawn<CodeLock>(std::string{"42"}, &log);
    for (const int digit : {1, 4, 2}) lock.send(Button{digit});
    system.run_until_idle();
    CHECK(log.lines() == Lines{"locked", "open"});
    for (const int digit : {4, 2}) lock.send(Button{digit});  // postponed until it is locked again
    CHECK(lock.ask(CodeLength{}, 1s).get() == 2);
    system.advance(9s + 999ms);
    CHECK(log.lines().size() == 2);
    system.advance(1ms);
    CHECK(log.lines() == Lines{"locked", "open", "locked again", "open"});
    testing::check_end(system);
  }
}

// ---- one rule at a time ----

struct A {};
struct B {
  int made_with = 0;
};
struct Step {
  std::string name;
};
struct Go {
  int what = 0;
};
struct Late {
  std::string name;
};
struct Ask {
  int number;
};

struct Machine;
using Rules = StateMachine<Machine, States<A, B>, Events<void(Step), void(Go), void(Late), int(Ask)>>;

struct Machine : Rules {
  explicit Machine(Log* l) : Rules{A{}}, log{l} {}
  void enter(A&) { log->add("enter A"); }
  void enter(B& b) {
    log->add("enter B " + std::to_string(b.made_with));
    if (insert_at_entry) insert(Step{"at entry"});
  }
  template <class S>
  void note(const std::string& what) {
    log->add(std::string{std::is_same_v<S, A> ? "A" : "B"} + " " + what);
  }

  Transition on(A&, Step& step) {
    note<A>("step " + step.name);
    if (step.name == "wait") return postpone();
    if (step.name == "insert") {
      insert(Step{"first"});
      insert(Step{"second"});
      return next<B>(7);
    }
    if (step.name == "postpone and go") {
      step.name = "postponed";
      return next<B>(8).postponed();
    }
    if (step.name == "throw") throw std::runtime_error{"boom"};
    return keep();
  }
  Transition on(B&, Step& step) {
    note<B>("step " + step.name);
    return keep();
  }
  template <class S>
  Transition on(S&, Go& go) {
    switch (go.what) {
      case 0: return next<A>();
      case 1: return next<B>(1);
      case 2: return repeat();
      case 3: state_timeout(10ms, Late{"state"}); return keep();
      case 4: event_timeout(10ms, Late{"event"}); return keep();
      case 5: timeout("named", 10ms, Late{"named"}); return keep();
      case 6: cancel_timeout("named"); return keep();
      case 7: cancel_state_timeout(); return keep();
      case 8: state_timeout(0ms, Late{"zero"}); return keep();
      case 9: state_timeout(10ms, Late{"state"}); return next<B>(9);  // of the new state
      default: return keep();
    }
  }
  template <class S>
  Transition on(S&, Late& late) {
    note<S>("late " + late.name);
    return keep();
  }
  Transition::Replying<int> on(B&, Ask& ask) { return next<A>().reply(ask.number * 2); }
  Transition on(A&, Ask& ask) {
    if (ask.number == 0) return keep();  // no answer
    if (ask.number == 1) {
      auto [made, later] = reply_later<int>();
      static_cast<void>(later);
      promise.emplace(std::move(made));
      return keep().replies_later();
    }
    return postpone();
  }
  bool insert_at_entry = false;
  std::optional<ReplyPromise<int>> promise;
  Log* log;
};

struct Bench {
  explicit Bench(std::uint64_t seed = 1)
      : system{{.seed = seed, .system = testing::quiet()}}, machine{system.spawn<Machine>(&log)} {
    system.run_until_idle();
  }
  void send(std::initializer_list<const char*> steps) {
    for (const char* step : steps) machine.send(Step{step});
  }
  Lines lines() {
    system.run_until_idle();
    Lines lines = log.lines();
    lines.erase(lines.begin());  // enter A
    return lines;
  }
  Log log;
  TestSystem system;
  ActorRef<Machine> machine;
};

TEST_CASE("postponed events come back oldest first before what waits and only when the state changes") {
  Bench bench;
  bench.send({"wait", "x", "wait"});
  bench.machine.send(Go{-1});
  bench.machine.send(Go{1});
  bench.send({"y"});
  CHECK(bench.lines() ==
        Lines{"A step wait", "A step x", "A step wait", "enter B 1", "B step wait", "B step wait", "B step y"});
  testing::check_end(bench.system);
}

TEST_CASE("an event may be postponed and the state changed at once") {
  Bench bench;
  bench.send({"wait", "postpone and go", "y"});
  CHECK(bench.lines() ==
        Lines{"A step wait", "A step postpone and go", "enter B 8", "B step wait", "B step postponed", "B step y"});
  testing::check_end(bench.system);
}

TEST_CASE("inserted events come before those that were postponed") {
  Bench bench;
  bench.send({"wait", "insert", "y"});
  CHECK(bench.lines() ==
        Lines{"A step wait", "A step insert", "enter B 7", "B step first", "B step second", "B step wait", "B step y"});
  testing::check_end(bench.system);
}

TEST_CASE("repeat enters the state anew and brings back what was postponed and keep does not") {
  Bench bench;
  bench.send({"wait"});
  bench.machine.send(Go{-1});
  CHECK(bench.lines() == Lines{"A step wait"});
  bench.machine.send(Go{2});
  CHECK(bench.lines() == Lines{"A step wait", "enter A", "A step wait"});
  testing::check_end(bench.system);
}

TEST_CASE(
    "the same state as the next one is a change") {  // gen_statem: only repeat_state is; here next<A>() enters anew
  Bench bench;
  bench.machine.send(Go{0});
  CHECK(bench.lines() == Lines{"enter A"});
  testing::check_end(bench.system);
}

TEST_CASE("a state time-out is over when the state changes and not when others come") {
  Bench bench;
  bench.machine.send(Go{3});
  bench.system.advance(5ms);
  bench.send({"x"});
  bench.system.advance(5ms);
  CHECK(bench.lines() == Lines{"A step x", "A late state"});
  bench.machine.send(Go{3});
  bench.system.advance(5ms);
  bench.machine.send(Go{1});
  bench.system.advance(1s);
  CHECK(bench.lines() == Lines{"A step x", "A late state", "enter B 1"});
  bench.machine.send(Go{3});
  bench.machine.send(Go{7});
  bench.system.advance(1s);
  CHECK(bench.lines().size() == 3);
  testing::check_end(bench.system);
}

TEST_CASE("a state time-out that is set with a change belongs to the new state") {
  Bench bench;
  bench.machine.send(Go{9});
  bench.system.advance(10ms);
  CHECK(bench.lines() == Lines{"enter B 9", "B late state"});
  testing::check_end(bench.system);
}

TEST_CASE("an event time-out is over with any event") {
  Bench bench;
  bench.machine.send(Go{4});
  bench.system.advance(10ms);
  CHECK(bench.lines() == Lines{"A late event"});
  bench.machine.send(Go{4});
  bench.system.advance(5ms);
  bench.send({"x"});
  bench.system.advance(1s);
  CHECK(bench.lines() == Lines{"A late event", "A step x"});
  testing::check_end(bench.system);
}

TEST_CASE("a named time-out survives changes one of a name and is cancelled by it") {
  Bench bench;
  bench.machine.send(Go{5});
  bench.machine.send(Go{1});
  bench.system.advance(5ms);
  bench.machine.send(Go{5});  // starts anew
  bench.system.advance(5ms);
  CHECK(bench.lines() == Lines{"enter B 1"});
  bench.system.advance(5ms);
  CHECK(bench.lines() == Lines{"enter B 1", "B late named"});
  bench.machine.send(Go{5});
  bench.machine.send(Go{6});
  bench.system.advance(1s);
  CHECK(bench.lines().size() == 2);
  testing::check_end(bench.system);
}

TEST_CASE("a time-out of zero comes behind what waits and before what comes later") {
  Bench bench;
  bench.machine.send(Go{8});
  bench.send({"waits"});
  bench.system.run_until_idle();
  bench.send({"later"});
  CHECK(bench.lines() == Lines{"A step waits", "A late zero", "A step later"});
  testing::check_end(bench.system);
}

TEST_CASE("a question is answered with the transition later or not at all") {
  Bench bench;
  CHECK(bench.machine.ask(Ask{0}, 1min).get() == Error{AskError::NoReply});
  auto postponed = bench.machine.ask(Ask{21}, 1min);
  bench.system.run_until_idle();
  CHECK_FALSE(postponed.is_ready());
  bench.machine.send(Go{1});
  CHECK(postponed.get() == 42);  // in B, which goes to A
  auto later = bench.machine.ask(Ask{1}, 1min);
  bench.system.run_until_idle();
  CHECK_FALSE(later.is_ready());
  REQUIRE(bench.system.stop(bench.machine).get());  // with the promise in its state
  CHECK(later.get() == Error{AskError::NoReply});
  testing::check_end(bench.system);
}

TEST_CASE("a machine that crashes begins anew and gets what was postponed") {
  TestSystem system{{.system = testing::quiet()}};
  Log log;
  const auto root = system.start(supervisor({.id = "app"}, child<Machine>({.id = "machine"}, &log)));
  const auto machine = root.value().child<Machine>("machine").value();
  machine.send(Step{"wait"});
  machine.send(Step{"throw"});
  system.run_until_idle();
  CHECK(log.lines() == Lines{"enter A", "A step wait", "A step throw", "enter A", "A step wait"});
  testing::check_end(system);
}

TEST_CASE("a machine answers an ask over a topic") {
  TestSystem system;
  Log log;
  InMemoryBroker broker{system};
  const auto lock = system.spawn<CodeLock>(std::string{"42"}, &log);
  const Subscription questions = broker.subscribe<CodeLength>("length", lock);
  CHECK(broker.ask<int>("length", CodeLength{}, 1s).get() == 2);
  testing::check_end(system);
}

TEST_CASE("a machine's ref takes its events and no other messages") {
  static_assert(Handles<Machine, Step> && Handles<Machine, Ask>);
  static_assert(!Handles<Machine, int>);
  static_assert(std::is_same_v<ReplyOf<Machine, Ask>, int>);
  Bench bench;
  const ActorRef<Protocol<int(Ask), void(Go)>> narrow = bench.machine;
  narrow.send(Go{1});
  CHECK(narrow.ask(Ask{4}, 1s).get() == 8);
  testing::check_end(bench.system);
}

}  // namespace
}  // namespace coppice
