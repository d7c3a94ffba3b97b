// Mailboxes that are bounded. docs/how-to/bound_mailboxes.md quotes this file.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Price {
  std::string symbol;
  int cents;
};
struct Trade {
  std::string text;
};
struct Seen {};

struct Desk : Actor<Desk> {
  std::vector<std::string> seen;
  void handle(const Price& price) { seen.push_back(price.symbol + " " + std::to_string(price.cents)); }
  void handle(const Trade& trade) { seen.push_back(trade.text); }
  void handle(std::unique_ptr<Trade> trade) { seen.push_back(trade->text); }
  std::vector<std::string> handle(Seen) { return seen; }
};

/// Passes trades on, and is held back where the desk has no room.
struct Router : Actor<Router> {
  explicit Router(ActorRef<Desk> d) : desk{std::move(d)} {}
  void handle(const Trade& trade) { desk.send(trade); }
  ActorRef<Desk> desk;
};

std::vector<std::string> seen_by(const ActorRef<Desk>& desk) { return desk.ask(Seen{}, 1s).get().value(); }

}  // namespace

TEST_CASE("a full mailbox refuses and the caller keeps the message") {
  testing::TestSystem system;
  const auto desk = system.spawn<Desk>({.mailbox = Bounded{2, Overflow::Reject}});
  desk.send(Trade{"buy"});
  desk.send(Trade{"sell"});

  auto trade = std::make_unique<Trade>(Trade{"hold"});
  CHECK(desk.try_send(trade) == Delivery::Rejected);
  CHECK(trade->text == "hold");  // still ours

  CHECK(desk.send(Trade{"wait"}) == Delivery::Rejected);  // a dead letter
  CHECK(system.dead_letters().back().reason == DeadReason::Rejected);
}

TEST_CASE("of each symbol only the latest price waits") {
  testing::TestSystem system;
  const auto desk = system.spawn<Desk>({.mailbox = Bounded{1'000, KeepLatestBy<&Price::symbol>}});
  desk.send(Price{"oak", 10});
  desk.send(Price{"ash", 20});
  desk.send(Price{"oak", 11});
  CHECK(seen_by(desk) == std::vector<std::string>{"oak 11", "ash 20"});
}

TEST_CASE("what is urgent goes first and what is late not at all") {
  testing::TestSystem system;
  const auto desk = system.spawn<Desk>({.mailbox = Bounded{.capacity = 100, .order = Order::Priority}});
  desk.send(Trade{"report"}, {.priority = Priority::Low});
  desk.send(Trade{"buy"});
  desk.send(Trade{"cancel"}, {.priority = Priority::Critical});
  desk.send(Trade{"too late"}, {.expires_after = -1ns});
  system.run_until_idle();
  CHECK(seen_by(desk) == std::vector<std::string>{"cancel", "buy", "report"});
  CHECK(system.ledger().dead(DeadReason::Expired) == 1);
}

TEST_CASE("a mailbox that blocks holds back who sends") {
  testing::TestSystem system;
  const auto desk = system.spawn<Desk>(
      {.mailbox = Bounded{.capacity = 1, .overflow = Overflow::Block, .block_within = 100ms, .measured = true}});
  const auto router = system.spawn<Router>(desk);
  for (int i = 0; i < 1'000; ++i) router.send(Trade{"buy"});
  system.run_until_idle();

  const MailboxStats stats = desk.mailbox_stats().value();
  CHECK(stats.handled == 1'000);
  CHECK(stats.high_water <= 2);  // the capacity, and what one handler of the router sends
}
