#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "patterns.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Begin {};  // what a pattern starts with, where an actor has to

struct Add {
  int amount;
};
struct Total {};

struct Counter : Actor<Counter> {
  void handle(Add add) { total += add.amount; }
  int handle(Total) const { return total; }
  int total = 0;
};

}  // namespace

// --- Fire and forget: send does not wait, and what one sender sends arrives in its order ---

bool fire_and_forget(System& system) {
  const auto counter = system.spawn<Counter>();
  for (int amount = 1; amount <= 4; ++amount) counter.send(Add{amount});
  const int total = counter.ask(Total{}, 5s).get().value_or(0);
  fmt::print("1 + 2 + 3 + 4 = {}\n", total);
  return total == 10;
}

// --- Ask: the handler's return type is the reply's, and no reply is a value as well ---

bool ask(System& system) {
  const auto counter = system.spawn<Counter>();
  const auto total = counter.ask(Total{}, 5s).get();
  static_cast<void>(system.stop(counter).get());
  const auto nobody = counter.ask(Total{}, 5s).get();
  if (!total || nobody) return false;
  fmt::print("{}, and {} when it has ended\n", *total, to_string(nobody.error()));
  return *total == 0 && nobody.error() == AskError::Closed;
}

// --- Forward: the desk passes a question on, and the expert answers whoever asked ---

namespace {

struct Question {
  int number;
};
struct Answer {
  int number;
};

struct Person : Actor<Person> {
  explicit Person(ActorRef<Protocol<void(Question)>> d) : desk{std::move(d)} {}
  Later<int> handle(Begin) {
    auto [promise, later] = reply_later<int>();
    waiting.emplace(std::move(promise));
    desk.send(Question{21}, {.reply_to = self()});
    return std::move(later);
  }
  void handle(Answer answer) { waiting->set(answer.number); }
  ActorRef<Protocol<void(Question)>> desk;
  std::optional<ReplyPromise<int>> waiting;
};
struct Expert : Actor<Expert> {
  void handle(Question question) { info().reply_to.as<Person>().send(Answer{2 * question.number}); }
};
struct Desk : Actor<Desk> {
  explicit Desk(ActorRef<Expert> e) : expert{std::move(e)} {}
  void handle(Question question) { Actor::forward(expert, question); }
  ActorRef<Expert> expert;
};

}  // namespace

bool forward(System& system) {
  const ActorRef<Protocol<void(Question)>> desk = system.spawn<Desk>(system.spawn<Expert>());
  const int answer = system.spawn<Person>(desk).ask(Begin{}, 5s).get().value_or(0);
  fmt::print("the expert behind the desk answers {}\n", answer);
  return answer == 42;
}

// --- Later reply: the handler returns at once, the answer comes when it is there ---

namespace {

struct Meal {
  std::string dish;
};
struct Ready {};

struct Kitchen : Actor<Kitchen> {
  Later<std::string> handle(const Meal& meal) {
    auto [promise, later] = reply_later<std::string>();
    cooking.emplace(std::move(promise));
    dish = meal.dish;
    return std::move(later);
  }
  void handle(Ready) { cooking->set("hot " + dish); }
  std::optional<ReplyPromise<std::string>> cooking;
  std::string dish;
};

}  // namespace

bool later_reply(System& system) {
  const auto kitchen = system.spawn<Kitchen>();
  auto meal = kitchen.ask(Meal{"soup"}, 5s);
  kitchen.send(Ready{});
  const std::string dish = meal.get().value_or("nothing");
  fmt::print("{}\n", dish);
  return dish == "hot soup";
}

// --- Timers: messages of one's own that come later, once or again and again ---

namespace {

struct Tick {};

struct Metronome : Actor<Metronome> {
  Later<int> handle(Begin) {
    auto [promise, later] = reply_later<int>();
    waiting.emplace(std::move(promise));
    every = send_every(2ms, Tick{});
    return std::move(later);
  }
  void handle(Tick) {
    if (++ticks < 3) return;
    every.cancel();
    waiting->set(ticks);
  }
  int ticks = 0;
  TimerHandle every;
  std::optional<ReplyPromise<int>> waiting;
};

}  // namespace

bool timers(System& system) {
  const int ticks = system.spawn<Metronome>().ask(Begin{}, 5s).get().value_or(0);
  fmt::print("{} ticks\n", ticks);
  return ticks == 3;
}

// --- Watch: one Down when another actor's life ends, after all that it sent ---

namespace {

struct Leave {};

struct Guest : Actor<Guest> {
  void handle(Leave) { stop(); }
};
struct Host : Actor<Host> {
  Later<std::string> handle(Begin) {
    auto [promise, later] = reply_later<std::string>();
    waiting.emplace(std::move(promise));
    const auto guest = spawn<Guest>();
    watch(guest);
    guest.send(Leave{});
    return std::move(later);
  }
  void handle(const Down& down) {
    waiting->set(down.reason.is_normal() ? "the guest has left" : "the guest has crashed");
  }
  std::optional<ReplyPromise<std::string>> waiting;
};

}  // namespace

bool watch(System& system) {
  const std::string news = system.spawn<Host>().ask(Begin{}, 5s).get().value_or("no news");
  fmt::print("{}\n", news);
  return news == "the guest has left";
}

// --- Bounded mailbox: what does not fit stays with the sender, who decides ---

namespace {

struct Letter {
  int number;
};

struct Letterbox : Actor<Letterbox> {
  // Its own messages wait for this handler to end, so nothing is taken out meanwhile.
  int handle(Begin) {
    int number = 1;
    for (Letter letter{number}; self().try_send(letter) == Delivery::Accepted; letter = Letter{++number}) {
    }
    return number;
  }
  void handle(Letter) {}
};

}  // namespace

bool bounded_mailbox(System& system) {
  const auto letterbox = system.spawn<Letterbox>({.mailbox = Bounded{.capacity = 2, .overflow = Overflow::Reject}});
  const int rejected = letterbox.ask(Begin{}, 5s).get().value_or(0);
  fmt::print("letter {} was handed back\n", rejected);
  return rejected == 3;
}
