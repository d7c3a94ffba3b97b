#include <chrono>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/test_end.hpp"

// Actors that stop by themselves and have needed nothing but their cell: their end takes a shorter way, and must come to
// the same.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

struct Quit {};
struct Tick {};

/// Runs what the test gives it in its destructor.
struct Plain : Actor<Plain> {
  using Script = UniqueFunction<void(Plain&)>;
  explicit Plain(Log* l, Script last = {}) : log{l}, last_words{std::move(last)} {}
  ~Plain() noexcept(false) {
    log->add("destructor");
    if (last_words) last_words(*this);
  }
  void handle(Quit) { stop(); }
  void handle(Tick) { log->add("tick"); }
  void handle(const Down&) { log->add("down"); }

  using Actor<Plain>::send_after;
  using Actor<Plain>::self;
  using Actor<Plain>::system;
  using Actor<Plain>::try_spawn;
  using Actor<Plain>::watch;
  Log* log;
  Script last_words;
};

bool has_extras(const AnyRef& actor) { return detail::RefAccess::cell(actor).extras_if_any() != nullptr; }

TEST_CASE("an actor that stops by itself needs nothing but its cell") {  // F14
  TestSystem system;
  Log log;
  const auto plain = system.spawn<Plain>(&log);
  plain.send(Tick{});
  plain.send(Quit{});
  plain.send(Tick{});  // behind the stop
  system.run_until_idle();
  CHECK(plain.is_closed());
  CHECK(plain.phase() == Phase::Stopped);
  CHECK(plain.send(Tick{}) == Delivery::Closed);
  CHECK(log.lines() == Lines{"tick", "destructor"});
  CHECK(system.stats().actors == 0);
  CHECK(system.ledger().dead(DeadReason::Stopped) == 1);
  CHECK_FALSE(has_extras(plain));
  testing::check_end(system);
}

TEST_CASE("what a destructor makes ends with its actor though that had nothing before") {  // P14
  TestSystem system;
  Log log;
  Log of_others;
  const auto other = system.spawn<Plain>(&of_others);
  const auto plain = system.spawn<Plain>(&log, [&](Plain& me) {
    static_cast<void>(me.send_after(1s, Tick{}));
    me.watch(other);
    CHECK_FALSE(me.try_spawn<Plain>(SpawnOptions{}, &of_others));
    CHECK_FALSE(me.system().register_name("late", me.self()));
  });
  plain.send(Quit{});
  system.run_until_idle();
  CHECK(plain.is_closed());
  CHECK(has_extras(plain));
  CHECK(system.stats().actors == 1);
  CHECK(system.stats().timers == 0);
  CHECK_FALSE(system.find<Plain>("late"));
  other.send(Quit{});
  system.advance(2s);
  CHECK(log.lines() == Lines{"destructor"});
  CHECK(of_others.lines() == Lines{"destructor"});
  testing::check_end(system);
}

TEST_CASE("a destructor that throws ends an actor that had nothing") {
  TestSystem system;
  Log log;
  const auto plain = system.spawn<Plain>(&log, [](Plain&) { throw 42; });
  plain.send(Quit{});
  system.run_until_idle();
  CHECK(plain.is_closed());
  CHECK(log.lines() == Lines{"destructor"});
  CHECK_FALSE(has_extras(plain));
  testing::check_end(system);
}

struct Parent : Actor<Parent> {
  explicit Parent(Log* l) : log{l} {}
  void handle(int children) {
    for (int i = 0; i < children; ++i) spawn<Plain>(log).send(Quit{});
  }
  Log* log;
};

TEST_CASE("a parent forgets the children that stopped by themselves") {
  TestSystem system;
  Log log;
  const auto parent = system.spawn<Parent>(&log);
  parent.send(3);
  system.run_until_idle();
  CHECK(log.lines() == Lines(3, "destructor"));
  CHECK(system.stats().actors == 1);
  CHECK(detail::RefAccess::cell(parent).newest_child_at_rest() == nullptr);
  testing::check_end(system);
}

TEST_CASE("a name that an actor is given before it stops by itself is free afterwards") {  // F43
  TestSystem system;
  Log log;
  const auto plain = system.spawn<Plain>(&log);
  REQUIRE(system.register_name("mine", plain));
  plain.send(Quit{});
  system.run_until_idle();
  CHECK_FALSE(system.find<Plain>("mine"));
  testing::check_end(system);
}

TEST_CASE("an actor that had nothing is taken over in a destructor that does not return") {  // F15
  ActorSystem system;
  Log log;
  testing::Gate gate;
  const auto plain = system.spawn<Plain>(&log, [&](Plain&) { gate.pass(); });
  plain.send(Quit{});
  REQUIRE(gate.wait_for_arrivals());
  plain.send(Tick{});
  const auto reason = system.stop(plain, {.within = 20ms}).get();
  REQUIRE(reason);
  CHECK(reason.value().kind() == ExitReason::Kind::Killed);
  CHECK(plain.is_closed());
  gate.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
