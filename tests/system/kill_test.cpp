#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

// A handler that does not return in time cannot be interrupted: its place ends without it.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;
using testing::Lines;
using testing::Log;

struct Ready {};
struct Hang {
  Gate* gate;
};
struct HangThenSend {
  Gate* gate;
  ActorRef<Protocol<void(std::string)>> to;
};

struct Hung : Actor<Hung> {
  explicit Hung(Log* l) : log{l} {}
  ~Hung() { log->add("destructor"); }
  void on_stop(const ExitReason&) { log->add("on_stop"); }
  int handle(Hang hang) { return hang.gate->pass(), 1; }
  void handle(HangThenSend hang) {
    hang.gate->pass();
    hang.to.send(std::string{"from a zombie"});
    stop();
  }
  int handle(int number) { return number; }
  Log* log;
};

struct Watcher : Actor<Watcher> {
  explicit Watcher(Log* l) : log{l} {}
  void handle(ActorRef<Hung> ref) { watch(ref); }
  void handle(Down down) { log->add("down " + std::to_string(down.incarnation) + " " + down.reason.to_string()); }
  void handle(const std::string& text) { log->add(text); }
  int handle(Ready) { return 0; }
  Log* log;
};

struct Scene {
  Scene() : system{testing::quiet(testing::two_workers())} {
    hung = system.spawn<Hung>({.name = "hung"}, &log);
    watcher = system.spawn<Watcher>(&downs);
    watch();
  }
  void watch() {
    watcher.send(hung);
    REQUIRE(watcher.ask(Ready{}, kPatience).get());
  }
  void hang(Gate& gate, int waiting = 0) {
    hung.send(Hang{&gate});
    REQUIRE(gate.wait_for_arrivals());
    for (int i = 0; i < waiting; ++i) REQUIRE(hung.send(i) == Delivery::Accepted);
  }
  void check_released() {
    REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
    REQUIRE(testing::at_rest(system));
    testing::check_end(system);
    CHECK(log.lines() == Lines{"destructor"});
    CHECK(downs.lines() == Lines{"down 1 killed"});
  }
  Log log;
  Log downs;
  ActorSystem system;
  ActorRef<Hung> hung;
  ActorRef<Watcher> watcher;
};

TEST_CASE("a handler that hangs is left behind at the deadline and its place ends") {  // F15, F57
  Scene scene;
  Gate gate;
  scene.hang(gate, 50);
  auto waiting = scene.hung.ask(1, kForever);
  const auto begun = std::chrono::steady_clock::now();
  const auto reason = scene.system.stop(scene.hung, {.within = 20ms}).get();
  const auto took = std::chrono::steady_clock::now() - begun;
  REQUIRE(reason);
  CHECK(reason.value().kind() == ExitReason::Kind::Killed);
  CHECK(took >= 20ms);
  CHECK(scene.system.stats().zombies == 1);
  CHECK(scene.hung.is_closed());
  CHECK(scene.hung.send(1) == Delivery::Closed);
  CHECK(waiting.get() == Result<int, AskError>{Error{AskError::Closed}});
  CHECK_FALSE(scene.system.find_any("hung"));
  CHECK(scene.system.stats().actors == 1);  // the watcher
  REQUIRE(testing::eventually([&] { return scene.downs.size() == 1; }));
  CHECK(scene.system.stop(scene.hung).get().error() == StopError::AlreadyStopped);
  CHECK(gate.inside() == 1);  // all that while it hung
  CHECK(scene.log.size() == 0);
  gate.open();
  scene.check_released();
  CHECK(scene.system.ledger().dead(DeadReason::Stopped) == 51);
  CHECK(scene.system.ledger().dead(DeadReason::Closed) == 1);
}

TEST_CASE("the name of one that hangs is free for another") {
  Scene scene;
  Gate gate;
  scene.hang(gate);
  REQUIRE(scene.system.stop(scene.hung, {.within = 10ms}).get());
  Log log;
  const auto next = scene.system.try_spawn<Hung>({.name = "hung"}, &log);
  REQUIRE(next);
  CHECK(next->ask(7, kPatience).get() == Result<int, AskError>{7});
  gate.open();
  REQUIRE(testing::eventually([&] { return scene.system.stats().zombies == 0; }));
  CHECK(scene.system.find<Hung>("hung").value() == next.value());
  CHECK(scene.system.stop(next.value()).get().has_value());
  scene.check_released();
}

TEST_CASE(
    "a stop kills at its deadline although nobody waits for it") {  // StopOptions::within; the future may be dropped
  Scene scene;
  Gate gate;
  scene.hang(gate);
  static_cast<void>(scene.system.stop(scene.hung, {.within = 10ms}));
  CHECK(testing::eventually([&] { return scene.system.stats().zombies == 1; }, 5s));
  CHECK(testing::eventually([&] { return scene.downs.size() == 1; }, 5s));
  CHECK(scene.hung.is_closed());
  gate.open();
  REQUIRE(testing::eventually([&] { return scene.hung.is_closed(); }));
  REQUIRE(testing::eventually([&] { return scene.system.stats().zombies == 0; }));
  REQUIRE(testing::at_rest(scene.system));
  testing::check_end(scene.system);
}

TEST_CASE("a watch made while the handler hangs hears of the kill") {
  Scene scene;
  Gate gate;
  scene.hang(gate);
  scene.watch();
  REQUIRE(scene.system.stop(scene.hung, {.within = 10ms}).get());
  REQUIRE(testing::eventually([&] { return scene.downs.size() == 2; }));
  CHECK(scene.downs.lines() == Lines(2, "down 1 killed"));
  gate.open();
  REQUIRE(testing::eventually([&] { return scene.system.stats().zombies == 0; }));
  testing::check_end(scene.system);
}

TEST_CASE("what a zombie sends still arrives and what it does to itself is nobody's business") {
  Scene scene;
  Gate gate;
  scene.hung.send(HangThenSend{&gate, scene.watcher});
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(scene.system.stop(scene.hung, {.within = 10ms}).get());
  REQUIRE(testing::eventually([&] { return scene.downs.size() == 1; }));
  gate.open();
  REQUIRE(testing::eventually([&] { return scene.downs.size() == 2; }));
  REQUIRE(testing::eventually([&] { return scene.system.stats().zombies == 0; }));
  REQUIRE(testing::at_rest(scene.system));
  testing::check_end(scene.system);
  CHECK(scene.downs.lines() == Lines{"down 1 killed", "from a zombie"});
  CHECK(scene.log.lines() == Lines{"destructor"});
}

TEST_CASE("an ask in the hands of one that hangs ends with its deadline or its answer and the late one is counted") {
  Scene scene;
  Gate gate;
  auto asked = scene.hung.ask(Hang{&gate}, 10ms);
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(scene.system.stop(scene.hung, {.within = 10ms}).get());
  const auto answer = asked.get();
  REQUIRE_FALSE(answer);
  gate.open();
  scene.check_released();
}

struct Stubborn : Actor<Stubborn> {
  Stubborn(Gate* s, Gate* e) : start{s}, end{e} {}
  void on_start() {
    if (start != nullptr) start->pass();
  }
  void on_stop(const ExitReason&) {
    if (end != nullptr) end->pass();
  }
  void handle(Hang hang) { hang.gate->pass(); }
  Gate* start;
  Gate* end;
};

TEST_CASE("a hook that hangs is left behind as a handler is and all who told it to stop hear of it") {
  ActorSystem system{testing::two_workers()};
  Gate handler;
  Gate hook;
  SECTION("on_stop") {
    const auto stubborn = system.spawn<Stubborn>(nullptr, &hook);
    stubborn.send(Hang{&handler});
    REQUIRE(handler.wait_for_arrivals());
    auto first = system.stop(stubborn, {.within = 20ms});
    auto second = system.stop(stubborn, {.within = 20ms});  // taken by the owner together with the first
    handler.open();
    REQUIRE(hook.wait_for_arrivals());
    CHECK(first.get().value().kind() == ExitReason::Kind::Killed);
    CHECK(second.get().value().kind() == ExitReason::Kind::Killed);
  }
  SECTION("on_start") {
    const auto stubborn = system.spawn<Stubborn>(&hook, nullptr);
    REQUIRE(hook.wait_for_arrivals());
    CHECK(system.stop(stubborn, {.within = 20ms}).get().value().kind() == ExitReason::Kind::Killed);
  }
  CHECK(system.stats().zombies == 1);
  CHECK(system.stats().actors == 0);
  hook.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a parent that hangs takes its children along") {
  struct Child : Actor<Child> {
    void handle(int) {}
  };
  struct Parent : Actor<Parent> {
    Parent() { spawn<Child>(); }
    void handle(Hang hang) { hang.gate->pass(); }
  };
  ActorSystem system{testing::two_workers()};
  const auto parent = system.spawn<Parent>();
  Gate gate;
  parent.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  CHECK(system.stats().actors == 2);
  CHECK(system.stop(parent, {.within = 20ms}).get().value().kind() == ExitReason::Kind::Killed);
  gate.open();
  CHECK(testing::eventually([&] { return system.stats().actors == 0 && system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("handlers that return at the deadline end exactly once") {  // stop and kill and return race
  for (int round = 0; round < 300; ++round) {
    Scene scene;
    Gate gate;
    scene.hang(gate, 3);
    auto stopped = scene.system.stop(scene.hung, {.within = std::chrono::microseconds{round}});
    std::thread opener{[&] {
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds{round};
      while (std::chrono::steady_clock::now() < until) {
      }
      gate.open();
    }};
    const auto reason = stopped.get();
    opener.join();
    REQUIRE(reason);
    REQUIRE(testing::eventually([&] { return scene.log.size() > 0 && scene.downs.size() > 0; }));
    REQUIRE(testing::eventually([&] { return scene.system.stats().zombies == 0; }));
    REQUIRE(testing::at_rest(scene.system));
    REQUIRE(scene.downs.size() == 1);
    REQUIRE(scene.downs.lines().front() == "down 1 " + reason.value().to_string());
    REQUIRE(scene.log.lines().back() == "destructor");
    const Ledger ledger = scene.system.ledger();
    REQUIRE(ledger.balances());
    REQUIRE(ledger.dead(DeadReason::Stopped) == 3);
  }
}

}  // namespace
}  // namespace coppice
