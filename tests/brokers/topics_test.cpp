#include <string>

#include "catch.hpp"
#include "coppice/brokers/in_memory_broker.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

/// What a publication comes to that this many take and that many refuse.
Published to(std::uint64_t delivered, std::uint64_t dropped = 0) { return {delivered, dropped, {}}; }
Published refused(BrokerError error) { return {0, 0, Error{error}}; }

struct Note {
  int number = 0;
};
struct Other {};

struct Reader : Actor<Reader> {
  explicit Reader(int* c) : count{c} {}
  void handle(const Note&) { ++*count; }
  void handle(const Other&) { ++*count; }
  int* count;
};

TEST_CASE("patterns match as NATS says") {  // F36
  struct Row {
    const char* pattern;
    const char* topic;
    bool matches;
  };
  const Row rows[] = {
      {"a", "a", true},
      {"a", "b", false},
      {"a", "a.b", false},
      {"a.b", "a", false},
      {"a.b", "a.b", true},
      {"a.b", "b.a", false},
      {"a.*", "a.b", true},
      {"a.*", "a", false},
      {"a.*", "a.b.c", false},
      {"a.*", "b.a", false},
      {"*", "a", true},
      {"*", "a.b", false},
      {"*.b", "a.b", true},
      {"*.b", "b", false},
      {"*.b", "a.c", false},
      {"a.*.c", "a.b.c", true},
      {"a.*.c", "a.c", false},
      {"a.*.c", "a.b.b.c", false},
      {"*.*", "a.b", true},
      {"*.*", "a", false},
      {"*.*", "a.b.c", false},
      {">", "a", true},
      {">", "a.b.c", true},
      {"a.>", "a.b", true},
      {"a.>", "a.b.c.d", true},
      {"a.>", "a", false},
      {"a.>", "b.a", false},
      {"*.>", "a.b", true},
      {"*.>", "a", false},
      {"a.*.>", "a.b.c", true},
      {"a.*.>", "a.b", false},
      {"px.*.eur", "px.btc.eur", true},
      {"px.*.eur", "px.btc.usd", false},
      {"a", "A", false},
      {"a.b", "a.bb", false},
      {"a b", "a b", true},
      {"ab", "a.b", false},
      {"a*", "a*x", false},
      {"a.*b", "a.xb", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern, row.topic);
    int count = 0;
    TestSystem system;
    InMemoryBroker broker{system};
    const auto reader = system.spawn<Reader>(&count);
    const Subscription subscription = broker.subscribe<Note>(row.pattern, reader);
    REQUIRE(subscription.is_active());
    const Published published = broker.publish(row.topic, Note{1});
    if (published.status == Error{BrokerError::BadTopic})
      continue;  // a star inside a word is a word with a star in it, or refused
    CHECK(published == to(row.matches ? 1U : 0U));
    system.run_until_idle();
    CHECK(count == (row.matches ? 1 : 0));
    testing::check_end(system);
  }
}

TEST_CASE("a bad topic or pattern is refused") {  // F36
  int count = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&count);
  for (const char* const pattern : {"", ".", "a.", ".a", "a..b", ">.a", "a.>.b", "a.>."}) {
    CAPTURE(pattern);
    const Subscription subscription = broker.subscribe<Note>(pattern, reader);
    CHECK_FALSE(subscription.is_active());
    CHECK(subscription.status() == Error{BrokerError::BadTopic});
  }
  for (const char* const topic : {"", ".", "a.", ".a", "a..b", "*", "a.*", ">", "a.>", "a.*.b"}) {
    CAPTURE(topic);
    CHECK(broker.publish(topic, Note{}) == refused(BrokerError::BadTopic));
  }
  CHECK(broker.subscriptions() == 0);
  CHECK(count == 0);
  testing::check_end(system);
}

TEST_CASE("a long topic of many words is matched without recursion") {
  int count = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&count);
  std::string topic = "w";
  for (int i = 0; i < 100'000; ++i) topic += ".w";
  const Subscription exact = broker.subscribe<Note>(topic, reader);
  const Subscription rest = broker.subscribe<Note>("w.*.>", reader);
  CHECK(broker.publish(topic, Note{}) == to(2));
  testing::check_end(system);
}

TEST_CASE("many stars cost what they match") {  // *.*.*… against a topic that fails at the end
  int count = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&count);
  std::vector<Subscription> subscriptions;
  // Every pattern over {a, *} of 12 words: all of them match.
  for (unsigned bits = 0; bits < (1U << 12); ++bits) {
    std::string pattern;
    for (int word = 0; word < 12; ++word)
      pattern += std::string{word == 0 ? "" : "."} + ((bits >> word & 1U) != 0 ? "*" : "a");
    subscriptions.push_back(broker.subscribe<Note>(pattern, reader));
  }
  CHECK(broker.publish("a.a.a.a.a.a.a.a.a.a.a.a", Note{}) == to(1U << 12));
  CHECK(broker.publish("a.a.a.a.a.a.a.a.a.a.a", Note{}) == Published{});
  testing::check_end(system);
}

TEST_CASE("one topic carries one type for as long as it has subscribers") {  // decisions: topics are typed
  int count = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&count);
  Subscription notes = broker.subscribe<Note>("a.b", reader);
  CHECK(broker.publish("a.b", Other{}) == refused(BrokerError::WrongType));
  const Subscription others = broker.subscribe<Other>("a.b", reader);
  CHECK(others.status() == Error{BrokerError::WrongType});
  CHECK_FALSE(others.is_active());
  CHECK(broker.publish("a.b", Note{}) == to(1));
  CHECK(broker.publish("a.c", Other{}) == Published{});  // another topic
  notes.cancel();
  CHECK(broker.publish("a.b", Other{}) == Published{});
  const Subscription now = broker.subscribe<Other>("a.b", reader);
  CHECK(now.is_active());
  CHECK(broker.publish("a.b", Note{}) == refused(BrokerError::WrongType));
  CHECK(broker.publish("a.b", Other{}) == to(1));
  testing::check_end(system);
  CHECK(count == 2);
}

TEST_CASE("a publication of a type that only a wildcard contradicts is an error too") {
  int count = 0;
  TestSystem system;
  InMemoryBroker broker{system};
  const auto reader = system.spawn<Reader>(&count);
  const Subscription all = broker.subscribe<Note>("a.>", reader);
  CHECK(broker.publish("a.b", Other{}) == refused(BrokerError::WrongType));
  system.run_until_idle();
  CHECK(count == 0);
  testing::check_end(system);
}

struct Doubled {
  template <class M, class A>
  Subscription subscribe(std::string_view, const ActorRef<A>&) {
    return Subscription{BrokerError::Closed};
  }
  template <class M>
  Published publish(std::string_view, M&&) {
    return {};
  }
  [[nodiscard]] std::uint64_t subscriptions() const { return 0; }
};
struct NoBroker {};
static_assert(Broker<InMemoryBroker> && Broker<Doubled> && !Broker<NoBroker>);  // F47

}  // namespace
}  // namespace coppice
