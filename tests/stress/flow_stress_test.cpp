#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/exclusive.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Token {
  int hops;
};

struct RingNode : Actor<RingNode> {
  explicit RingNode(std::atomic<int>* d) : done{d} {}
  void handle(ActorRef<RingNode> n) { next = n; }
  void handle(Token token) {
    const auto turn = exclusive.enter();
    if (token.hops == 0) {
      ++*done;
      return;
    }
    next.send(Token{token.hops - 1});
  }
  bool handle(int) { return exclusive.held(); }
  ActorRef<RingNode> next;
  testing::Exclusive exclusive;
  std::atomic<int>* done;
};

TEST_CASE("tokens go round a ring for every number of workers and batch size") {
  for (const unsigned workers : {1U, 2U, 4U}) {
    for (const unsigned batch : {1U, 64U}) {
      CAPTURE(workers, batch);
      SystemOptions options;
      options.workers = workers;
      options.batch = batch;
      ActorSystem system{std::move(options)};
      std::atomic<int> done{0};
      std::vector<ActorRef<RingNode>> nodes;
      for (int i = 0; i < 503; ++i) nodes.push_back(system.spawn<RingNode>(&done));
      for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].send(nodes[(i + 1) % nodes.size()]);
      const int hops = static_cast<int>(testing::scaled(50'000));
      for (int t = 0; t < 4; ++t) nodes[static_cast<std::size_t>(t) * 100].send(Token{hops});
      REQUIRE(testing::eventually([&] { return done == 4; }));
      for (const auto& node : nodes) REQUIRE(node.ask(1, kPatience).get() == Result<bool, AskError>{true});
      testing::check_end(system);
    }
  }
}

struct Wake {};

struct Napper : Actor<Napper> {
  explicit Napper(std::atomic<std::uint64_t>* w) : woken{w} {}
  void handle(Wake) { ++*woken; }
  std::atomic<std::uint64_t>* woken;
};

TEST_CASE("no wake-up is lost between sends and sleeps") {  // [S3]
  // Each message finds the workers about to sleep, asleep, or just woken.
  std::atomic<std::uint64_t> woken{0};
  SystemOptions options = testing::two_workers();
  options.spin = 0ns;
  ActorSystem system{std::move(options)};
  std::vector<ActorRef<Napper>> nappers;
  for (int i = 0; i < 4; ++i) nappers.push_back(system.spawn<Napper>(&woken));
  std::mt19937 dice{1};
  const std::uint64_t rounds = testing::scaled(100'000);
  std::uint64_t sent = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::uint64_t burst = 1 + dice() % 3;
    for (std::uint64_t i = 0; i < burst; ++i) nappers[dice() % nappers.size()].send(Wake{});
    sent += burst;
    for (unsigned spin = dice() % 64; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    if (dice() % 4 == 0) REQUIRE(testing::eventually([&] { return woken == sent; }));
  }
  REQUIRE(testing::eventually([&] { return woken == sent; }));
  testing::check_end(system);
}

struct Fan : Actor<Fan> {
  Fan(int depth, std::atomic<int>* l) : leaves{l} {
    if (depth == 0) {
      ++*leaves;
    } else {
      for (int i = 0; i < 4; ++i) system().spawn<Fan>(depth - 1, leaves);
    }
    stop();
  }
  void handle(Wake) {}
  std::atomic<int>* leaves;
};

TEST_CASE("actors that spawn actors that spawn actors all run and end") {
  std::atomic<int> leaves{0};
  ActorSystem system{testing::two_workers()};
  for (int round = 0; round < 4; ++round) {
    system.spawn<Fan>(7, &leaves);
    REQUIRE(testing::eventually([&] { return leaves == (round + 1) * 16'384; }));
  }
  REQUIRE(testing::eventually([&] { return system.stats().actors == 0; }));
  testing::check_end(system);
}

struct Hop : Actor<Hop> {
  explicit Hop(std::atomic<std::uint64_t>* h) : handled{h} {}
  void handle(const std::vector<ActorRef<Hop>>& o) { others = o; }
  void handle(Token token) {
    const auto turn = exclusive.enter();
    ++*handled;
    if (token.hops > 0) others[static_cast<std::size_t>(token.hops * 7) % others.size()].send(Token{token.hops - 1});
  }
  bool handle(int) { return exclusive.held(); }
  std::vector<ActorRef<Hop>> others;
  testing::Exclusive exclusive;
  std::atomic<std::uint64_t>* handled;
};

TEST_CASE("a mesh of actors handles each message once and one at a time") {  // P1, P2
  std::atomic<std::uint64_t> handled{0};
  SystemOptions options;
  options.workers = 4;
  ActorSystem system{std::move(options)};
  std::vector<ActorRef<Hop>> cells;
  for (int i = 0; i < 20; ++i) cells.push_back(system.spawn<Hop>(&handled));
  for (const auto& cell : cells) cell.send(cells);
  const std::size_t rounds = testing::scaled(2'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < rounds; ++i) cells[(i + static_cast<std::size_t>(t)) % cells.size()].send(Token{99});
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(testing::at_rest(system));
  CHECK(handled == 4 * rounds * 100);
  for (const auto& cell : cells) CHECK(cell.ask(1, kPatience).get() == Result<bool, AskError>{true});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
