#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

// Timers in real time, hence coarse: never early, never after a cancel. How exact they are is tested on virtual time.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;
using testing::Lines;
using testing::Log;

struct Tick {
  std::string name;
};

/// Runs what the test gives it on its own turn; logs its ticks.
struct Timed : Actor<Timed> {
  using Script = UniqueFunction<void(Timed&)>;
  explicit Timed(Log* l) : log{l} {}
  void handle(Script script) { script(*this); }
  void handle(const Tick& tick) {
    log->add(tick.name);
    at.push_back(now());
  }
  std::vector<TimePoint> handle(int) { return at; }
  using Actor<Timed>::send_after;
  using Actor<Timed>::send_every;
  using Actor<Timed>::now;
  using Actor<Timed>::stop;
  Log* log;
  std::vector<TimePoint> at;
  std::optional<TimerHandle> handle_;
};

struct Scene {
  explicit Scene(SystemOptions options = testing::two_workers()) : system{testing::quiet(std::move(options))} {
    timed = system.spawn<Timed>(&log);
  }
  /// Returns once it has run.
  void run(Timed::Script script) {
    timed.send(std::move(script));
    REQUIRE(timed.ask(0, kPatience).get());
  }
  [[nodiscard]] bool logged(std::size_t n) {
    return testing::eventually([&] { return log.size() >= n; });
  }
  /// Returns when a timer that was armed now has fired: whatever was due before has fired too, if it ever does.
  void let_pass(Duration time) {
    Log passed;
    const auto clock = system.spawn<Timed>(&passed);
    clock.send(Timed::Script{[time](Timed& me) { me.send_after(time, Tick{"passed"}).detach(); }});
    REQUIRE(testing::eventually([&] { return passed.size() == 1; }));
    REQUIRE(system.stop(clock).get());
  }
  Log log;
  ActorSystem system;
  ActorRef<Timed> timed;
};

TEST_CASE("a message sent after a delay comes once and not early") {  // F67, P14
  Scene scene;
  TimePoint begun;
  scene.run([&](Timed& me) {
    begun = std::chrono::steady_clock::now();
    me.handle_ = me.send_after(5ms, Tick{"once"});
  });
  REQUIRE(scene.logged(1));
  const auto at = scene.timed.ask(0, kPatience).get();
  REQUIRE(at);
  CHECK(at.value().at(0) - begun >= 5ms);
  scene.let_pass(10ms);
  CHECK(scene.log.lines() == Lines{"once"});
  testing::check_end(scene.system);
}

TEST_CASE("delays of any length are taken as they are") {
  Scene scene;
  scene.run([](Timed& me) {
    for (const Duration delay : {Duration{0}, Duration{-5}, Duration::min()})
      me.send_after(delay, Tick{"now"}).detach();
    me.send_after(kForever, Tick{"never"}).detach();
    me.send_after(std::chrono::hours{24 * 365 * 100}, Tick{"never"}).detach();
  });
  REQUIRE(scene.logged(3));
  CHECK(scene.log.lines() == Lines(3, "now"));
  testing::check_end(scene.system);
}

TEST_CASE("a periodic timer comes again and again and never early") {
  for (const Every mode : {Every::FixedRate, Every::FixedDelay}) {
    Scene scene;
    TimePoint begun;
    scene.run([&, mode](Timed& me) {
      begun = std::chrono::steady_clock::now();
      me.handle_ = me.send_every(2ms, Tick{"tick"}, mode);
    });
    REQUIRE(scene.logged(10));
    const auto at = scene.timed.ask(0, kPatience).get();
    REQUIRE(at);
    for (std::size_t i = 0; i < 10; ++i) CHECK(at.value().at(i) - begun >= 2ms * (static_cast<int>(i) + 1));
    scene.run([](Timed& me) { me.handle_.reset(); });
    const std::size_t seen = scene.log.size();
    scene.let_pass(10ms);
    CHECK(scene.log.size() == seen);
    testing::check_end(scene.system);
  }
}

TEST_CASE("ticks of a busy actor do not pile up") {  // R10
  Scene scene;
  Gate gate;
  scene.timed.send(Timed::Script{[&](Timed& me) {
    me.handle_ = me.send_every(Duration{1}, Tick{"tick"});  // a billion times a second
    gate.pass();
    me.handle_->cancel();
  }});
  REQUIRE(gate.wait_for_arrivals());
  scene.let_pass(5ms);
  CHECK(scene.system.ledger().queued < 10);
  gate.open();
  REQUIRE(testing::at_rest(scene.system));
  CHECK(scene.log.size() == 0);
  testing::check_end(scene.system);
}

TEST_CASE("a timer is active until it has fired or was cancelled") {
  Scene scene;
  std::vector<bool> active;
  scene.run([&](Timed& me) {
    me.handle_ = me.send_after(1h, Tick{"never"});
    active.push_back(me.handle_->is_active());
    me.handle_->cancel();
    active.push_back(me.handle_->is_active());
    me.handle_->cancel();
    me.handle_ = me.send_after(1ms, Tick{"once"});
    active.push_back(TimerHandle{}.is_active());
  });
  REQUIRE(scene.logged(1));
  scene.run([&](Timed& me) {
    active.push_back(me.handle_->is_active());
    me.handle_->cancel();
  });
  CHECK(active == std::vector<bool>{true, false, false, false});
  CHECK(scene.log.lines() == Lines{"once"});
  testing::check_end(scene.system);
}

TEST_CASE("a handle that is destroyed or replaced cancels and a detached one does not") {
  Scene scene;
  scene.run([](Timed& me) {
    static_cast<void>(me.send_after(1ms, Tick{"dropped"}));
    me.handle_ = me.send_after(1ms, Tick{"replaced"});
    me.handle_ = me.send_after(1ms, Tick{"kept"});
    me.send_after(1ms, Tick{"detached"}).detach();
  });
  REQUIRE(scene.logged(2));
  scene.let_pass(10ms);
  CHECK(scene.log.lines() == Lines{"kept", "detached"});  // one deadline each, nearly: in the order of arming
  testing::check_end(scene.system);
}

TEST_CASE("a tick that waits in the mailbox is not handled after the cancel") {  // [T3]
  Scene scene;
  Gate gate;
  scene.timed.send(Timed::Script{[&](Timed& me) {
    me.handle_ = me.send_after(Duration{1}, Tick{"late"});
    gate.pass();
    me.handle_->cancel();
  }});
  REQUIRE(gate.wait_for_arrivals());
  // The tick may be kept by the worker that is in the gate; then it comes after the cancel, which must hold as well.
  scene.let_pass(5ms);
  gate.open();
  scene.run([](Timed&) {});
  scene.let_pass(5ms);
  CHECK(scene.log.size() == 0);
  testing::check_end(scene.system);
}

TEST_CASE("timers end with the life that made them") {  // P14, [T4]
  Scene scene;
  scene.timed.send(Timed::Script{[](Timed& me) {
    me.send_after(1ms, Tick{"orphan"}).detach();
    me.send_every(1ms, Tick{"orphans"}).detach();
    me.stop();
  }});
  REQUIRE(testing::eventually([&] { return scene.timed.is_closed(); }));
  scene.let_pass(5ms);
  CHECK(testing::eventually([&] { return scene.system.stats().timers == 0; }));
  testing::check_end(scene.system);
  CHECK(scene.log.size() == 0);
}

TEST_CASE("cancelled timers are no longer counted") {  // F86
  Scene scene;
  std::vector<TimerHandle> handles;
  scene.run([&](Timed& me) {
    for (int i = 0; i < 100; ++i) handles.push_back(me.send_after(1h, Tick{"never"}));
  });
  CHECK(scene.system.stats().timers == 100);
  scene.run([&](Timed&) { handles.clear(); });
  CHECK(testing::eventually([&] { return scene.system.stats().timers == 0; }, 5s));
  testing::check_end(scene.system);
}

TEST_CASE("a life has no more timers than the system allows") {
  SystemOptions options;
  options.timers_max = 3;
  Scene scene{std::move(options)};
  std::vector<bool> active;
  scene.run([&](Timed& me) {
    std::vector<TimerHandle> handles;
    for (int i = 0; i < 5; ++i) {
      handles.push_back(me.send_after(1h, Tick{"never"}));
      active.push_back(handles.back().is_active());
    }
    handles.front().cancel();  // makes room
    me.handle_ = me.send_after(1ms, Tick{"room"});
    active.push_back(me.handle_->is_active());
  });
  CHECK(active == std::vector<bool>{true, true, true, false, false, true});
  REQUIRE(scene.logged(1));
  CHECK(scene.system.stats().timers_refused == 2);
  testing::check_end(scene.system);
}

TEST_CASE("timers with deadlines in any order fire in the order of their deadlines") {
  SystemOptions options;
  options.workers = 1;
  Scene scene{std::move(options)};
  scene.run([](Timed& me) {
    for (const int n : {5, 3, 9, 1, 7}) me.send_after(n * 1ms, Tick{std::to_string(n)}).detach();
  });
  REQUIRE(scene.logged(5));
  CHECK(scene.log.lines() == Lines{"1", "3", "5", "7", "9"});
  testing::check_end(scene.system);
}

TEST_CASE("a hundred thousand timers all fire once") {
  Scene scene;
  const std::size_t count = testing::scaled(100'000);
  scene.run([count](Timed& me) {
    for (std::size_t i = 0; i < count; ++i) {
      me.send_after(Duration{static_cast<std::int64_t>(i * 7919 % 20'000'000)}, Tick{{}}).detach();
    }
  });
  REQUIRE(scene.logged(count));
  testing::check_end(scene.system);
  CHECK(scene.log.size() == count);
}

struct Carrier : Actor<Carrier> {
  explicit Carrier(Log* l) : log{l} {}
  void handle(int) { timer = send_after(1ms, std::make_unique<int>(8)); }
  void handle(std::unique_ptr<int> p) { log->add(std::to_string(*p)); }
  TimerHandle timer;
  Log* log;
};

TEST_CASE("a delayed message need not be copied") {
  Log log;
  ActorSystem system;
  const auto carrier = system.spawn<Carrier>(&log);
  carrier.send(1);
  REQUIRE(testing::eventually([&] { return log.size() == 1; }));
  CHECK(log.lines() == Lines{"8"});
  testing::check_end(system);
}

TEST_CASE("a timer comes although its worker woke for another one and hangs") {  // F68
  // Both timers are armed on one worker: the second actor is woken by the first, whose worker runs it next. Then all
  // workers sleep; the first timer wakes its own, which does not come back. The other one must look after the second.
  struct Second : Actor<Second> {
    explicit Second(Log* l) : log{l} {}
    void handle(int) { send_after(60ms, Tick{"second"}).detach(); }
    void handle(const Tick& tick) { log->add(tick.name); }
    using Actor<Second>::send_after;
    Log* log;
  };
  struct First : Actor<First> {
    First(Gate* g, ActorRef<Second> s) : gate{g}, second{std::move(s)} {}
    void handle(int) {
      send_after(30ms, Tick{"first"}).detach();
      second.send(1);
    }
    void handle(const Tick&) { gate->pass(); }
    Gate* gate;
    ActorRef<Second> second;
  };
  Log log;
  Gate gate;
  ActorSystem system{testing::two_workers()};
  const auto second = system.spawn<Second>(&log);
  system.spawn<First>(&gate, second).send(1);
  REQUIRE(gate.wait_for_arrivals());
  CHECK(testing::eventually([&] { return log.size() == 1; }, 5s));
  gate.open();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
