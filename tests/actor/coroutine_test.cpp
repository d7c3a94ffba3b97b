#include "coppice/coroutine.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/log.hpp"
#include "support/scale.hpp"

// Handlers that are coroutines: what they can wait for, and what holds meanwhile.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using coppice::testing::Lines;
using coppice::testing::Log;
using testing::TestSystem;

constexpr std::uint64_t kSeeds = 50;

struct Double {
  int number;
};
struct Purchase {
  int id;
  std::string who;
};
struct Silent {};
struct Fail {};
struct Release {};

struct Oracle : Actor<Oracle> {
  int handle(Double d) { return 2 * d.number; }
  std::string handle(Purchase p) { return p.who + " " + std::to_string(p.id); }
  int handle(Fail) { throw std::runtime_error{"no idea"}; }
  Later<int> handle(Silent) {
    auto [promise, later] = reply_later<int>();
    kept.emplace(std::move(promise));
    return std::move(later);
  }
  void handle(Release) { kept->set(5); }
  std::optional<ReplyPromise<int>> kept;
};

std::string text(const Result<int, AskError>& result) {
  return result ? std::to_string(result.value()) : std::string{to_string(result.error())};
}

struct Run {
  std::string what;
};
struct Note {
  std::string text;
};
struct Look {};

/// Does what the message says, step by step.
struct Walker : Actor<Walker> {
  Walker(Log* l, ActorRef<Oracle> o) : log{l}, oracle{std::move(o)} {}
  void handle(Note note) { log->add("note " + note.text); }
  int handle(Look) { return state; }

  Task<int> doubled(int number) {
    const Result<int, AskError> answer = co_await ask<Double>(oracle, 1s, number);
    co_return answer.value();
  }
  Task<int> failing(int depth) {
    if (depth == 0) {
      co_await yield();
      throw std::runtime_error{"deep down"};
    }
    co_return co_await failing(depth - 1);
  }
  Task<> nothing() { co_return; }
  Task<int> deep(int depth) {
    if (depth == 0) {
      co_await sleep_for(1ms);
      co_return 0;
    }
    co_return 1 + co_await deep(depth - 1);
  }

  Task<int> handle(Run run) {
    log->add("begin " + run.what);
    state = 1;
    if (run.what == "plain") co_return 7;
    if (run.what == "ask") {
      const Result<std::string, AskError> answer = co_await ask<Purchase>(oracle, 1s, 3, "bob");
      log->add(answer.value());
    }
    if (run.what == "sleep") {
      const TimePoint before = now();
      co_await sleep_for(10ms);
      log->add("slept " + std::to_string((now() - before) / 1ms) + "ms");
    }
    if (run.what == "yield") {
      for (int i = 0; i < 3; ++i) co_await yield();
    }
    if (run.what == "nested") {
      int sum = 0;
      for (int i = 0; i < 4; ++i) sum += co_await doubled(i);
      co_await nothing();
      log->add(std::to_string(sum));
    }
    if (run.what == "deep") log->add(std::to_string(co_await deep(20'000)));
    if (run.what == "throw") {
      co_await sleep_for(1ms);
      throw std::runtime_error{"after a while"};
    }
    if (run.what == "throw a number") {
      co_await sleep_for(1ms);
      throw 7;
    }
    if (run.what == "throw at once") throw std::runtime_error{"at once"};
    if (run.what == "throw deep") co_await failing(100);
    if (run.what == "catch") {
      try {
        co_await failing(3);
      } catch (const std::runtime_error& e) {
        log->add(std::string{"caught "} + e.what());
      }
    }
    if (run.what == "silent") log->add(text(co_await ask<Silent>(oracle, 5ms)));
    if (run.what == "fail") log->add(text(co_await ask<Fail>(oracle, 1s)));
    if (run.what == "self") log->add(text(co_await ask<Look>(self(), 1s)));
    if (run.what == "nobody") log->add(text(co_await ask<Double>(ActorRef<Oracle>{}, 1s, 1)));
    if (run.what == "two at once") {
      auto first = ask<Silent>(oracle, 5ms);
      auto second = ask<Double>(oracle, 5ms, 4);
      const std::string late = text(co_await std::move(first));
      log->add(late + ", " + text(co_await std::move(second)));
    }
    if (run.what == "dropped") static_cast<void>(ask<Silent>(oracle, 1h));
    state = 0;
    log->add("end " + run.what);
    co_return 5;
  }

  int state = 0;
  Log* log;
  ActorRef<Oracle> oracle;
};

struct Scene {
  explicit Scene(std::uint64_t seed = 1) : system{{.seed = seed}} {
    oracle = system.spawn<Oracle>();
    walker = system.spawn<Walker>(&log, oracle);
    system.run_until_idle();
  }
  [[nodiscard]] std::string run(const std::string& what) {
    auto future = walker.ask(Run{what}, 1min);
    return text(future.get());
  }
  void end() {
    system.run_until_idle();
    testing::check_end(system);
  }
  Log log;
  TestSystem system;
  ActorRef<Oracle> oracle;
  ActorRef<Walker> walker;
};

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
[[maybe_unused]] const auto capturing = [text = std::string{}] { return text.size(); };
static_assert(detail::kIsDestroyedTwice<Purchase&&>);
static_assert(detail::kIsDestroyedTwice<std::remove_const_t<decltype(capturing)>&&>);
static_assert(!detail::kIsDestroyedTwice<Purchase&>);
static_assert(!detail::kIsDestroyedTwice<Double&&>);
static_assert(!detail::kIsDestroyedTwice<std::string&&>);
static_assert(!detail::kIsDestroyedTwice<std::unique_ptr<int>&&>);
#endif
static_assert(std::is_same_v<ReplyOf<Walker, Run>, int>);
static_assert(Handles<Walker, Run>);

TEST_CASE("a coroutine handler answers with what it returns whether it waits or not") {  // F21
  Scene scene;
  CHECK(scene.run("plain") == "7");
  CHECK(scene.run("ask") == "5");
  CHECK(scene.run("nested") == "5");
  CHECK(scene.run("catch") == "5");
  CHECK(scene.log.lines() == Lines{"begin plain", "begin ask", "bob 3", "end ask", "begin nested", "12", "end nested",
                                   "begin catch", "caught deep down", "end catch"});
  scene.end();
}

TEST_CASE("a coroutine handler that nobody asked runs to its end and counts as handled once") {
  Scene scene;
  scene.walker.send(Run{"sleep"});
  scene.system.run_until_idle();
  CHECK(scene.system.ledger().queued == 1);
  CHECK(scene.system.ledger().balances());
  CHECK(scene.walker.message_count() == 0);
  scene.system.advance(10ms);
  CHECK(scene.walker.message_count() == 1);
  CHECK(scene.system.ledger().queued == 0);
  CHECK(scene.log.lines() == Lines{"begin sleep", "slept 10ms", "end sleep"});
  scene.end();
}

TEST_CASE("no second message sees the state of a handler that waits") {  // F21
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const char* what : {"ask", "sleep", "yield", "nested", "silent", "fail", "two at once"}) {
      Scene scene{seed};
      std::vector<AskFuture<int>> looks;
      scene.walker.send(Run{what});
      for (int i = 0; i < 3; ++i) looks.push_back(scene.walker.ask(Look{}, 1min));
      scene.system.step();
      scene.walker.send(Note{"after"});
      for (auto& look : looks) CHECK(look.get() == Result<int, AskError>{0});
      scene.system.advance(1s);
      const Lines lines = scene.log.lines();
      CHECK(lines.front() == std::string{"begin "} + what);
      CHECK(lines[lines.size() - 2] == std::string{"end "} + what);
      CHECK(lines.back() == "note after");
      scene.end();
    }
  }
}

TEST_CASE("an ask of a coroutine comes to every outcome there is") {  // P12
  Scene scene;
  static_cast<void>(scene.run("silent"));
  static_cast<void>(scene.run("fail"));
  static_cast<void>(scene.run("self"));
  static_cast<void>(scene.run("nobody"));
  CHECK(scene.log.lines() == Lines{"begin silent", "timeout", "end silent", "begin fail", "crashed", "end fail",
                                   "begin self", "rejected", "end self", "begin nobody", "closed", "end nobody"});
  scene.end();
}

TEST_CASE("asks that are made before the first is awaited are under way together") {
  Scene scene;
  CHECK(scene.run("two at once") == "5");
  CHECK(scene.log.lines()[1] == "timeout, 8");
  scene.end();
}

TEST_CASE("an ask that is dropped is given up and its reply comes too late") {
  Scene scene;
  CHECK(scene.run("dropped") == "5");
  CHECK(scene.system.stats().timers == 0);
  scene.oracle.send(Release{});
  scene.end();
}

TEST_CASE("a coroutine handler's exception is its crash before and after it has waited") {  // P6 P12
  for (const char* what : {"throw", "throw a number", "throw at once", "throw deep"}) {
    Scene scene;
    CAPTURE(what);
    auto asked = scene.walker.ask(Run{what}, 1h);
    CHECK(scene.walker.send(Note{"behind"}) == Delivery::Accepted);
    CHECK(text(asked.get()) == "crashed");
    scene.system.run_until_idle();
    CHECK(scene.system.has_stopped(scene.walker));
    CHECK(scene.system.failures().size() == 1);
    CHECK(scene.system.ledger().dead(DeadReason::InHand) == 1);
    CHECK(scene.system.ledger().dead(DeadReason::Stopped) == 1);
    scene.end();
  }
}

TEST_CASE("a chain of Tasks as long as one likes needs no stack") {
  Scene scene;
  CHECK(scene.run("deep") == "5");
  CHECK(scene.log.lines()[1] == "20000");
  scene.walker.send(Run{"deep"});
  scene.system.run_until_idle();
  REQUIRE(scene.system.stop(scene.walker).get());  // unwound where it is deepest
  scene.end();
}

struct Turn {
  int number;
};
struct Polite : Actor<Polite> {
  explicit Polite(Log* l) : log{l} {}
  Task<> handle(Run) {
    log->add("before");
    co_await yield();
    log->add("after");
  }
  Log* log;
};
struct Other : Actor<Other> {
  explicit Other(Log* l) : log{l} {}
  void handle(Turn turn) { log->add("other " + std::to_string(turn.number)); }
  Log* log;
};

TEST_CASE("whoever is ready runs before a handler that yields goes on") {  // F19
  Log log;
  ActorSystem system{{.workers = 1}};
  const auto other = system.spawn<Other>(&log);
  const auto polite = system.spawn<Polite>(&log);
  struct Start : Actor<Start> {
    Start(ActorRef<Polite> p, ActorRef<Other> o) {
      o.send(Turn{1});
      p.send(Run{});  // the last one is the first to run
    }
    void handle(Turn) {}
  };
  static_cast<void>(system.spawn<Start>(polite, other));
  REQUIRE(testing::eventually([&] { return log.size() == 3; }));
  const Lines lines = log.lines();
  CHECK(lines.front() == "before");
  CHECK(lines.back() == "after");
  testing::check_end(system);
}

struct Ping {
  int number;
};
/// Handles other messages while it waits.
struct Open : Actor<Open> {
  explicit Open(Log* l) : log{l} {}
  ReentrantTask<int> handle(Ping ping) {
    log->add("begin " + std::to_string(ping.number));
    co_await sleep_for(ping.number * 1ms);
    log->add("end " + std::to_string(ping.number));
    co_return ping.number;
  }
  ReentrantTask<> handle(Run run) {
    for (int i = 0; i < 100; ++i) {
      co_await yield();
      log->add(run.what);
    }
  }
  void handle(Note note) { log->add(note.text); }
  Log* log;
};

TEST_CASE("a reentrant handler lets others begin and end while it waits") {
  TestSystem system;
  Log log;
  const auto open = system.spawn<Open>(&log);
  std::vector<AskFuture<int>> asked;
  for (const int number : {3, 1, 2}) asked.push_back(open.ask(Ping{number}, 1s));
  system.run_until_idle();
  CHECK(system.ledger().queued == 3);
  CHECK(system.ledger().balances());
  system.advance(5ms);
  CHECK(log.lines() == Lines{"begin 3", "begin 1", "begin 2", "end 1", "end 2", "end 3"});
  CHECK(asked[0].get() == Result<int, AskError>{3});
  testing::check_end(system);
}

TEST_CASE("a reentrant handler that yields on and on lets messages through") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    TestSystem system{{.seed = seed}};
    Log log;
    const auto open = system.spawn<Open>(&log);
    open.send(Run{"step"});
    for (int i = 0; i < 10; ++i) open.send(Note{"note"});
    system.run_until_idle();
    const Lines lines = log.lines();
    REQUIRE(lines.size() == 110);
    CHECK(std::count(lines.begin(), lines.begin() + 30, "note") == 10);
    testing::check_end(system);
  }
}

struct Caller : Actor<Caller> {
  explicit Caller(Log* l) : log{l} {}
  Task<> handle(Run run) {
    const MessageInfo came = info();
    co_await sleep_for(3ms);
    const MessageInfo now_has = info();
    log->add(run.what + (came.sender == now_has.sender && came.reply_to == now_has.reply_to &&
                                 came.correlation_id == now_has.correlation_id && came.deadline == now_has.deadline &&
                                 came.sent_at == now_has.sent_at && came.priority == now_has.priority
                             ? " same"
                             : " another"));
    log->add(std::to_string(now_has.correlation_id) + (now_has.sender == AnyRef{} ? " nobody" : " somebody"));
    log->add(std::to_string((now() - now_has.sent_at) / 1ms));
  }
  Log* log;
};
struct Sender : Actor<Sender> {
  explicit Sender(ActorRef<Caller> c) : caller{std::move(c)} {}
  void handle(Turn turn) {
    if (turn.number == 1) {
      caller.send(Run{"sent"}, {.reply_to = self(), .correlation_id = 17});
    } else {
      ask(caller, Run{"asked"}, 1s).then([](Result<void, AskError>) {});
    }
  }
  ActorRef<Caller> caller;
};

TEST_CASE("what came with a message is there until its coroutine handler ends") {  // F34
  TestSystem system;
  Log log;
  const auto caller = system.spawn<Caller>(&log);
  const auto sender = system.spawn<Sender>(caller);
  sender.send(Turn{1});
  system.advance(10ms);
  sender.send(Turn{2});
  system.advance(10ms);
  CHECK(log.lines() == Lines{"sent same", "17 somebody", "3", "asked same", "0 somebody", "3"});
  testing::check_end(system);
}

/// Whatever arrives can be handled by a coroutine.
struct Tick {};
struct AllKinds : Actor<AllKinds> {
  explicit AllKinds(Log* l) : log{l} {}
  Task<> handle(Tick) {
    co_await yield();
    log->add("tick");
  }
  Task<> handle(Down down) {
    co_await sleep_for(1ms);
    log->add("down " + down.reason.to_string());
  }
  Task<std::unique_ptr<int>> handle(std::unique_ptr<int> number) {
    co_await yield();
    co_return std::make_unique<int>(*number + 1);
  }
  void handle(ActorRef<Oracle> oracle) {
    watch(oracle);
    timer = send_after(1ms, Tick{});
  }
  TimerHandle timer;
  Log* log;
};

TEST_CASE("a Down a tick and a message that only moves may be handled by a coroutine") {
  TestSystem system;
  Log log;
  const auto oracle = system.spawn<Oracle>();
  const auto all = system.spawn<AllKinds>(&log);
  auto moved = all.ask(std::make_unique<int>(4), 1s).get();
  REQUIRE(moved);
  CHECK(*moved.value() == 5);
  all.send(ActorRef<Oracle>{oracle});
  system.run_until_idle();
  REQUIRE(system.stop(oracle).get());
  system.advance(1s);
  CHECK(log.lines().size() == 2);
  CHECK(system.ledger().queued == 0);
  testing::check_end(system);
}

TEST_CASE("a hundred thousand handlers come and go and leave nothing") {
  const auto count = static_cast<int>(testing::scaled(100'000));
  TestSystem system;
  Log log;
  const auto oracle = system.spawn<Oracle>();
  struct Many : Actor<Many> {
    explicit Many(ActorRef<Oracle> o) : oracle{std::move(o)} {}
    ReentrantTask<> handle(Double d) {
      const auto answer = co_await ask<Double>(oracle, 1s, d.number);
      sum += answer.value();
      co_await sleep_for(1ms);
      ++ended;
    }
    int handle(Look) { return ended; }
    std::int64_t sum = 0;
    int ended = 0;
    ActorRef<Oracle> oracle;
  };
  const auto many = system.spawn<Many>(oracle);
  for (int i = 0; i < count; ++i) many.send(Double{i});
  system.advance(1s);
  CHECK(many.ask(Look{}, 1s).get() == Result<int, AskError>{count});
  for (int i = 0; i < 1'000; ++i) many.send(Double{i});
  system.run_until_idle();  // and these never end
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
