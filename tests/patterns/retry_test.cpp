#include "coppice/patterns/retry.hpp"

#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/patterns/circuit_breaker.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

TEST_CASE("delays grow up to their cap until the attempts are used up") {  // F65, [Y1]
  const RetryOptions options{.attempts = 6, .first = 100ms, .cap = 1s, .factor = 3.0, .jitter = 0.0};
  const Duration delays[] = {100ms, 300ms, 900ms, 1s, 1s};
  for (std::uint32_t failed = 1; failed <= 5; ++failed) {
    CAPTURE(failed);
    CHECK(retry_delay(options, failed, kForever, 0) == delays[failed - 1]);
  }
  CHECK_FALSE(retry_delay(options, 6, kForever, 0));
  CHECK_FALSE(retry_delay(options, 7, kForever, 0));
  CHECK_FALSE(retry_delay({.attempts = 1}, 1, kForever, 0));
}

TEST_CASE("a delay that would use up the time is not waited for") {  // F65, [Y1]
  const RetryOptions options{.attempts = 9, .first = 100ms, .jitter = 0.0};
  CHECK(retry_delay(options, 1, 100ms + 1ns, 0) == 100ms);
  CHECK_FALSE(retry_delay(options, 1, 100ms, 0));
  CHECK_FALSE(retry_delay(options, 1, 0ns, 0));
  CHECK(retry_delay({.first = 0ns}, 1, 1ns, 0) == 0ns);
  CHECK_FALSE(retry_delay({.first = 0ns}, 1, 0ns, 0));
}

TEST_CASE("a jittered delay stays within its share whatever is drawn") {  // F65
  const RetryOptions options{.attempts = 100, .first = 100ms, .cap = 2s, .jitter = 0.5};
  std::mt19937_64 random{3};
  for (int i = 0; i < 2'000; ++i) {
    const auto failed = static_cast<std::uint32_t>(1 + random() % 99);
    const Duration plain = std::min<Duration>(2s, 100ms * (std::int64_t{1} << std::min(failed - 1, 10U)));
    const auto delay = retry_delay(options, failed, kForever, random());
    REQUIRE(delay);
    REQUIRE(*delay >= plain / 2 - 1ns);
    REQUIRE(*delay <= plain + plain / 2 + 1ns);
  }
}

TEST_CASE("retry options out of their bounds are found and named") {  // F65
  CHECK(check(RetryOptions{}));
  CHECK_THAT(check(RetryOptions{.attempts = 0}).error().text, Catch::Contains("attempts is 0"));
  CHECK_THAT(check(RetryOptions{.first = -1ns}).error().text, Catch::Contains("first is -1 ns"));
  CHECK_THAT(check(RetryOptions{.first = 2s, .cap = 1s}).error().text, Catch::Contains("cap is"));
  CHECK_THAT(check(RetryOptions{.factor = 0.5}).error().text, Catch::Contains("factor is 0.5"));
  CHECK_THAT(check(RetryOptions{.jitter = 0.6}).error().text, Catch::Contains("jitter is 0.6"));
  CHECK_THAT(check(RetryOptions{.within = 0ns}).error().text, Catch::Contains("within is 0 ns"));
}

// ---- with actors ----

struct Query {};
/// Answers the calls whose numbers are in `good`; promises and never answers the others.
struct Service : Actor<Service> {
  explicit Service(std::vector<TimePoint>* c, std::uint32_t g = 0) : calls{c}, good{g} {}
  Later<int> handle(Query) {
    calls->push_back(now());
    auto [promise, later] = reply_later<int>();
    if (calls->size() == good) {
      promise.set(7);
    } else {
      kept.push_back(std::move(promise));
    }
    return std::move(later);
  }
  std::vector<TimePoint>* calls;
  std::uint32_t good;
  std::vector<ReplyPromise<int>> kept;
};

struct Go {
  RetryOptions options;
};
struct Crash {};
struct CrashLater {
  Duration after;
};
struct Client : Actor<Client> {
  struct Seen {
    std::vector<std::string> outcomes;
    std::vector<TimePoint> times;
    std::vector<std::uint32_t> attempts;
    std::shared_ptr<int> captured = std::make_shared<int>(0);
    long held_at_end = 0;
  };
  Client(ActorRef<Service> s, Seen* o) : service{std::move(s)}, seen{o} {}
  ~Client() { seen->held_at_end = seen->captured.use_count() - 1; }
  void handle(Go go) {
    retry(*this, go.options, [this](const Attempt& attempt) {
      seen->attempts.push_back(attempt.number);
      return ask(service, Query{}, 1s);
    }).then([this, keep = seen->captured](Result<int, AskError> reply) {
      seen->outcomes.push_back(reply ? std::to_string(*reply) : to_string(reply.error()));
      seen->times.push_back(now());
    });
  }
  void handle(Crash) { throw std::runtime_error{"crash"}; }
  void handle(CrashLater later) { send_after(later.after, Crash{}).detach(); }
  ActorRef<Service> service;
  Seen* seen;
};

TEST_CASE("an ask is made again after each delay until it is answered") {  // F65
  TestSystem system;
  std::vector<TimePoint> calls;
  Client::Seen seen;
  const TimePoint begin = system.now();
  const auto client = system.spawn<Client>(system.spawn<Service>(&calls, 3U), &seen);
  client.send(Go{{.attempts = 5, .first = 100ms, .jitter = 0.0}});
  system.advance(1min);
  CHECK(calls == std::vector<TimePoint>{begin, begin + 1'100ms, begin + 2'300ms});
  CHECK(seen.attempts == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(seen.outcomes == std::vector<std::string>{"7"});
  CHECK(seen.captured.use_count() == 1);
  testing::check_end(system);
}

TEST_CASE("the last outcome counts when the attempts are used up") {  // F65
  TestSystem system;
  std::vector<TimePoint> calls;
  Client::Seen seen;
  const TimePoint begin = system.now();
  system.spawn<Client>(system.spawn<Service>(&calls), &seen).send(Go{{.attempts = 3, .first = 0ns}});
  system.advance(1min);
  CHECK(calls.size() == 3);
  CHECK(seen.outcomes == std::vector<std::string>{"timeout"});
  CHECK(seen.times == std::vector<TimePoint>{begin + 3s});
  testing::check_end(system);
}

TEST_CASE("no outcome comes later than the deadline of it all") {  // F65, P12
  for (const Duration within : std::vector<Duration>{1ns, 500ms, 1s, 1'099ms, 1'100ms, 1'101ms, 1'900ms, 10s}) {
    CAPTURE(within.count());
    TestSystem system;
    std::vector<TimePoint> calls;
    Client::Seen seen;
    const TimePoint begin = system.now();
    system.spawn<Client>(system.spawn<Service>(&calls), &seen)
        .send(Go{{.attempts = 1'000, .first = 100ms, .factor = 1.0, .jitter = 0.0, .within = within}});
    system.advance(1min);
    REQUIRE(seen.outcomes == std::vector<std::string>{"timeout"});
    CHECK(seen.times[0] <= begin + within);
    CHECK(calls.back() < begin + within);
    CHECK(calls.size() == static_cast<std::size_t>((within - 1ns) / 1'100ms + 1));
    testing::check_end(system);
  }
}

TEST_CASE("a pause that ends after the deadline asks nobody") {  // F65, P12, [Y1]
  for (const Duration late : std::vector<Duration>{0ns, 1ns, 1h}) {
    CAPTURE(late.count());
    TestSystem system;
    std::vector<TimePoint> calls;
    Client::Seen seen;
    const auto client = system.spawn<Client>(system.spawn<Service>(&calls), &seen);
    client.send(Go{{.attempts = 9, .first = 500ms, .jitter = 0.0, .within = 2s}});
    system.advance(1'400ms);  // the first attempt is over, the second is due in 100 ms
    REQUIRE(seen.attempts.size() == 1);
    client.pause();
    system.advance(600ms + late);
    client.resume();
    system.run_until_idle();
    CHECK(calls.size() == 1);
    CHECK(seen.attempts.size() == 1);
    CHECK(seen.outcomes == std::vector<std::string>{"timeout"});
    CHECK(seen.captured.use_count() == 1);
    system.advance(1min);
    CHECK(seen.outcomes.size() == 1);
    testing::check_end(system);
  }
}

TEST_CASE("a pause that ends late but before the deadline asks with what is left") {  // F65, P12, [Y1]
  TestSystem system;
  std::vector<TimePoint> calls;
  Client::Seen seen;
  const TimePoint begin = system.now();
  const auto client = system.spawn<Client>(system.spawn<Service>(&calls), &seen);
  client.send(Go{{.attempts = 9, .first = 500ms, .jitter = 0.0, .within = 2s}});
  system.advance(1'400ms);
  client.pause();
  system.advance(600ms - 1ns);
  client.resume();
  system.advance(1min);
  CHECK(calls == std::vector<TimePoint>{begin, begin + 2s - 1ns});
  CHECK(seen.times == std::vector<TimePoint>{begin + 2s});
  testing::check_end(system);
}

TEST_CASE("a place that has ended is not asked again") {  // F65
  TestSystem system;
  std::vector<TimePoint> calls;
  Client::Seen seen;
  const auto service = system.spawn<Service>(&calls);
  static_cast<void>(system.stop(service));
  system.run_until_idle();
  system.spawn<Client>(service, &seen).send(Go{{.attempts = 5}});
  system.advance(1min);
  CHECK(seen.outcomes == std::vector<std::string>{"closed"});
  CHECK(seen.attempts.size() == 1);
  testing::check_end(system);
}

TEST_CASE("a retry ends with the life wherever it stands") {  // F65, [I1]
  for (int steps = 0; steps < 40; ++steps) {
    CAPTURE(steps);
    TestSystem system;
    std::vector<TimePoint> calls;
    Client::Seen seen;
    const auto client = system.spawn<Client>(system.spawn<Service>(&calls), &seen);
    client.send(Go{{.attempts = 100, .first = 500ms, .factor = 1.0, .jitter = 0.0}});
    for (int i = 0; i < steps; ++i)
      if (!system.step()) system.advance(250ms);
    system.crash(client);
    system.run_until_idle();
    const std::size_t made = seen.attempts.size();
    CHECK(seen.captured.use_count() == 1);
    system.advance(1min);
    CHECK(seen.attempts.size() == made);
    CHECK(seen.outcomes.empty());
    testing::check_end(system);
  }
}

TEST_CASE("what a retry captured goes before the state though its next attempt waits in the mailbox") {  // F65
  TestSystem system;
  std::vector<TimePoint> calls;
  Client::Seen seen;
  const auto client = system.spawn<Client>(system.spawn<Service>(&calls), &seen);
  client.send(CrashLater{1'500ms});  // fires in the same moment as the pause's end, and before it
  system.run_until_idle();
  client.send(Go{{.attempts = 100, .first = 500ms, .jitter = 0.0}});
  system.advance(2s);
  CHECK(system.has_stopped(client));
  CHECK(seen.attempts.size() == 1);
  CHECK(seen.held_at_end == 0);
  testing::check_end(system);
}

TEST_CASE("which outcomes are tried again may be decided") {  // F65
  struct Picky : Actor<Picky> {
    Picky(ActorRef<Service> s, int* t) : service{std::move(s)}, tried{t} {}
    void handle(Query) {
      retry(
          *this, {.attempts = 4, .first = 1ms},
          [this] {
            ++*tried;
            return ask(service, Query{}, 1s);
          },
          [](const Result<int, AskError>& reply) { return reply.has_value(); })
          .then([](Result<int, AskError>) {});
    }
    ActorRef<Service> service;
    int* tried;
  };
  TestSystem system;
  std::vector<TimePoint> calls;
  int tried = 0;
  system.spawn<Picky>(system.spawn<Service>(&calls, 1U), &tried).send(Query{});
  system.advance(1min);
  CHECK(tried == 2);  // the first was answered, the second was not
  testing::check_end(system);
}

TEST_CASE("a life with as many timers as it may does not wait for another attempt") {  // F65
  TestSystem system{{.system = {.timers_max = 1}}};
  struct Busy : Client {
    using Client::Client;
  };
  std::vector<TimePoint> calls;
  Client::Seen seen;
  const auto client = system.spawn<Client>(system.spawn<Service>(&calls), &seen);
  for (int i = 0; i < 2; ++i) client.send(Go{{.attempts = 2, .jitter = 0.0}});
  system.advance(1min);
  CHECK(seen.outcomes == std::vector<std::string>{"timeout", "timeout"});
  CHECK(seen.attempts == std::vector<std::uint32_t>{1, 1, 2});
  testing::check_end(system);
}

TEST_CASE("a retry through a circuit breaker stops asking while the circuit is open") {  // F65
  struct Both : Actor<Both> {
    Both(ActorRef<Service> s, CircuitBreaker b, int* o) : service{std::move(s)}, breaker{std::move(b)}, out{o} {}
    void handle(Query) {
      retry(*this, {.attempts = 10, .first = 100ms, .factor = 1.0, .jitter = 0.0}, [this] {
        return breaker.call(ask(service, Query{}, 100ms));
      }).then([this](Result<int, AskError> reply) { *out = reply ? *reply : -1; });
    }
    ActorRef<Service> service;
    CircuitBreaker breaker;
    int* out;
  };
  TestSystem system;
  std::vector<TimePoint> calls;
  int out = 0;
  const CircuitBreaker breaker{system, {.failures = 2, .open_for = 450ms}};
  system.spawn<Both>(system.spawn<Service>(&calls, 3U), breaker, &out).send(Query{});
  system.advance(1min);
  CHECK(out == 7);
  CHECK(calls.size() == 3);
  CHECK(breaker.stats().refused == 4);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
