#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <coppice/patterns/cancel_token.hpp>
#include <coppice/patterns/circuit_breaker.hpp>
#include <coppice/patterns/rate_limiter.hpp>
#include <coppice/patterns/retry.hpp>

#include "patterns.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Begin {};
struct Query {};

/// Fails some times, by dropping its promise, and answers from then on.
struct Service : Actor<Service> {
  explicit Service(int f) : failures{f} {}
  Later<int> handle(Query) {
    auto [promise, later] = reply_later<int>();
    if (--failures < 0) promise.set(7);
    return std::move(later);
  }
  int failures;
};

std::string text(const Result<int, AskError>& reply) {
  return reply ? std::to_string(*reply) : to_string(reply.error());
}

}  // namespace

// --- Circuit breaker: after two failures in a row nobody is asked for a while ---

namespace {

struct Client : Actor<Client> {
  Client(ActorRef<Service> s, CircuitBreaker b) : service{std::move(s)}, breaker{std::move(b)} {}
  Later<std::string> handle(Begin) {
    auto [promise, later] = reply_later<std::string>();
    waiting.emplace(std::move(promise));
    call();
    return std::move(later);
  }
  void handle(Query) { call(); }
  void call() {
    breaker.call(ask(service, Query{}, 5s)).then([this](const Result<int, AskError>& reply) {
      seen += text(reply) + ", ";
      if (reply) return static_cast<void>(waiting->set(seen + to_string(breaker.state())));
      const bool is_open = reply.error() == AskError::Rejected;
      send_after(is_open ? std::max(breaker.retry_at(), now()) - now() : 0ms, Query{}).detach();
    });
  }
  ActorRef<Service> service;
  CircuitBreaker breaker;
  std::string seen;
  std::optional<ReplyPromise<std::string>> waiting;
};

}  // namespace

bool circuit_breaker(System& system) {
  const CircuitBreaker breaker{system, {.failures = 2, .open_for = 100ms}};
  const auto client = system.spawn<Client>(system.spawn<Service>(2), breaker);
  const std::string seen = client.ask(Begin{}, 30s).get().value_or("no answer");
  fmt::print("{}\n", seen);
  return seen == "no reply, no reply, rejected, 7, closed" && breaker.stats().refused == 1;
}

// --- Retry: asks again after growing delays ---

namespace {

struct Stubborn : Actor<Stubborn> {
  explicit Stubborn(ActorRef<Service> s) : service{std::move(s)} {}
  Later<std::string> handle(Begin) {
    auto [promise, later] = reply_later<std::string>();
    waiting.emplace(std::move(promise));
    coppice::retry(*this, {.attempts = 4, .first = 1ms}, [this] {
      return ask(service, Query{}, 5s);
    }).then([this](const Result<int, AskError>& reply) { waiting->set(text(reply)); });
    return std::move(later);
  }
  ActorRef<Service> service;
  std::optional<ReplyPromise<std::string>> waiting;
};

}  // namespace

bool retry(System& system) {
  const std::string third = system.spawn<Stubborn>(system.spawn<Service>(2)).ask(Begin{}, 30s).get().value_or("");
  const std::string never = system.spawn<Stubborn>(system.spawn<Service>(9)).ask(Begin{}, 30s).get().value_or("");
  fmt::print("{} after two failures, {} after four\n", third, never);
  return third == "7" && never == "no reply";
}

// --- Rate limiter: two at once, then one every 10 ms ---

namespace {

struct Polite : Actor<Polite> {
  explicit Polite(RateLimiter l) : limiter{std::move(l)} {}
  Later<Duration> handle(Begin) {
    auto [promise, later] = reply_later<Duration>();
    waiting.emplace(std::move(promise));
    begin = now();
    handle(Query{});
    return std::move(later);
  }
  void handle(Query) {
    while (limiter.try_acquire())
      if (++done == 5) return static_cast<void>(waiting->set(now() - begin));
    send_after(limiter.wait(), Query{}).detach();
  }
  RateLimiter limiter;
  int done = 0;
  TimePoint begin;
  std::optional<ReplyPromise<Duration>> waiting;
};

}  // namespace

bool rate_limiter(System& system) {
  const RateLimiter limiter{system, {.permits = 100, .per = 1s, .burst = 2}};
  const Duration took = system.spawn<Polite>(limiter).ask(Begin{}, 30s).get().value_or(0ms);
  // The limiter's clock starts with the first permit; a turn reads its own a moment before.
  const bool in_time = took >= 29ms;
  fmt::print("five calls took {}\n", in_time ? "30 ms or more" : "too little time");
  return in_time;
}

// --- Cancel token: cancelled with the life of an actor, and with it all that was made below ---

namespace {

struct Leave {};

struct Boss : Actor<Boss> {
  CancelToken handle(Begin) const { return token; }
  void handle(Leave) { stop(); }
  CancelToken token = cancel_with(*this);
};

}  // namespace

bool cancel_token(System& system) {
  const auto boss = system.spawn<Boss>();
  const auto token = boss.ask(Begin{}, 5s).get();
  if (!token) return false;
  const CancelSource job{*token};
  int cancelled = 0;
  const auto registration = job.token().on_cancel([&] { ++cancelled; });
  const bool before = job.is_cancelled();
  static_cast<void>(system.stop(boss).get());
  fmt::print("the job below an actor that has ended is {}\n", job.is_cancelled() ? "cancelled" : "not cancelled");
  return !before && job.is_cancelled() && cancelled == 1;
}
