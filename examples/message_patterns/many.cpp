#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <coppice/patterns/state_cell.hpp>
#include <coppice/pool.hpp>

#include "patterns.hpp"

using namespace coppice;
using namespace std::chrono_literals;

// --- Publish and subscribe: topics of words; * is one word, > the rest ---

namespace {

struct Price {
  int cents;
};
struct Sum {};

struct Reader : Actor<Reader> {
  Reader(InMemoryBroker* broker, const std::string& pattern)
      : subscription{broker->subscribe<Price>(pattern, self())} {}
  void handle(const Price& price) { sum += price.cents; }
  int handle(Sum) const { return sum; }
  int sum = 0;
  Subscription subscription;
};

}  // namespace

bool publish_and_subscribe(System& system) {
  InMemoryBroker broker{system};
  const auto euros = system.spawn<Reader>(&broker, "price.*.eur");
  const auto all = system.spawn<Reader>(&broker, "price.>");
  static_cast<void>(euros.ask(Sum{}, 5s).get());  // it has subscribed
  static_cast<void>(all.ask(Sum{}, 5s).get());
  broker.publish("price.bread.eur", Price{300});
  broker.publish("price.bread.usd", Price{40});
  broker.publish("price.milk.fresh.eur", Price{5});
  const int in_euros = euros.ask(Sum{}, 5s).get().value_or(0);
  const int in_all = all.ask(Sum{}, 5s).get().value_or(0);
  fmt::print("price.*.eur got {}, price.> got {}\n", in_euros, in_all);
  return in_euros == 300 && in_all == 345;
}

// --- Router pool: supervised workers behind one address; one that is down is passed over ---

namespace {

struct Square {
  int number;
};
struct Break {};

struct Worker : Actor<Worker> {
  int handle(Square square) { return square.number * square.number; }
  void handle(Break) { throw std::runtime_error{"broken"}; }
};

}  // namespace

bool router_pool(System& system) {
  const auto supervisor = system.start(pool<Worker>({.id = "workers", .size = 3}));
  if (!supervisor) return false;
  const auto workers = pool_router<Worker>(system, *supervisor, LeastLoaded{}).value();
  std::vector<AskFuture<int>> squares;
  for (int number = 1; number <= 5; ++number) squares.push_back(workers.ask(Square{number}, 5s));
  workers.send(Break{});
  for (int number = 6; number <= 10; ++number) squares.push_back(workers.ask(Square{number}, 5s));
  int sum = 0;
  for (auto& square : squares) sum += square.get().value_or(0);
  fmt::print("the sum of ten squares is {}, a crash in between\n", sum);
  return sum == 385;
}

// --- State cell: the latest value, for whoever looks, without a message ---

namespace {

struct Position {
  int x;
  int y;
};
struct Move {};

struct Ship : Actor<Ship> {
  explicit Ship(StateCell<Position>* s) : seen{s} {}
  std::uint64_t handle(Move) {
    at = {at.x + 1, at.y + 2};
    return seen->set(at);
  }
  Position at{0, 0};
  StateCell<Position>* seen;
};

}  // namespace

bool state_cell(System& system) {
  StateCell<Position> position{{0, 0}};
  const auto ship = system.spawn<Ship>(&position);
  ship.send(Move{});
  const std::uint64_t sequence = ship.ask(Move{}, 5s).get().value_or(0);
  const auto now = position.changed_since(1);
  static_cast<void>(system.stop(ship).get());  // it looks at what is ours
  if (!now) return false;
  fmt::print("the ship is at ({}, {})\n", (*now)->x, (*now)->y);
  return now->sequence() == sequence && (*now)->x == 2 && (*now)->y == 4;
}
