#include "coppice/patterns/token_bucket.hpp"

#include <deque>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/patterns/rate_limiter.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

constexpr TimePoint kStart{std::chrono::hours{1}};

TEST_CASE("a bucket is full at first and then drips") {  // F65
  TokenBucket bucket{{.permits = 10, .per = 1s, .burst = 3}};
  CHECK(bucket.available(kStart) == 3);
  for (int i = 0; i < 3; ++i) CHECK(bucket.try_acquire(kStart));
  CHECK(bucket.available(kStart) == 0);
  struct Row {
    Duration after;
    bool given;
  };
  const Row rows[] = {{0ns, false},  {100ms - 1ns, false}, {100ms, true},       {100ms, false},
                      {200ms, true}, {299ms, false},       {10s, true},         {10s, true},
                      {10s, true},   {10s, false},         {10s + 99ms, false}, {10s + 100ms, true}};
  for (const Row& row : rows) {
    CAPTURE(row.after.count());
    CHECK(bucket.try_acquire(kStart + row.after) == row.given);
  }
}

TEST_CASE("a permit is there at the moment that was said and not a nanosecond before") {  // F65, [T2]
  for (const RateLimit& limit :
       {RateLimit{3, 1s, 1}, RateLimit{7, 1ms, 4}, RateLimit{1, 1h, 2}, RateLimit{999, 10ns, 5},
        RateLimit{std::numeric_limits<std::uint32_t>::max(), 1s, 1}}) {
    CAPTURE(limit.permits, limit.per.count(), limit.burst);
    TokenBucket bucket{limit};
    std::mt19937_64 random{42};
    TimePoint now = kStart;
    for (int i = 0; i < 200; ++i) {
      const auto permits = static_cast<std::uint32_t>(1 + random() % limit.burst);
      const TimePoint at = bucket.ready_at(now, permits);
      if (at > now) {
        TokenBucket early = bucket;
        REQUIRE_FALSE(early.try_acquire(at - 1ns, permits));
      }
      REQUIRE(bucket.ready_at(at, permits) == at);
      REQUIRE(bucket.try_acquire(at, permits));
      now = at;
    }
  }
}

TEST_CASE("no span of time sees more permits than its share and the burst") {  // F65, [T1], against a naive model
  std::mt19937_64 random{7};
  for (int round = 0; round < 40; ++round) {
    const RateLimit limit{static_cast<std::uint32_t>(1 + random() % 9), Duration{1 + static_cast<int>(random() % 50)},
                          static_cast<std::uint32_t>(1 + random() % 6)};
    CAPTURE(limit.permits, limit.per.count(), limit.burst);
    TokenBucket bucket{limit};
    // The model: a level in whole units of 1/per of a permit.
    const std::int64_t full = static_cast<std::int64_t>(limit.burst) * limit.per.count();
    std::int64_t level = full;
    TimePoint now = kStart;
    for (int step = 0; step < 300; ++step) {
      const Duration passed{static_cast<int>(random() % 30)};
      now += passed;
      level = std::min(full, level + passed.count() * static_cast<std::int64_t>(limit.permits));
      const auto permits = static_cast<std::uint32_t>(random() % (limit.burst + 2));
      const std::int64_t cost = static_cast<std::int64_t>(permits) * limit.per.count();
      REQUIRE(bucket.available(now) == static_cast<std::uint32_t>(level / limit.per.count()));
      const bool there = cost <= level;
      REQUIRE((bucket.ready_at(now, permits) == now) == there);
      REQUIRE(bucket.try_acquire(now, permits) == there);
      if (there) level -= cost;
    }
  }
}

TEST_CASE("a clock that leaps fills the bucket and one that goes back gives nothing twice") {  // F65
  TokenBucket bucket{{.permits = 1, .per = 1s, .burst = 2}};
  CHECK(bucket.try_acquire(kStart, 2));
  CHECK(bucket.try_acquire(TimePoint::max() - 1h, 2));
  CHECK_FALSE(bucket.try_acquire(TimePoint::max() - 1h));
  CHECK_FALSE(bucket.try_acquire(kStart));
  CHECK_FALSE(bucket.try_acquire(TimePoint::min()));
  CHECK(bucket.ready_at(kStart) == TimePoint::max() - 1h + 1s);
  CHECK(bucket.try_acquire(TimePoint::max(), 2));
}

TEST_CASE("numbers at their ends neither overflow nor come early") {  // F65
  TokenBucket slow{{.permits = 1, .per = Duration::max(), .burst = std::numeric_limits<std::uint32_t>::max()}};
  CHECK(slow.try_acquire(kStart, std::numeric_limits<std::uint32_t>::max()));
  CHECK_FALSE(slow.try_acquire(TimePoint::max() - 2h));
  CHECK(slow.ready_at(kStart) == TimePoint::max());
  CHECK(slow.ready_at(kStart, 0) == kStart);
  CHECK(slow.try_acquire(kStart, 0));
  TokenBucket one{{.permits = 1, .per = 1s, .burst = 1}};
  CHECK(one.ready_at(kStart, 2) == TimePoint::max());  // it never holds two
  CHECK_FALSE(one.try_acquire(kStart, 2));
  CHECK(one.try_acquire(TimePoint::min()));
  CHECK(one.ready_at(TimePoint::min()) == TimePoint::min() + 1s);
}

TEST_CASE("a limit out of its bounds is found and named") {  // F65
  CHECK(check(RateLimit{}));
  CHECK_THAT(check(RateLimit{.permits = 0}).error().text, Catch::Contains("permits is 0"));
  CHECK_THAT(check(RateLimit{.per = 0ns}).error().text, Catch::Contains("per is 0 ns"));
  CHECK_THAT(check(RateLimit{.per = -1ns}).error().text, Catch::Contains("per is -1 ns"));
  CHECK_THAT(check(RateLimit{.burst = 0}).error().text, Catch::Contains("burst is 0"));
}

struct Tick {};
struct Limited : Actor<Limited> {
  Limited(RateLimiter l, std::vector<TimePoint>* t) : limiter{std::move(l)}, times{t} {}
  void handle(Tick) {
    if (!limiter.try_acquire()) return send_after(limiter.wait(), Tick{}).detach();
    times->push_back(now());
    self().send(Tick{});
  }
  RateLimiter limiter;
  std::vector<TimePoint>* times;
};

TEST_CASE("actors that share a limiter get their permits under virtual time and none early") {  // F65
  TestSystem system;
  const RateLimiter limiter{system, {.permits = 10, .per = 1s, .burst = 5}};
  std::vector<TimePoint> times;
  const TimePoint begin = system.now();
  for (int i = 0; i < 3; ++i) system.spawn<Limited>(limiter, &times).send(Tick{});
  system.advance(2s);
  REQUIRE(times.size() == 25);
  for (std::size_t i = 0; i < times.size(); ++i)
    CHECK(times[i] == begin + 100ms * std::max(0, static_cast<int>(i) - 4));
  testing::check_end(system);
}

TEST_CASE("threads that share a limiter get no more than there is") {  // F65
  ActorSystem system{{.workers = 1}};
  const RateLimiter limiter{system, {.permits = 1, .per = 1h, .burst = 1'000}};
  detail::Atomic<int> given{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([limiter, &given]() mutable {
      for (std::size_t i = 0; i < testing::scaled(2'000) + 1'000; ++i)
        if (limiter.try_acquire()) given.fetch_add(1);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(given.load() == 1'000);
  CHECK(limiter.wait() > 0ns);
  CHECK(limiter.wait(1'001) == kForever);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
