#include "coppice/patterns/circuit_breaker.hpp"

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/actor/when.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

constexpr TimePoint kStart{std::chrono::hours{1}};

/// One call that ends at once.
bool call(CircuitRules& rules, TimePoint now, bool good) {
  const auto period = rules.try_begin(now);
  if (!period) return false;
  good ? rules.succeeded(*period, now) : rules.failed(*period, now);
  return true;
}

TEST_CASE("a circuit goes from closed to open to half-open to closed") {  // F65
  CircuitRules rules{{.failures = 3, .open_for = 10s, .trials = 1, .successes = 2}};
  CHECK(call(rules, kStart, false));
  CHECK(call(rules, kStart, false));
  CHECK(call(rules, kStart, true));  // in a row: it counts from the beginning again
  CHECK(call(rules, kStart, false));
  CHECK(call(rules, kStart, false));
  CHECK(rules.state(kStart) == CircuitState::Closed);
  CHECK(call(rules, kStart, false));
  CHECK(rules.state(kStart) == CircuitState::Open);
  CHECK(rules.retry_at(kStart) == kStart + 10s);
  CHECK_FALSE(call(rules, kStart, true));
  CHECK_FALSE(call(rules, kStart + 10s - 1ns, true));
  CHECK(rules.state(kStart + 10s - 1ns) == CircuitState::Open);
  CHECK(rules.state(kStart + 10s) == CircuitState::HalfOpen);
  CHECK(rules.retry_at(kStart + 10s - 1ns) == kStart + 10s);
  CHECK(rules.retry_at(kStart + 10s) == TimePoint::min());  // though nobody has tried yet
  CHECK(call(rules, kStart + 10s, true));
  CHECK(rules.state(kStart + 10s) == CircuitState::HalfOpen);
  CHECK(call(rules, kStart + 10s, true));
  CHECK(rules.state(kStart + 10s) == CircuitState::Closed);
  CHECK(rules.retry_at(kStart + 10s) == TimePoint::min());
}

TEST_CASE("a trial that fails opens the circuit for the whole time again") {  // F65
  CircuitRules rules{{.failures = 1, .open_for = 10s, .successes = 3}};
  CHECK(call(rules, kStart, false));
  CHECK(call(rules, kStart + 10s, true));
  CHECK(call(rules, kStart + 10s, true));
  CHECK(call(rules, kStart + 11s, false));
  CHECK_FALSE(call(rules, kStart + 21s - 1ns, true));
  CHECK(call(rules, kStart + 21s, true));
  CHECK(rules.state(kStart + 21s) == CircuitState::HalfOpen);  // the good ones before do not count
}

TEST_CASE("half-open lets no more trials through at a time than it may") {  // F65, [R1]
  CircuitRules rules{{.failures = 1, .open_for = 1s, .trials = 2, .successes = 2}};
  CHECK(call(rules, kStart, false));
  const auto first = rules.try_begin(kStart + 1s);
  const auto second = rules.try_begin(kStart + 1s);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(rules.try_begin(kStart + 1s));
  rules.given_up(*first);
  const auto third = rules.try_begin(kStart + 1s);
  CHECK(third);
  CHECK_FALSE(rules.try_begin(kStart + 1s));
  rules.succeeded(*second, kStart);
  rules.succeeded(*third, kStart);
  CHECK(rules.state(kStart + 1s) == CircuitState::Closed);
}

TEST_CASE("an answer to a call of an earlier period says nothing") {  // F65, [R2]
  CircuitRules rules{{.failures = 1, .open_for = 1s}};
  const auto slow_failure = rules.try_begin(kStart);
  const auto slow_success = rules.try_begin(kStart);
  const auto another = rules.try_begin(kStart);
  CHECK(call(rules, kStart, false));
  rules.succeeded(*slow_success, kStart);
  CHECK(rules.state(kStart) == CircuitState::Open);
  const auto trial = rules.try_begin(kStart + 1s);
  rules.given_up(*another);
  CHECK_FALSE(rules.try_begin(kStart + 1s));  // it was no trial
  rules.succeeded(*trial, kStart);
  rules.failed(*slow_failure, kStart + 1s);
  CHECK(rules.state(kStart + 1s) == CircuitState::Closed);
}

TEST_CASE("a share of the last calls opens a circuit once there were enough") {  // F65
  CircuitRules rules{{.failures = 0, .window = 10, .failure_rate = 0.5}};
  for (int i = 0; i < 4; ++i) CHECK(call(rules, kStart, false));
  for (int i = 0; i < 6; ++i) CHECK(call(rules, kStart, true));
  CHECK(rules.state(kStart) == CircuitState::Closed);  // four of ten
  CHECK(call(rules, kStart, true));                    // the first failure is forgotten
  CHECK(call(rules, kStart, false));
  CHECK(rules.state(kStart) == CircuitState::Closed);  // the second one as well: three of ten
  for (int i = 0; i < 3; ++i) CHECK(call(rules, kStart, false));
  CHECK(rules.state(kStart) == CircuitState::Closed);  // the last old ones went as these came
  CHECK(call(rules, kStart, false));
  CHECK(rules.state(kStart) == CircuitState::Open);
}

TEST_CASE("a success that makes them enough opens the circuit when too many failed") {  // F65
  CircuitRules rules{{.failures = 0, .window = 10, .failure_rate = 0.5, .open_for = 10s}};
  for (int i = 0; i < 5; ++i) CHECK(call(rules, kStart, false));
  for (int i = 0; i < 4; ++i) CHECK(call(rules, kStart, true));
  CHECK(rules.state(kStart) == CircuitState::Closed);  // nine
  CHECK(call(rules, kStart + 1s, true));               // the tenth: five of ten have failed
  CHECK(rules.state(kStart + 1s) == CircuitState::Open);
  CHECK(rules.retry_at(kStart + 1s) == kStart + 11s);
}

TEST_CASE("a circuit does what a naive one does") {  // F65
  std::mt19937_64 random{11};
  for (int round = 0; round < 30; ++round) {
    const CircuitOptions options{.failures = static_cast<std::uint32_t>(random() % 4),
                                 .window = static_cast<std::uint32_t>(1 + random() % 6),
                                 .failure_rate = 0.25 * static_cast<double>(1 + random() % 4),
                                 .open_for = Duration{1 + static_cast<int>(random() % 20)},
                                 .trials = 1,
                                 .successes = static_cast<std::uint32_t>(1 + random() % 3)};
    CircuitRules rules{options};
    enum { kClosed, kOpen, kHalf } state = kClosed;
    std::vector<bool> failures;  // all of the period
    TimePoint until{};
    TimePoint now = kStart;
    for (int step = 0; step < 400; ++step) {
      now += Duration{static_cast<int>(random() % 6)};
      const bool good = random() % 2 == 0;
      if (state == kOpen && now >= until) {
        state = kHalf;
        failures.clear();
      }
      REQUIRE(call(rules, now, good) == (state != kOpen));
      if (state == kOpen) continue;
      failures.push_back(!good);
      bool opens = state == kHalf && !good;
      if (state == kClosed) {
        std::size_t row = 0;
        while (row < failures.size() && failures[failures.size() - 1 - row]) ++row;
        opens = options.failures > 0 && row >= options.failures;
        if (failures.size() >= options.window) {
          double bad = 0;
          for (std::size_t i = failures.size() - options.window; i < failures.size(); ++i) bad += failures[i] ? 1 : 0;
          opens = opens || bad / options.window >= options.failure_rate;
        }
      }
      if (opens) {
        state = kOpen;
        until = now + options.open_for;
      } else if (state == kHalf && failures.size() >= options.successes) {
        state = kClosed;
        failures.clear();
      }
    }
  }
}

TEST_CASE("circuit options out of their bounds are found and named") {  // F65
  CHECK(check(CircuitOptions{}));
  CHECK_THAT(check(CircuitOptions{.failures = 0}).error().text, Catch::Contains("nothing would ever open"));
  CHECK(check(CircuitOptions{.failures = 0, .window = 10}));
  CHECK_THAT(check(CircuitOptions{.window = 10'001}).error().text, Catch::Contains("window is 10001"));
  CHECK_THAT(check(CircuitOptions{.failure_rate = 0.0}).error().text, Catch::Contains("failure_rate"));
  CHECK_THAT(check(CircuitOptions{.failure_rate = 1.5}).error().text, Catch::Contains("failure_rate"));
  CHECK_THAT(check(CircuitOptions{.open_for = 0s}).error().text, Catch::Contains("open_for is 0 ns"));
  CHECK_THAT(check(CircuitOptions{.trials = 0}).error().text, Catch::Contains("trials is 0"));
  CHECK_THAT(check(CircuitOptions{.successes = 0}).error().text, Catch::Contains("successes is 0"));
  CircuitRules forever{{.failures = 1, .open_for = kForever}};
  CHECK(call(forever, kStart, false));
  CHECK(forever.retry_at(kStart) == TimePoint::max());
  CHECK_FALSE(call(forever, TimePoint::max() - 1ns, true));
}

// ---- with actors ----

struct Query {
  bool good = true;
};
struct Service : Actor<Service> {
  explicit Service(int* c) : calls{c} {}
  int handle(Query query) {
    ++*calls;
    if (!query.good) throw std::runtime_error{"no"};
    return 7;
  }
  int* calls;
};
struct Go {
  Query query;
};
struct Client : Actor<Client> {
  Client(ActorRef<Service> s, CircuitBreaker b, std::vector<std::string>* o)
      : service{std::move(s)}, breaker{std::move(b)}, out{o} {}
  void handle(Go go) {
    auto plain = ask(service, go.query, 1s);
    static_assert(detail::Withdrawable<decltype(plain)>);
    auto guarded = breaker.call(std::move(plain));
    // when_any gives up the asks that lose. These cannot be, and the compiler says so where they are handed to it.
    static_assert(detail::Askable<decltype(guarded)> && !detail::Withdrawable<decltype(guarded)>);
    std::move(guarded).then([this](Result<int, AskError> reply) {
      out->push_back(reply ? std::to_string(*reply) : to_string(reply.error()));
    });
  }
  OnError on_error(const ExitReason&) { return OnError::Resume; }
  ActorRef<Service> service;
  CircuitBreaker breaker;
  std::vector<std::string>* out;
};

struct ResumingService : Service {};

TEST_CASE("an ask that the open circuit does not let through is rejected and never sent") {  // F65
  TestSystem system;
  int calls = 0;
  std::vector<std::string> out;
  const CircuitBreaker breaker{system, {.failures = 2, .open_for = 5s}};
  const auto dead = system.spawn<Service>(&calls);
  const auto alive = system.spawn<Service>(&calls);
  const auto unlucky = system.spawn<Client>(dead, breaker, &out);
  const auto lucky = system.spawn<Client>(alive, breaker, &out);
  unlucky.send(Go{{.good = false}});
  system.run_until_idle();
  unlucky.send(Go{});  // the place has ended
  system.run_until_idle();
  CHECK(out == std::vector<std::string>{"crashed", "closed"});
  CHECK(breaker.state() == CircuitState::Open);
  CHECK(breaker.retry_at() == system.now() + 5s);
  lucky.send(Go{});
  system.run_until_idle();
  CHECK(out.back() == "rejected");
  CHECK(calls == 1);
  system.advance(5s);
  CHECK(breaker.state() == CircuitState::HalfOpen);
  CHECK(breaker.retry_at() == TimePoint::min());
  lucky.send(Go{});
  system.run_until_idle();
  CHECK(out.back() == "7");
  CHECK(breaker.state() == CircuitState::Closed);
  const CircuitStats stats = breaker.stats();
  CHECK(stats.succeeded == 1);
  CHECK(stats.failed == 2);
  CHECK(stats.refused == 1);
  CHECK(stats.opened == 1);
  testing::check_end(system);
}

TEST_CASE("a trial whose asker ends makes room for another") {  // F65
  TestSystem system;
  int calls = 0;
  std::vector<std::string> out;
  CircuitBreaker breaker{system, {.failures = 1, .open_for = 1s}};
  breaker.try_begin()->failed();
  system.advance(1s);
  const auto service = system.spawn<Service>(&calls);
  const auto client = system.spawn<Client>(service, breaker, &out);
  client.send(Go{});
  while (breaker.try_begin().has_value()) REQUIRE(system.step());  // until the client's trial is under way
  static_cast<void>(system.stop(client));
  system.run_until_idle();
  CHECK(breaker.try_begin().has_value());
  CHECK(out.size() <= 1);
  testing::check_end(system);
}

TEST_CASE("each time a circuit opens is counted whatever opens it") {  // F65
  TestSystem system;
  const CircuitBreaker breaker{system, {.failures = 0, .window = 2, .open_for = 1s}};
  const auto call = [&](bool good) {
    auto permit = breaker.try_begin();
    REQUIRE(permit);
    good ? permit->succeeded() : permit->failed();
  };
  call(false);
  call(true);  // half of two
  CHECK(breaker.state() == CircuitState::Open);
  CHECK(breaker.stats().opened == 1);
  system.advance(1s);
  call(false);  // the trial
  CHECK(breaker.stats().opened == 2);
  system.advance(1s);
  call(true);
  CHECK(breaker.state() == CircuitState::Closed);
  CHECK(breaker.stats().opened == 2);
  testing::check_end(system);
}

TEST_CASE("what counts as a failure may be decided by the outcome") {  // F65
  struct Odd : Actor<Odd> {
    Odd(ActorRef<Service> s, CircuitBreaker b) : service{std::move(s)}, breaker{std::move(b)} {}
    void handle(Go) {
      breaker.call(ask(service, Query{}, 1s), [](const Result<int, AskError>& reply) { return reply && *reply == 7; })
          .then([](Result<int, AskError>) {});
    }
    ActorRef<Service> service;
    CircuitBreaker breaker;
  };
  TestSystem system;
  int calls = 0;
  const CircuitBreaker breaker{system, {.failures = 1}};
  const auto service = system.spawn<Service>(&calls);
  system.spawn<Odd>(service, breaker).send(Go{});
  system.run_until_idle();
  CHECK(breaker.state() == CircuitState::Open);
  testing::check_end(system);
}

TEST_CASE("a permit that is dropped counts for nothing and one is spent once") {  // F65
  TestSystem system;
  const CircuitBreaker breaker{system, {.failures = 2}};
  {
    auto dropped = breaker.try_begin();
    REQUIRE(dropped);
    auto moved = std::move(*dropped);
  }
  CHECK(breaker.stats().given_up == 1);
  auto spent = breaker.try_begin();
  spent->failed();
  spent->failed();
  spent->succeeded();
  spent.reset();
  CHECK(breaker.stats().failed == 1);
  CHECK(breaker.stats().given_up == 1);
  CHECK(breaker.state() == CircuitState::Closed);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
