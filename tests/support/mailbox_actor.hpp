#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coppice/coppice.hpp"
#include "support/gate.hpp"

namespace coppice::testing {

/// Stands in a gate until the test opens it.
struct Hang {
  Gate* gate;
};
struct Read {};

/// A message with a key, for mailboxes that keep the latest.
struct Tick {
  int symbol = 0;
  int value = 0;
};

/// Writes down what comes, in the order in which it comes: numbers as they are, ticks by their value. In a list of the
/// test's, where it is given one, so that what its lives have seen stands there together.
struct Reader : Actor<Reader> {
  explicit Reader(std::vector<int>* of_the_test = nullptr) : list{of_the_test != nullptr ? of_the_test : &own} {}
  std::vector<int> own;
  std::vector<int>* list;
  void handle(Hang hang) { hang.gate->pass(); }
  void handle(int number) { list->push_back(number); }
  void handle(const Tick& tick) { list->push_back(tick.value); }
  void handle(std::unique_ptr<int> number) { list->push_back(*number); }
  int handle(long number) {
    list->push_back(static_cast<int>(number));
    return static_cast<int>(number);
  }
  std::vector<int> handle(Read) { return *list; }
};

/// What the actor has seen, in a system that is at rest. (The question itself waits for nobody then.)
template <class A>
[[nodiscard]] std::vector<int> seen_by(const ActorRef<A>& actor) {
  return actor.ask(Read{}, kPatience).get().value();
}

/// An actor that stands still in the gate, with nothing else in its mailbox.
[[nodiscard]] inline ActorRef<Reader> spawn_held(System& system, Gate& gate, MailboxOptions mailbox) {
  const auto reader = system.spawn<Reader>({.mailbox = mailbox});
  reader.send(Hang{&gate});
  static_cast<void>(gate.wait_for_arrivals());
  return reader;
}

}  // namespace coppice::testing
