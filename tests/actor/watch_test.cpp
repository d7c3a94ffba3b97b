#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;
using testing::Lines;
using testing::Log;

struct Fail {};
struct Quit {};
struct Ready {};

struct Target : Actor<Target> {
  void handle(Fail) { throw std::runtime_error{"broken"}; }
  void handle(Quit) { stop(); }
};

/// Runs what the test gives it on its own turn; logs what it hears of others.
struct Observer : Actor<Observer> {
  using Script = UniqueFunction<void(Observer&)>;
  explicit Observer(Log* l) : log{l} {}
  void handle(Script script) { script(*this); }
  int handle(Ready) { return 0; }
  void handle(Down down) {
    log->add("down " + std::to_string(down.incarnation) + " " + down.reason.to_string());
    last = down.actor;
  }
  void handle(ExitSignal exit) { log->add("exit " + exit.reason.to_string()); }
  void handle(int number) { log->add(std::to_string(number)); }
  using Actor<Observer>::watch;
  using Actor<Observer>::unwatch;
  using Actor<Observer>::link;
  using Actor<Observer>::unlink;
  using Actor<Observer>::trap_exits;
  using Actor<Observer>::stop;
  using Actor<Observer>::self;
  Log* log;
  AnyRef last;
};

struct Scene {
  Scene() : system{testing::quiet(testing::two_workers(), &failures)} {
    target = system.spawn<Target>({.name = "target"});
    observer = system.spawn<Observer>({.name = "observer"}, &log);
  }
  /// Returns once it has run.
  void run(Observer::Script script) {
    observer.send(std::move(script));
    REQUIRE(observer.ask(Ready{}, kPatience).get());
  }
  [[nodiscard]] bool ended(const AnyRef& ref) { return testing::has_ended(system, ref); }
  Log failures;
  Log log;
  ActorSystem system;
  ActorRef<Target> target;
  ActorRef<Observer> observer;
};

TEST_CASE("a watcher hears once how the watched actor ended") {  // F61, P7
  Scene scene;
  scene.run([&](Observer& me) { me.watch(scene.target); });
  SECTION("by itself") {
    scene.target.send(Quit{});
    REQUIRE(scene.ended(scene.target));
    CHECK(scene.log.lines() == Lines{"down 1 normal"});
  }
  SECTION("by a crash") {
    scene.target.send(Fail{});
    REQUIRE(scene.ended(scene.target));
    CHECK(scene.log.lines() == Lines{"down 1 error: broken"});
  }
  SECTION("told to stop") {
    REQUIRE(scene.system.stop(scene.target, {.reason = ExitReason::shutdown("enough")}).get());
    REQUIRE(testing::at_rest(scene.system));
    CHECK(scene.log.lines() == Lines{"down 1 shutdown: enough"});
  }
  testing::check_end(scene.system);
  CHECK(scene.log.size() == 1);
}

TEST_CASE("a watch of what has ended is answered at once") {
  Scene scene;
  REQUIRE(scene.system.stop(scene.target).get());
  scene.run([&](Observer& me) {
    me.watch(scene.target);
    me.watch(ActorRef<Target>{});
  });
  // Not at_rest(): the target's last activation may still be about to find the watch among its signals.
  REQUIRE(testing::eventually([&] { return scene.log.size() >= 2; }));
  const std::string no_proc = "down 0 " + ExitReason::no_proc().to_string();
  CHECK(scene.log.lines() == Lines{no_proc, no_proc});
  testing::check_end(scene.system);
}

TEST_CASE("several watches are answered with several downs") {
  Scene scene;
  scene.run([&](Observer& me) {
    for (int i = 0; i < 3; ++i) me.watch(scene.target);
  });
  scene.target.send(Quit{});
  REQUIRE(scene.ended(scene.target));
  CHECK(scene.log.lines() == Lines(3, "down 1 normal"));
  testing::check_end(scene.system);
}

TEST_CASE("nothing is heard after an unwatch") {
  Scene scene;
  WatchId kept;
  WatchId dropped;
  scene.run([&](Observer& me) {
    kept = me.watch(scene.target);
    dropped = me.watch(scene.target);
  });
  SECTION("before the end") {
    scene.run([&](Observer& me) {
      me.unwatch(dropped);
      me.unwatch(dropped);
      me.unwatch(WatchId{});
    });
    scene.target.send(Quit{});
    REQUIRE(scene.ended(scene.target));
    CHECK(scene.log.size() == 1);
  }
  SECTION("when the down is in the mailbox already") {
    Gate gate;
    scene.observer.send(Observer::Script{[&](Observer& me) {
      gate.pass();
      me.unwatch(dropped);
    }});
    REQUIRE(gate.wait_for_arrivals());
    REQUIRE(scene.system.stop(scene.target).get());
    gate.open();
    REQUIRE(testing::at_rest(scene.system));
    CHECK(scene.log.size() == 1);
    CHECK(scene.system.ledger().dead(DeadReason::Cancelled) == 1);
  }
  scene.run([&](Observer& me) { me.unwatch(kept); });  // spent: does nothing
  testing::check_end(scene.system);
}

TEST_CASE("a down does not overtake what its actor sent before") {  // P3, P7
  struct Chatty : Actor<Chatty> {
    void handle(ActorRef<Observer> to) {
      for (int i = 0; i < 100; ++i) to.send(i);
      throw std::runtime_error{"said enough"};
    }
  };
  Scene scene;
  for (int round = 0; round < 50; ++round) {
    const auto chatty = scene.system.spawn<Chatty>();
    scene.run([&](Observer& me) { me.watch(chatty); });
    chatty.send(scene.observer);
    REQUIRE(scene.ended(chatty));
    const Lines lines = scene.log.lines();
    REQUIRE(lines.size() == static_cast<std::size_t>(round + 1) * 101);
    REQUIRE(lines.back() == "down 1 error: said enough");
    REQUIRE(lines[lines.size() - 2] == "99");
  }
  testing::check_end(scene.system);
}

TEST_CASE("name and place are free before the down arrives") {
  struct Successor : Actor<Successor> {
    Successor(Log* l, ActorRef<Target> t) : log{l}, target{std::move(t)} { watch(target); }
    void handle(Down) {
      const bool closed = target.send(Quit{}) == Delivery::Closed;
      log->add(closed ? "closed" : "open");
      log->add(system().try_spawn<Target>({.name = "target"}) ? "free" : "taken");
    }
    int handle(Ready) { return 0; }
    Log* log;
    ActorRef<Target> target;
  };
  Scene scene;
  const auto successor = scene.system.spawn<Successor>(&scene.log, scene.target);
  REQUIRE(successor.ask(Ready{}, kPatience).get());
  scene.target.send(Fail{});
  REQUIRE(testing::eventually([&] { return scene.log.size() == 2; }));
  CHECK(scene.log.lines() == Lines{"closed", "free"});
  testing::check_end(scene.system);
}

TEST_CASE("a watcher that ends leaves no watch behind") {
  Scene scene;
  scene.run([&](Observer& me) { me.watch(scene.target); });
  REQUIRE(scene.system.stop(scene.observer).get());
  scene.target.send(Quit{});
  REQUIRE(scene.ended(scene.target));
  CHECK(scene.log.size() == 0);
  testing::check_end(scene.system);
}

TEST_CASE("linked actors end together when one ends abnormally") {  // F61
  Scene scene;
  scene.run([&](Observer& me) { me.link(scene.target); });
  SECTION("the other one crashes") {
    scene.target.send(Fail{});
    REQUIRE(scene.ended(scene.observer));
    CHECK(scene.failures.size() == 2);
  }
  SECTION("this one crashes") {
    scene.observer.send(Observer::Script{[](Observer&) { throw std::runtime_error{"broken"}; }});
    REQUIRE(scene.ended(scene.target));
  }
  SECTION("a normal end harms nobody") {
    scene.target.send(Quit{});
    REQUIRE(scene.ended(scene.target));
    scene.run([](Observer&) {});
    CHECK_FALSE(scene.observer.is_closed());
  }
  SECTION("linking twice is linking once and unlinking undoes it") {
    scene.run([&](Observer& me) {
      me.link(scene.target);
      me.unlink(scene.target);
    });
    scene.target.send(Fail{});
    REQUIRE(scene.ended(scene.target));
    scene.run([](Observer&) {});
    CHECK_FALSE(scene.observer.is_closed());
  }
  testing::check_end(scene.system);
}

TEST_CASE("an actor that traps exits gets them as messages whatever the reason") {
  Scene scene;
  scene.run([&](Observer& me) {
    me.trap_exits();
    me.link(scene.target);
  });
  // The exit is a signal first, which the ledger does not count, and then a message.
  const auto exit_has_come = [&] { return testing::eventually([&] { return scene.log.size() >= 1; }); };
  SECTION("a crash") {
    scene.target.send(Fail{});
    REQUIRE(scene.ended(scene.target));
    REQUIRE(exit_has_come());
    CHECK(scene.log.lines() == Lines{"exit error: broken"});
  }
  SECTION("a normal end") {
    scene.target.send(Quit{});
    REQUIRE(scene.ended(scene.target));
    REQUIRE(exit_has_come());
    CHECK(scene.log.lines() == Lines{"exit normal"});
  }
  SECTION("a place that has ended before") {
    const auto gone = scene.system.spawn<Target>();
    REQUIRE(scene.system.stop(gone).get());
    scene.run([&](Observer& me) { me.link(gone); });
    REQUIRE(testing::eventually([&] { return scene.log.size() == 1; }));
    CHECK(scene.log.lines() == Lines{"exit " + ExitReason::no_proc().to_string()});
  }
  scene.run([](Observer&) {});
  CHECK_FALSE(scene.observer.is_closed());
  testing::check_end(scene.system);
}

TEST_CASE("a link to what has ended ends an actor that does not trap") {
  Scene scene;
  REQUIRE(scene.system.stop(scene.target).get());
  scene.observer.send(Observer::Script{[&](Observer& me) { me.link(scene.target); }});
  REQUIRE(scene.ended(scene.observer));
  testing::check_end(scene.system);
}

}  // namespace
}  // namespace coppice
