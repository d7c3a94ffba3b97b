// Topics, from a first subscription to an ask. docs/how-to/publish_and_subscribe.md quotes this file.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/testing/probe.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Price {
  std::string item;
  int cents;
};

class Board : public Actor<Board> {
 public:
  Board(InMemoryBroker* broker, std::vector<std::string>* shown)
      : prices_{broker->subscribe<Price>("price.*", self())}, shown_{shown} {}
  void handle(const Price& price) { shown_->push_back(price.item + " " + std::to_string(price.cents)); }

 private:
  Subscription prices_;  // made anew by the constructor of each life
  std::vector<std::string>* shown_;
};

struct GetPrice {
  using Reply = int;
  std::string item;
};

class Shop : public Actor<Shop> {
 public:
  int handle(const GetPrice& get) { return static_cast<int>(get.item.size()) * 40; }
};

class Customer : public Actor<Customer> {
 public:
  Customer(InMemoryBroker* broker, std::vector<int>* paid) : broker_{broker}, paid_{paid} {}
  void on_start() {
    broker_->ask(self(), "ask.price", GetPrice{"tea"}, 1s).then([this](Result<int, AskError> cents) {
      if (cents) paid_->push_back(*cents);
    });
  }

 private:
  InMemoryBroker* broker_;
  std::vector<int>* paid_;
};

class Undertaker : public Actor<Undertaker> {
 public:
  explicit Undertaker(int* count) : count_{count} {}
  void handle(const DeadLetter&) { ++*count_; }

 private:
  int* count_;
};

}  // namespace

TEST_CASE("how-to: publish and subscribe") {
  std::vector<std::string> shown;
  testing::TestSystem system{{.seed = 42}};
  InMemoryBroker broker{system};
  static_cast<void>(system.spawn<Board>(&broker, &shown));
  system.run_until_idle();

  const Published published = broker.publish("price.tea", Price{"tea", 120});
  CHECK(published.delivered == 1);

  system.run_until_idle();
  CHECK(shown == std::vector<std::string>{"tea 120"});
}

TEST_CASE("how-to: a bound and a group of a subscription") {
  testing::TestSystem system{{.seed = 42}};
  InMemoryBroker broker{system};
  testing::Probe<Price> slow{system};
  testing::Probe<Price> one{system};
  testing::Probe<Price> two{system};

  const Subscription newest =
      broker.subscribe<Price>("price.>", slow.actor(), {.bound = Bounded{2, Overflow::DropOldest}});
  const Subscription first = broker.subscribe<Price>("price.>", one.actor(), {.group = "printers"});
  const Subscription second = broker.subscribe<Price>("price.>", two.actor(), {.group = "printers"});

  for (int cents = 1; cents <= 4; ++cents) CHECK(broker.publish("price.tea", Price{"tea", cents}).delivered == 2);
  CHECK(slow.expect<Price>().value().cents == 3);
  CHECK(slow.expect<Price>().value().cents == 4);
  CHECK(one.expect<Price>().value().cents + two.expect<Price>().value().cents == 1 + 2);
}

TEST_CASE("how-to: the last value of a topic") {
  testing::TestSystem system{{.seed = 42}};
  InMemoryBroker broker{system};
  testing::Probe<Price> late{system};

  broker.publish("price.tea", Price{"tea", 120}, {.retain = true});
  const Retained<Price> now = broker.retained<Price>("price.tea");
  CHECK(now->cents == 120);

  const Subscription prices = broker.subscribe<Price>("price.*", late.actor());
  CHECK(late.expect<Price>().value().cents == 120);
  CHECK_FALSE(broker.retained<Price>("price.tea").changed_since(now.sequence()));
}

TEST_CASE("how-to: ask over a topic") {
  std::vector<int> paid;
  testing::TestSystem system{{.seed = 42}};
  InMemoryBroker broker{system};

  const Subscription shop = broker.subscribe<GetPrice>("ask.price", system.spawn<Shop>());
  CHECK(broker.ask("ask.price", GetPrice{"coffee"}, 1s).get().value() == 240);
  CHECK(broker.ask("ask.time", GetPrice{"coffee"}, 1s).get() == Error{AskError::Closed});

  static_cast<void>(system.spawn<Customer>(&broker, &paid));
  system.run_until_idle();
  CHECK(paid == std::vector<int>{120});
}

TEST_CASE("how-to: dead letters on a topic") {
  int count = 0;
  testing::TestSystem system{{.seed = 42}};

  InMemoryBroker broker{system, {.needs_subscriber = true, .dead_letters = "coppice.dead_letters"}};
  const Subscription letters = broker.subscribe<DeadLetter>("coppice.dead_letters", system.spawn<Undertaker>(&count));
  CHECK(broker.publish("price.tea", Price{"tea", 120}).dropped == 1);

  system.run_until_idle();
  CHECK(count == 1);
}
