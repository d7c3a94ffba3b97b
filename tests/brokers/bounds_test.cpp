#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "brokers/subscription_queue.hpp"
#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using testing::Gate;
using testing::TestSystem;

struct Note {
  int number = 0;
};
struct Say {
  int number = 0;
};
struct Die {};
struct Hang {
  Gate* gate;
};

struct Reader : Actor<Reader> {
  explicit Reader(std::vector<int>* s) : seen{s} {}
  void handle(const Note& note) {
    if (note.number < 0) throw 1;
    seen->push_back(note.number);
  }
  void handle(Say say) { seen->push_back(say.number); }
  void handle(Hang hang) { hang.gate->pass(); }
  void handle(Die) { stop(); }
  std::vector<int>* seen;
};

std::vector<int> numbers(int first, int last) {
  std::vector<int> all(static_cast<std::size_t>(last - first + 1));
  std::iota(all.begin(), all.end(), first);
  return all;
}

TEST_CASE("each policy of a subscription has its outcome and its contents and hurts nobody") {  // F38
  struct Row {
    Overflow overflow;
    std::vector<int> seen;
    Published full;
    DeadReason reason;
  };
  const Row rows[] = {
      {Overflow::Reject, numbers(0, 4), {.delivered = 1, .dropped = 1}, DeadReason::Rejected},
      {Overflow::DropNewest, numbers(0, 4), {.delivered = 1, .dropped = 1}, DeadReason::Dropped},
      {Overflow::DropOldest, numbers(15, 19), {.delivered = 2, .displaced = 1}, DeadReason::DroppedOldest},
  };
  for (const Row& row : rows) {
    std::vector<int> slow;
    std::vector<int> quick;
    TestSystem system;
    InMemoryBroker broker{system};
    const Subscription a =
        broker.subscribe<Note>("a", system.spawn<Reader>(&slow), {.bound = Bounded{5, row.overflow}});
    const Subscription b = broker.subscribe<Note>("a", system.spawn<Reader>(&quick));
    for (int i = 0; i < 20; ++i) {
      CHECK(broker.publish("a", Note{i}) == (i < 5 ? Published{.delivered = 2} : row.full));
      CHECK(system.ledger().balances());
    }
    CHECK(system.ledger().queued == 25);  // five of the slow one's, twenty of the other's; constructors are no messages
    system.run_until_idle();
    CHECK(slow == row.seen);
    CHECK(quick == numbers(0, 19));
    CHECK(system.ledger().dead(row.reason) == 15);
    CHECK(system.dead_letters().size() == 15);
    CHECK(broker.publish("a", Note{20}) == Published{.delivered = 2});  // and there is room again
    testing::check_end(system);
  }
}

TEST_CASE("a stalled DropOldest subscriber holds exactly the newest and the others get all") {  // F38: threads
  constexpr int kCapacity = 8;
  const int publications = static_cast<int>(testing::scaled(20'000));
  std::vector<int> slow;
  std::vector<int> quick;
  ActorSystem system{testing::quiet(testing::two_workers())};
  InMemoryBroker broker{system};
  const auto stalled = system.spawn<Reader>(&slow);
  const Subscription a = broker.subscribe<Note>("a", stalled, {.bound = Bounded{kCapacity, Overflow::DropOldest}});
  const Subscription b = broker.subscribe<Note>("a", system.spawn<Reader>(&quick));
  Gate gate;
  stalled.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  for (int i = 0; i < publications; ++i) CHECK(broker.publish("a", Note{i}).delivered == 2);
  gate.open();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);  // from here on no other thread writes what is compared
  CHECK(slow == numbers(publications - kCapacity, publications - 1));
  CHECK(quick == numbers(0, publications - 1));
  CHECK(system.ledger().dead(DeadReason::DroppedOldest) == static_cast<std::uint64_t>(publications - kCapacity));
}

TEST_CASE("publications of a bounded subscription keep their order among other messages") {  // P3
  std::vector<int> seen;
  TestSystem system{{.seed = 3}};
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&seen);
  const Subscription bounded = broker.subscribe<Note>("a", reader, {.bound = Bounded{100, Overflow::DropOldest}});
  for (int i = 0; i < 60; i += 3) {
    broker.publish("a", Note{i});
    broker.publish("a", Note{i + 1});
    reader.send(Say{i + 2});
  }
  system.run_until_idle();
  CHECK(seen == numbers(0, 59));
  testing::check_end(system);
}

TEST_CASE("a bound of a subscription does not count against the mailbox and the other way round") {
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>({.mailbox = Bounded{2, Overflow::Reject}}, &seen);
  const Subscription own = broker.subscribe<Note>("own", reader, {.bound = Bounded{3, Overflow::Reject}});
  const Subscription plain = broker.subscribe<Note>("plain", reader);
  CHECK(reader.send(Say{0}) == Delivery::Accepted);
  CHECK(broker.publish("plain", Note{1}) == Published{.delivered = 1});
  CHECK(broker.publish("plain", Note{9}) == Published{.dropped = 1});
  for (int i = 2; i < 5; ++i) CHECK(broker.publish("own", Note{i}) == Published{.delivered = 1});
  CHECK(broker.publish("own", Note{9}) == Published{.dropped = 1});
  system.run_until_idle();
  CHECK(seen == numbers(0, 4));
  testing::check_end(system);
}

TEST_CASE("a bound that is impossible is refused") {
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&seen);
  const Subscription none = broker.subscribe<Note>("a", reader, {.bound = Bounded{.capacity = 0}});
  CHECK(none.status() == Error{BrokerError::BadOption});
  // What a subscription cannot do is no option of one.
  for (const Bounded& bound :
       {Bounded{1, Overflow::Block}, Bounded{1, KeepLatestBy<&Note::number>}, Bounded{.order = Order::Priority},
        Bounded{.measured = true}, Bounded{.passed_over_max = 0}}) {
    const Subscription odd = broker.subscribe<Note>("a", reader, {.bound = bound});
    CHECK(odd.status() == Error{BrokerError::BadOption});
  }
  const Subscription most =
      broker.subscribe<Note>("a", reader, {.bound = Bounded{~std::uint64_t{0}, Overflow::DropOldest}});
  CHECK(most.is_active());
  CHECK(broker.publish("a", Note{1}) == Published{.delivered = 1});
  CHECK(broker.subscriptions() == 1);
  testing::check_end(system);
}

TEST_CASE("what waits under a bound when its actor ends is dead letters") {  // P4
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&seen);
  const Subscription own =
      broker.subscribe<Note>("a", reader, {.bound = Bounded{.capacity = 4, .overflow = Overflow::DropOldest}});
  system.run_until_idle();
  broker.publish("a", Note{1});
  reader.send(Die{});
  for (int i = 2; i < 10; ++i) broker.publish("a", Note{i}, {.correlation_id = 1});
  system.run_until_idle();
  CHECK(seen == std::vector<int>{6});  // the first token took the oldest that was left: 1 to 5 had given way
  CHECK(system.ledger().dead(DeadReason::DroppedOldest) == 5);
  CHECK(system.ledger().dead(DeadReason::Stopped) == 3);
  CHECK_FALSE(own.is_active());
  CHECK(broker.publish("a", Note{}) == Published{});
  testing::check_end(system);
}

TEST_CASE("what waits under a bound is there for the next life") {  // P5
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto root = system.start(supervisor({.id = "app"}, child<Reader>({.id = "r"}, &seen)));
  REQUIRE(root);
  const Subscription own =
      broker.subscribe<Note>("a", root->child<Reader>("r").value(), {.bound = Bounded{4, Overflow::Reject}});
  for (const int number : {1, -1, 2, 3}) broker.publish("a", Note{number});
  system.run_until_idle();
  CHECK(seen == std::vector<int>{1, 2, 3});
  CHECK(system.ledger().dead(DeadReason::InHand) == 1);
  CHECK(own.is_active());
  testing::check_end(system);
}

TEST_CASE("a publication that another token has claimed stays where it was handled") {  // [U1], Q3
  std::vector<int> seen;
  TestSystem system;
  const auto reader = system.spawn<Reader>(&seen);
  detail::Cell& cell = detail::RefAccess::cell(reader);
  const detail::SubscriberOps& ops = detail::kSubscriberOps<Reader, Note>;
  const auto queue =
      detail::IntrusivePtr<detail::SubscriptionQueue>::adopt(new detail::SubscriptionQueue{Bounded{.capacity = 4}});
  detail::Publication* const first = detail::make_publication<Note>(Note{1}).detach();  // the queue's, if all goes well
  detail::Publication* const second = detail::make_publication<Note>(Note{2}).detach();
  detail::Publication* oldest = nullptr;
  // One thread is held up between the two steps, another's token claims what the first one has put there.
  detail::PublicationEnvelope* const token = queue->make_token(ops);
  REQUIRE(queue->enter(*first, oldest) == detail::SubscriptionQueue::Entered::Added);
  CHECK(queue->put(cell, ops, *second, detail::Refusal::HandBack).delivery == Delivery::Accepted);
  reader.send(Die{});
  system.run_until_idle();
  CHECK(seen == std::vector<int>{1});
  const auto put = queue->send_token(cell, token, *first, detail::Refusal::HandBack);
  CHECK(put.delivery == Delivery::Accepted);  // no other member gets it
  CHECK(system.ledger().dead(DeadReason::Closed) == 1);
  CHECK(queue->claim() == nullptr);
  testing::check_end(system);
}

TEST_CASE("a publication whose token is refused goes back to its publisher") {
  std::vector<int> seen;
  TestSystem system;
  const auto reader = system.spawn<Reader>(&seen);
  detail::Cell& cell = detail::RefAccess::cell(reader);
  const auto queue =
      detail::IntrusivePtr<detail::SubscriptionQueue>::adopt(new detail::SubscriptionQueue{Bounded{.capacity = 4}});
  const auto publication = detail::make_publication<Note>(Note{1});
  CHECK(system.stop(reader).get());
  const auto put = queue->put(cell, detail::kSubscriberOps<Reader, Note>, *publication, detail::Refusal::HandBack);
  CHECK(put.delivery == Delivery::Closed);
  CHECK(queue->claim() == nullptr);
  CHECK(system.ledger().dead() == 0);
  testing::check_end(system);
}

TEST_CASE("a bounded subscription stays exact while its actor takes and many publish") {  // B1 as threads see it
  constexpr int kPublishers = 3;
  const int each = static_cast<int>(testing::scaled(20'000));
  for (const Overflow overflow : {Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest}) {
    std::vector<int> seen;
    ActorSystem system{testing::quiet(testing::two_workers())};
    InMemoryBroker broker{system};
    const Subscription own = broker.subscribe<Note>("a", system.spawn<Reader>(&seen),
                                                    {.bound = Bounded{.capacity = 3, .overflow = overflow}});
    std::vector<Published> sums(kPublishers);
    std::vector<std::thread> threads;
    for (Published& sum : sums) {
      threads.emplace_back([&broker, &sum, each] {
        for (int i = 0; i < each; ++i) {
          const Published published = broker.publish("a", Note{i});
          sum.delivered += published.delivered;
          sum.dropped += published.dropped;
          sum.displaced += published.displaced;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(testing::at_rest(system));
    Published all;
    for (const Published& sum : sums) {
      all.delivered += sum.delivered;
      all.dropped += sum.dropped;
      all.displaced += sum.displaced;
    }
    CHECK(all.delivered + all.dropped == static_cast<std::uint64_t>(kPublishers) * static_cast<std::uint64_t>(each));
    testing::check_end(system);
    CHECK(seen.size() == all.delivered - all.displaced);
    CHECK(system.ledger().dead() == all.dropped + all.displaced);
  }
}

}  // namespace
}  // namespace coppice
