#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using testing::TestSystem;

struct Price {
  int cents = 0;
  int check = 0;  // minus cents
};
struct Other {};

Price price(int cents) { return {cents, -cents}; }
constexpr auto kRetain = [] { return PublishOptions{.retain = true}; };

struct Reader : Actor<Reader> {
  explicit Reader(std::vector<int>* s) : seen{s} {}
  void handle(const Price& p) { seen->push_back(p.cents); }
  void handle(const Other&) { seen->push_back(-1); }
  std::vector<int>* seen;
};

TEST_CASE("who subscribes late gets the last value of each topic that matches once and first") {  // F46
  std::vector<int> late;
  std::vector<int> exact;
  std::vector<int> rest;
  std::vector<int> without;
  TestSystem system;
  InMemoryBroker broker{system};
  CHECK(broker.publish("price.tea", price(1), kRetain()) == Published{});
  CHECK(broker.publish("price.tea", price(2), kRetain()) == Published{});
  broker.publish("price.coffee", price(3), kRetain());
  broker.publish("price.coffee.black", price(4), kRetain());
  broker.publish("price.milk", price(9));  // not retained
  CHECK(broker.retained_topics() == 3);
  const Subscription a = broker.subscribe<Price>("price.*", system.spawn<Reader>(&late));
  const Subscription b = broker.subscribe<Price>("price.tea", system.spawn<Reader>(&exact));
  const Subscription c = broker.subscribe<Price>(">", system.spawn<Reader>(&rest), {.bound = Bounded{10}});
  const Subscription d = broker.subscribe<Price>("price.tea", system.spawn<Reader>(&without), {.retained = false});
  const Subscription e = broker.subscribe<Price>("price.tea", system.spawn<Reader>(&without), {.group = "g"});
  CHECK(broker.publish("price.tea", price(5)).delivered == 5);
  system.run_until_idle();
  REQUIRE(late.size() == 3);
  CHECK(late.back() == 5);
  CHECK(late[0] + late[1] == 2 + 3);
  CHECK(exact == std::vector<int>{2, 5});
  REQUIRE(rest.size() == 4);
  CHECK(rest.back() == 5);
  CHECK(without == std::vector<int>{5, 5});
  testing::check_end(system);
}

TEST_CASE("a retained value can be looked at and forgotten") {  // F46: peek, seq, changed_since
  TestSystem system;
  InMemoryBroker broker{system};
  CHECK_FALSE(broker.retained<Price>("price.tea"));
  CHECK(broker.retained<Price>("price.tea").sequence() == 0);
  broker.publish("price.tea", price(1), kRetain());
  const Retained<Price> first = broker.retained<Price>("price.tea");
  REQUIRE(first);
  CHECK(first->cents == 1);
  CHECK_FALSE(broker.retained<Price>("price.tea").changed_since(first.sequence()));
  broker.publish("price.tea", price(2), kRetain());
  const Retained<Price> second = broker.retained<Price>("price.tea");
  CHECK(second.changed_since(first.sequence()));
  CHECK((*second).cents == 2);
  CHECK(first->cents == 1);  // who holds a value keeps it
  CHECK_FALSE(broker.retained<Other>("price.tea"));
  CHECK_FALSE(broker.retained<Price>("price.*"));
  CHECK_FALSE(broker.retained<Price>(""));
  CHECK(broker.forget("price.tea"));
  CHECK_FALSE(broker.forget("price.tea"));
  CHECK_FALSE(broker.forget("price.>"));
  CHECK_FALSE(broker.retained<Price>("price.tea"));
  CHECK(broker.retained_topics() == 0);
  testing::check_end(system);
}

TEST_CASE("a retained value keeps its topic's type") {  // Q2
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&seen);
  broker.publish("price.tea", price(1), kRetain());
  CHECK(broker.publish("price.tea", Other{}).status == Error{BrokerError::WrongType});
  CHECK(broker.publish("price.tea", Other{}, kRetain()).status == Error{BrokerError::WrongType});
  const Subscription exact = broker.subscribe<Other>("price.tea", reader);
  CHECK(exact.status() == Error{BrokerError::WrongType});
  const Subscription wild = broker.subscribe<Other>("price.>", reader);
  CHECK(wild.status() == Error{BrokerError::WrongType});
  CHECK(broker.forget("price.tea"));
  CHECK(broker.publish("price.tea", Other{}, kRetain()).status.has_value());
  const Subscription now = broker.subscribe<Other>("price.>", reader);
  CHECK(now.is_active());
  system.run_until_idle();
  CHECK(seen == std::vector<int>{-1});
  testing::check_end(system);
}

TEST_CASE("a broker retains so many values and no more") {
  for (const std::uint64_t most : {std::uint64_t{0}, std::uint64_t{2}}) {
    TestSystem system;
    InMemoryBroker broker{system, {.retained_max = most}};
    for (std::uint64_t i = 0; i < most; ++i)
      CHECK(broker.publish("t." + std::to_string(i), price(1), kRetain()).status);
    CHECK(broker.publish("t.more", price(1), kRetain()).status == Error{BrokerError::Full});
    CHECK(broker.publish("t.more", price(1)) == Published{});
    if (most > 0) CHECK(broker.publish("t.0", price(2), kRetain()).status);  // in place of the one before
    CHECK(broker.retained_topics() == most);
    testing::check_end(system);
  }
}

TEST_CASE("a retained topic of many words is forgotten without recursion") {
  std::string topic = "w";
  for (int i = 0; i < 100'000; ++i) topic += ".w";
  std::vector<int> seen;
  TestSystem system;
  {
    InMemoryBroker broker{system};
    CHECK(broker.publish(topic, price(1), kRetain()).status);
    const Subscription all = broker.subscribe<Price>(">", system.spawn<Reader>(&seen));
    system.run_until_idle();
    CHECK(seen == std::vector<int>{1});
  }  // the broker ends with the value in it
  testing::check_end(system);
}

struct Follower : Actor<Follower> {
  Follower(InMemoryBroker* broker, int n, std::atomic<bool>* w, std::atomic<int>* c)
      : publications{n}, wrong{w}, complete{c}, prices{broker->subscribe<Price>("p", self())} {
    if (const auto now = broker->retained<Price>("p")) effective = now->cents;
  }
  void handle(const Price& p) {
    // They grow: none comes twice or late. And once subscribed, none is left out.
    if (p.check != -p.cents || p.cents <= last || (last >= effective && last != 0 && p.cents != last + 1))
      wrong->store(true);
    last = p.cents;
    if (last == publications) complete->fetch_add(1);
  }
  int publications;
  std::atomic<bool>* wrong;
  std::atomic<int>* complete;
  Subscription prices;
  int effective = 0;
  int last = 0;
};

TEST_CASE("between the retained value and the first publication nothing is lost or doubled") {  // Q4, threaded
  ActorSystem system{testing::quiet(testing::two_workers())};
  InMemoryBroker broker{system};
  std::atomic<bool> wrong{false};
  std::atomic<int> complete{0};
  const int publications = static_cast<int>(testing::scaled(20'000));
  std::thread publisher{[&] {
    for (int i = 1; i <= publications; ++i) broker.publish("p", price(i), kRetain());
  }};
  std::uint64_t sequence = 0;
  int followers = 0;
  for (int cents = 0; cents < publications;) {
    const Retained<Price> now = broker.retained<Price>("p");  // a whole value, and they grow
    if (!now) continue;
    if (now->check != -now->cents || now.sequence() < sequence || now->cents < cents) wrong.store(true);
    sequence = now.sequence();
    cents = now->cents;
    if (followers >= 200) continue;
    static_cast<void>(system.spawn<Follower>(&broker, publications, &wrong, &complete));
    ++followers;
  }
  publisher.join();
  REQUIRE(testing::at_rest(system));
  CHECK(testing::eventually([&] { return complete.load() == followers; }));
  CHECK_FALSE(wrong.load());
  testing::check_end(system);
  CHECK(broker.subscriptions() == 0);
}

}  // namespace
}  // namespace coppice
