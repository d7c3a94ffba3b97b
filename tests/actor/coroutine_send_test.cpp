#include <cstdint>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"

// Coroutine handlers that send to mailboxes that block.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

constexpr std::uint64_t kSeeds = 50;

struct Row {
  int number;
};
struct Fill {
  int rows;
};
struct Count {};

struct Store : Actor<Store> {
  void handle(Row row) { rows.push_back(row.number); }
  std::vector<int> handle(Count) { return rows; }
  std::vector<int> rows;
};
struct Filler : Actor<Filler> {
  explicit Filler(ActorRef<Store> s) : store{std::move(s)} {}
  Task<int> handle(Fill fill) {
    int accepted = 0;
    for (int i = 0; i < fill.rows; ++i) accepted += co_await send<Row>(store, i) == Delivery::Accepted ? 1 : 0;
    co_return accepted;
  }
  ActorRef<Store> store;
};

TEST_CASE("a coroutine handler waits for room and its messages arrive in order and within the capacity") {  // P10 P11
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    TestSystem system{{.seed = seed}};
    const auto store = system.spawn<Store>({.mailbox = Bounded{2, Overflow::Block}});
    const auto filler = system.spawn<Filler>(store);
    auto filled = filler.ask(Fill{20}, 1h);
    detail::Cell& cell = detail::RefAccess::cell(store);
    while (system.step()) CHECK(cell.depth_at_rest() <= 2);
    CHECK(filled.get() == Result<int, AskError>{20});
    const auto rows = store.ask(Count{}, 1s).get();
    REQUIRE(rows);
    REQUIRE(rows->size() == 20);
    for (int i = 0; i < 20; ++i) CHECK((*rows)[static_cast<std::size_t>(i)] == i);
    testing::check_end(system);
  }
}

TEST_CASE("a coroutine handler that waits for room hears that the place has ended") {
  TestSystem system;
  struct Deaf : Actor<Deaf> {
    Task<> handle(Row) { co_await sleep_for(1h); }
  };
  struct Hopeful : Actor<Hopeful> {
    explicit Hopeful(ActorRef<Deaf> d) : deaf{std::move(d)} {}
    Task<int> handle(Fill) {
      for (int i = 0; i < 3; ++i) {
        if (co_await send<Row>(deaf, i) == Delivery::Closed) co_return i;
      }
      co_return -1;
    }
    ActorRef<Deaf> deaf;
  };
  const auto deaf = system.spawn<Deaf>({.mailbox = Bounded{1, Overflow::Block}});
  const auto hopeful = system.spawn<Hopeful>(deaf);
  auto answer = hopeful.ask(Fill{}, 1h);
  system.run_until_idle();
  CHECK_FALSE(answer.is_ready());
  REQUIRE(system.stop(deaf).get());
  CHECK(answer.get() == Result<int, AskError>{2});
  testing::check_end(system);
}

struct Player;
struct Meet {
  std::vector<ActorRef<Player>> others;
};
/// Sends to all, itself among them, for a while; all mailboxes hold one message.
struct Player : Actor<Player> {
  void handle(Meet meet) { others = std::move(meet.others); }
  Task<> handle(Row row) {
    if (row.number == 0) co_return;
    for (const auto& other : others) static_cast<void>(co_await send<Row>(other, row.number - 1));
  }
  std::vector<ActorRef<Player>> others;
};

TEST_CASE("coroutine handlers that fill each other's mailboxes in a circle come to rest") {  // P11
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (std::size_t players = 1; players <= 3; ++players) {
      TestSystem system{{.seed = seed}};
      std::vector<ActorRef<Player>> all;
      for (std::size_t i = 0; i < players; ++i)
        all.push_back(system.spawn<Player>({.mailbox = Bounded{1, Overflow::Block}}));
      for (const auto& player : all) player.send(Meet{all});
      system.run_until_idle();
      all.front().send(Row{4});
      system.run_until_idle();
      const Ledger ledger = system.ledger();
      CHECK(ledger.queued == 0);
      CHECK(ledger.dead() == 0);
      testing::check_end(system);
    }
  }
}

}  // namespace
}  // namespace coppice
