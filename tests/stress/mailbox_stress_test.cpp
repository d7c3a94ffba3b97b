#include <atomic>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/exclusive.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

// Every kind of mailbox at once, actors and threads as senders, actors that crash and stop: conservation, liveness and
// exclusivity together.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Load {
  std::uint32_t dice;
  std::uint32_t key;
};

struct Shared {
  std::vector<ActorRef<struct Peer>> peers;
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> crashed{0};
  std::atomic<bool> violated{false};
  std::atomic<bool> may_crash{true};
};

struct Peer : Actor<Peer> {
  explicit Peer(Shared* s) : shared{s} {}
  Shared* shared;
  testing::Exclusive exclusive;
  void handle(Load load);
  int handle(int number) { return number; }
};

SendOptions draw_options(std::uint32_t dice, bool has_priorities) {
  SendOptions options;
  if (has_priorities) options.priority = static_cast<Priority>(dice % kPriorities);
  if (dice % 5 == 0) options.expires_after = std::chrono::microseconds{dice % 200};
  return options;
}

void Peer::handle(Load load) {
  const auto turn = exclusive.enter();
  if (!exclusive.held()) shared->violated = true;
  if (load.dice % 211 == 0 && shared->may_crash) {
    ++shared->crashed;
    throw std::runtime_error{"diced"};
  }
  for (std::uint32_t i = 0; i < load.dice % 3; ++i) {  // a cascade that ends: each one is a third of it
    ++shared->sent;
    shared->peers[(load.dice + i) % shared->peers.size()].send(Load{load.dice / 3, load.key});
  }
  ++shared->handled;
}

std::vector<MailboxOptions> kinds() {
  return {Bounded{.capacity = 1, .overflow = Overflow::Block},
          Bounded{.capacity = 2, .overflow = Overflow::Block, .measured = true},
          Bounded{.capacity = 8, .overflow = Overflow::Block, .order = Order::Priority},
          Bounded{.capacity = 4, .overflow = Overflow::Block},
          Bounded{.capacity = 4, .overflow = Overflow::DropOldest, .measured = true},
          Bounded{.capacity = 4, .overflow = KeepLatestBy<&Load::key>},
          Bounded{.capacity = 4, .overflow = Overflow::Reject, .order = Order::Priority},
          Bounded{.capacity = 4, .overflow = Overflow::DropNewest}};
}

TEST_CASE(
    "mailboxes of every kind under threads and actors and crashes lose nothing and come to rest") {  // P1, P4, P11
  for (std::uint32_t seed = 1; seed <= testing::scaled(6); ++seed) {
    CAPTURE(seed);
    Shared shared;
    SystemOptions options = testing::quiet();
    options.workers = 1 + seed % 4;
    ActorSystem system{std::move(options)};
    const auto mailboxes = kinds();
    const auto root =
        system.start(supervisor({.id = "app", .intensity = {.restarts = 1'000'000, .within = 1s}})).value();
    for (std::size_t i = 0; i < 2 * mailboxes.size(); ++i) {
      shared.peers.push_back(
          root.start_child(
                  child<Peer>({.id = "peer-" + std::to_string(i), .mailbox = mailboxes[i % mailboxes.size()]}, &shared))
              .value()
              .as<Peer>());
    }
    const Ledger before = system.ledger();  // what starting them took
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 dice{seed * 31 + t};
        for (int i = 0; i < 3'000; ++i) {
          const std::size_t to = dice() % shared.peers.size();
          const Load load{static_cast<std::uint32_t>(dice() % 100'000), static_cast<std::uint32_t>(dice() % 4)};
          const bool has_priorities = mailboxes[to % mailboxes.size()].rules().order == Order::Priority;
          ++shared.sent;
          if (dice() % 2 == 0) {
            shared.peers[to].send(load);
          } else {
            shared.peers[to].send(load, draw_options(static_cast<std::uint32_t>(dice()), has_priorities));
          }
          if (dice() % 500 == 0) static_cast<void>(system.stop(shared.peers[dice() % shared.peers.size()]));
        }
      });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(testing::at_rest(system));  // nobody is left muted, and no token is lost
    CHECK_FALSE(shared.violated);
    const Ledger ledger = system.ledger();
    CHECK(ledger.balances());
    CHECK(ledger.sent - before.sent == shared.sent);
    CHECK(ledger.handled - before.handled == shared.handled);
    CHECK(ledger.dead(DeadReason::InHand) == shared.crashed);
    CHECK(ledger.dead(DeadReason::TimedOut) == 0);  // five seconds are enough for all
    shared.may_crash = false;
    for (const auto& peer : shared.peers) CHECK(peer.ask(7, kPatience).get() == Result<int, AskError>{7});
    for (const auto& peer : shared.peers) {
      if (const auto stats = peer.mailbox_stats()) CHECK(stats->balances());
    }
    testing::check_end(system);
  }
}

/// Sends each number that it gets to the next one, twice as many as fit there.
struct Stage : Actor<Stage> {
  Stage(std::vector<ActorRef<Stage>>* a, std::size_t m, std::atomic<std::uint64_t>* e) : all{a}, me{m}, ended{e} {}
  std::vector<ActorRef<Stage>>* all;
  std::size_t me;
  std::atomic<std::uint64_t>* ended;
  int last = -1;
  bool in_order = true;
  void handle(int number) {
    in_order = in_order && number > last;
    last = number;
    if (me + 1 == all->size()) {
      ++*ended;
    } else {
      (*all)[me + 1].send(number);
    }
  }
  bool handle(bool) { return in_order; }
};

TEST_CASE("a long row of actors that block each other passes on all and in order") {  // P3, P11
  const auto messages = static_cast<int>(testing::scaled(5'000));
  for (const unsigned workers : {1U, 2U, 4U}) {
    for (const bool measured : {false, true}) {
      std::vector<ActorRef<Stage>> all;
      std::atomic<std::uint64_t> ended{0};
      SystemOptions options;
      options.workers = workers;
      options.spin = 0ns;
      ActorSystem system{std::move(options)};
      for (std::size_t i = 0; i < 8; ++i) {
        all.push_back(system.spawn<Stage>(
            {.mailbox = Bounded{.capacity = 1 + i % 3, .overflow = Overflow::Block, .measured = measured}}, &all, i,
            &ended));
      }
      for (int i = 0; i < messages; ++i) REQUIRE(all[0].send(i, {.within = kPatience}) == Delivery::Accepted);
      REQUIRE(testing::eventually([&] { return ended == static_cast<std::uint64_t>(messages); }));
      REQUIRE(testing::at_rest(system));
      for (const auto& stage : all) CHECK(stage.ask(true, kPatience).get().value());
      testing::check_end(system);
    }
  }
}

}  // namespace
}  // namespace coppice
