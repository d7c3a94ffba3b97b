#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

/// What a publication comes to that this many take and that many refuse.
Published to(std::uint64_t delivered, std::uint64_t dropped = 0) { return {delivered, dropped, {}}; }

struct Note {
  int number = 0;
};
struct Die {};

struct Reader : Actor<Reader> {
  explicit Reader(std::vector<int>* s) : seen{s} {}
  void handle(const Note& note) { seen->push_back(note.number); }
  void handle(Die) { stop(); }
  std::vector<int>* seen;
};

TEST_CASE("a publication straight after the subscription is received") {  // F40
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&seen);
  const Subscription subscription = broker.subscribe<Note>("a", reader);
  CHECK(broker.publish("a", Note{7}) == to(1));
  CHECK(system.ready() >= 1);  // in the mailbox already: published in the caller's thread
  system.run_until_idle();
  CHECK(seen == std::vector<int>{7});
  testing::check_end(system);
}

TEST_CASE("a subscription ends with its object") {  // F37: RAII
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&seen);
  {
    Subscription first = broker.subscribe<Note>("a", reader);
    CHECK(broker.subscriptions() == 1);
    Subscription moved = std::move(first);
    CHECK_FALSE(first.is_active());  // NOLINT(bugprone-use-after-move): what is left of it is looked at
    CHECK(moved.is_active());
    CHECK(broker.subscriptions() == 1);
    Subscription second = broker.subscribe<Note>("a", reader);
    CHECK(broker.subscriptions() == 2);
    CHECK(broker.publish("a", Note{1}) == to(2));
    second = std::move(moved);  // the second ends, the first goes on
    CHECK(broker.subscriptions() == 1);
    second.cancel();
    second.cancel();
    CHECK_FALSE(second.is_active());
    CHECK(second.status());
    CHECK(broker.subscriptions() == 0);
  }
  CHECK(broker.publish("a", Note{2}) == Published{});
  CHECK_FALSE(Subscription{}.is_active());
  testing::check_end(system);
}

TEST_CASE("a thousand actors that subscribe and die leave no subscription") {  // F37
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  std::vector<Subscription> kept;
  for (int i = 0; i < 1'000; ++i) {
    const auto reader = system.spawn<Reader>(&seen);
    kept.push_back(broker.subscribe<Note>(i % 2 == 0 ? "a.b" : "a.*", reader));
    reader.send(Die{});
    if (i % 10 == 0) system.run_until_idle();
  }
  system.run_until_idle();
  CHECK(broker.subscriptions() == 0);
  CHECK(broker.publish("a.b", Note{}) == Published{});
  for (const auto& subscription : kept) CHECK_FALSE(subscription.is_active());
  testing::check_end(system);
}

TEST_CASE("a subscription of an actor that is dead already is refused") {
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&seen);
  reader.send(Die{});
  system.run_until_idle();
  const Subscription subscription = broker.subscribe<Note>("a", reader);
  CHECK(broker.publish("a", Note{}) == Published{});
  system.run_until_idle();
  CHECK_FALSE(subscription.is_active());
  CHECK(broker.subscriptions() == 0);
  const Subscription nobody = broker.subscribe<Note>("a", ActorRef<Reader>{});
  CHECK_FALSE(nobody.is_active());
  CHECK(broker.subscriptions() == 0);
  testing::check_end(system);
}

/// Subscribes itself in its constructor.
struct SelfReader : Actor<SelfReader> {
  SelfReader(InMemoryBroker* broker, testing::BasicLog<std::pair<std::uint32_t, int>>* s)
      : subscription{broker->subscribe<Note>("own", self())}, seen{s} {}
  void handle(const Note& note) {
    if (note.number < 0) throw 1;
    seen->add({incarnation(), note.number});
  }
  Subscription subscription;
  testing::BasicLog<std::pair<std::uint32_t, int>>* seen;
};
/// The same, but the object is not what ends it.
struct CarelessReader : Actor<CarelessReader> {
  CarelessReader(InMemoryBroker* broker, std::vector<Subscription>* elsewhere, int* c) : count{c} {
    elsewhere->push_back(broker->subscribe<Note>("own", self()));
  }
  void handle(const Note& note) {
    if (note.number < 0) throw 1;
    ++*count;
  }
  int* count;
};

TEST_CASE("a subscription made by an actor for itself belongs to its life") {  // decisions: lives and places
  testing::BasicLog<std::pair<std::uint32_t, int>> seen;
  std::vector<Subscription> elsewhere;
  int count = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto root = system.start(supervisor({.id = "app"}, child<SelfReader>({.id = "s"}, &broker, &seen),
                                            child<CarelessReader>({.id = "c"}, &broker, &elsewhere, &count)));
  REQUIRE(root);
  CHECK(broker.subscriptions() == 2);
  CHECK(broker.publish("own", Note{1}) == to(2));
  CHECK(broker.publish("own", Note{-1}) == to(2));
  system.run_until_idle();
  CHECK(broker.subscriptions() == 2);  // the old lives' are gone, the new lives' are there
  CHECK(broker.publish("own", Note{2}) == to(2));
  system.run_until_idle();
  CHECK(seen.lines() == std::vector<std::pair<std::uint32_t, int>>{{1, 1}, {2, 2}});
  CHECK(count == 2);
  REQUIRE(elsewhere.size() == 2);
  CHECK_FALSE(elsewhere[0].is_active());
  CHECK(elsewhere[1].is_active());
  testing::check_end(system);
  CHECK(broker.subscriptions() == 0);
}

TEST_CASE("a subscription made from outside belongs to the place") {  // decisions: lives and places
  struct Fragile : Actor<Fragile> {
    explicit Fragile(std::vector<int>* s) : seen{s} {}
    void handle(const Note& note) {
      if (note.number < 0) throw 1;
      seen->push_back(static_cast<int>(incarnation()) * 100 + note.number);
    }
    std::vector<int>* seen;
  };
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto root = system.start(supervisor({.id = "app", .backoff = Exponential{}},
                                            child<Fragile>({.id = "f", .restart = Restart::Transient}, &seen)));
  REQUIRE(root);
  const Subscription subscription = broker.subscribe<Note>("a", root->child<Fragile>("f").value());
  broker.publish("a", Note{-1});
  system.run_until_idle();
  CHECK(subscription.is_active());
  CHECK(broker.publish("a", Note{5}) == to(1));  // waits for the next life
  system.advance(100ms);
  CHECK(seen == std::vector<int>{205});
  CHECK(system.stop(root->child<Fragile>("f").value()).get().has_value());
  system.run_until_idle();
  CHECK_FALSE(subscription.is_active());
  CHECK(broker.subscriptions() == 0);
  testing::check_end(system);
}

struct Payload {
  explicit Payload(int* c) : copies{c} {}
  Payload(const Payload& other) : copies{other.copies} { ++*copies; }
  Payload(Payload&&) noexcept = default;
  int* copies;
};
struct PayloadReader : Actor<PayloadReader> {
  explicit PayloadReader(std::vector<const Payload*>* w) : where{w} {}
  void handle(const Payload& payload) { where->push_back(&payload); }
  std::vector<const Payload*>* where;
};

TEST_CASE("a hundred subscribers share one payload and nobody copies it") {  // F39
  int copies = 0;
  std::vector<const Payload*> where;
  TestSystem system;
  InMemoryBroker broker{system};
  std::vector<Subscription> subscriptions;
  for (int i = 0; i < 100; ++i)
    subscriptions.push_back(broker.subscribe<Payload>("p", system.spawn<PayloadReader>(&where)));
  CHECK(broker.publish("p", Payload{&copies}) == to(100));
  system.run_until_idle();
  CHECK(copies == 0);
  REQUIRE(where.size() == 100);
  for (const Payload* const at : where) CHECK(at == where.front());
  testing::check_end(system);
}

TEST_CASE("a payload that nobody takes is not even moved") {
  int copies = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  Payload payload{&copies};
  CHECK(broker.publish("nobody", payload) == Published{});
  CHECK(copies == 0);
  testing::check_end(system);
}

TEST_CASE("a move-only payload is published once and read by all") {
  struct Owner : Actor<Owner> {
    explicit Owner(int* s) : sum{s} {}
    void handle(const std::unique_ptr<int>& value) { *sum += *value; }
    int* sum;
  };
  int sum = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription a = broker.subscribe<std::unique_ptr<int>>("p", system.spawn<Owner>(&sum));
  const Subscription b = broker.subscribe<std::unique_ptr<int>>("p", system.spawn<Owner>(&sum));
  CHECK(broker.publish("p", std::make_unique<int>(21)) == to(2));
  system.run_until_idle();
  CHECK(sum == 42);
  testing::check_end(system);
}

TEST_CASE("a stalled subscriber is bounded by its own mailbox and hurts nobody") {  // F38 with the policies there are
  std::vector<int> slow;
  std::vector<int> quick;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto full = system.spawn<Reader>({.mailbox = Bounded{.capacity = 5, .overflow = Overflow::DropNewest}}, &slow);
  const auto wide = system.spawn<Reader>(&quick);
  const Subscription a = broker.subscribe<Note>("a", full);
  const Subscription b = broker.subscribe<Note>("a", wide);
  for (int i = 0; i < 20; ++i) {
    CHECK(broker.publish("a", Note{i}) == to(i < 5 ? 2U : 1U, i < 5 ? 0U : 1U));
  }
  system.run_until_idle();
  CHECK(slow.size() == 5);
  CHECK(quick.size() == 20);
  CHECK(system.ledger().dead(DeadReason::Dropped) == 15);
  testing::check_end(system);
}

TEST_CASE("subscribing and cancelling inside a delivery is allowed") {  // P15
  struct Meddler : Actor<Meddler> {
    Meddler(InMemoryBroker* b, std::vector<std::string>* l) : broker{b}, log{l} {
      own = broker->subscribe<Note>("a", self());
    }
    void handle(const Note& note) {
      log->push_back("got " + std::to_string(note.number));
      if (note.number == 1) {
        own.cancel();
        CHECK(broker->publish("a", Note{2}) == Published{});
        own = broker->subscribe<Note>("a", self());
        CHECK(broker->publish("a", Note{3}) == to(1));
      }
      if (note.number == 3) own.cancel();
    }
    InMemoryBroker* broker;
    std::vector<std::string>* log;
    Subscription own;
  };
  std::vector<std::string> log;
  TestSystem system;
  InMemoryBroker broker{system};
  static_cast<void>(system.spawn<Meddler>(&broker, &log));
  system.run_until_idle();
  broker.publish("a", Note{1});
  system.run_until_idle();
  broker.publish("a", Note{4});
  system.run_until_idle();
  CHECK(log == std::vector<std::string>{"got 1", "got 3"});
  CHECK(broker.subscriptions() == 0);
  testing::check_end(system);
}

TEST_CASE("a payload whose destructor publishes does not deadlock") {  // P6: hooks are hostile
  struct Evil {
    InMemoryBroker* broker;
    explicit Evil(InMemoryBroker* b) : broker{b} {}
    Evil(Evil&& other) noexcept : broker{std::exchange(other.broker, nullptr)} {}
    ~Evil() {
      if (broker != nullptr) broker->publish("after", Note{1});
    }
  };
  struct Takes : Actor<Takes> {
    void handle(const Evil&) {}
  };
  std::vector<int> seen;
  TestSystem system;
  InMemoryBroker broker{system};
  const Subscription after = broker.subscribe<Note>("after", system.spawn<Reader>(&seen));
  const Subscription takes = broker.subscribe<Evil>("evil", system.spawn<Takes>());
  CHECK(broker.publish("evil", Evil{&broker}) == to(1));
  system.run_until_idle();
  CHECK(seen == std::vector<int>{1});
  testing::check_end(system);
}

TEST_CASE("the broker may end before its subscriptions and its system") {
  std::vector<int> seen;
  Subscription subscription;
  {
    TestSystem system;
    const auto reader = system.spawn<Reader>(&seen);
    {
      InMemoryBroker broker{system};
      subscription = broker.subscribe<Note>("a", reader);
      broker.publish("a", Note{1});
    }
    CHECK_FALSE(subscription.is_active());
    system.run_until_idle();
    CHECK(seen == std::vector<int>{1});
    reader.send(Die{});
    testing::check_end(system);
  }
  subscription.cancel();
}

TEST_CASE("the broker may end after its system") {
  std::vector<int> seen;
  auto system = std::make_unique<TestSystem>();
  const auto reader = system->spawn<Reader>(&seen);
  InMemoryBroker broker{*system};
  Subscription subscription = broker.subscribe<Note>("a", reader);
  system->run_until_idle();
  testing::check_end(*system);
  system.reset();
  CHECK_FALSE(subscription.is_active());
  CHECK(broker.subscriptions() == 0);
  CHECK(broker.publish("a", Note{}).delivered == 0);
  const Subscription late = broker.subscribe<Note>("a", reader);
  CHECK_FALSE(late.is_active());
}

TEST_CASE("publications reach each subscriber in their order") {  // P3
  std::vector<int> one;
  std::vector<int> all;
  TestSystem system{{.seed = 9}};
  InMemoryBroker broker{system};
  const Subscription a = broker.subscribe<Note>("t.one", system.spawn<Reader>(&one));
  const Subscription b = broker.subscribe<Note>("t.>", system.spawn<Reader>(&all));
  for (int i = 0; i < 100; ++i) broker.publish(i % 3 == 0 ? "t.two" : "t.one", Note{i});
  system.run_until_idle();
  CHECK(all.size() == 100);
  CHECK(std::is_sorted(all.begin(), all.end()));
  CHECK(one.size() == 66);
  CHECK(std::is_sorted(one.begin(), one.end()));
  testing::check_end(system);
}

struct Tally : Actor<Tally> {
  explicit Tally(std::atomic<long>* c) : count{c} {}
  void handle(const Note& note) {
    // Publishers number their notes; each one's come in order.
    const int publisher = note.number >> 20;
    const int number = note.number & ((1 << 20) - 1);
    if (number <= last[publisher]) out_of_order = true;
    last[publisher] = number;
    count->fetch_add(out_of_order ? 1'000'000 : 1, std::memory_order_relaxed);
  }
  std::atomic<long>* count;
  int last[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
  bool out_of_order = false;
};

TEST_CASE("stable subscribers get every publication while others come and go") {  // P15, threaded
  SystemOptions options = testing::quiet();
  options.workers = 2;
  ActorSystem system{std::move(options)};
  InMemoryBroker broker{system};
  constexpr int kPublishers = 4;
  constexpr int kStable = 3;
  const int each = static_cast<int>(testing::scaled(5'000));
  std::atomic<long> stable{0};
  std::atomic<long> churned{0};
  std::vector<Subscription> kept;
  for (int i = 0; i < kStable; ++i)
    kept.push_back(broker.subscribe<Note>(i == 0 ? "x.y" : i == 1 ? "x.*" : ">", system.spawn<Tally>(&stable)));
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> delivered{0};
  for (int p = 0; p < kPublishers; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < each; ++i)
        delivered.fetch_add(broker.publish("x.y", Note{(p << 20) + i}).delivered, std::memory_order_relaxed);
    });
  }
  std::thread churn{[&] {
    while (!done.load()) {
      const auto ref = system.spawn<Tally>(&churned);
      Subscription by_object = broker.subscribe<Note>("x.*", ref);
      Subscription by_death = broker.subscribe<Note>("x.y", ref);
      by_object.cancel();
      static_cast<void>(system.stop(ref));
    }
  }};
  for (auto& thread : threads) thread.join();
  done.store(true);
  churn.join();
  REQUIRE(testing::at_rest(system));
  CHECK(stable.load() == static_cast<long>(kStable) * kPublishers * each);
  CHECK(delivered.load() >= static_cast<std::uint64_t>(kStable) * kPublishers * static_cast<std::uint64_t>(each));
  CHECK(testing::eventually([&] { return broker.subscriptions() == kStable; }));
  testing::check_end(system);
  CHECK(broker.subscriptions() == 0);
}

}  // namespace
}  // namespace coppice
