#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;

struct Fail {};
struct Quit {};
struct Ready {};
struct Hang {
  testing::Gate* gate;
};

enum class Throw { Nowhere, Constructor, Start, Stop, Destructor };

struct Hooked : Actor<Hooked> {
  Hooked(Log* l, Throw w) : log{l}, where{w} {
    log->add("constructor");
    if (where == Throw::Constructor) throw std::runtime_error{"in the constructor"};
  }
  ~Hooked() noexcept(false) {
    log->add("destructor");
    if (where == Throw::Destructor) throw std::runtime_error{"in the destructor"};
  }
  void on_start() {
    log->add("on_start");
    if (where == Throw::Start) throw std::runtime_error{"in on_start"};
  }
  void on_stop(const ExitReason& why) {
    log->add("on_stop " + why.to_string());
    if (where == Throw::Stop) throw std::runtime_error{"in on_stop"};
  }
  void on_restart(const ExitReason&) { log->add("on_restart"); }
  OnError on_error(const ExitReason& why) {
    log->add("on_error " + why.to_string());
    return OnError::Supervise;
  }
  void handle(Fail) { throw std::runtime_error{"in the handler"}; }
  void handle(Quit) { stop(); }
  void handle(Hang hang) { hang.gate->pass(); }

  Log* log;
  Throw where;
};

/// Watches one actor and logs its end.
struct Watcher : Actor<Watcher> {
  Watcher(Log* l, AnyRef ref) : log{l} { watch(ref); }
  void handle(Down down) { log->add("down " + down.reason.to_string()); }
  int handle(Ready) { return 0; }
  Log* log;
};

/// One system, one actor in it with a watcher; how it ends is the test's business.
struct Scene {
  explicit Scene(Throw where = Throw::Nowhere) : system{testing::quiet(testing::two_workers())} {
    actor = system.spawn<Hooked>(&log, where);
    watcher = system.spawn<Watcher>(&downs, actor);
    REQUIRE(watcher.ask(Ready{}, testing::kPatience).get());  // it watches
  }
  void check_ended() {
    REQUIRE(testing::eventually([&] { return downs.size() > 0; }));
    REQUIRE(testing::eventually([&] { return system.stats().actors == 1; }));  // the watcher
    REQUIRE(testing::at_rest(system));
    testing::check_end(system);
    CHECK(downs.size() == 1);  // and not twice
  }
  Log log;
  Log downs;
  ActorSystem system;
  ActorRef<Hooked> actor;
  ActorRef<Watcher> watcher;
};

TEST_CASE("an actor that stops by itself runs its hooks in order") {  // F8
  Scene scene;
  scene.actor.send(Quit{});
  scene.check_ended();
  CHECK(scene.log.lines() == Lines{"constructor", "on_start", "on_stop normal", "destructor"});
  CHECK(scene.downs.lines() == Lines{"down normal"});
}

TEST_CASE("an actor that is told to stop runs its hooks in order") {
  Scene scene;
  const auto reason = scene.system.stop(scene.actor, {.reason = ExitReason::shutdown("enough")}).get();
  REQUIRE(reason);
  CHECK(reason.value() == ExitReason::shutdown("enough"));
  scene.check_ended();
  CHECK(scene.log.lines() == Lines{"constructor", "on_start", "on_stop shutdown: enough", "destructor"});
}

TEST_CASE("an actor that crashes runs on_error and on_stop") {
  Scene scene;
  scene.actor.send(Fail{});
  scene.check_ended();
  CHECK(scene.log.lines() == Lines{"constructor", "on_start", "on_error error: in the handler",
                                   "on_stop error: in the handler", "destructor"});
  CHECK(scene.downs.lines() == Lines{"down error: in the handler"});
}

TEST_CASE("an actor whose constructor throws has nothing to clean up") {
  Scene scene{Throw::Constructor};
  scene.check_ended();
  CHECK(scene.log.lines() == Lines{"constructor"});
  CHECK_THAT(scene.downs.lines().at(0), testing::has_text("down "));
  CHECK(scene.actor.is_closed());
}

TEST_CASE("an actor whose on_start throws is destroyed without on_stop") {
  Scene scene{Throw::Start};
  scene.check_ended();
  const Lines lines = scene.log.lines();
  // on_error may or may not be asked about a start; on_stop must not run.
  REQUIRE(lines.size() >= 3);
  CHECK(lines.front() == "constructor");
  CHECK(lines[1] == "on_start");
  CHECK(lines.back() == "destructor");
  for (const auto& line : lines) CHECK(line.find("on_stop") == std::string::npos);
}

TEST_CASE("an on_stop that throws runs once and the actor ends all the same") {
  Scene scene{Throw::Stop};
  scene.actor.send(Quit{});
  scene.check_ended();
  const Lines lines = scene.log.lines();
  CHECK(std::count(lines.begin(), lines.end(), "on_stop normal") == 1);
  CHECK(lines.back() == "destructor");
}

TEST_CASE("a destructor that throws ends its actor and nothing else") {
  Scene scene{Throw::Destructor};
  scene.actor.send(Quit{});
  scene.check_ended();
  CHECK(scene.log.lines() == Lines{"constructor", "on_start", "on_stop normal", "destructor"});
}

TEST_CASE("a crash and a destructor that throws make one end") {
  Scene scene{Throw::Destructor};
  scene.actor.send(Fail{});
  scene.check_ended();
  CHECK(scene.downs.lines() == Lines{"down error: in the handler"});
}

TEST_CASE("a shutdown runs on_stop with the reason shutdown") {
  Scene scene;
  REQUIRE(testing::eventually([&] { return scene.actor.phase() == Phase::Running; }));
  testing::check_end(scene.system);
  CHECK(scene.log.lines() == Lines{"constructor", "on_start", "on_stop shutdown", "destructor"});
}

TEST_CASE("a kill does not run on_stop") {
  Scene scene;
  testing::Gate gate;
  scene.actor.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  const auto reason = scene.system.stop(scene.actor, {.within = 20ms}).get();
  REQUIRE(reason);
  CHECK(reason.value().kind() == ExitReason::Kind::Killed);
  REQUIRE(testing::eventually([&] { return scene.downs.size() == 1; }));
  gate.open();
  REQUIRE(testing::eventually([&] { return scene.system.stats().zombies == 0; }));
  scene.check_ended();
  const Lines lines = scene.log.lines();
  for (const auto& line : lines) CHECK(line.find("on_stop") == std::string::npos);
  CHECK(lines.back() == "destructor");
  CHECK(scene.downs.lines() == Lines{"down killed"});
}

TEST_CASE("an actor that stops in its constructor ends normally") {
  struct Brief : Actor<Brief> {
    explicit Brief(Log* l) : log{l} { stop(); }
    ~Brief() { log->add("destructor"); }
    void handle(Quit) { log->add("handled"); }
    Log* log;
  };
  Log log;
  Log downs;
  ActorSystem system;
  const auto brief = system.spawn<Brief>(&log);
  brief.send(Quit{});
  system.spawn<Watcher>(&downs, brief);
  REQUIRE(testing::eventually([&] { return downs.size() == 1 && brief.is_closed(); }));
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
  CHECK(log.lines() == Lines{"destructor"});
}

TEST_CASE("an actor that stops in on_start handles nothing and runs on_stop") {
  struct Brief : Actor<Brief> {
    explicit Brief(Log* l) : log{l} {}
    void on_start() { stop(ExitReason::error("changed my mind")); }
    void on_stop(const ExitReason& why) { log->add(why.to_string()); }
    void handle(Quit) { log->add("handled"); }
    Log* log;
  };
  Log log;
  ActorSystem system{testing::quiet()};
  const auto brief = system.spawn<Brief>(&log);
  brief.send(Quit{});
  REQUIRE(testing::eventually([&] { return brief.is_closed(); }));
  testing::check_end(system);
  CHECK(log.lines() == Lines{"error: changed my mind"});
}

}  // namespace
}  // namespace coppice
