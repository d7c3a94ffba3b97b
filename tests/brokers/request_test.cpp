#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/gate.hpp"
#include "support/own_time.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

struct GetPrice {
  using Reply = int;
  std::string item;
};
struct Hang {
  testing::Gate* gate;
};
struct Tell {
  std::string text;
};

struct Shop : Actor<Shop> {
  explicit Shop(int c) : cents{c} {}
  int handle(const GetPrice& get) {
    if (get.item == "crash") throw std::runtime_error{"no such item"};
    ++asked;
    return cents;
  }
  void handle(const Hang& hang) { hang.gate->pass(); }
  int cents;
  int asked = 0;
};
struct Tap : Actor<Tap> {
  explicit Tap(int* c) : count{c} {}
  void handle(const GetPrice&) { ++*count; }
  int* count;
};
struct SlowShop : Actor<SlowShop> {
  Later<int> handle(const GetPrice& get) {
    auto [promise, later] = reply_later<int>();
    if (get.item != "drop") kept.push_back(std::move(promise));
    if (get.item != "keep" && !kept.empty()) kept.back().set(77);
    return std::move(later);
  }
  void handle(Tell) {
    for (auto& promise : kept) promise.set(78);
    kept.clear();
  }
  std::vector<ReplyPromise<int>> kept;
};
struct Dropper : Actor<Dropper> {
  Later<int> handle(const GetPrice&) { return std::move(reply_later<int>().second); }
};
struct Thinker : Actor<Thinker> {
  Task<int> handle(GetPrice get) {
    if (get.item == "crash") throw std::runtime_error{"at once"};
    if (get.item == "at once") co_return 7;
    co_await sleep_for(10ms);
    if (get.item == "crash later") throw std::runtime_error{"later"};
    co_return 8;
  }
};
struct Customer : Actor<Customer> {
  Customer(InMemoryBroker* b, std::vector<Result<int, AskError>>* o) : broker{b}, outcomes{o} {}
  void handle(Tell tell) {
    broker->ask(self(), "price." + tell.text, GetPrice{tell.text}, 1s).then([this](Result<int, AskError> price) {
      outcomes->push_back(price);
    });
  }
  InMemoryBroker* broker;
  std::vector<Result<int, AskError>>* outcomes;
};

TEST_CASE("an ask over a topic is answered by a subscriber and others only hear of it") {
  int taps = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription tap = broker.subscribe<GetPrice>("price.>", system.spawn<Tap>(&taps));
  const Subscription shop = broker.subscribe<GetPrice>("price.tea", system.spawn<Shop>(120));
  const Subscription slow = broker.subscribe<GetPrice>("price.coffee", system.spawn<SlowShop>());
  CHECK(broker.ask("price.tea", GetPrice{"tea"}, 1s).get().value() == 120);
  CHECK(broker.ask<int>("price.coffee", GetPrice{"coffee"}, 1s).get().value() == 77);
  system.run_until_idle();
  CHECK(taps == 2);
  testing::check_end(system);
}

TEST_CASE("the first of several answers counts and the others are no late replies") {
  TestSystem system;
  InMemoryBroker broker{system};
  std::vector<Subscription> kept;
  for (int cents = 1; cents <= 5; ++cents)
    kept.push_back(broker.subscribe<GetPrice>("price.tea", system.spawn<Shop>(cents)));
  const auto answer = broker.ask("price.tea", GetPrice{"tea"}, 1s).get();
  REQUIRE(answer);
  CHECK((*answer >= 1 && *answer <= 5));
  system.run_until_idle();
  CHECK(system.stats().late_replies == 0);
  testing::check_end(system);
}

TEST_CASE("an ask over a topic that nobody answers says why") {  // P12
  int taps = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  CHECK(broker.ask("price.tea", GetPrice{"tea"}, 1s).get() == Error{AskError::Closed});
  CHECK(broker.ask("price.*", GetPrice{"tea"}, 1s).get() == Error{AskError::Rejected});
  const Subscription tap = broker.subscribe<GetPrice>("price.>", system.spawn<Tap>(&taps));
  CHECK(broker.ask("price.tea", GetPrice{"tea"}, 1s).get() == Error{AskError::NoReply});
  CHECK(broker.ask<int>("price.tea", Tell{"another type"}, 1s).get() == Error{AskError::Rejected});
  const Subscription shop = broker.subscribe<GetPrice>("price.crash", system.spawn<Shop>(1));
  CHECK(broker.ask("price.crash", GetPrice{"crash"}, 1s).get() == Error{AskError::Crashed});
  const auto slow = system.spawn<SlowShop>();
  const Subscription keeps = broker.subscribe<GetPrice>("price.keep", slow);
  CHECK(broker.ask("price.keep", GetPrice{"keep"}, 1s).get() == Error{AskError::Timeout});
  const Subscription drops = broker.subscribe<GetPrice>("price.drop", slow);
  CHECK(broker.ask("price.drop", GetPrice{"drop"}, 1s).get() == Error{AskError::NoReply});
  const auto full = system.spawn<Shop>({.mailbox = Bounded{.capacity = 1}}, 1);
  const Subscription busy = broker.subscribe<GetPrice>("full", full);
  CHECK(broker.publish("full", GetPrice{"tea"}).delivered == 1);
  CHECK(broker.ask("full", GetPrice{"tea"}, 1s).get() == Error{AskError::Rejected});
  const auto ending = system.spawn<Shop>(1);
  const Subscription last = broker.subscribe<GetPrice>("ending", ending);
  system.run_until_idle();
  auto asked = broker.ask("ending", GetPrice{"tea"}, 1s);
  CHECK(system.stop(ending).get());
  CHECK(asked.get() == Error{AskError::Closed});
  testing::check_end(system);
}

TEST_CASE("an ask over a topic that gave way or found no room in time says so as an ask of a ref does") {  // P12
  TestSystem system;
  InMemoryBroker broker{system};
  const auto shop = system.spawn<Shop>(1);
  const Subscription newest = broker.subscribe<GetPrice>("newest", shop, {.bound = Bounded{1, Overflow::DropOldest}});
  auto displaced = broker.ask("newest", GetPrice{"tea"}, 1s);
  CHECK(broker.publish("newest", GetPrice{"tea"}) == Published{.delivered = 1, .displaced = 1});
  CHECK(displaced.get() == Error{AskError::Rejected});
  const auto oldest = system.spawn<Shop>({.mailbox = Bounded{1, Overflow::DropOldest}}, 1);
  const Subscription drops = broker.subscribe<GetPrice>("oldest", oldest);
  auto evicted = broker.ask("oldest", GetPrice{"tea"}, 1s);
  CHECK(broker.publish("oldest", GetPrice{"tea"}) == Published{.delivered = 1});
  CHECK(evicted.get() == Error{AskError::Rejected});
  const auto full = system.spawn<Shop>({.mailbox = Bounded{1, Overflow::Block, 0s}}, 1);
  const Subscription blocks = broker.subscribe<GetPrice>("full", full);
  CHECK(broker.publish("full", GetPrice{"tea"}) == Published{.delivered = 1});
  CHECK(broker.ask("full", GetPrice{"tea"}, 1s).get() == Error{AskError::Timeout});
  testing::check_end(system);
}

TEST_CASE("an ask over a topic does not wait for room beyond its deadline") {  // P12
  ActorSystem system{testing::quiet(testing::two_workers())};
  InMemoryBroker broker{system};
  const auto shop = system.spawn<Shop>({.mailbox = Bounded{1, Overflow::Block, 5s}}, 1);
  testing::Gate gate;
  const Subscription blocks = broker.subscribe<GetPrice>("q", shop);
  const Subscription hangs = broker.subscribe<Hang>("hang", shop);
  broker.publish("hang", Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  CHECK(broker.publish("q", GetPrice{"tea"}) == Published{.delivered = 1});
  const testing::OwnTime time;
  CHECK(broker.ask("q", GetPrice{"tea"}, 20ms).get() == Error{AskError::Timeout});
  CHECK(time.passed() < 4s);
  gate.open();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

TEST_CASE("a promise that is dropped ends an ask over a topic for nobody else") {  // P12
  TestSystem system;
  InMemoryBroker broker{system};
  const auto one = system.spawn<SlowShop>();
  const Subscription drops = broker.subscribe<GetPrice>("price.drop", one);
  const Subscription shop = broker.subscribe<GetPrice>("price.drop", system.spawn<Shop>(5));
  auto asked = broker.ask("price.drop", GetPrice{"drop"}, 1s);
  system.run_until_idle();
  CHECK(asked.get().value() == 5);
  // Two promise, and the one that keeps its promise decides.
  const auto keeper = system.spawn<SlowShop>();
  const Subscription drop = broker.subscribe<GetPrice>("price.x", system.spawn<Dropper>());
  const Subscription keep = broker.subscribe<GetPrice>("price.x", keeper);
  auto second = broker.ask("price.x", GetPrice{"keep"}, 1s);
  system.run_until_idle();
  CHECK_FALSE(second.is_ready());
  keeper.send(Tell{"settle"});
  system.run_until_idle();
  CHECK(second.get().value() == 78);
  // When all have let go, that is known at once.
  auto third = broker.ask("price.x", GetPrice{"keep"}, 1h);
  system.run_until_idle();
  CHECK(system.stop(keeper).get());
  CHECK(third.is_ready());
  CHECK(third.get() == Error{AskError::NoReply});
  testing::check_end(system);
}

TEST_CASE("who answers later handles a publication that asks nothing and its promise answers nobody") {
  struct Clerk : Actor<Clerk> {
    explicit Clerk(std::vector<std::string>* h) : heard{h} {}
    Later<int> handle(const GetPrice& get) {
      auto [promise, later] = reply_later<int>();
      heard->push_back(get.item + (promise.set(5) ? ", answered" : ""));
      return std::move(later);
    }
    std::vector<std::string>* heard;
  };
  std::vector<std::string> heard;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto clerk = system.spawn<Clerk>(&heard);
  const Subscription kept = broker.subscribe<GetPrice>("price.*", clerk);
  CHECK(broker.publish("price.tea", GetPrice{"tea"}) == Published{.delivered = 1});
  CHECK(broker.publish("price.tea", GetPrice{"a reply address"}, {.reply_to = clerk}) == Published{.delivered = 1});
  CHECK(broker.ask("price.tea", GetPrice{"an ask"}, 1s).get().value() == 5);
  system.run_until_idle();
  CHECK(heard == std::vector<std::string>{"tea", "a reply address", "an ask, answered"});
  CHECK(system.stats().late_replies == 0);
  testing::check_end(system);
}

TEST_CASE("a coroutine answers an ask over a topic") {  // P12
  TestSystem system;
  InMemoryBroker broker{system};
  const auto thinker = system.spawn<Thinker>();
  const Subscription a = broker.subscribe<GetPrice>("price", thinker);
  CHECK(broker.ask("price", GetPrice{"at once"}, 1s).get().value() == 7);
  CHECK(broker.ask("price", GetPrice{"later"}, 1s).get().value() == 8);
  CHECK(broker.ask<std::string>("price", GetPrice{"another type"}, 1s).get() == Error{AskError::NoReply});
  CHECK(broker.ask<std::string>("price", GetPrice{"later"}, 1s).get() == Error{AskError::NoReply});
  CHECK(broker.publish("price", GetPrice{"later"}, {.reply_to = thinker}) == Published{.delivered = 1});
  system.advance(1s);
  CHECK(broker.ask("price", GetPrice{"later"}, 5ms).get() == Error{AskError::Timeout});
  system.advance(1s);
  CHECK(system.stats().late_replies == 1);
  auto ends = broker.ask("price", GetPrice{"later"}, 1s);
  system.run_until_idle();
  CHECK(system.stop(thinker).get());
  CHECK(ends.get() == Error{AskError::Closed});
  testing::check_end(system);
}

TEST_CASE("a coroutine that fails over a topic leaves the answer to others") {  // P12
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription a = broker.subscribe<GetPrice>("price", system.spawn<Thinker>());
  const Subscription b = broker.subscribe<GetPrice>("price", system.spawn<Thinker>());
  auto both = broker.ask("price", GetPrice{"crash later"}, 1s);
  system.run_until_idle();
  CHECK_FALSE(both.is_ready());
  CHECK(both.get() == Error{AskError::Crashed});
  CHECK(broker.ask("price", GetPrice{"crash"}, 1s).get() == Error{AskError::Closed});  // both are gone
  const Subscription c = broker.subscribe<GetPrice>("price", system.spawn<Thinker>());
  CHECK(broker.ask("price", GetPrice{"crash"}, 1s).get() == Error{AskError::Crashed});
  testing::check_end(system);
}

TEST_CASE("an actor asks over a topic and goes on with the answer on its turn") {
  std::vector<Result<int, AskError>> outcomes;
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription shop = broker.subscribe<GetPrice>("price.tea", system.spawn<Shop>(120), {.group = "shops"});
  const auto keeper = system.spawn<SlowShop>();
  const Subscription keeps = broker.subscribe<GetPrice>("price.keep", keeper, {.bound = Bounded{.capacity = 1}});
  const auto customer = system.spawn<Customer>(&broker, &outcomes);
  for (const char* const item : {"tea", "nobody", "keep", "keep"}) {
    customer.send(Tell{item});
    system.run_until_idle();
  }
  CHECK(outcomes == std::vector<Result<int, AskError>>{120, Error{AskError::Closed}});
  system.advance(2s);
  CHECK(outcomes == std::vector<Result<int, AskError>>{120, Error{AskError::Closed}, Error{AskError::Timeout},
                                                       Error{AskError::Timeout}});
  CHECK(system.stop(keeper).get());  // a late answer finds nobody
  testing::check_end(system);
}

TEST_CASE("an ask over a topic ends with the life that made it") {  // P5, P12
  std::vector<Result<int, AskError>> outcomes;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto keeper = system.spawn<SlowShop>();
  const Subscription keeps = broker.subscribe<GetPrice>("price.keep", keeper);
  const auto customer = system.spawn<Customer>(&broker, &outcomes);
  customer.send(Tell{"keep"});
  system.run_until_idle();
  CHECK(system.stop(customer).get());
  CHECK(system.stop(keeper).get());
  system.advance(2s);
  CHECK(outcomes.empty());
  testing::check_end(system);
}

struct Question {
  int number;
};
struct Answer {
  int number;
};
struct Asker : Actor<Asker> {
  Asker(InMemoryBroker* b, std::vector<std::uint64_t>* a) : broker{b}, answers{a} {}
  void handle(Question question) { broker->publish("questions", question, {.reply_to = self(), .correlation_id = 42}); }
  void handle(Answer answer) {
    answers->push_back(info().correlation_id * 100 + static_cast<std::uint64_t>(answer.number));
  }
  InMemoryBroker* broker;
  std::vector<std::uint64_t>* answers;
};

struct Asked : Actor<Asked> {
  void handle(const Question& question) {
    const MessageInfo came = info();
    CHECK(came.sender == sender());
    came.reply_to.as<Asker>().send(Answer{question.number + 1},
                                   {.reply_to = {}, .correlation_id = came.correlation_id});
  }
};

TEST_CASE("a publication carries its sender its reply address and its correlation id") {  // F34
  std::vector<std::uint64_t> answers;
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription plain = broker.subscribe<Question>("questions", system.spawn<Asked>());
  const Subscription bounded = broker.subscribe<Question>("questions", system.spawn<Asked>(), {.bound = Bounded{}});
  system.spawn<Asker>(&broker, &answers).send(Question{6});
  system.run_until_idle();
  CHECK(answers == std::vector<std::uint64_t>{4207, 4207});
  testing::check_end(system);
}

TEST_CASE("a blocking answer to an ask over a topic is refused on an actor's turn") {
  struct Blocks : Actor<Blocks> {
    Blocks(InMemoryBroker* b, Result<int, AskError>* o) : broker{b}, outcome{o} {}
    void handle(Tell) { *outcome = broker->ask("price.tea", GetPrice{"tea"}, 1s).get(); }
    InMemoryBroker* broker;
    Result<int, AskError>* outcome;
  };
  Result<int, AskError> outcome{0};
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription shop = broker.subscribe<GetPrice>("price.tea", system.spawn<Shop>(120));
  system.spawn<Blocks>(&broker, &outcome).send(Tell{});
  system.run_until_idle();
  CHECK(outcome == Error{AskError::Rejected});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
