#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using testing::TestSystem;

struct Note {
  int number = 0;
};

struct Reader : Actor<Reader> {
  void handle(const Note&) {}
};
struct Sexton : Actor<Sexton> {
  explicit Sexton(std::vector<std::string>* l) : log{l} {}
  void handle(const DeadLetter& letter) {
    log->push_back(std::string{to_string(letter.reason)} + " " + (letter.target ? letter.target.path() : letter.name) +
                   (letter.sender ? " from " + letter.sender.path() : ""));
  }
  std::vector<std::string>* log;
};

constexpr const char* kTopic = "coppice.dead_letters";

TEST_CASE("dead letters are published on a topic for who asks for them") {  // F42
  std::vector<std::string> log;
  TestSystem system;
  InMemoryBroker broker{system, {.dead_letters = kTopic}};
  REQUIRE(broker.status());
  const Subscription letters = broker.subscribe<DeadLetter>(kTopic, system.spawn<Sexton>(&log));
  const Subscription all = broker.subscribe<Note>(">", system.spawn<Reader>());  // another type is no obstacle
  const auto full = system.spawn<Reader>({.name = "full", .mailbox = Bounded{.capacity = 1}});
  full.send(Note{});
  full.send(Note{});
  system.run_until_idle();
  CHECK(system.stop(full).get());
  full.send(Note{});
  system.run_until_idle();
  CHECK(log == std::vector<std::string>{"rejected full", "closed full"});
  testing::check_end(system);
}

TEST_CASE("the dead letter of a dead letter is counted and never published") {  // F42: no loops
  std::vector<std::string> log;
  TestSystem system;
  InMemoryBroker broker{system, {.needs_subscriber = true, .dead_letters = kTopic}};
  const auto sexton = system.spawn<Sexton>({.name = "sexton", .mailbox = Bounded{.capacity = 2}}, &log);
  const Subscription letters = broker.subscribe<DeadLetter>(kTopic, sexton);
  const auto ended = system.spawn<Reader>({.name = "ended"});
  CHECK(system.stop(ended).get());
  for (int i = 0; i < 5; ++i) ended.send(Note{});
  CHECK(system.ledger().dead(DeadReason::Closed) == 5);
  CHECK(system.ledger().dead(DeadReason::Rejected) == 3);  // of five letters two found room
  system.run_until_idle();
  CHECK(log == std::vector<std::string>(2, "closed ended"));
  CHECK(system.stop(sexton).get());
  ended.send(Note{});  // and without a subscriber
  CHECK(system.ledger().dead() == 9);
  testing::check_end(system);
}

TEST_CASE("a publication without a subscriber is a dead letter where that is asked for") {  // F41
  TestSystem system;
  InMemoryBroker lenient{system};
  InMemoryBroker strict{system, {.needs_subscriber = true}};
  CHECK(lenient.publish("a.b", Note{}) == Published{});
  CHECK(lenient.publish("a.b", Note{}, {.correlation_id = 1}) == Published{});
  CHECK(system.dead_letters().empty());
  CHECK(lenient.publish("a.b", Note{}, {.needs_subscriber = true}) == Published{.dropped = 1});
  CHECK(strict.publish("c", Note{}) == Published{.dropped = 1});
  const auto letters = system.dead_letters();
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].name == "a.b");
  CHECK(letters[1].name == "c");
  CHECK_FALSE(letters[0].target);
  CHECK(letters[0].reason == DeadReason::Closed);
  CHECK(letters[0].message.find("Note") != std::string_view::npos);
  CHECK(strict.publish("*", Note{}).status == Error{BrokerError::BadTopic});
  CHECK(system.ledger().dead() == 2);
  testing::check_end(system);
}

TEST_CASE("a broker without a proper topic for dead letters says so and works otherwise") {
  std::vector<std::string> log;
  TestSystem system;
  InMemoryBroker broker{system, {.dead_letters = "dead.*"}};
  CHECK(broker.status() == Error{BrokerError::BadTopic});
  const Subscription letters = broker.subscribe<DeadLetter>("dead.*", system.spawn<Sexton>(&log));
  CHECK(letters.is_active());
  ActorRef<Reader>{}.send(Note{});
  const auto ended = system.spawn<Reader>();
  CHECK(system.stop(ended).get());
  ended.send(Note{});
  system.run_until_idle();
  CHECK(log.empty());
  testing::check_end(system);
}

TEST_CASE("a broker that ends hears of no dead letters any more") {
  std::vector<std::string> log;
  TestSystem system;
  const auto sexton = system.spawn<Sexton>(&log);
  const auto ended = system.spawn<Reader>();
  CHECK(system.stop(ended).get());
  {
    InMemoryBroker broker{system, {.dead_letters = kTopic}};
    const Subscription letters = broker.subscribe<DeadLetter>(kTopic, sexton);
    ended.send(Note{});
  }
  ended.send(Note{});
  system.run_until_idle();
  CHECK(log.size() == 1);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
