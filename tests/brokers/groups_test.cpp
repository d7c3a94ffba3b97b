#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::TestSystem;

struct Job {
  int number = 0;
};
struct Die {};

struct Worker : Actor<Worker> {
  explicit Worker(std::vector<int>* s) : seen{s} {}
  void handle(const Job& job) { seen->push_back(job.number); }
  void handle(Die) { stop(); }
  std::vector<int>* seen;
};

TEST_CASE("of a group one member receives each publication in turn") {
  std::vector<int> seen[3];
  std::vector<int> tap;
  TestSystem system;
  InMemoryBroker broker{system};
  std::vector<Subscription> kept;
  for (auto& log : seen) kept.push_back(broker.subscribe<Job>("jobs.*", system.spawn<Worker>(&log), {.group = "w"}));
  kept.push_back(broker.subscribe<Job>("jobs.*", system.spawn<Worker>(&tap)));
  for (int i = 0; i < 30; ++i) CHECK(broker.publish("jobs.new", Job{i}) == Published{.delivered = 2});
  system.run_until_idle();
  for (const auto& log : seen) CHECK(log.size() == 10);
  CHECK(tap.size() == 30);
  testing::check_end(system);
}

TEST_CASE("a group that several patterns subscribe is one group and two groups are two") {  // NATS's rule
  std::vector<int> one;
  std::vector<int> two;
  std::vector<int> other;
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription a = broker.subscribe<Job>("jobs.new", system.spawn<Worker>(&one), {.group = "w"});
  const Subscription b = broker.subscribe<Job>("jobs.>", system.spawn<Worker>(&two), {.group = "w"});
  const Subscription c = broker.subscribe<Job>("*.new", system.spawn<Worker>(&other), {.group = "x"});
  for (int i = 0; i < 10; ++i) CHECK(broker.publish("jobs.new", Job{i}) == Published{.delivered = 2});
  CHECK(broker.publish("jobs.old", Job{10}) == Published{.delivered = 1});
  system.run_until_idle();
  CHECK(one.size() == 5);
  CHECK(two.size() == 6);
  CHECK(other.size() == 10);
  testing::check_end(system);
}

TEST_CASE("a member that refuses is passed over as long as another accepts") {
  std::vector<int> full;
  std::vector<int> bounded;
  std::vector<int> wide;
  TestSystem system;
  InMemoryBroker broker{system};
  std::vector<Subscription> kept;
  kept.push_back(
      broker.subscribe<Job>("j", system.spawn<Worker>({.mailbox = Bounded{.capacity = 1}}, &full), {.group = "w"}));
  kept.push_back(broker.subscribe<Job>("j", system.spawn<Worker>(&bounded),
                                       {.bound = Bounded{2, Overflow::DropNewest}, .group = "w"}));
  kept.push_back(broker.subscribe<Job>("j", system.spawn<Worker>(&wide), {.group = "w"}));
  for (int i = 0; i < 12; ++i) CHECK(broker.publish("j", Job{i}) == Published{.delivered = 1});
  CHECK(system.ledger().dead() == 0);
  kept.pop_back();
  CHECK(broker.publish("j", Job{12}) == Published{.dropped = 1});  // all refuse: one dead letter
  CHECK(system.ledger().dead() == 1);
  system.run_until_idle();
  CHECK(full.size() == 1);
  CHECK(bounded.size() == 2);
  CHECK(wide.size() == 9);
  testing::check_end(system);
}

TEST_CASE("a publisher waits at no member that blocks as long as another has room") {  // P15
  std::vector<int> blocks;
  std::vector<int> wide;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto full = system.spawn<Worker>({.mailbox = Bounded{1, Overflow::Block, 1h}}, &blocks);
  const Subscription a = broker.subscribe<Job>("j", full, {.group = "w"});
  const Subscription b = broker.subscribe<Job>("j", system.spawn<Worker>(&wide), {.group = "w"});
  for (int i = 0; i < 6; ++i) CHECK(broker.publish("j", Job{i}) == Published{.delivered = 1});
  CHECK(system.ledger().queued == 6);  // nobody has run, as they would have while the thread waits
  struct Publisher : Actor<Publisher> {
    explicit Publisher(InMemoryBroker* to) : broker{to} {}
    void handle(Job job) {
      for (int i = 0; i < job.number; ++i) broker->publish("j", Job{100 + i});
    }
    InMemoryBroker* broker;
  };
  full.pause();
  system.spawn<Publisher>(&broker).send(Job{4});
  system.run_until_idle();
  CHECK(blocks.empty());
  CHECK(wide.size() == 9);  // of the ten one waits at who is paused
  full.resume();
  system.run_until_idle();
  CHECK(blocks == std::vector<int>{0});
  testing::check_end(system);
}

TEST_CASE("a group of which all are full waits at the one that blocks whoever has the turn") {  // Q3
  std::vector<int> blocks;
  std::vector<int> rejects;
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription a = broker.subscribe<Job>(
      "j", system.spawn<Worker>({.mailbox = Bounded{1, Overflow::Block, 1h}}, &blocks), {.group = "w"});
  const Subscription b =
      broker.subscribe<Job>("j", system.spawn<Worker>({.mailbox = Bounded{.capacity = 1}}, &rejects), {.group = "w"});
  for (int i = 0; i < 9; ++i) CHECK(broker.publish("j", Job{i}) == Published{.delivered = 1});
  system.run_until_idle();
  CHECK(blocks.size() + rejects.size() == 9);
  CHECK(system.ledger().dead() == 0);
  testing::check_end(system);
}

struct Pass {
  Gate* gate;
};
struct Passes : Actor<Passes> {
  void handle(const Pass& pass) { pass.gate->pass(); }
};

TEST_CASE("a group that has to be waited for is served after all others") {  // P15
  ActorSystem system{testing::quiet(testing::two_workers())};
  InMemoryBroker broker{system};
  const auto slow = system.spawn<Passes>({.mailbox = Bounded{1, Overflow::Block, 1h}});
  const Subscription alone = broker.subscribe<Pass>("slow", slow);
  const Subscription a = broker.subscribe<Pass>("both", slow, {.group = "slow"});
  const Subscription b = broker.subscribe<Pass>("both", system.spawn<Passes>(), {.group = "quick"});
  Gate closed;
  Gate open;
  open.open();
  broker.publish("slow", Pass{&closed});
  REQUIRE(closed.wait_for_arrivals());
  broker.publish("slow", Pass{&open});
  Published published;
  std::thread publisher{[&] { published = broker.publish("both", Pass{&open}); }};
  CHECK(open.wait_for_arrivals(1));  // the quick one's
  closed.open();
  publisher.join();
  CHECK(published == Published{.delivered = 2});
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

TEST_CASE("a member that has ended gets nothing and its group goes on") {
  std::vector<int> one;
  std::vector<int> two;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto first = system.spawn<Worker>(&one);
  const auto second = system.spawn<Worker>(&two);
  const Subscription a = broker.subscribe<Job>("j", first, {.group = "w"});
  const Subscription b = broker.subscribe<Job>("j", second, {.group = "w"});
  first.send(Die{});
  system.run_until_idle();
  CHECK(broker.subscriptions() == 1);
  for (int i = 0; i < 4; ++i) CHECK(broker.publish("j", Job{i}) == Published{.delivered = 1});
  second.send(Die{});
  system.run_until_idle();
  CHECK(broker.publish("j", Job{4}) == Published{});
  CHECK(one.empty());
  CHECK(two.size() == 4);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
