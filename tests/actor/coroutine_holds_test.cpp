#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// Handlers that are coroutines, where their actor is held for other reasons, measured, or killed.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

struct Number {
  int value;
};
struct Answerer : Actor<Answerer> {
  int handle(Number number) { return number.value; }
};
struct Both {};
struct First {};
struct Nap {
  Duration length;
};
struct Later2 {
  int value;
};
struct Quit {};

struct Waiter : Actor<Waiter> {
  Waiter(Log* l, ActorRef<Answerer> x, ActorRef<Answerer> y) : log{l}, a{std::move(x)}, b{std::move(y)} {}
  Task<void> handle(Both) {
    const auto [x, y] = co_await when_all(ask<Number>(a, 10s, 1), ask<Number>(b, 10s, 2));
    log->add("both " + std::to_string(x.value_or(0) + y.value_or(0)));
  }
  Task<void> handle(First) {
    const auto first = co_await when_any(ask<Number>(a, 10s, 1), ask<Number>(b, 10s, 2));
    log->add(first ? "first" : "none");
  }
  Task<void> handle(Nap nap) {
    co_await sleep_for(nap.length);
    log->add("awake");
  }
  Task<int> handle(Later2 later) {
    co_await sleep_for(1ms);
    const int value = later.value;
    if (!open) stash(std::move(later));
    co_return value;
  }
  void handle(Quit) {
    open = true;
    unstash();
  }
  void handle(ReceiveTimeout) { log->add("silence at " + std::to_string((now() - TimePoint{1h}) / 1ms)); }
  void handle(bool) { set_receive_timeout(100ms); }
  bool open = false;
  Log* log;
  ActorRef<Answerer> a;
  ActorRef<Answerer> b;
};

struct Bench {
  explicit Bench(std::uint64_t seed, MailboxOptions mailbox = {})
      : system{{.seed = seed}},
        waiter{system.spawn<Waiter>({.mailbox = mailbox}, &log, system.spawn<Answerer>(), system.spawn<Answerer>())} {
    system.run_until_idle();
  }
  Log log;
  TestSystem system;
  ActorRef<Waiter> waiter;
};

TEST_CASE("a suspended handler of a paused actor goes on when it is resumed and not before") {  // F76
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Bench bench{seed};
    if (seed % 2 == 0) {
      bench.waiter.send(Both{});
    } else {
      bench.waiter.send(First{});
    }
    while (bench.system.ledger().sent < 3) bench.system.step();  // until both have been asked, and neither has answered
    bench.waiter.pause();
    bench.system.advance(1s);
    CHECK(bench.log.lines().empty());
    bench.waiter.resume();
    bench.system.run_until_idle();
    CHECK(bench.log.lines() == Lines{seed % 2 == 0 ? "both 3" : "first"});
    testing::check_end(bench.system);
  }
}

TEST_CASE("a handler that wakes up in a paused actor waits for the resume") {
  Bench bench{7};
  bench.waiter.send(Nap{10ms});
  bench.system.run_until_idle();
  bench.waiter.pause();
  bench.system.advance(1s);
  CHECK(bench.log.lines().empty());
  bench.waiter.resume();
  bench.system.run_until_idle();
  CHECK(bench.log.lines() == Lines{"awake"});
  testing::check_end(bench.system);
}

TEST_CASE("a measured mailbox balances with handlers that are coroutines") {  // F26
  Bench bench{8, Unbounded{.measured = true}};
  for (int i = 0; i < 5; ++i) bench.waiter.send(Nap{1ms});
  bench.system.advance(1s);
  const auto stats = bench.waiter.mailbox_stats();
  REQUIRE(stats);
  CHECK(stats->handled == 5);
  CHECK(stats->balances());
  testing::check_end(bench.system);
}

TEST_CASE("the end of a coroutine handler breaks the silence") {
  Bench bench{9};
  bench.waiter.send(true);
  bench.waiter.send(Nap{150ms});
  bench.system.advance(249ms);
  // What had come due while it waited is over with it; a hundred milliseconds later it is silent.
  CHECK(bench.log.lines() == Lines{"awake"});
  bench.system.advance(1ms);
  CHECK(bench.log.lines() == Lines{"awake", "silence at 250"});
  testing::check_end(bench.system);
}

TEST_CASE("a question that is put aside after a wait is answered when it has been handled") {  // F16
  Bench bench{10};
  auto answer = bench.waiter.ask(Later2{5}, 10s);
  bench.system.advance(10ms);
  CHECK_FALSE(answer.is_ready());
  bench.waiter.send(Quit{});
  CHECK(answer.get() == 5);
  testing::check_end(bench.system);
}

/// Brings its stash back all the time, and naps in a coroutine; measured, so that its messages stand on a shelf.
struct Busy : Actor<Busy> {
  void handle(Number number) {
    if (number.value % 3 == 0) return static_cast<void>(stash(std::move(number)));
    unstash();
  }
  Task<void> handle(Nap nap) {
    co_await sleep_for(nap.length);
    unstash();
  }
};

TEST_CASE("kills of actors that bring back their stash and of suspended handlers lose nothing") {  // P4, [M1]
  SystemOptions options = testing::quiet();
  options.workers = 2;
  ActorSystem system{std::move(options)};
  const int rounds = static_cast<int>(testing::scaled(300));
  for (int round = 0; round < rounds; ++round) {
    const MailboxOptions mailbox = round % 2 == 0 ? MailboxOptions{} : MailboxOptions{Unbounded{.measured = true}};
    const auto busy = system.spawn<Busy>({.mailbox = mailbox});
    std::thread sender{[&busy, round] {
      for (int i = 0; i < 300; ++i) {
        busy.send(Number{i});
        if (i % 10 == 0) busy.send(Nap{std::chrono::microseconds{round % 50}});
      }
    }};
    static_cast<void>(system.stop(busy, {.within = std::chrono::microseconds{round % 200}}).get());
    sender.join();
  }
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0 && system.stats().actors == 0; }));
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
