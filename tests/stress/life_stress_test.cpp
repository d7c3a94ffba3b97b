#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/exclusive.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

// Lives that begin and end while others send to them: conservation, liveness and exclusivity at once.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Seen {
  std::atomic<std::uint64_t> born{0};
  std::atomic<std::uint64_t> gone{0};
  std::atomic<std::uint64_t> stopped{0};
  std::atomic<std::uint64_t> overlaps{0};
  std::atomic<std::uint64_t> out_of_order{0};
  std::atomic<std::uint64_t> downs{0};
  std::atomic<std::uint64_t> watches{0};
};

struct Numbered {
  std::uint32_t sender;
  std::uint32_t number;
};
struct Fail {};
struct Quit {};

struct Mortal : Actor<Mortal> {
  explicit Mortal(Seen* s) : seen{s} { ++seen->born; }
  ~Mortal() {
    if (!exclusive.held()) ++seen->overlaps;
    ++seen->gone;
  }
  void on_stop(const ExitReason&) {
    const auto turn = exclusive.enter();
    ++seen->stopped;
  }
  void handle(Numbered n) {
    const auto turn = exclusive.enter();
    if (n.number < next[n.sender]) ++seen->out_of_order;
    next[n.sender] = n.number + 1;
  }
  void handle(Fail) {
    const auto turn = exclusive.enter();
    throw std::runtime_error{"failed"};
  }
  void handle(Quit) { stop(); }
  Seen* seen;
  testing::Exclusive exclusive;
  std::uint32_t next[4] = {};
};

TEST_CASE("actors that are sent to spawned stopped and crashed at once keep every promise") {  // P1 P2 P3 P4 P6
  Seen seen;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const std::size_t rounds = testing::scaled(3'000);
  std::vector<std::thread> threads;
  std::vector<ActorRef<Mortal>> shared(16);
  for (auto& ref : shared) ref = system.spawn<Mortal>(&seen);
  std::atomic<std::uint64_t> spawned{shared.size()};
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 dice{t};
      std::vector<ActorRef<Mortal>> mine = shared;
      for (std::size_t round = 0; round < rounds; ++round) {
        auto& ref = mine[dice() % mine.size()];
        for (std::uint32_t i = 0; i < 50; ++i) ref.send(Numbered{t, static_cast<std::uint32_t>(round) * 50 + i});
        switch (dice() % 8) {
          case 0: ref.send(Fail{}); break;
          case 1: ref.send(Quit{}); break;
          case 2: static_cast<void>(system.stop(ref)); break;
          case 3: static_cast<void>(system.stop(ref, {.mailbox = StopMode::Drain}).get()); break;
          default: break;
        }
        if (ref.is_closed()) {
          ref = system.spawn<Mortal>(&seen);
          ++spawned;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
  CHECK(seen.born == spawned);
  CHECK(seen.gone == spawned);
  CHECK(seen.stopped == spawned);  // exactly once each
  CHECK(seen.overlaps == 0);
  CHECK(seen.out_of_order == 0);
}

struct Watcher : Actor<Watcher> {
  explicit Watcher(Seen* s) : seen{s} {}
  void handle(ActorRef<Mortal> target) {
    watch(target);
    ++seen->watches;
  }
  void handle(Down) { ++seen->downs; }
  Seen* seen;
};

TEST_CASE("each watch has one down whenever it was made") {  // P7
  Seen seen;
  ActorSystem system{testing::quiet(testing::two_workers())};
  std::vector<ActorRef<Watcher>> watchers;
  for (int i = 0; i < 4; ++i) watchers.push_back(system.spawn<Watcher>(&seen));
  const std::size_t rounds = testing::scaled(50'000);
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto mortal = system.spawn<Mortal>(&seen);
    watchers[round % 4].send(mortal);
    if (round % 3 == 0) {
      mortal.send(Fail{});
    } else {
      mortal.send(Quit{});
    }
    watchers[(round + 1) % 4].send(mortal);
    if (round % 1'000 == 0) REQUIRE(testing::at_rest(system));
  }
  // By the Downs themselves: those of watches that meet the end come when the actor is no longer counted.
  REQUIRE(testing::eventually([&] { return seen.downs >= 2 * rounds; }));
  testing::check_end(system);
  CHECK(seen.watches == 2 * rounds);
  CHECK(seen.downs == 2 * rounds);  // and no more
}

TEST_CASE("watchers by the thousand that come and go leave nothing at what they watch") {  // P7
  struct Brief : Actor<Brief> {
    explicit Brief(ActorRef<Mortal> target) {
      watch(target);
      watch(target);
      unwatch(watch(target));
      stop();
    }
    void handle(Down) {}
  };
  Seen seen;
  ActorSystem system{testing::two_workers()};
  const auto target = system.spawn<Mortal>(&seen);
  const std::size_t rounds = testing::scaled(50'000);
  for (std::size_t round = 0; round < rounds; ++round) {
    system.spawn<Brief>(target);
    if (round % 1'000 == 0) REQUIRE(testing::eventually([&] { return system.stats().actors == 1; }));
  }
  REQUIRE(testing::eventually([&] { return system.stats().actors == 1; }));
  target.send(Quit{});
  REQUIRE(testing::eventually([&] { return target.is_closed(); }));
  testing::check_end(system);
  CHECK(system.ledger().sent <= 1 + 2);  // no Down to those who are gone, or hardly one
}

struct Node : Actor<Node> {
  Node(int depth, std::atomic<int>* a) : alive{a} {
    ++*alive;
    if (depth > 0) {
      for (int i = 0; i < 3; ++i) spawn<Node>(depth - 1, alive);
    }
  }
  ~Node() { --*alive; }
  void handle(Quit) { stop(); }
  void handle(Fail) { throw std::runtime_error{"failed"}; }
  std::atomic<int>* alive;
};

TEST_CASE("whole trees go with their root however it ends and whenever") {
  std::atomic<int> alive{0};
  ActorSystem system{testing::quiet(testing::two_workers())};
  for (std::size_t round = 0; round < testing::scaled(200); ++round) {
    const auto root = system.spawn<Node>(4, &alive);
    switch (round % 4) {
      case 0: root.send(Quit{}); break;
      case 1: root.send(Fail{}); break;
      case 2: static_cast<void>(system.stop(root)); break;
      default: REQUIRE(testing::eventually([&] { return alive == 121; })); root.send(Quit{});
    }
    REQUIRE(testing::eventually([&] { return root.is_closed() && system.stats().actors == 0; }));
    REQUIRE(alive == 0);
  }
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
