#include <stdexcept>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/test_end.hpp"

// Actors that send to a full mailbox that blocks. The receiver takes nothing for a while because its life has ended and
// the next one begins only later: so all of it happens in virtual time, and nothing else is ready.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

/// What the two actors tell the test. One thread runs all of it.
struct Seen {
  std::vector<int> numbers;
  std::vector<Delivery> outcomes;
  int starts = 0;
  int stops = 0;
  int downs = 0;
  int ticks = 0;
  int replies = 0;
};

struct Sink : Actor<Sink> {
  explicit Sink(Seen* s) : seen{s} {}
  Seen* seen;
  int handle(int number) {
    seen->numbers.push_back(number);
    return number;
  }
};

struct Go {
  int messages;
};
struct Tick {};
struct Tock {};
struct Ask {};

struct Source : Actor<Source> {
  Source(std::vector<ActorRef<Sink>> s, Seen* n) : sinks{std::move(s)}, seen{n} { ++seen->starts; }
  std::vector<ActorRef<Sink>> sinks;
  Seen* seen;
  TimerHandle timer;
  void handle(Go go) {
    for (int i = 0; i < go.messages; ++i) {
      for (const auto& sink : sinks) seen->outcomes.push_back(sink.send(i));
    }
  }
  void handle(Ask) {
    ask(sinks[0], 7, 1s).then([this](Result<int, AskError> reply) { seen->replies += reply ? 1 : 100; });
  }
  void handle(Tick) { timer = send_after(1ms, Tock{}); }
  void handle(Tock) { ++seen->ticks; }
  void handle(const AnyRef& other) { watch(other); }
  void handle(Down) { ++seen->downs; }
  void on_stop(const ExitReason&) { ++seen->stops; }
};

struct Scene {
  /// Sinks that take nothing until `hold`, 2 · `hold`, … have passed.
  explicit Scene(std::uint64_t capacity, bool measured = false, Duration hold = 10ms, int count = 1,
                 std::uint64_t seed = 1)
      : system{{.seed = seed}} {
    for (int i = 0; i < count; ++i) {
      const Duration wait = hold * (i + 1);
      const auto root = system.start(supervisor(
          {.id = "app", .backoff = Exponential{.first = wait, .cap = wait}},
          child<Sink>({.id = "sink",
                       .mailbox = Bounded{.capacity = capacity, .overflow = Overflow::Block, .measured = measured}},
                      &seen)));
      roots.push_back(root.value());
      sinks.push_back(root.value().child<Sink>("sink").value());
    }
    for (const auto& sink : sinks) system.crash(sink);
    source = system.spawn<Source>(sinks, &seen);
    system.run_until_idle();
  }
  Seen seen;  // outlives the system
  TestSystem system;
  std::vector<ActorRef<Supervisor>> roots;
  std::vector<ActorRef<Sink>> sinks;
  ActorRef<Source> source;
};

TEST_CASE("a handler is never held up but its actor handles nothing more until there is room") {  // F30, P11
  for (const bool measured : {false, true}) {
    CAPTURE(measured);
    Scene scene{2, measured};
    for (int i = 0; i < 4; ++i) scene.source.send(Go{3});
    scene.system.advance(10ms - 1ns);
    CHECK(scene.source.message_count() == 1);
    CHECK(scene.seen.outcomes == std::vector<Delivery>(3, Delivery::Accepted));
    CHECK(scene.system.ledger().queued == 3 + 3);
    scene.system.advance(1ns);
    CHECK(scene.source.message_count() == 4);
    CHECK(scene.seen.outcomes == std::vector<Delivery>(12, Delivery::Accepted));
    CHECK(scene.seen.numbers == std::vector<int>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2});
    CHECK(scene.system.ledger().dead() == 0);
    testing::check_end(scene.system);
  }
}

TEST_CASE("who fills a mailbox to the brim is not muted yet") {  // F30
  Scene scene{2};
  for (int i = 0; i < 5; ++i) scene.source.send(Go{1});
  scene.system.run_until_idle();
  CHECK(scene.source.message_count() == 3);  // two fit; the third is above
  scene.system.advance(10ms);
  CHECK(scene.source.message_count() == 5);
  testing::check_end(scene.system);
}

TEST_CASE("no more comes above the capacity than one handler sends") {  // F30, P10
  for (const int messages : {1, 2, 7}) {
    for (const std::uint64_t capacity : {1U, 2U, 5U}) {
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(messages, capacity, seed);
        Scene scene{capacity, true, 10ms, 1, seed};
        for (int i = 0; i < 50; ++i) scene.source.send(Go{messages});
        scene.system.advance(10ms);
        CHECK(scene.seen.numbers.size() == static_cast<std::size_t>(50 * messages));
        const MailboxStats stats = scene.sinks[0].mailbox_stats().value();
        CHECK(stats.high_water <= capacity + static_cast<std::uint64_t>(messages));
        CHECK(stats.high_water > capacity);
        CHECK(stats.balances());
        testing::check_end(scene.system);
      }
    }
  }
}

TEST_CASE("of those who wait for room in a large mailbox one goes on with each sixteenth that is free") {  // F30, P11
  constexpr int kCapacity = 64;
  Seen seen;
  TestSystem system{{.schedule = {.strategy = testing::Strategy::Follow}}};  // first come, first served
  const auto sink = system.spawn<Sink>({.mailbox = Bounded{kCapacity, Overflow::Block}, .paused = true}, &seen);
  std::vector<ActorRef<Source>> sources;
  for (int i = 0; i < 3; ++i) {
    sources.push_back(system.spawn<Source>(std::vector{sink}, &seen));
    sources.back().send(Go{i == 0 ? kCapacity + 1 : 1});  // each of them sends one above the capacity
    sources.back().send(Go{0});
    system.run_until_idle();
    REQUIRE(sources.back().message_count() == 1);
  }
  sink.resume();
  std::vector<std::size_t> handled(sources.size());  // how many the sink had when that source went on
  while (system.step()) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (handled[i] == 0 && sources[i].message_count() == 2) handled[i] = seen.numbers.size();
    }
  }
  CHECK(seen.numbers.size() == kCapacity + 3);
  // 67 waited. Four places are free when seven have been handled, and four more each time.
  CHECK(handled == std::vector<std::size_t>{7, 11, 15});
  testing::check_end(system);
}

TEST_CASE("who is held by two waits for both") {  // F30
  Scene scene{1, false, 10ms, 2};
  for (int i = 0; i < 3; ++i) scene.source.send(Go{2});
  scene.system.advance(10ms);  // the first has drained
  CHECK(scene.seen.numbers.size() == 2);
  CHECK(scene.source.message_count() == 1);
  scene.system.advance(10ms);
  CHECK(scene.source.message_count() == 3);
  CHECK(scene.seen.numbers.size() == 12);
  testing::check_end(scene.system);
}

TEST_CASE("whom a sender fills last does not decide how much another gets") {  // F30, P10
  // One receiver is quick, the other one stands still: what it holds must stay bounded.
  for (const bool quick_first : {true, false}) {
    CAPTURE(quick_first);
    Scene scene{1};
    const auto quick = scene.system.spawn<Sink>({.mailbox = Bounded{1, Overflow::Block}}, &scene.seen);
    const auto stuck = scene.sinks[0];
    const auto both = quick_first ? std::vector{quick, stuck} : std::vector{stuck, quick};
    const auto source = scene.system.spawn<Source>(both, &scene.seen);
    for (int i = 0; i < 100; ++i) source.send(Go{2});
    scene.system.run_until_idle();
    CHECK(source.message_count() == 1);
    CHECK(scene.system.ledger().queued == 99 + 2);
    scene.system.advance(10ms);
    CHECK(source.message_count() == 100);
    CHECK(scene.seen.numbers.size() == 400);
    testing::check_end(scene.system);
  }
}

TEST_CASE("back-pressure goes up a row of actors to its source") {  // P10, P11
  Scene scene{1};
  struct First : Actor<First> {
    explicit First(ActorRef<Source> s) : source{std::move(s)} {}
    ActorRef<Source> source;
    void handle(Go go) { source.send(go); }
  };
  const auto stage = scene.system.spawn<Source>({.mailbox = Bounded{1, Overflow::Block}}, scene.sinks, &scene.seen);
  const auto first = scene.system.spawn<First>(stage);
  for (int i = 0; i < 100; ++i) first.send(Go{2});
  scene.system.run_until_idle();
  CHECK(stage.message_count() == 1);  // muted by the sink
  CHECK(first.message_count() <= 3);  // one in the stage's hand, one that waits there, one above the bound
  scene.system.advance(1s);
  CHECK(first.message_count() == 100);
  CHECK(scene.seen.numbers.size() == 200);
  testing::check_end(scene.system);
}

TEST_CASE("a system with muted actors shuts down at once") {  // P11, P13
  Scene scene{1};
  for (int i = 0; i < 3; ++i) scene.source.send(Go{2});
  scene.system.run_until_idle();
  const TimePoint before = scene.system.now();
  testing::check_end(scene.system);
  CHECK(scene.system.now() == before);
  CHECK(scene.system.ledger().dead(DeadReason::Stopped) == 2 + 2);
}

TEST_CASE("what comes for a muted actor waits and none of it is lost") {  // F30
  Scene scene{1};
  const auto other = scene.system.spawn<Sink>(&scene.seen);
  scene.source.send(AnyRef{other});
  scene.source.send(Tick{});
  scene.system.run_until_idle();
  scene.source.send(Go{2});
  scene.system.run_until_idle();
  static_cast<void>(scene.system.stop(other));
  scene.system.advance(5ms);  // the timer is due, the other one has ended
  CHECK(scene.seen.ticks == 0);
  CHECK(scene.seen.downs == 0);
  scene.system.advance(5ms);
  CHECK(scene.seen.ticks + scene.seen.downs == 2);
  testing::check_end(scene.system);
}

TEST_CASE("an ask above the capacity mutes as a send does and has its reply") {  // F30, P12
  Scene scene{1};
  scene.source.send(Go{1});
  scene.source.send(Ask{});
  scene.source.send(Go{1});
  scene.system.run_until_idle();
  CHECK(scene.source.message_count() == 2);
  scene.system.advance(10ms);
  CHECK(scene.seen.replies == 1);
  CHECK(scene.seen.numbers == std::vector<int>{0, 7, 0});
  testing::check_end(scene.system);
}

TEST_CASE("a muted actor stops at once when it is told to") {  // F29, F30
  for (const bool killed : {false, true}) {
    CAPTURE(killed);
    Scene scene{1};
    for (int i = 0; i < 3; ++i) scene.source.send(Go{2});
    scene.system.run_until_idle();
    StopOptions options;
    if (killed) options.reason = ExitReason::killed();
    if (killed) options.within = 0ns;
    auto stopped = scene.system.stop(scene.source, options);
    scene.system.run_until_idle();
    CHECK(stopped.is_ready());
    CHECK(scene.source.is_closed());
    CHECK(scene.system.ledger().dead(DeadReason::Stopped) == 2);
    scene.system.advance(10ms);  // nobody is left to be woken
    CHECK(scene.seen.numbers.size() == 2);
    testing::check_end(scene.system);
  }
}

TEST_CASE("a muted actor that drains when it stops handles what waits first") {  // F30
  Scene scene{1};
  for (int i = 0; i < 3; ++i) scene.source.send(Go{2});
  scene.system.run_until_idle();
  static_cast<void>(scene.system.stop(scene.source, {.mailbox = StopMode::Drain, .within = 1s}));
  scene.system.advance(10ms);
  CHECK(scene.source.is_closed());
  CHECK(scene.seen.numbers.size() == 6);
  CHECK(scene.system.ledger().dead() == 0);
  testing::check_end(scene.system);
}

TEST_CASE("a muted child restarts and its watchers hear of it at once") {  // F29, F30, P5
  Scene scene{1};
  auto root = scene.system.start(supervisor(
      {.id = "sources"}, child<Source>({.id = "source"}, std::vector<ActorRef<Sink>>{scene.sinks[0]}, &scene.seen)));
  const auto child_source = root->child<Source>("source").value();
  scene.source.send(AnyRef{child_source});  // watches it
  scene.system.run_until_idle();
  for (int i = 0; i < 3; ++i) child_source.send(Go{2});
  scene.system.run_until_idle();
  CHECK(child_source.message_count() == 1);
  const int starts = scene.seen.starts;
  scene.system.crash(child_source);
  CHECK(scene.seen.starts == starts + 1);
  CHECK(scene.seen.downs == 1);
  CHECK(child_source.incarnation() == 2);
  scene.system.advance(10ms);
  CHECK(child_source.message_count() == 3);  // the mailbox was kept
  CHECK(scene.seen.numbers.size() == 6);
  CHECK(scene.system.ledger().dead() == 0);
  testing::check_end(scene.system);
}

/// How a receiver may come to its end while somebody is muted by it.
enum class End { Stop, Kill, SupervisorStops, GivesUp };

TEST_CASE("who is muted goes on when the receiver's place ends however that comes") {  // F30, P11
  for (const End end : {End::Stop, End::Kill, End::SupervisorStops, End::GivesUp}) {
    for (const bool measured : {false, true}) {
      CAPTURE(static_cast<int>(end), measured);
      Scene scene{1, measured};
      for (int i = 0; i < 3; ++i) scene.source.send(Go{2});
      scene.system.run_until_idle();
      REQUIRE(scene.source.message_count() == 1);
      switch (end) {
        case End::Stop: static_cast<void>(scene.roots[0].terminate_child("sink", 1s)); break;
        case End::Kill: static_cast<void>(scene.system.stop(scene.sinks[0], {.within = 0ns})); break;
        case End::SupervisorStops: static_cast<void>(scene.system.stop(scene.roots[0])); break;
        case End::GivesUp:
          for (int i = 0; i < 5 && !scene.roots[0].is_closed(); ++i) {
            scene.system.advance(0ns);
            scene.system.crash(scene.roots[0]);
          }
          break;
      }
      scene.system.run_until_idle();
      if (end != End::Stop && end != End::Kill) CHECK(scene.sinks[0].is_closed());
      scene.system.advance(10ms);
      CHECK(scene.source.message_count() == 3);
      testing::check_end(scene.system);
    }
  }
}

struct Echo : Actor<Echo> {
  explicit Echo(int* h) : handled{h} {}
  int* handled;
  std::vector<ActorRef<Echo>> to;
  void handle(const std::vector<ActorRef<Echo>>& others) { to = others; }
  void handle(int hops) {
    ++*handled;
    if (hops == 0) return;
    for (const auto& each : to) CHECK(each.send(hops - 1) == Delivery::Accepted);
  }
  void handle(Go go) {
    for (int i = 0; i < go.messages; ++i) CHECK(self().send(0) == Delivery::Accepted);
  }
};
constexpr Bounded kOne{.capacity = 1, .overflow = Overflow::Block};

TEST_CASE("an actor that floods its own mailbox is not muted by itself") {  // F30, P11
  int handled = 0;
  TestSystem system;
  const auto echo = system.spawn<Echo>({.mailbox = kOne}, &handled);
  echo.send(Go{1'000});
  system.run_until_idle();
  CHECK(handled == 1'000);
  testing::check_end(system);
}

TEST_CASE("two full mailboxes that send to each other move on") {  // F30, P11
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    int handled = 0;
    TestSystem system{{.seed = seed}};
    const auto a = system.spawn<Echo>({.mailbox = kOne}, &handled);
    const auto b = system.spawn<Echo>({.mailbox = kOne}, &handled);
    a.send(std::vector{b, b});
    b.send(std::vector{a, a});
    system.run_until_idle();
    a.send(8);
    b.send(8);
    system.run_until_idle();
    CHECK(handled == 2 * 511);  // 1 + 2 + 4 … + 256, twice
    testing::check_end(system);
  }
}

TEST_CASE("what a constructor and a hook send above the capacity holds their actor too") {  // F30
  struct Eager : Actor<Eager> {
    Eager(ActorRef<Sink> s, Seen* n) : sink{std::move(s)}, seen{n} {
      for (int i = 0; i < 3; ++i) seen->outcomes.push_back(sink.send(i));
    }
    void on_stop(const ExitReason&) {
      for (int i = 10; i < 13; ++i) seen->outcomes.push_back(sink.send(i));
    }
    void handle(int number) { seen->ticks += number; }
    ActorRef<Sink> sink;
    Seen* seen;
  };
  Scene scene{1};
  const auto eager = scene.system.spawn<Eager>(scene.sinks[0], &scene.seen);
  eager.send(1);
  scene.system.run_until_idle();
  CHECK(scene.seen.ticks == 0);
  static_cast<void>(scene.system.stop(eager));
  scene.system.run_until_idle();
  CHECK(eager.is_closed());
  scene.system.advance(10ms);
  CHECK(scene.seen.numbers == std::vector<int>{0, 1, 2, 10, 11, 12});
  CHECK(scene.seen.outcomes == std::vector<Delivery>(6, Delivery::Accepted));
  testing::check_end(scene.system);
}

}  // namespace
}  // namespace coppice
