#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <coppice/actor/state_machine.hpp>
#include <coppice/coroutine.hpp>

#include "patterns.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Read {};

}  // namespace

// --- Priorities: what is more urgent is handled first; paused, so that all four wait at once ---

namespace {

struct Call {
  const char* from;
};
struct Desk : Actor<Desk> {
  void handle(Call call) { seen += seen.empty() ? call.from : std::string{", "} + call.from; }
  std::string handle(Read) const { return seen; }
  std::string seen;
};

}  // namespace

bool priorities(System& system) {
  const auto desk = system.spawn<Desk>({.mailbox = Unbounded{.order = Order::Priority}, .paused = true});
  desk.send(Call{"a newsletter"}, {.priority = Priority::Low});
  desk.send(Call{"a customer"});
  desk.send(Call{"the boss"}, {.priority = Priority::High});
  desk.send(Call{"the fire brigade"}, {.priority = Priority::Critical});
  auto seen = desk.ask(Read{}, 5s);
  desk.resume();
  while (desk.message_count() < 5) std::this_thread::yield();
  const std::string all = desk.ask(Read{}, 5s).get().value_or("");
  fmt::print("{}\n", all);
  return seen.get() && all == "the fire brigade, the boss, a customer, a newsletter";
}

// --- Expiry: a message that waited for too long is a dead letter instead of late news ---

bool expiry(System& system) {
  const auto desk = system.spawn<Desk>({.paused = true});
  desk.send(Call{"a weather report"}, {.expires_after = 1ms});
  desk.send(Call{"a birth announcement"});
  const TimePoint sent = system.now();
  while (system.now() - sent <= 1ms) std::this_thread::yield();
  desk.resume();
  const std::string seen = desk.ask(Read{}, 5s).get().value_or("");
  fmt::print("only {} was still news\n", seen);
  return seen == "a birth announcement" && system.ledger().dead(DeadReason::Expired) == 1;
}

// --- Stash: a question that comes too early is put aside, and answered when its time has come ---

namespace {

struct Open {};
struct Guide : Actor<Guide> {
  std::string handle(Read read) {
    if (!open) stash(std::move(read));  // what is returned then answers nobody
    return "to the left";
  }
  void handle(Open) {
    open = true;
    unstash();
  }
  bool open = false;
};

}  // namespace

bool put_aside(System& system) {
  const auto guide = system.spawn<Guide>();
  auto way = guide.ask(Read{}, 5s);
  const bool was_early = !way.is_ready();
  guide.send(Open{});
  const std::string answer = way.get().value_or("");
  fmt::print("asked before it opened, answered after: {}\n", answer);
  return was_early && answer == "to the left";
}

// --- Adapter: who sends another message than the actor handles gets a ref that makes one of the actor's own ---

namespace {

struct Miles {
  int number;
};
struct Kilometres {
  int number;
};
struct Odometer : Actor<Odometer> {
  void handle(Kilometres way) { total += way.number; }
  int handle(Read) const { return total; }
  ActorRef<Protocol<void(Miles)>> handle(Open) {
    return adapter<Miles>([](Miles way) { return Kilometres{way.number * 8 / 5}; });
  }
  int total = 0;
};

}  // namespace

bool adapted(System& system) {
  const auto odometer = system.spawn<Odometer>();
  const auto in_miles = odometer.call(Open{}, 5s).value_or(ActorRef<Protocol<void(Miles)>>{});
  odometer.send(Kilometres{20});
  in_miles.send(Miles{50});
  const int total = odometer.call(Read{}, 5s).value_or(0);
  fmt::print("20 km and 50 miles are {} km\n", total);
  return total == 100;
}

// --- Coroutine: a handler that asks two others, one after the other, and answers when it has both ---

namespace {

struct Double {
  int number;
};
struct Doubler : Actor<Doubler> {
  int handle(Double what) { return 2 * what.number; }
};
struct Twice : Actor<Twice> {
  Task<int> handle(Double what) {
    const auto once = co_await ask<Double>(doubler, 5s, what.number);
    if (!once) co_return 0;
    const auto again = co_await ask<Double>(doubler, 5s, *once);
    co_return again.value_or(0);
  }
  ActorRef<Doubler> doubler = spawn<Doubler>();
};

}  // namespace

bool coroutine(System& system) {
  const int result = system.spawn<Twice>().ask(Double{21}, 5s).get().value_or(0);
  fmt::print("twice twice 21 is {}\n", result);
  return result == 84;
}

// --- State machine: a turnstile that lets one through for each coin ---

namespace {

struct Coin {};
struct Push {};
struct Shut {};
struct Free {};
struct Turnstile : StateMachine<Turnstile, States<Shut, Free>, Events<void(Coin), bool(Push)>> {
  Turnstile() : StateMachine{Shut{}} {}
  Transition on(Shut&, Coin&) { return next<Free>(); }
  Transition on(Free&, Coin&) { return postpone(); }  // for the one behind
  auto on(Shut&, Push&) { return keep().reply(false); }
  auto on(Free&, Push&) { return next<Shut>().reply(true); }
};

}  // namespace

bool state_machine(System& system) {
  const auto turnstile = system.spawn<Turnstile>();
  int through = 0;
  const auto push = [&] { through += turnstile.ask(Push{}, 5s).get().value_or(false) ? 1 : 0; };
  push();
  for (int coins = 0; coins < 2; ++coins) turnstile.send(Coin{});
  for (int pushes = 0; pushes < 3; ++pushes) push();
  fmt::print("two coins and four pushes let {} through\n", through);
  return through == 2;
}
