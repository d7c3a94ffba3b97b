#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

// Suspended handlers and the end of a life, wherever they are suspended and however it ends.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

constexpr std::uint64_t kSeeds = 30;

struct Silent {};
struct Question {};
struct Row {};
struct Oracle : Actor<Oracle> {
  int handle(Question) { return 1; }
  Later<int> handle(Silent) {
    auto [promise, later] = reply_later<int>();
    kept.emplace_back(std::move(promise));
    return std::move(later);
  }
  Task<> handle(Row) { co_await sleep_for(1h); }
  std::vector<ReplyPromise<int>> kept;
};

struct Wait {
  std::string where;
};
struct Note {};
struct Crash {};
struct Child : Actor<Child> {
  void handle(Note) {}
};

/// In a frame: says when it goes, and that the actor is still there.
template <class A>
struct Guard {
  explicit Guard(A* a) : actor{a} {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { actor->unwound(); }
  A* actor;
};

struct Sleeper : Actor<Sleeper> {
  Sleeper(Log* l, ActorRef<Oracle> o, ActorRef<Oracle> f) : log{l}, oracle{std::move(o)}, full{std::move(f)} {}
  ~Sleeper() {
    if (alive == 1) log->add("destroyed");
    alive = 0;
  }
  void unwound() {
    log->add(alive == 1 ? "unwound" : "too late");
    // Whatever a destructor does of this kind is safe, and comes to nothing.
    static_cast<void>(self().send(Note{}));
    static_cast<void>(oracle.send(Question{}));
    ask(oracle, Question{}, 1s).then([this](Result<int, AskError>) { log->add("answered"); });
    static_cast<void>(ask<Question>(oracle, 1s));
    static_cast<void>(spawn<Child>());
    send_after(1ms, Note{}).detach();
  }
  Task<> inner(std::string where) {
    const Guard<Sleeper> guard{this};
    if (where == "ask") static_cast<void>(co_await ask<Silent>(oracle, 1h));
    if (where == "sleep") co_await sleep_for(1h);
    if (where == "send") static_cast<void>(co_await send<Row>(full));
    if (where == "yield") {
      for (;;) co_await yield();
    }
    log->add("went on");
  }
  Task<int> handle(Wait wait) {
    const Guard<Sleeper> guard{this};
    co_await inner(wait.where);
    co_return 1;
  }
  ReentrantTask<int> handle(Silent) {
    const Guard<Sleeper> guard{this};
    co_await sleep_for(1h);
    co_return 1;
  }
  void handle(Note) {}
  void handle(Crash) { throw std::runtime_error{"boom"}; }
  int alive = 1;
  Log* log;
  ActorRef<Oracle> oracle;
  ActorRef<Oracle> full;
};

enum class End { Stop, Crash, Shutdown };
const char* name_of(End end) { return end == End::Stop ? "stop" : end == End::Crash ? "crash" : "shutdown"; }

void steps(TestSystem& system, int count) {
  for (int i = 0; i < count; ++i) static_cast<void>(system.step());
}

/// With a mailbox that is full for ever.
ActorRef<Oracle> spawn_full(TestSystem& system) {
  auto full = system.spawn<Oracle>({.mailbox = Bounded{1, Overflow::Block}});
  full.send(Row{});
  system.run_until_idle();
  full.send(Row{});
  return full;
}

TEST_CASE("a life's end unwinds its suspended handler before the state is destroyed wherever it waits") {  // P12 [H3]
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const char* where : {"ask", "sleep", "send", "yield"}) {
      for (const End end : {End::Stop, End::Crash, End::Shutdown}) {
        CAPTURE(seed, where, name_of(end));
        TestSystem system{{.seed = seed}};
        Log log;
        const auto oracle = system.spawn<Oracle>();
        const auto full = spawn_full(system);
        const auto sleeper = system.spawn<Sleeper>(&log, oracle, full);
        system.run_until_idle();
        auto asked = sleeper.ask(Wait{where}, 1h);
        auto behind = sleeper.ask(Wait{where}, 1h);
        steps(system, 8);
        CHECK_FALSE(asked.is_ready());
        const std::uint64_t dead = system.ledger().dead();
        if (end == End::Stop) REQUIRE(system.stop(sleeper).get());
        if (end == End::Crash) system.crash(sleeper);
        if (end == End::Shutdown) REQUIRE(system.shutdown({.within = 1min}).complete);
        steps(system, 100);
        CHECK(log.lines() == Lines{"unwound", "unwound", "destroyed"});
        CHECK(asked.get() == Result<int, AskError>{Error{end == End::Crash ? AskError::Crashed : AskError::Closed}});
        CHECK(behind.get() == Result<int, AskError>{Error{AskError::Closed}});
        CHECK(system.ledger().dead(DeadReason::InHand) == (end == End::Crash ? 1 : 0));
        CHECK(system.ledger().dead() >= dead + 2);
        CHECK(system.ledger().balances());
        testing::check_end(system);
      }
    }
  }
}

TEST_CASE("a restart unwinds a suspended handler and the next life handles what waits behind it") {  // P5
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const char* where : {"ask", "sleep", "send"}) {
      CAPTURE(seed, where);
      TestSystem system{{.seed = seed}};
      Log log;
      const auto oracle = system.spawn<Oracle>();
      const auto full = spawn_full(system);
      const auto top = system.start(supervisor({.id = "top"}, child<Sleeper>({.id = "sleeper"}, &log, oracle, full)));
      REQUIRE(top);
      const auto sleeper = top.value().child<Sleeper>("sleeper").value();
      auto asked = sleeper.ask(Wait{where}, 1h);
      auto behind = sleeper.ask(Wait{"nowhere"}, 1h);
      system.run_until_idle();
      system.crash(sleeper);
      system.run_until_idle();
      CHECK(asked.get() == Result<int, AskError>{Error{AskError::Crashed}});
      CHECK(behind.get() == Result<int, AskError>{1});
      CHECK(sleeper.incarnation() == 2);
      const Lines lines{"unwound", "unwound", "destroyed", "went on", "unwound", "unwound", "answered", "answered"};
      CHECK(log.lines() == lines);
      system.advance(2h);  // nothing of the first life comes to the second
      CHECK(log.lines() == lines);
      testing::check_end(system);
    }
  }
}

TEST_CASE("of several handlers that wait when one of their messages crashes each asker hears of it") {  // P12
  TestSystem system;
  Log log;
  const auto oracle = system.spawn<Oracle>();
  const auto sleeper = system.spawn<Sleeper>(&log, oracle, oracle);
  std::vector<AskFuture<int>> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(sleeper.ask(Silent{}, 1h));
  system.run_until_idle();
  sleeper.send(Crash{});
  system.run_until_idle();
  for (auto& each : asked) CHECK(each.get() == Result<int, AskError>{Error{AskError::Crashed}});
  CHECK(system.ledger().dead(DeadReason::InHand) == 6);
  CHECK(log.lines().size() == 6);
  testing::check_end(system);
}

TEST_CASE("an actor that drains before it stops waits for its suspended handlers") {
  TestSystem system;
  struct Drained : Actor<Drained> {
    explicit Drained(Log* l) : log{l} {}
    Task<> handle(Wait wait) {
      co_await sleep_for(1s);
      log->add(wait.where);
    }
    ReentrantTask<> handle(Silent) {
      co_await sleep_for(5s);
      log->add("reentrant");
    }
    Log* log;
  };
  Log log;
  const auto drained = system.spawn<Drained>(&log);
  drained.send(Silent{});
  drained.send(Wait{"first"});
  drained.send(Wait{"second"});
  system.run_until_idle();
  REQUIRE(system.stop(drained, {.mailbox = StopMode::Drain, .within = 1min}).get());
  CHECK(log.lines() == Lines{"first", "second", "reentrant"});
  CHECK(system.ledger().handled == 3);
  testing::check_end(system);
}

struct Thrower {
  Thrower() = default;
  Thrower(const Thrower&) = delete;
  Thrower& operator=(const Thrower&) = delete;
  ~Thrower() noexcept(false) { throw std::runtime_error{"from a destructor"}; }
};
struct Hostile : Actor<Hostile> {
  explicit Hostile(Log* l) : log{l} {}
  Task<int> handle(Wait wait) {
    const Guard<Hostile> guard{this};
    const Thrower thrower;
    if (wait.where != "nowhere") co_await sleep_for(1h);
    co_return 1;
  }
  void unwound() { log->add("unwound"); }
  Log* log;
};

// The compilers lose the memory of a frame whose destructor throws, which LeakSanitizer reports.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COPPICE_TEST_COUNTS_LEAKS 1
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(COPPICE_TEST_COUNTS_LEAKS)
TEST_CASE("what a destructor in an unwound frame throws ends there") {  // P6
  TestSystem system;
  Log log;
  const auto hostile = system.spawn<Hostile>(&log);
  auto asked = hostile.ask(Wait{"here"}, 2h);
  system.run_until_idle();
  REQUIRE(system.stop(hostile).get());
  CHECK(asked.get() == Result<int, AskError>{Error{AskError::Closed}});
  testing::check_end(system);
}
#endif

TEST_CASE("what on_error makes of a handler that crashed after it had waited holds") {  // F35
  struct Resumer : Actor<Resumer> {
    Task<int> handle(Wait wait) {
      co_await sleep_for(1ms);
      if (wait.where == "crash") throw std::runtime_error{"boom"};
      co_return ++count;
    }
    OnError on_error(const ExitReason&) { return OnError::Resume; }
    int count = 0;
  };
  TestSystem system;
  const auto resumer = system.spawn<Resumer>();
  auto first = resumer.ask(Wait{"fine"}, 1s);
  auto second = resumer.ask(Wait{"crash"}, 1s);
  auto third = resumer.ask(Wait{"fine"}, 1s);
  CHECK(first.get() == Result<int, AskError>{1});
  CHECK(second.get() == Result<int, AskError>{Error{AskError::Crashed}});
  CHECK(third.get() == Result<int, AskError>{2});
  CHECK(resumer.incarnation() == 1);
  testing::check_end(system);
}

TEST_CASE("a reply and the deadline on one tick have one outcome and it is the reply's or the timeout") {  // P12
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    struct Late : Actor<Late> {
      Task<int> handle(Question) {
        co_await sleep_for(10ms);
        co_return 1;
      }
    };
    struct Asker : Actor<Asker> {
      Asker(Log* l, ActorRef<Late> o) : log{l}, late{std::move(o)} {}
      Task<> handle(Wait) {
        const auto answer = co_await ask<Question>(late, 10ms);
        log->add(answer ? "reply" : to_string(answer.error()));
      }
      Log* log;
      ActorRef<Late> late;
    };
    TestSystem system{{.seed = seed}};
    Log log;
    const auto late = system.spawn<Late>();
    const auto asker = system.spawn<Asker>(&log, late);
    asker.send(Wait{});
    system.advance(1s);
    REQUIRE(log.size() == 1);
    const bool replied = log.lines().front() == "reply";
    CHECK((replied || log.lines().front() == "timeout"));
    CHECK(system.stats().late_replies == (replied ? 0 : 1));
    testing::check_end(system);
  }
}

#if !defined(NDEBUG)
struct Next;
struct Pass {
  int hops;
};
struct Join {
  ActorRef<Next> next;
};
struct Next : Actor<Next> {
  void handle(Join join) { next = std::move(join.next); }
  Task<int> handle(Pass pass) {
    if (pass.hops == 0) co_return 0;
    const auto answer = co_await ask<Pass>(next, 1s, pass.hops - 1);
    co_return answer ? 1 + *answer : -1;
  }
  ActorRef<Next> next;
};
std::vector<std::string> cycles;

TEST_CASE("handlers that ask each other in a circle are told of once and end at their deadlines") {  // P11
  cycles.clear();
  detail::ask_cycle_hook.store([](const std::string& path) { cycles.push_back(path); });
  TestSystem system;
  std::vector<ActorRef<Next>> ring;
  for (const char* name : {"a", "b", "c"}) ring.push_back(system.spawn<Next>({.name = name}));
  for (std::size_t i = 0; i < 3; ++i) ring[i].send(Join{ring[(i + 1) % 3]});
  CHECK(ring[0].ask(Pass{2}, 5s).get() == Result<int, AskError>{2});
  CHECK(cycles.empty());
  for (int i = 0; i < 2; ++i) CHECK(ring[0].ask(Pass{5}, 5s).get() == Result<int, AskError>{-1});
  detail::ask_cycle_hook.store(nullptr);
  REQUIRE(cycles.size() == 1);
  CHECK((cycles[0] == "c -> a -> b -> c" || cycles[0] == "a -> b -> c -> a" || cycles[0] == "b -> c -> a -> b"));
  system.advance(10s);
  testing::check_end(system);
}
#endif

struct Stuck : Actor<Stuck> {
  explicit Stuck(Gate* g) : gate{g} {}
  Task<int> handle(Wait wait) {
    co_await sleep_for(1ms);
    gate->pass();
    if (wait.where == "again") co_await sleep_for(1ms);
    co_return 1;
  }
  Gate* gate;
};

TEST_CASE("a handler that hangs after it had waited is left behind by a kill and everything is accounted for") {  // P13
  for (const char* where : {"end", "again"}) {
    CAPTURE(where);
    ActorSystem system{testing::quiet(testing::two_workers())};
    Gate gate;
    const auto top = system.start(supervisor({.id = "top"}, child<Stuck>({.id = "stuck", .shutdown = 10ms}, &gate)));
    REQUIRE(top);
    const auto stuck = top.value().child<Stuck>("stuck").value();
    stuck.send(Wait{where});
    stuck.send(Wait{"behind"});
    REQUIRE(gate.wait_for_arrivals());
    REQUIRE(top.value().terminate_child("stuck"));
    CHECK(system.stats().zombies == 1);
    gate.open();
    REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
    REQUIRE(testing::at_rest(system));
    const Ledger ledger = system.ledger();
    CHECK(ledger.dead(DeadReason::Stopped) == (where == std::string{"end"} ? 1 : 2));
    testing::check_end(system);
  }
}

TEST_CASE("a kill of a suspended handler that does not hang unwinds it") {
  TestSystem system;
  Log log;
  const auto oracle = system.spawn<Oracle>();
  const auto top = system.start(supervisor(
      {.id = "top"}, child<Sleeper>({.id = "sleeper", .shutdown = Shutdown::brutal()}, &log, oracle, oracle)));
  REQUIRE(top);
  const auto sleeper = top.value().child<Sleeper>("sleeper").value();
  auto asked = sleeper.ask(Wait{"sleep"}, 1h);
  system.run_until_idle();
  REQUIRE(top.value().terminate_child("sleeper"));
  CHECK(asked.get() == Result<int, AskError>{Error{AskError::Closed}});
  CHECK(log.lines() == Lines{"unwound", "unwound", "destroyed"});
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
