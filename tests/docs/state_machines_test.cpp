// A lock with a code, as a state machine. docs/how-to/state_machines.md quotes this file.

#include <chrono>
#include <string>

#include <coppice/actor/state_machine.hpp>
#include <coppice/coppice.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Button {
  char digit;
};
struct Relock {};
struct IsOpen {};

struct Locked {
  std::string typed;
};
struct Open {};

struct CodeLock : StateMachine<CodeLock, States<Locked, Open>, Events<void(Button), void(Relock), bool(IsOpen)>> {
  explicit CodeLock(std::string c) : StateMachine{Locked{}}, code{std::move(c)} {}

  Transition on(Locked& locked, Button& button) {
    locked.typed += button.digit;
    if (locked.typed.size() < code.size()) return keep();
    return locked.typed == code ? next<Open>() : next<Locked>();
  }
  Transition on(Locked&, Relock&) { return keep(); }

  void enter(Open&) { state_timeout(10s, Relock{}); }
  Transition on(Open&, Relock&) { return next<Locked>(); }
  Transition on(Open&, Button&) { return postpone(); }  // for when it is locked again

  template <class S>
  auto on(S&, IsOpen&) {
    return keep().reply(in<Open>());
  }

  std::string code;
};

TEST_CASE("a lock opens for its code and locks itself again") {
  testing::TestSystem system;
  const ActorRef<CodeLock> lock = system.spawn<CodeLock>(std::string{"42"});
  for (const char digit : {'1', '2', '4', '2'}) lock.send(Button{digit});
  CHECK(lock.ask(IsOpen{}, 1s).get() == true);

  for (const char digit : {'4', '2'}) lock.send(Button{digit});  // pressed while it is open
  system.advance(10s);
  CHECK(lock.ask(IsOpen{}, 1s).get() == true);  // locked, and opened by the two that were postponed
  system.advance(10s);
  CHECK(lock.ask(IsOpen{}, 1s).get() == false);
}

}  // namespace
