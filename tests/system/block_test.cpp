#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/mailbox_actor.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"
#include "support/waiting_thread.hpp"

// Threads that send to a full mailbox that blocks. Actors that do: back_pressure_test.cpp.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;
using testing::Reader;
using testing::seen_by;
using testing::spawn_held;
using testing::TestSystem;
using testing::WaitingThread;
using Clock = std::chrono::steady_clock;

constexpr Bounded blocking(std::uint64_t capacity, Duration within = kForever, bool measured = false) {
  return {.capacity = capacity, .overflow = Overflow::Block, .block_within = within, .measured = measured};
}

TEST_CASE("a thread that finds the mailbox full waits until there is room") {  // F30, P11
  for (const bool measured : {false, true}) {
    for (const Duration within : {Duration{kPatience}, kForever, Duration::max()}) {
      ActorSystem system{testing::two_workers()};
      Gate gate;
      const auto reader = spawn_held(system, gate, blocking(1, 0ns, measured));
      REQUIRE(reader.send(1) == Delivery::Accepted);
      std::optional<Delivery> delivery;
      WaitingThread thread{[&] { delivery = reader.send(2, {.within = within}); }};
      CHECK(thread.comes_to_wait());
      CHECK(system.ledger().dead() == 0);
      gate.open();
      thread.join();
      CHECK(delivery == Delivery::Accepted);
      REQUIRE(testing::at_rest(system));
      CHECK(seen_by(reader) == std::vector<int>{1, 2});
      testing::check_end(system);
    }
  }
}

TEST_CASE("a thread waits as long as the mailbox says and no longer") {  // F24, F30
  for (const bool measured : {false, true}) {
    ActorSystem system{testing::two_workers()};
    Gate gate;
    const auto reader = spawn_held(system, gate, blocking(1, 5ms, measured));
    REQUIRE(reader.send(1) == Delivery::Accepted);
    const auto begun = Clock::now();
    CHECK(reader.send(2) == Delivery::TimedOut);
    CHECK(Clock::now() - begun >= 5ms);
    auto number = std::make_unique<int>(3);
    const auto again = Clock::now();
    CHECK(reader.try_send(number) == Delivery::TimedOut);
    CHECK(Clock::now() - again >= 5ms);
    REQUIRE(number != nullptr);
    CHECK(*number == 3);
    CHECK(system.ledger().dead(DeadReason::TimedOut) == 1);
    CHECK(system.ledger().handed_back == 1);
    gate.open();
    REQUIRE(testing::at_rest(system));
    CHECK(seen_by(reader) == std::vector<int>{1});
    testing::check_end(system);
  }
}

TEST_CASE("a send may say how long it waits and not at all is zero or less") {  // F30
  ActorSystem system{testing::two_workers()};
  Gate gate;
  const auto reader = spawn_held(system, gate, blocking(1, kForever));
  REQUIRE(reader.send(1) == Delivery::Accepted);
  for (const Duration within : {0ns, -1ns, Duration::min()}) {
    CHECK(reader.send(2, {.within = within}) == Delivery::TimedOut);
    auto number = std::make_unique<int>(3);
    CHECK(reader.try_send(number, within) == Delivery::TimedOut);
    CHECK(number != nullptr);
  }
  const auto begun = Clock::now();
  CHECK(reader.send(4, {.within = 3ms}) == Delivery::TimedOut);
  CHECK(Clock::now() - begun >= 3ms);
  gate.open();
  REQUIRE(testing::at_rest(system));
  CHECK(seen_by(reader) == std::vector<int>{1});
  testing::check_end(system);
}

/// How the place of a receiver may end while a thread waits for room there.
enum class End { Stop, Kill, Crash, Shutdown };

struct Fragile : Actor<Fragile> {
  void handle(Gate* gate) { gate->pass(); }
  void handle(std::pair<Gate*, int> crash) {
    crash.first->pass();
    throw std::runtime_error{"crashed by the test"};
  }
  void handle(int) {}
};

TEST_CASE("a thread that waits for room hears at once when the place ends") {  // F30, P11
  for (const End end : {End::Stop, End::Kill, End::Crash, End::Shutdown}) {
    for (const bool measured : {false, true}) {
      CAPTURE(static_cast<int>(end), measured);
      Gate gate;
      ActorSystem system{testing::quiet(testing::two_workers())};
      // Not for ever, so that who is not woken comes back at last.
      const auto fragile = system.spawn<Fragile>({.mailbox = blocking(1, kPatience, measured)});
      if (end == End::Crash) {
        fragile.send(std::pair{&gate, 1});
      } else {
        fragile.send(&gate);
      }
      REQUIRE(gate.wait_for_arrivals());
      REQUIRE(fragile.send(1) == Delivery::Accepted);
      std::optional<Delivery> sent;
      std::optional<Delivery> tried;
      auto number = 3;
      WaitingThread sender{[&] { sent = fragile.send(2); }};
      WaitingThread trier{[&] { tried = fragile.try_send(number); }};
      CHECK(sender.comes_to_wait());
      CHECK(trier.comes_to_wait());
      const auto since = std::chrono::steady_clock::now();
      switch (end) {
        case End::Stop: {
          auto stopped = system.stop(fragile, {.within = kPatience});
          gate.open();
          CHECK(stopped.get());
          break;
        }
        case End::Kill: static_cast<void>(system.stop(fragile, {.within = 0ns}).get()); break;
        case End::Crash: gate.open(); break;
        case End::Shutdown: static_cast<void>(system.shutdown({.within = 20ms})); break;
      }
      sender.join();
      trier.join();
      REQUIRE(std::chrono::steady_clock::now() - since < kPatience / 2);
      REQUIRE(sent == Delivery::Closed);
      REQUIRE(tried == Delivery::Closed);
      CHECK(system.ledger().dead(DeadReason::Closed) == 1);
      CHECK(system.ledger().handed_back == 1);
      gate.open();
      if (end == End::Shutdown) {  // the handler that was left behind comes back
        REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
        CHECK(system.ledger().balances());
      } else {
        REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
        testing::check_end(system);
      }
    }
  }
}

TEST_CASE("many threads that wait for one place are all served") {  // F30, P4
  constexpr int kThreads = 8;
  const auto each = static_cast<int>(testing::scaled(1'000));
  for (const bool measured : {false, true}) {
    ActorSystem system{testing::two_workers()};
    const auto reader = system.spawn<Reader>({.mailbox = blocking(1, kForever, measured)});
    std::atomic<int> accepted{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) accepted += reader.send(t * each + i) == Delivery::Accepted ? 1 : 0;
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(accepted == kThreads * each);
    REQUIRE(testing::at_rest(system));
    auto seen = seen_by(reader);
    REQUIRE(seen.size() == static_cast<std::size_t>(kThreads * each));
    std::vector<int> last(kThreads, -1);
    bool in_order = true;
    for (const int number : seen) {  // of each sender
      const auto sender = static_cast<std::size_t>(number / each);
      in_order = in_order && number > last[sender];
      last[sender] = number;
    }
    CHECK(in_order);
    if (const auto stats = reader.mailbox_stats()) CHECK(stats->high_water <= 2);  // and the question of this test
    testing::check_end(system);
  }
}

struct Flood : Actor<Flood> {
  explicit Flood(std::vector<ActorRef<Reader>> r) : readers{std::move(r)} {}
  std::vector<ActorRef<Reader>> readers;
  void handle(Gate* gate) {
    gate->pass();
    for (int i = 0; i < 3; ++i) {
      for (const auto& reader : readers) reader.send(i);
    }
  }
};

TEST_CASE("a handler that was left behind may fill mailboxes and leaves nothing") {  // P11, P13
  Gate busy;
  Gate hung;
  SystemOptions options;
  options.workers = 4;
  ActorSystem system{std::move(options)};
  std::vector<ActorRef<Reader>> readers;
  for (int i = 0; i < 2; ++i) readers.push_back(system.spawn<Reader>({.mailbox = blocking(1)}));
  for (const auto& reader : readers) reader.send(testing::Hang{&busy});
  REQUIRE(busy.wait_for_arrivals(2));
  const auto flood = system.spawn<Flood>(readers);
  flood.send(&hung);
  REQUIRE(hung.wait_for_arrivals());
  CHECK(system.stop(flood, {.within = 0ns}).get());
  CHECK(system.stats().zombies == 1);
  hung.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  busy.open();
  REQUIRE(testing::at_rest(system));
  for (const auto& reader : readers) CHECK(seen_by(reader) == std::vector<int>{0, 1, 2});
  testing::check_end(system);
}

TEST_CASE("a thread that waits in a test system lets its actors run and its clock move") {  // F30
  std::vector<int> seen;
  TestSystem system;
  auto root = system.start(supervisor({.id = "app", .backoff = Exponential{.first = 10ms, .cap = 10ms}},
                                      child<Reader>({.id = "reader", .mailbox = blocking(1, 3ms)}, &seen)));
  const auto reader = root->child<Reader>("reader").value();
  system.crash(reader);
  const TimePoint begun = system.now();
  CHECK(reader.send(1) == Delivery::Accepted);
  CHECK(reader.send(2) == Delivery::TimedOut);
  CHECK(system.now() == begun + 3ms);
  CHECK(reader.send(3, {.within = 7ms - 1ns}) == Delivery::TimedOut);
  CHECK(system.now() == begun + 10ms - 1ns);
  CHECK(reader.send(4, {.within = 1ns}) == Delivery::Accepted);
  CHECK(system.now() == begun + 10ms);
  system.run_until_idle();
  CHECK(seen == std::vector<int>{1, 4});
  testing::check_end(system);
}

TEST_CASE("an ask to a full mailbox waits for room until its own deadline at most") {  // P12
  std::vector<int> seen;
  for (const auto& [within, block_within] : {std::pair{2ms, 5ms}, {5ms, 2ms}}) {
    TestSystem system;
    auto root = system.start(supervisor({.id = "app", .backoff = Exponential{.first = 10ms, .cap = 10ms}},
                                        child<Reader>({.id = "reader", .mailbox = blocking(1, block_within)}, &seen)));
    const auto reader = root->child<Reader>("reader").value();
    system.crash(reader);
    REQUIRE(reader.send(1) == Delivery::Accepted);
    const TimePoint begun = system.now();
    CHECK(reader.ask(2L, within).get() == Result<int, AskError>{Error{AskError::Timeout}});
    CHECK(system.now() == begun + 2ms);
    CHECK(system.ledger().dead(DeadReason::TimedOut) == 1);
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
