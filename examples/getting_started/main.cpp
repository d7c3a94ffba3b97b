// Getting started: an actor, a send, an ask, a first supervisor.
//
// It shows   an actor has a state of its own and is reached through a ref alone; what it throws ends one life, and its
//            supervisor starts the next one behind the same ref.
// It prints  expected.txt.
// Read       nothing before; ../let_it_crash after.

#include <chrono>
#include <stdexcept>

#include <fmt/format.h>
#include <coppice/coppice.hpp>

using namespace std::chrono_literals;

// --- Messages: plain structs ---

struct Add {
  int amount;
};
struct GetTotal {};

// --- An actor: a state, and a handler for each message; a handler's return type is the reply's ---

struct Counter : coppice::Actor<Counter> {
  int total = 0;

  void handle(Add add) {
    if (add.amount < 0) throw std::invalid_argument{"a counter only counts up"};
    total += add.amount;
  }
  int handle(GetTotal) { return total; }
};

// --- send does not wait; ask has a deadline and answers with a value or an error ---

bool send_and_ask(coppice::System& system) {
  const coppice::ActorRef<Counter> counter = system.spawn<Counter>();
  counter.send(Add{2});
  counter.send(Add{3});
  const coppice::Result<int, coppice::AskError> total = counter.ask(GetTotal{}, 5s).get();
  if (!total) return false;
  fmt::print("the counter says {}\n", *total);
  return *total == 5;
}

// --- A supervisor: it starts its children, and starts them again when they crash ---

bool crash_and_go_on(coppice::System& system) {
  const auto app = coppice::supervisor({.id = "app"}, coppice::child<Counter>({.id = "counter"}));
  const auto root = system.start(app).value();
  const auto counter = root.child<Counter>("counter").value();

  counter.send(Add{7});
  counter.send(Add{-1});  // throws: that is the end of this life and of its total
  counter.send(Add{1});   // waits in the mailbox for the next one
  const auto total = counter.ask(GetTotal{}, 5s).get();
  if (!total) return false;
  fmt::print("{} says {} in life {}\n", counter.path(), *total, counter.incarnation());
  return *total == 1 && counter.incarnation() == 2;
}

int main() {
  coppice::ActorSystem system;
  const bool counted = send_and_ask(system);
  const bool went_on = crash_and_go_on(system);
  const bool in_order = system.shutdown().complete && system.ledger().balances();
  fmt::print("every message is accounted for: {}\n", in_order ? "yes" : "no");
  return counted && went_on && in_order ? 0 : 1;
}
