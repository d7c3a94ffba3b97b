#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

struct Hang {
  Gate* gate;
};
struct Fail {};
struct Read {};

struct Worker : Actor<Worker> {
  explicit Worker(std::atomic<int>* h) : handled{h} {}
  void handle(int) { ++*handled; }
  void handle(Hang hang) { hang.gate->pass(); }
  void handle(Fail) { throw std::runtime_error{"failed while draining"}; }
  int handle(Read) { return *handled; }
  std::atomic<int>* handled;
};

struct Scene {
  Scene() : system{testing::quiet(testing::two_workers())} { worker = system.spawn<Worker>(&handled); }
  /// The worker stands still in the gate with `n` messages behind.
  void queue(Gate& gate, int n) {
    worker.send(Hang{&gate});
    REQUIRE(gate.wait_for_arrivals());
    for (int i = 0; i < n; ++i) REQUIRE(worker.send(i) == Delivery::Accepted);
  }
  std::atomic<int> handled{0};
  ActorSystem system;
  ActorRef<Worker> worker;
};

TEST_CASE("a stop discards what waits as dead letters") {  // F15
  Scene scene;
  Gate gate;
  scene.queue(gate, 100);
  auto stopped = scene.system.stop(scene.worker);
  CHECK_FALSE(stopped.is_ready());
  gate.open();
  const auto reason = stopped.get();
  REQUIRE(reason);
  CHECK(reason.value() == ExitReason::normal());
  CHECK(stopped.is_ready());
  CHECK(scene.worker.is_closed());
  CHECK(scene.worker.send(1) == Delivery::Closed);
  testing::check_end(scene.system);
  CHECK(scene.handled == 0);
  CHECK(scene.system.ledger().dead(DeadReason::Stopped) == 100);
  CHECK(scene.system.ledger().dead(DeadReason::Closed) == 1);
}

TEST_CASE("a draining stop handles what waits and accepts nothing new") {  // F15
  Scene scene;
  Gate gate;
  scene.queue(gate, 1'000);
  auto stopped = scene.system.stop(scene.worker, {.mailbox = StopMode::Drain});
  gate.open();
  const auto reason = stopped.get();
  REQUIRE(reason);
  CHECK(reason.value() == ExitReason::normal());
  CHECK(scene.handled == 1'000);
  CHECK(scene.worker.send(1) == Delivery::Closed);
  testing::check_end(scene.system);
  CHECK(scene.system.ledger().dead() == 1);
}

TEST_CASE("a draining actor that keeps itself busy still ends") {
  struct Busy : Actor<Busy> {
    void handle(Hang hang) { hang.gate->pass(); }
    void handle(int n) { self().send(n + 1); }
  };
  ActorSystem system;
  const auto busy = system.spawn<Busy>();
  busy.send(1);
  const auto reason = system.stop(busy, {.mailbox = StopMode::Drain}).get();
  REQUIRE(reason);
  CHECK(reason.value() == ExitReason::normal());
  testing::check_end(system);
}

TEST_CASE("a crash while draining ends the drain") {
  Scene scene;
  Gate gate;
  scene.queue(gate, 10);
  scene.worker.send(Fail{});
  for (int i = 0; i < 10; ++i) scene.worker.send(i);
  auto stopped = scene.system.stop(scene.worker, {.mailbox = StopMode::Drain});
  gate.open();
  const auto reason = stopped.get();
  REQUIRE(reason);
  CHECK(reason.value() == ExitReason::error("failed while draining"));
  testing::check_end(scene.system);
  CHECK(scene.handled == 10);
  CHECK(scene.system.ledger().dead(DeadReason::InHand) == 1);
  CHECK(scene.system.ledger().dead(DeadReason::Stopped) == 10);
}

TEST_CASE("a stop without draining overtakes one that drains") {
  Scene scene;
  Gate gate;
  scene.queue(gate, 10);
  auto draining = scene.system.stop(scene.worker, {.mailbox = StopMode::Drain});
  auto at_once = scene.system.stop(scene.worker);
  gate.open();
  CHECK(draining.get().has_value());
  CHECK(at_once.get().has_value());
  testing::check_end(scene.system);
  CHECK(static_cast<std::uint64_t>(scene.handled) + scene.system.ledger().dead(DeadReason::Stopped) == 10);
}

TEST_CASE("an actor stopped twice says so the second time") {
  Scene scene;
  REQUIRE(scene.system.stop(scene.worker).get());
  const auto again = scene.system.stop(scene.worker).get();
  REQUIRE_FALSE(again);
  CHECK(again.error() == StopError::AlreadyStopped);
  CHECK(scene.system.stop(AnyRef{}).get().error() == StopError::AlreadyStopped);
  testing::check_end(scene.system);
}

TEST_CASE("all who stop an actor at the same time get its reason") {
  Scene scene;
  Gate gate;
  scene.queue(gate, 0);
  std::vector<StopFuture> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(scene.system.stop(scene.worker));
  gate.open();
  for (auto& future : futures) {
    const auto reason = future.get();
    REQUIRE(reason);
    CHECK(reason.value() == ExitReason::normal());
  }
  testing::check_end(scene.system);
}

TEST_CASE("a stop carries its reason to the end") {
  Scene scene;
  const auto reason = scene.system.stop(scene.worker, {.reason = ExitReason::error("out of favour")}).get();
  REQUIRE(reason);
  CHECK(reason.value() == ExitReason::error("out of favour"));
  testing::check_end(scene.system);
}

TEST_CASE("a full mailbox still stops") {  // F29
  ActorSystem system;
  std::atomic<int> handled{0};
  const auto worker = system.spawn<Worker>({.mailbox = Bounded{5, Overflow::Reject}}, &handled);
  Gate gate;
  worker.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  while (worker.send(1) == Delivery::Accepted) {
  }
  auto stopped = system.stop(worker);
  gate.open();
  CHECK(stopped.get().has_value());
  testing::check_end(system);
  CHECK(handled == 0);
}

TEST_CASE("a future of a stop on an actor's turn says that it would block") {
  struct Boss : Actor<Boss> {
    explicit Boss(ActorRef<Worker> w) : worker{std::move(w)} {}
    ActorRef<Worker> worker;
    StopError handle(Read) {
      const auto reason = system().stop(worker).get();
      return reason ? StopError::AlreadyStopped : reason.error();
    }
    bool handle(Hang) {  // itself
      return !system().stop(self()).get().has_value();
    }
  };
  Scene scene;
  Gate gate;
  scene.queue(gate, 0);
  const auto boss = scene.system.spawn<Boss>(scene.worker);
  CHECK(boss.ask(Read{}, kPatience).get().value() == StopError::Blocking);
  gate.open();
  REQUIRE(testing::eventually([&] { return scene.worker.is_closed(); }));
  CHECK(boss.ask(Hang{nullptr}, kPatience).get().value());
  REQUIRE(testing::eventually([&] { return boss.is_closed(); }));
  testing::check_end(scene.system);
}

TEST_CASE("an actor is stopped before it has started") {
  SystemOptions options;
  options.workers = 1;
  ActorSystem system{std::move(options)};
  std::atomic<int> handled{0};
  const auto blocker = system.spawn<Worker>(&handled);
  Gate gate;
  blocker.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  const auto worker = system.spawn<Worker>(&handled);
  worker.send(1);
  auto stopped = system.stop(worker);
  gate.open();
  CHECK(stopped.get().has_value());
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
  const Ledger ledger = system.ledger();
  CHECK(static_cast<std::uint64_t>(handled) + ledger.dead() == 1);
}

TEST_CASE("sends and a stop at the same time lose nothing") {  // P4
  for (int round = 0; round < 200; ++round) {
    Scene scene;
    std::atomic<bool> go{false};
    std::atomic<int> accepted{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        while (!go) {
        }
        for (int i = 0; i < 100; ++i) accepted += scene.worker.send(i) == Delivery::Accepted ? 1 : 0;
      });
    }
    go = true;
    const auto mode = round % 2 == 0 ? StopMode::Drain : StopMode::Discard;
    const auto stopped = scene.system.stop(scene.worker, {.mailbox = mode}).get();
    for (auto& thread : threads) thread.join();
    REQUIRE(stopped);
    REQUIRE(testing::at_rest(scene.system));
    const Ledger ledger = scene.system.ledger();
    REQUIRE(ledger.balances());
    REQUIRE(ledger.dead(DeadReason::Closed) == 300 - static_cast<std::uint64_t>(accepted));
    REQUIRE(static_cast<std::uint64_t>(scene.handled) + ledger.dead(DeadReason::Stopped) ==
            static_cast<std::uint64_t>(accepted));
    if (mode == StopMode::Drain) REQUIRE(ledger.dead(DeadReason::Stopped) == 0);
  }
}

}  // namespace
}  // namespace coppice
