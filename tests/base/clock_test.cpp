#include "coppice/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

#include "catch.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using detail::saturating_add;
using detail::saturating_between;
using detail::saturating_cast;

constexpr TimePoint at(std::int64_t ns) { return TimePoint{Duration{ns}}; }
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

TEST_CASE("adding to a time point stops at the ends") {
  STATIC_REQUIRE(saturating_add(at(1), Duration{2}) == at(3));
  STATIC_REQUIRE(saturating_add(at(kMost), Duration{1}) == TimePoint::max());
  STATIC_REQUIRE(saturating_add(at(kMost - 1), Duration{1}) == TimePoint::max());
  STATIC_REQUIRE(saturating_add(at(kMost), Duration{-1}) == at(kMost - 1));
  STATIC_REQUIRE(saturating_add(at(kLeast), Duration{-1}) == TimePoint::min());
  STATIC_REQUIRE(saturating_add(at(kLeast), Duration::max()) == at(-1));
  STATIC_REQUIRE(saturating_add(at(5), kForever) == TimePoint::max());
  STATIC_REQUIRE(saturating_add(at(-5), Duration::min()) == TimePoint::min());
  STATIC_REQUIRE(saturating_add(at(0), Duration::min()) == TimePoint::min());
}

TEST_CASE("the span between two time points stops at the ends") {
  STATIC_REQUIRE(saturating_between(at(2), at(5)) == Duration{3});
  STATIC_REQUIRE(saturating_between(at(5), at(2)) == Duration{-3});
  STATIC_REQUIRE(saturating_between(at(kLeast), at(kMost)) == Duration::max());
  STATIC_REQUIRE(saturating_between(at(kMost), at(kLeast)) == Duration::min());
  STATIC_REQUIRE(saturating_between(at(-1), at(kMost)) == Duration::max());
  STATIC_REQUIRE(saturating_between(at(1), at(kLeast)) == Duration::min());
  STATIC_REQUIRE(saturating_between(at(kLeast), at(kLeast)) == Duration::zero());
}

TEST_CASE("any duration becomes nanoseconds without overflow") {
  STATIC_REQUIRE(saturating_cast(3ms) == Duration{3'000'000});
  STATIC_REQUIRE(saturating_cast(-3ms) == Duration{-3'000'000});
  STATIC_REQUIRE(saturating_cast(0s) == Duration::zero());
  STATIC_REQUIRE(saturating_cast(std::chrono::hours{3'000'000}) == Duration::max());
  STATIC_REQUIRE(saturating_cast(std::chrono::hours{-3'000'000}) == Duration::min());
  STATIC_REQUIRE(saturating_cast(std::chrono::seconds::max()) == Duration::max());
  STATIC_REQUIRE(saturating_cast(std::chrono::years{10'000}) == Duration::max());
  STATIC_REQUIRE(saturating_cast(std::chrono::years{290}) > std::chrono::years{289});
  STATIC_REQUIRE(saturating_cast(Duration::max()) == Duration::max());
  STATIC_REQUIRE(saturating_cast(Duration{kMost - 1}) == Duration{kMost - 1});
  STATIC_REQUIRE(saturating_cast(Duration{kLeast + 1}) == Duration{kLeast + 1});
  STATIC_REQUIRE(saturating_cast(std::chrono::microseconds{kMost / 1'000}) == Duration{kMost / 1'000 * 1'000});
  STATIC_REQUIRE(saturating_cast(std::chrono::microseconds{kMost / 1'000 + 1}) == Duration::max());
  STATIC_REQUIRE(saturating_cast(std::chrono::microseconds{kLeast / 1'000}) == Duration{kLeast / 1'000 * 1'000});
  STATIC_REQUIRE(saturating_cast(std::chrono::microseconds{kLeast / 1'000 - 1}) == Duration::min());
  STATIC_REQUIRE(saturating_cast(std::chrono::duration<std::uint64_t>{std::numeric_limits<std::uint64_t>::max()}) ==
                 Duration::max());
  STATIC_REQUIRE(saturating_cast(std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()}) ==
                 Duration::max());
  STATIC_REQUIRE(saturating_cast(std::chrono::duration<double>{1e300}) == Duration::max());
  STATIC_REQUIRE(saturating_cast(std::chrono::duration<double>{0.5}) == 500ms);
  STATIC_REQUIRE(saturating_cast(std::chrono::duration<std::int64_t, std::pico>{2'500}) == 2ns);
}

TEST_CASE("the steady clock does not go back") {
  const SteadyClock clock;
  TimePoint before = clock.now();
  for (int i = 0; i < 1'000; ++i) {
    const TimePoint now = clock.now();
    REQUIRE(now >= before);
    before = now;
  }
}

TEST_CASE("a manual clock stands still until it is moved") {
  ManualClock clock;
  const TimePoint start = clock.now();
  CHECK(clock.now() == start);
  CHECK(saturating_add(start, -1h) >= TimePoint{});  // so that an hour ago exists
  clock.set(start + 5ms);
  CHECK(clock.now() - start == 5ms);
}

}  // namespace
}  // namespace coppice
