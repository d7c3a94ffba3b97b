#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// Who sends to whom, all of it with mailboxes that block: every graph of up to three actors, and random larger ones.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

constexpr std::size_t kMost = 6;

/// edges[i][j]: i sends to j. Oneself included.
struct Graph {
  std::size_t size = 0;
  std::array<std::array<bool, kMost>, kMost> edges{};

  [[nodiscard]] std::size_t degree(std::size_t i) const {
    std::size_t n = 0;
    for (std::size_t j = 0; j < size; ++j) n += edges[i][j] ? 1 : 0;
    return n;
  }
  [[nodiscard]] std::size_t senders_to(std::size_t j) const {
    std::size_t n = 0;
    for (std::size_t i = 0; i < size; ++i) n += edges[i][j] ? 1 : 0;
    return n;
  }
  /// How many tokens are handled in all when each sends `first` to each of its neighbours, with `hops` to go.
  [[nodiscard]] std::uint64_t tokens(std::uint64_t first, int hops) const {
    std::array<std::uint64_t, kMost> now{};
    for (std::size_t i = 0; i < size; ++i) now[i] = 0;
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) now[j] += edges[i][j] ? first : 0;
    }
    std::uint64_t sum = 0;
    for (int left = hops; left >= 0; --left) {
      std::array<std::uint64_t, kMost> next{};
      for (std::size_t i = 0; i < size; ++i) {
        sum += now[i];
        for (std::size_t j = 0; j < size; ++j) next[j] += edges[i][j] ? now[i] : 0;
      }
      now = next;
    }
    return sum;
  }
};

struct Token {
  int hops;
  std::size_t from;
  std::uint64_t number;  // of this sender to this receiver
};
struct Start {
  std::uint64_t messages;
  int hops;
};

/// What the nodes and the test share. One thread runs all of it.
struct Board {
  explicit Board(const Graph& g) : graph{g} {}
  Graph graph;
  std::vector<ActorRef<struct Node>> nodes;
  std::array<std::uint64_t, kMost> waiting{};
  std::array<std::uint64_t, kMost> most{};
  std::array<std::array<std::uint64_t, kMost>, kMost> sent{};
  std::array<std::array<std::uint64_t, kMost>, kMost> got{};
  std::uint64_t handled = 0;
  bool in_order = true;
  bool accepted = true;
};

struct Node : Actor<Node> {
  Node(std::size_t m, Board* b) : me{m}, board{b} {}
  std::size_t me;
  Board* board;

  void pass(int hops);
  void handle(Start start) {
    for (std::uint64_t i = 0; i < start.messages; ++i) pass(start.hops);
  }
  void handle(Token token) {
    --board->waiting[me];
    ++board->handled;
    board->in_order = board->in_order && token.number == ++board->got[token.from][me];
    if (token.hops > 0) pass(token.hops - 1);
  }
};

void Node::pass(int hops) {
  for (std::size_t j = 0; j < board->graph.size; ++j) {
    if (!board->graph.edges[me][j]) continue;
    const auto delivery = board->nodes[j].send(Token{hops, me, ++board->sent[me][j]});
    board->accepted = board->accepted && delivery == Delivery::Accepted;
    board->most[j] = std::max(board->most[j], ++board->waiting[j]);
  }
}

MailboxOptions blocking(std::uint64_t capacity, bool measured = false) {
  return Bounded{.capacity = capacity, .overflow = Overflow::Block, .measured = measured};
}

/// Everybody sends `messages` to everybody it knows, and those send them on. True: all of it was handled, once, in
/// order, and no more waited than may.
bool moves_on(const Graph& graph, std::uint64_t capacity, std::uint64_t messages, int hops, std::uint64_t seed,
              bool measured) {
  Board board{graph};
  TestSystem system{{.seed = seed}};
  for (std::size_t i = 0; i < graph.size; ++i)
    board.nodes.push_back(system.spawn<Node>({.mailbox = blocking(capacity, measured)}, i, &board));
  system.run_until_idle();
  for (const auto& node : board.nodes) node.send(Start{messages, hops});
  system.run_until_idle();
  bool right = board.accepted && board.in_order && board.handled == graph.tokens(messages, hops);
  right = right && system.ledger().queued == 0 && system.ledger().dead() == 0 && system.ledger().balances();
  // Who sends to nobody is never muted, so nobody is spared because of it.
  for (std::size_t j = 0; j < graph.size; ++j)
    right = right && (graph.degree(j) > 0 || board.most[j] <= capacity + graph.senders_to(j) * messages);
  return right && system.shutdown().complete;
}

TEST_CASE("every graph of up to three actors with room for one message moves on") {  // P11, exhaustive
  std::uint64_t runs = 0;
  for (std::size_t size = 1; size <= 3; ++size) {
    for (std::uint32_t bits = 0; bits < 1U << (size * size); ++bits) {
      Graph graph{.size = size};
      for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = 0; j < size; ++j) graph.edges[i][j] = (bits >> (i * size + j) & 1U) != 0;
      }
      for (std::uint64_t seed = 1; seed <= testing::scaled(6); ++seed) {
        ++runs;
        if (moves_on(graph, 1, 3, 1, seed, seed % 2 == 0)) continue;
        CAPTURE(size, bits, seed);
        FAIL("a graph does not move on");
      }
    }
  }
  CHECK(runs == (2 + 16 + 512) * testing::scaled(6));
}

Graph draw_graph(std::mt19937& dice) {
  Graph graph{.size = 4 + dice() % 3};
  const unsigned share = 2 + static_cast<unsigned>(dice() % 3);
  for (std::size_t i = 0; i < graph.size; ++i) {
    for (std::size_t j = 0; j < graph.size; ++j) graph.edges[i][j] = dice() % share == 0;
  }
  return graph;
}

TEST_CASE("random graphs of four to six actors move on") {  // P11
  for (std::uint32_t seed = 1; seed <= testing::scaled(2'000); ++seed) {
    std::mt19937 dice{seed};
    const Graph graph = draw_graph(dice);
    if (moves_on(graph, 1 + dice() % 3, 1 + dice() % 3, 1, seed, seed % 2 == 0)) continue;
    CAPTURE(seed);
    FAIL("a graph does not move on");
  }
}

TEST_CASE("graphs whose actors crash and stop at random moments move on and lose nothing") {  // P4, P5, P11
  for (std::uint32_t seed = 1; seed <= testing::scaled(1'500); ++seed) {
    CAPTURE(seed);
    std::mt19937 dice{seed};
    Board board{draw_graph(dice)};
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app", .intensity = {.restarts = 1'000, .within = 1s}})).value();
    for (std::size_t i = 0; i < board.graph.size; ++i) {
      board.nodes.push_back(root.start_child(child<Node>({.id = "node-" + std::to_string(i),
                                                          .mailbox = blocking(1 + dice() % 2, dice() % 2 == 0)},
                                                         i, &board))
                                .value()
                                .as<Node>());
    }
    for (const auto& node : board.nodes) node.send(Start{1 + dice() % 3, 1});
    bool killed = false;
    for (std::size_t fault = 0; fault < board.graph.size; ++fault) {
      for (auto steps = dice() % 12; steps > 0; --steps) static_cast<void>(system.step());
      const auto& victim = board.nodes[dice() % board.graph.size];
      switch (dice() % 4) {
        case 0: system.fail_message(1 + dice() % 3, victim); break;
        case 1: static_cast<void>(system.stop(victim)); break;
        case 2:
          static_cast<void>(system.stop(victim, {.within = 0ns}));
          killed = true;
          break;
        default: system.crash(victim); break;
      }
    }
    system.run_until_idle();
    REQUIRE(board.accepted);
    const Ledger ledger = system.ledger();
    REQUIRE(ledger.balances());
    REQUIRE(ledger.queued == 0);  // nobody was left muted
    if (!killed) REQUIRE(ledger.dead() == ledger.dead(DeadReason::InHand));
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
