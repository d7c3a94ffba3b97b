#include "coppice/supervisors/restart_limit.hpp"

#include <algorithm>
#include <deque>
#include <random>

#include "catch.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{std::chrono::hours{1}};

TEST_CASE("as many restarts as the limit says are allowed and one more is too many") {  // §1.6
  for (const std::uint32_t restarts : {1U, 2U, 3U, 100U}) {
    RestartLimit limit{{.restarts = restarts, .within = 5s}};
    for (std::uint32_t i = 0; i < restarts; ++i) CHECK(limit.add(kStart + Duration{i}));
    CHECK_FALSE(limit.add(kStart + 1s));
  }
}

TEST_CASE("a limit of zero allows no restart at all") {
  RestartLimit limit{{.restarts = 0, .within = 5s}};
  CHECK_FALSE(limit.add(kStart));
  CHECK_FALSE(limit.add(kStart + 100h));
}

TEST_CASE("a restart exactly as old as the window still counts and one nanosecond older does not") {  // P8
  {
    RestartLimit limit{{.restarts = 1, .within = 5s}};
    CHECK(limit.add(kStart));
    CHECK_FALSE(limit.add(kStart + 5s));
  }
  {
    RestartLimit limit{{.restarts = 1, .within = 5s}};
    CHECK(limit.add(kStart));
    CHECK(limit.add(kStart + 5s + 1ns));
  }
}

TEST_CASE("a restart that was refused counts too") {  // §1.6: the failing attempt is recorded
  RestartLimit limit{{.restarts = 1, .within = 5s}};
  CHECK(limit.add(kStart));
  CHECK_FALSE(limit.add(kStart + 4s));
  CHECK_FALSE(limit.add(kStart + 8s));  // the one at 4 s
}

TEST_CASE("the window slides") {  // a crash every 4 s never exceeds 2 in 5 s
  RestartLimit limit{{.restarts = 2, .within = 5s}};
  for (int i = 0; i < 1'000; ++i) REQUIRE(limit.add(kStart + i * 4s));
}

TEST_CASE("the window does not overflow at the ends of time") {
  RestartLimit limit{{.restarts = 1, .within = kForever}};
  CHECK(limit.add(TimePoint::min()));
  CHECK_FALSE(limit.add(TimePoint::max()));
  RestartLimit narrow{{.restarts = 1, .within = 1ns}};
  CHECK(narrow.add(TimePoint::min()));
  CHECK(narrow.add(TimePoint::max()));
}

TEST_CASE("random restarts are judged as the definition says") {
  std::mt19937_64 dice{7};
  for (int run = 0; run < 500; ++run) {
    const Intensity intensity{.restarts = static_cast<std::uint32_t>(dice() % 6), .within = Duration{1 + dice() % 20}};
    RestartLimit limit{intensity};
    std::deque<TimePoint> all;
    TimePoint now = kStart;
    for (int i = 0; i < 50; ++i) {
      now += Duration{dice() % 10};
      all.push_back(now);
      const auto inside =
          std::count_if(all.begin(), all.end(), [&](TimePoint t) { return now - t <= intensity.within; });
      REQUIRE(limit.add(now) == (inside <= static_cast<std::ptrdiff_t>(intensity.restarts)));
    }
  }
}

}  // namespace
}  // namespace coppice
