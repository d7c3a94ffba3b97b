// Calls of a service that fails. docs/how-to/survive_failing_services.md quotes this file.

#include <chrono>
#include <deque>
#include <utility>

#include <coppice/coppice.hpp>
#include <coppice/patterns/circuit_breaker.hpp>
#include <coppice/patterns/rate_limiter.hpp>
#include <coppice/patterns/retry.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Query {
  int key;
};
struct Heal {};
struct Calls {};

/// Answers nothing while it is ill.
struct Service : Actor<Service> {
  Later<int> handle(Query query) {
    ++calls;
    auto [promise, later] = reply_later<int>();
    if (healthy) promise.set(2 * query.key);
    return std::move(later);
  }
  void handle(Heal) { healthy = true; }
  int handle(Calls) const { return calls; }
  bool healthy = false;
  int calls = 0;
};

struct Fetch {
  int key;
};
struct Found {};

/// Tries again a few times, each time a little later.
struct Patient : Actor<Patient> {
  explicit Patient(ActorRef<Service> s) : service{std::move(s)} {}
  void handle(Fetch fetch) {
    retry(*this, {.attempts = 5, .first = 100ms, .cap = 2s, .within = 10s}, [this, fetch] {
      return ask(service, Query{fetch.key}, 1s);
    }).then([this](Result<int, AskError> value) { found = value ? *value : -1; });
  }
  int handle(Found) const { return found; }
  ActorRef<Service> service;
  int found = 0;
};

/// The same, and leaves the service in peace when it fails for everybody.
struct Careful : Actor<Careful> {
  Careful(ActorRef<Service> s, CircuitBreaker b) : service{std::move(s)}, breaker{std::move(b)} {}
  void handle(Fetch fetch) {
    retry(*this, {.attempts = 3}, [this, fetch] {
      return breaker.call(ask(service, Query{fetch.key}, 1s));
    }).then([this](Result<int, AskError> value) { found = value ? *value : -1; });
  }
  int handle(Found) const { return found; }
  ActorRef<Service> service;
  CircuitBreaker breaker;
  int found = 0;
};

struct Again {};

/// Asks no more often than it may; what comes sooner waits.
struct Polite : Actor<Polite> {
  Polite(ActorRef<Service> s, RateLimiter l) : service{std::move(s)}, limiter{std::move(l)} {}
  void handle(Fetch fetch) {
    waiting.push_back(fetch);
    if (waiting.size() == 1) handle(Again{});
  }
  void handle(Again) {
    while (!waiting.empty() && limiter.try_acquire()) {
      service.send(Query{waiting.front().key});
      waiting.pop_front();
    }
    if (!waiting.empty()) send_after(limiter.wait(), Again{}).detach();
  }
  ActorRef<Service> service;
  RateLimiter limiter;
  std::deque<Fetch> waiting;
};

}  // namespace

TEST_CASE("a fetch survives a service that is ill for a while") {
  testing::TestSystem system{{.seed = 42}};
  const auto service = system.spawn<Service>();
  const auto patient = system.spawn<Patient>(service);
  patient.send(Fetch{21});
  system.advance(250ms);
  service.send(Heal{});
  system.advance(10s);
  CHECK(patient.ask(Found{}, 1s).get().value() == 42);
}

TEST_CASE("a circuit breaker keeps all away from a service that fails") {
  testing::TestSystem system{{.seed = 42}};
  const auto service = system.spawn<Service>();
  const CircuitBreaker breaker{system, {.failures = 4, .open_for = 30s}};
  const auto first = system.spawn<Careful>(service, breaker);
  const auto second = system.spawn<Careful>(service, breaker);
  first.send(Fetch{1});
  second.send(Fetch{2});
  system.advance(10s);
  CHECK(breaker.state() == CircuitState::Open);
  CHECK(service.ask(Calls{}, 1s).get().value() == 4);  // and not six

  service.send(Heal{});
  system.advance(30s);
  CHECK(breaker.state() == CircuitState::HalfOpen);
  second.send(Fetch{3});
  system.advance(10s);
  CHECK(second.ask(Found{}, 1s).get().value() == 6);
  CHECK(breaker.state() == CircuitState::Closed);
}

TEST_CASE("a rate limiter lets so many through in a second") {
  testing::TestSystem system{{.seed = 42}};
  const auto service = system.spawn<Service>();
  const RateLimiter limiter{system, {.permits = 10, .per = 1s, .burst = 5}};
  const auto polite = system.spawn<Polite>(service, limiter);
  for (int key = 0; key < 100; ++key) polite.send(Fetch{key});
  system.run_until_idle();
  CHECK(service.ask(Calls{}, 1s).get().value() == 5);
  system.advance(1s);
  CHECK(service.ask(Calls{}, 1s).get().value() == 15);
}
