#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

struct Tick {
  int number = 0;
};
struct Go {
  Duration period;
};
struct Bang {};

struct Ticker : Actor<Ticker> {
  explicit Ticker(std::vector<TimePoint>* w) : when{w} {}
  void handle(const Tick&) { when->push_back(now()); }
  void handle(Go go) { timer = send_every(go.period, Tick{}); }
  void handle(Bang) { throw 1; }
  void handle(std::string) { timer.cancel(); }
  std::vector<TimePoint>* when;
  TimerHandle timer;
};

TEST_CASE("a thousand periods are exact under virtual time") {  // F67
  for (const Duration period : {Duration{1ns}, Duration{7us}, Duration{1ms}, Duration{333'333'333ns}, Duration{24h}}) {
    CAPTURE(period.count());
    std::vector<TimePoint> when;
    TestSystem system;
    const auto ticker = system.spawn<Ticker>(&when);
    ticker.send(Go{period});
    system.run_until_idle();
    const TimePoint begun = system.now();
    system.advance(period * 1'000);
    REQUIRE(when.size() == 1'000);
    bool exact = true;
    for (std::size_t i = 0; i < when.size(); ++i) exact = exact && when[i] == begun + period * static_cast<int>(i + 1);
    CHECK(exact);
    CHECK(system.now() == begun + period * 1'000);
    ticker.send(std::string{"cancel"});
    system.advance(period * 10);
    CHECK(when.size() == 1'000);
    CHECK(system.stats().timers == 0);
    testing::check_end(system);
  }
}

TEST_CASE("time stands still unless the test moves it") {
  TestSystem system;
  const TimePoint before = system.now();
  std::vector<TimePoint> when;
  const auto ticker = system.spawn<Ticker>(&when);
  ticker.send(Go{1s});
  system.run_until_idle();
  CHECK(system.now() == before);
  system.advance(1s - 1ns);
  CHECK(when.empty());
  CHECK(system.now() == before + 1s - 1ns);
  system.advance(1ns);
  CHECK(when == std::vector<TimePoint>{before + 1s});
  system.advance(0s);
  CHECK(when.size() == 1);
  CHECK(system.advance_to_next_timer());
  CHECK(system.now() == before + 2s);
  CHECK(when.size() == 2);
  testing::check_end(system);
}

TEST_CASE("a leap fires late and at once what was due on the way") {
  TestSystem system;
  const TimePoint before = system.now();
  std::vector<TimePoint> when;
  const auto ticker = system.spawn<Ticker>(&when);
  ticker.send(Go{1s});
  system.leap(10s);  // the ticks that were missed are left out
  CHECK(when == std::vector<TimePoint>{before + 10s});
  system.leap(500ms);
  CHECK(when.size() == 1);
  system.advance(500ms);
  CHECK(when.size() == 2);
  CHECK(when.back() == before + 11s);
  testing::check_end(system);
}

TEST_CASE("a handler that takes time lets everything due meanwhile come late and in order") {
  struct Slow : Actor<Slow> {
    Slow(TestSystem* s, std::vector<int>* o, std::vector<TimePoint>* w) : test{s}, order{o}, when{w} {}
    void handle(Go go) {
      for (const int number : {2, 1}) send_after(number * 1ms, Tick{number}).detach();
      const TimePoint begun = now();
      test->spend(go.period);
      CHECK(now() == begun);  // the same throughout one message
      CHECK(test->now() == begun + go.period);
      CHECK(order->empty());
    }
    void handle(const Tick& tick) {
      order->push_back(tick.number);
      when->push_back(now());
    }
    TestSystem* test;
    std::vector<int>* order;
    std::vector<TimePoint>* when;
  };
  std::vector<int> order;
  std::vector<TimePoint> when;
  TestSystem system;
  const TimePoint before = system.now();
  const auto slow = system.spawn<Slow>(&system, &order, &when);
  slow.send(Go{10ms});
  system.run_until_idle();
  CHECK(order == std::vector<int>{1, 2});
  CHECK(when == std::vector<TimePoint>{before + 10ms, before + 10ms});
  CHECK(system.now() == before + 10ms);
  system.spend(5ms);  // between two turns
  system.spend(-5ms);
  system.spend(Duration::zero(), testing::Due::InTime);
  CHECK(system.now() == before + 15ms);
  testing::check_end(system);
}

TEST_CASE("an ask whose answer takes too long has its time-out if somebody is there to say so") {  // P12
  struct Answerer : Actor<Answerer> {
    Answerer(TestSystem* s, testing::Due d) : test{s}, due{d} {}
    int handle(int number) {
      test->spend(10ms, due);
      return number;
    }
    TestSystem* test;
    testing::Due due;
  };
  struct Asker : Actor<Asker> {
    Asker(ActorRef<Answerer> a, std::vector<Result<int, AskError>>* r) : answerer{std::move(a)}, results{r} {}
    void handle(Go go) {
      ask(answerer, 7, go.period).then([this](const Result<int, AskError>& result) { results->push_back(result); });
    }
    ActorRef<Answerer> answerer;
    std::vector<Result<int, AskError>>* results;
  };
  for (const testing::Due due : {testing::Due::Late, testing::Due::InTime}) {
    std::vector<Result<int, AskError>> results;
    TestSystem system;
    const auto asker = system.spawn<Asker>(system.spawn<Answerer>(&system, due), &results);
    for (const Duration within : {10ms + 1ns, 10ms - 1ns}) {
      asker.send(Go{within});
      system.run_until_idle();
    }
    REQUIRE(results.size() == 2);
    CHECK(results[0] == Result<int, AskError>{7});
    // With one worker the answer is sent before anybody looks at the time.
    const bool is_late = due == testing::Due::InTime;
    CHECK(results[1] == (is_late ? Result<int, AskError>{Error{AskError::Timeout}} : Result<int, AskError>{7}));
    CHECK(system.stats().late_replies == (is_late ? 1 : 0));
    testing::check_end(system);
  }
}

TEST_CASE("the timers of a test system are counted like any other's") {  // F86
  std::vector<TimePoint> when;
  TestSystem system;
  const auto ticker = system.spawn<Ticker>(&when);
  ticker.send(Go{1s});
  system.run_until_idle();
  CHECK(system.stats().timers == 1);
  ticker.send(std::string{"cancel"});
  system.run_until_idle();
  CHECK(system.stats().timers == 0);
  testing::check_end(system);
}

TEST_CASE("timers of an old life never reach the new one") {  // F67, [T4]
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    std::vector<TimePoint> when;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app"}, child<Ticker>({.id = "t"}, &when)));
    REQUIRE(root);
    const auto ticker = root->child<Ticker>("t").value();
    ticker.send(Go{1ms});
    system.advance(3ms);
    CHECK(when.size() == 3);
    // The crash and the fourth tick come at the same moment, in an order that the seed draws.
    system.advance(1ms - 1ns);
    ticker.send(Bang{});
    system.advance(1ns);
    const std::size_t ticks = when.size();
    CHECK(ticks <= 4);
    system.advance(1s);
    CHECK(when.size() == ticks);
    CHECK(ticker.incarnation() == 2);
    CHECK(system.stats().timers == 0);
    testing::check_end(system);
  }
}

TEST_CASE("timers that are due at one moment fire in the order in which they were set") {  // F68
  struct Setter : Actor<Setter> {
    explicit Setter(std::vector<int>* s) : seen{s} {}
    void handle(Go) {
      for (int i = 0; i < 50; ++i) {
        send_after(i % 2 == 0 ? 10ms : 10'000us, Tick{i}).detach();
      }
    }
    void handle(const Tick& tick) { seen->push_back(tick.number); }
    std::vector<int>* seen;
  };
  for (std::uint64_t seed = 1; seed <= testing::scaled(50); ++seed) {
    std::vector<int> seen;
    TestSystem system{{.seed = seed}};
    system.spawn<Setter>(&seen).send(Go{});
    system.advance(10ms);
    REQUIRE(seen.size() == 50);
    for (int i = 0; i < 50; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
    testing::check_end(system);
  }
}

TEST_CASE("a timer without a delay fires without moving time") {
  struct Soon : Actor<Soon> {
    explicit Soon(int* c) : count{c} {}
    void handle(Go go) { send_after(go.period, Tick{}).detach(); }
    void handle(const Tick&) { ++*count; }
    int* count;
  };
  for (const Duration delay : {Duration{0}, Duration{-1s}}) {
    int count = 0;
    TestSystem system;
    const TimePoint before = system.now();
    system.spawn<Soon>(&count).send(Go{delay});
    system.run_until_idle();
    system.advance(0s);
    CHECK(count == 1);
    CHECK(system.now() == before);
    testing::check_end(system);
  }
}

TEST_CASE("an ask times out at its deadline to the nanosecond") {  // P12
  struct Silent : Actor<Silent> {
    Later<int> handle(int) {
      auto [promise, later] = reply_later<int>();
      kept.push_back(std::move(promise));
      return std::move(later);
    }
    std::vector<ReplyPromise<int>> kept;
  };
  TestSystem system;
  const auto silent = system.spawn<Silent>();
  const TimePoint before = system.now();
  CHECK(silent.ask(1, 1500ms).get() == Result<int, AskError>{Error{AskError::Timeout}});
  CHECK(system.now() == before + 1500ms);
  testing::check_end(system);
}

TEST_CASE("far timers and saturated ones do no harm") {  // R10
  std::vector<TimePoint> when;
  TestSystem system;
  const auto ticker = system.spawn<Ticker>(&when);
  ticker.send(Go{kForever});
  system.advance(1'000'000h);
  CHECK(when.empty());
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
