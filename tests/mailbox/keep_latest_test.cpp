#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/test_end.hpp"

// Random traffic: traffic_test.cpp.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Reader;
using testing::seen_by;
using testing::TestSystem;
using testing::Tick;

ActorRef<Reader> spawn_latest(System& system, std::uint64_t capacity) {
  return system.spawn<Reader>({.mailbox = Bounded{capacity, KeepLatestBy<&Tick::symbol>}});
}

TEST_CASE("a thousand sends with one key leave the newest") {  // F31
  TestSystem system;
  const auto reader = spawn_latest(system, 10);
  for (int i = 1; i <= 1'000; ++i) CHECK(reader.send(Tick{.symbol = 7, .value = i}) == Delivery::Accepted);
  CHECK(system.ledger().queued == 1);
  CHECK(system.ledger().dead(DeadReason::Replaced) == 999);
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{1'000});
  testing::check_end(system);
}

TEST_CASE("a key keeps the place of its first message") {  // F31
  TestSystem system;
  const auto reader = spawn_latest(system, 10);
  for (const auto& [symbol, value] : {std::pair{1, 10}, {2, 20}, {3, 30}, {2, 21}, {1, 11}, {1, 12}})
    reader.send(Tick{.symbol = symbol, .value = value});
  reader.send(5);
  reader.send(Tick{.symbol = 3, .value = 31});
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{12, 21, 31, 5});
  reader.send(Tick{.symbol = 1, .value = 13});  // the one that was handled waits no more
  system.run_until_idle();
  CHECK(seen_by(reader).back() == 13);
  testing::check_end(system);
}

TEST_CASE("messages of other types are not conflated") {  // F31
  TestSystem system;
  const auto reader = spawn_latest(system, 3);
  for (int i = 1; i <= 3; ++i) reader.send(1);
  CHECK(system.ledger().dead() == 0);
  reader.send(2);
  CHECK(system.ledger().dead(DeadReason::DroppedOldest) == 1);
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{1, 1, 2});
  testing::check_end(system);
}

TEST_CASE("more keys than fit let the oldest go") {  // F31
  TestSystem system;
  const auto reader = spawn_latest(system, 3);
  for (int i = 1; i <= 5; ++i) reader.send(Tick{.symbol = i, .value = i});
  CHECK(system.ledger().dead(DeadReason::DroppedOldest) == 2);
  reader.send(Tick{.symbol = 3, .value = 33});  // replaces where it is full, too
  CHECK(system.ledger().dead(DeadReason::DroppedOldest) == 2);
  CHECK(system.ledger().dead(DeadReason::Replaced) == 1);
  reader.send(Tick{.symbol = 1, .value = 11});  // that key has been evicted
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>{4, 5, 11});
  testing::check_end(system);
}

TEST_CASE("a tick is found by its key however it was sent") {  // F31
  TestSystem system;
  const auto reader = spawn_latest(system, 10);
  const auto tick = [](int value) { return Tick{.symbol = 1, .value = value}; };
  InMemoryBroker broker{system};
  const auto subscription = broker.subscribe<Tick>("px", reader);
  reader.send(tick(1));
  reader.send(tick(2), {.correlation_id = 1});
  auto by_try = tick(3);
  CHECK(reader.try_send(by_try) == Delivery::Accepted);
  auto asked = reader.ask(tick(4), 1s);
  CHECK(broker.publish("px", tick(5)).delivered == 1);
  CHECK(system.ledger().queued == 1);
  CHECK(system.ledger().dead(DeadReason::Replaced) == 4);
  CHECK(asked.get().error() == AskError::Rejected);
  const ActorRef<Protocol<void(Tick)>> protocol{reader};
  protocol.send(tick(6));
  system.run_until_idle();
  CHECK(system.ledger().dead(DeadReason::Replaced) == 5);
  CHECK(seen_by(reader) == std::vector<int>{6});
  testing::check_end(system);
}

TEST_CASE("the newer message brings its own expiry") {  // F28, F31
  std::vector<int> seen;
  TestSystem system;
  auto root = system.start(
      supervisor({.id = "app", .backoff = Exponential{.first = 10ms, .cap = 10ms}},
                 child<Reader>({.id = "reader", .mailbox = Bounded{10, KeepLatestBy<&Tick::symbol>}}, &seen)));
  const auto reader = root->child<Reader>("reader").value();
  system.crash(reader);
  reader.send(Tick{.symbol = 1, .value = 1}, {.expires_after = 1ms});
  reader.send(Tick{.symbol = 1, .value = 2});
  reader.send(Tick{.symbol = 2, .value = 3});
  reader.send(Tick{.symbol = 2, .value = 4}, {.expires_after = 1ms});
  system.advance(10ms);
  CHECK(seen == std::vector<int>{2});
  CHECK(system.ledger().dead(DeadReason::Expired) == 1);
  CHECK(system.ledger().dead(DeadReason::Replaced) == 2);
  testing::check_end(system);
}

enum class Side : unsigned char { Buy, Sell };
struct Quote {
  std::string name;
  Side side;
  bool firm;
  std::int64_t number;
  std::string_view view;
  int value;
};
struct Market : Actor<Market> {
  std::vector<int> seen;
  void handle(const Quote& quote) { seen.push_back(quote.value); }
  std::vector<int> handle(testing::Read) { return seen; }
};

TEST_CASE("numbers and enums and strings can be keys") {  // F31
  const std::string long_name(100, 'x');
  const std::string twin = long_name;  // equal, elsewhere
  const Quote first{long_name, Side::Buy, true, -1, long_name, 1};
  for (const OverflowRule& rule : {KeepLatestBy<&Quote::name>, KeepLatestBy<&Quote::side>, KeepLatestBy<&Quote::firm>,
                                   KeepLatestBy<&Quote::number>, KeepLatestBy<&Quote::view>}) {
    TestSystem system;
    const auto market = system.spawn<Market>({.mailbox = Bounded{10, rule}});
    market.send(first);
    market.send(Quote{twin, Side::Buy, true, -1, twin, 2});
    CHECK(system.ledger().queued == 1);
    market.send(Quote{"", Side::Sell, false, 0, "", 3});
    CHECK(system.ledger().queued == 2);
    system.run_until_idle();
    CHECK(seen_by(market) == std::vector<int>{2, 3});
    testing::check_end(system);
  }
}

TEST_CASE("a hundred thousand keys are found one by one") {  // F31
  constexpr int kKeys = 100'000;
  TestSystem system;
  const auto reader = spawn_latest(system, kKeys);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kKeys; ++i) reader.send(Tick{.symbol = i, .value = round});
  }
  CHECK(system.ledger().queued == kKeys);
  CHECK(system.ledger().dead(DeadReason::Replaced) == kKeys);
  system.run_until_idle();
  CHECK(seen_by(reader) == std::vector<int>(kKeys, 1));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
