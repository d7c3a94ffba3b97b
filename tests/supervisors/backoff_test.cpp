#include "coppice/supervisors/backoff.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "catch.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "supervisors/rules_driver.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::RulesDriver;
using Delays = std::vector<Duration>;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

TEST_CASE("backoff is off by default and delays nothing") {
  CHECK_FALSE(Backoff{}.is_on());
  for (const std::uint32_t attempt : {0U, 1U, 10U, 10'000U}) CHECK(Backoff{}.delay(attempt, 5) == 0ns);
  RulesDriver rules{OneForOne{}, {.restarts = 10, .within = 5s}, {{"a"}}};
  rules.start();
  rules.crash("a");
  CHECK(rules.is_alive("a"));
}

TEST_CASE("delays double from a tenth of a second to a minute") {  // F55
  const Backoff backoff{Exponential{}};
  CHECK(backoff.is_on());
  CHECK(backoff.delay(0, 0) == 100ms);
  CHECK(backoff.delay(1, 0) == 200ms);
  CHECK(backoff.delay(2, 0) == 400ms);
  CHECK(backoff.delay(9, 0) == 51'200ms);
  CHECK(backoff.delay(10, 0) == 60s);
  CHECK(backoff.delay(10'000, 0) == 60s);
}

TEST_CASE("every attempt and duration gives a delay that is monotone and saturates") {  // P8 (c), [K1]
  const Duration durations[] = {0ns, 1ns, 999ms, Duration::max()};
  for (const Duration first : durations) {
    for (const Duration cap : durations) {
      for (const double factor : {1.0, 1.5, 2.0, 1e300}) {
        CAPTURE(first.count(), cap.count(), factor);
        const Backoff backoff{Exponential{.first = first, .cap = cap, .factor = factor}};
        Duration before = 0ns;
        for (std::uint32_t attempt = 0; attempt <= 10'000; ++attempt) {
          const Duration delay = backoff.delay(attempt, attempt * 0x9e3779b97f4a7c15ULL);
          if (delay < before || delay > std::max(cap, 1ns) || (first > 0ns && delay < 1ns)) {
            CAPTURE(attempt);
            REQUIRE(delay >= before);
            REQUIRE(delay <= std::max(cap, 1ns));
            REQUIRE(delay >= 1ns);
          }
          before = delay;
        }
      }
    }
  }
  const Backoff backoff{Exponential{.first = 1ns, .cap = Duration::max()}};
  CHECK(backoff.delay(std::numeric_limits<std::uint32_t>::max(), kMost) > std::chrono::hours{290 * 365 * 24});
}

TEST_CASE("jitter stays within its bounds and reaches near both") {  // P8: within [0.5, 1.5]
  for (const double jitter : {0.1, 0.2, 0.5}) {
    CAPTURE(jitter);
    const Backoff backoff{Exponential{.first = 100ms, .cap = 60s, .jitter = jitter}};
    Duration least = Duration::max();
    Duration most = 0ns;
    std::uint64_t random = 1;
    for (int i = 0; i < 20'000; ++i) {
      random = random * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
      const Duration delay = backoff.delay(0, random);
      least = std::min(least, delay);
      most = std::max(most, delay);
    }
    const double base = 1e8;
    CHECK(static_cast<double>(least.count()) >= base * (1 - jitter) - 2);
    CHECK(static_cast<double>(most.count()) <= base * (1 + jitter) + 2);
    CHECK(static_cast<double>(least.count()) < base * (1 - jitter * 0.95));
    CHECK(static_cast<double>(most.count()) > base * (1 + jitter * 0.95));
  }
  for (const std::uint64_t random : {std::uint64_t{0}, kMost, kMost / 2}) {
    const Backoff tiny{Exponential{.first = 1ns, .cap = 1ns, .jitter = 0.5}};
    CHECK(tiny.delay(3, random) >= 1ns);
    CHECK(tiny.delay(3, random) <= 2ns);
    const Backoff huge{Exponential{.first = Duration::max(), .cap = Duration::max(), .jitter = 0.5}};
    CHECK(huge.delay(3, random) > 0ns);
  }
}

TEST_CASE("numbers out of their bounds count as the bound") {
  const Backoff shrinking{Exponential{.first = 1s, .factor = 0.5}};
  CHECK(shrinking.delay(0, 0) == 1s);
  CHECK(shrinking.delay(5, 0) == 1s);
  const Backoff wild{Exponential{.first = 1s, .jitter = 5.0}};
  CHECK(wild.delay(0, 0) == 500ms);
  CHECK(wild.delay(0, ~std::uint64_t{0}) <= 1500ms);
  const Backoff reversed{Exponential{.first = 1s, .jitter = -0.5}};
  CHECK(reversed.delay(0, 0) == 1s);
  CHECK(reversed.delay(0, ~std::uint64_t{0}) == 1s);
}

TEST_CASE("the fast phase comes first and the delays begin after it") {  // F55
  const Backoff backoff{Exponential{.fast = 3}};
  CHECK(backoff.delay(0, 0) == 0ns);
  CHECK(backoff.delay(2, 0) == 0ns);
  CHECK(backoff.delay(3, 0) == 100ms);
  CHECK(backoff.delay(4, 0) == 200ms);
}

TEST_CASE("a child that crashes again and again waits longer each time") {  // F55, also after starts that succeeded
  RulesDriver rules{OneForOne{}, {.restarts = 100, .within = 5s}, {{"a"}, {"b"}}, Exponential{}};
  rules.start();
  for (int i = 0; i < 4; ++i) {
    rules.crash("a");
    CHECK_FALSE(rules.is_alive("a"));
    CHECK(rules.is_alive("b"));
    rules.advance(60s - 1s);
    CHECK(rules.is_alive("a"));
  }
  REQUIRE(rules.delays.size() == 4);
  CHECK(rules.delays == Delays{100ms, 200ms, 400ms, 800ms});
  CHECK(rules.violations() == testing::Lines{});
}

TEST_CASE("a child that starts never waits longer each time until the limit") {  // §1.8: the retry is delayed, and
                                                                                 // nothing else changes
  RulesDriver rules{OneForOne{}, {.restarts = 5, .within = 1h}, {{"a"}}, Exponential{}};
  rules.start();
  rules.fail_always("a");
  rules.crash("a");
  rules.take();
  rules.advance(3'100ms - 1ns);
  CHECK(rules.take().size() == 4);
  rules.advance(1ns);
  CHECK(rules.take() == testing::Lines{"start a!"});  // the fifth and last attempt
  rules.advance(1h);
  CHECK(rules.down);
  CHECK(rules.take().empty());
  REQUIRE(rules.delays.size() >= 5);
  rules.delays.resize(5);
  CHECK(rules.delays == Delays{100ms, 200ms, 400ms, 800ms, 1600ms});
}

TEST_CASE("a child that ran long enough begins anew") {  // F55
  RulesDriver rules{OneForOne{}, {.restarts = 100, .within = 5s}, {{"a"}}, Exponential{.reset_after = 10s}};
  rules.start();
  rules.crash("a");
  rules.advance(100ms);
  rules.crash("a");
  rules.advance(200ms);
  REQUIRE(rules.is_alive("a"));
  rules.advance(10s - 1ns);
  rules.crash("a");  // a nanosecond short
  rules.advance(400ms);
  REQUIRE(rules.is_alive("a"));
  rules.advance(10s);
  rules.crash("a");
  CHECK(rules.delays == Delays{100ms, 200ms, 400ms, 100ms});
}

TEST_CASE("each child has a backoff of its own") {
  RulesDriver rules{OneForOne{}, {.restarts = 100, .within = 5s}, {{"a"}, {"b"}}, Exponential{}};
  rules.start();
  rules.crash("a");
  rules.advance(100ms);
  rules.crash("a");
  rules.crash("b");
  CHECK(rules.delays == Delays{100ms, 200ms, 100ms});
}

}  // namespace
}  // namespace coppice
