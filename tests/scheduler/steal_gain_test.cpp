#include "scheduler/steal_gain.hpp"

#include <algorithm>
#include <cstdint>

#include "catch.hpp"

// Whether a worker takes from another, as it learns from how much the two get done.

namespace coppice::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOther = 1;

/// Two workers that get so much done in a millisecond, by whether the one takes from the other.
struct Pair {
  std::uint64_t taking;
  std::uint64_t leaving;
  StealGain gain{3};
  TimePoint now{1h};
  std::uint64_t done = 0;

  [[nodiscard]] bool leaves(std::uint32_t other = kOther) const { return gain.leaves(now, other); }
  void search(Duration later, std::uint32_t from = kOther) {
    done += (leaves() ? leaving : taking) * static_cast<std::uint64_t>(later / 1us) / 1000;
    now += later;
    if (gain.is_due(now, from)) gain.look(now, from, done);
  }
  /// How much of the time nothing is taken.
  double share_left(Duration time) {
    int left = 0;
    const auto searches = static_cast<int>(time / 10us);
    for (int i = 0; i < searches; ++i) {
      search(10us);
      left += leaves() ? 1 : 0;
    }
    return static_cast<double>(left) / searches;
  }
};

constexpr std::uint64_t kFast = 10 * StealGain::kFine;

TEST_CASE("work is left where more or as much is done without taking it") {
  CHECK(Pair{.taking = kFast, .leaving = 2 * kFast}.share_left(1s) > 0.95);
  CHECK(Pair{.taking = kFast, .leaving = kFast}.share_left(1s) > 0.95);
  CHECK(Pair{.taking = kFast, .leaving = kFast + kFast / 10}.share_left(1s) > 0.95);
}

TEST_CASE("work is taken where more is done by taking it and seldom left to see whether that has changed") {
  for (const std::uint64_t leaving : {kFast / 2, kFast - kFast / 10, std::uint64_t{0}}) {
    const double share = Pair{.taking = kFast, .leaving = leaving}.share_left(1s);
    CHECK(share > 0);
    CHECK(share < 0.03);
  }
}

TEST_CASE("what takes long is taken without asking whether it pays") {
  // Just not fine enough; and nothing at all.
  CHECK(Pair{.taking = StealGain::kFine - 100, .leaving = kFast}.share_left(1s) == 0);
  CHECK(Pair{.taking = 0, .leaving = kFast}.share_left(1s) == 0);
  CHECK(Pair{.taking = StealGain::kFine + 100, .leaving = kFast}.share_left(1s) > 0.9);
}

TEST_CASE("a verdict changes within the longest time that one is kept") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  CHECK(pair.share_left(1s) > 0.95);
  std::swap(pair.taking, pair.leaving);
  pair.share_left(StealGain::kHoldMax + 5 * StealGain::kWindow);
  CHECK(pair.share_left(1s) < 0.05);
  std::swap(pair.taking, pair.leaving);
  pair.share_left(StealGain::kHoldMax + 5 * StealGain::kWindow);
  CHECK(pair.share_left(1s) > 0.9);
}

TEST_CASE("a verdict on fine work ends with the fine work") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  CHECK(pair.share_left(1s) > 0.95);
  while (!pair.leaves()) pair.search(10us);
  pair.taking = pair.leaving = StealGain::kFine / 2 - 100;
  pair.share_left(2 * StealGain::kWindow + 20us);
  CHECK(pair.share_left(1s) == 0);
}

TEST_CASE("nothing is left for longer than the longest time without being tried again") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  Duration longest{};
  TimePoint taken = pair.now;
  for (int i = 0; i < 100'000; ++i) {
    pair.search(10us);
    if (!pair.leaves()) taken = pair.now;
    longest = std::max(longest, pair.now - taken);
  }
  CHECK(longest > StealGain::kHoldMax - 1ms);
  CHECK(longest < StealGain::kHoldMax + StealGain::kWindow + 1ms);
}

TEST_CASE("who has rested or was elsewhere does not judge by what was done meanwhile") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  SECTION("a rest in each window") {
    for (int i = 0; i < 1'000; ++i) {
      CHECK(pair.share_left(StealGain::kWindow - 20us) == 0);
      pair.gain.rest();
    }
  }
  SECTION("too long between two searches") {
    for (int i = 0; i < 1'000; ++i) {
      pair.search(StealGain::kWindowMax + 1us);
      CHECK_FALSE(pair.leaves());
    }
  }
  SECTION("another worker to take from in each window") {
    for (int i = 0; i < 1'000; ++i) {
      pair.search(StealGain::kWindow, i % 2 == 0 ? 1 : 2);
      CHECK_FALSE(pair.leaves());
    }
  }
  SECTION("a rest while work is left on trial") {
    while (!pair.leaves()) pair.search(10us);
    pair.gain.rest();
    CHECK_FALSE(pair.leaves());
  }
  SECTION("taken from another while work is left on trial") {
    while (!pair.leaves()) pair.search(10us);
    pair.search(StealGain::kWindow, 2);
    CHECK_FALSE(pair.leaves());
  }
}

TEST_CASE("a verdict is about one worker and a trial leaves all of them") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  while (!pair.leaves()) pair.search(10us);
  CHECK(pair.leaves(2));
  pair.search(StealGain::kWindow);
  CHECK(pair.leaves());
  CHECK_FALSE(pair.leaves(2));
}

TEST_CASE("a worker that has done nothing for a while does not get on") {
  StealGain gain{2};
  TimePoint now{1h};
  CHECK(gain.gets_on(now, kOther, 7));
  CHECK(gain.gets_on(now += StealGain::kStandsStill - 1ns, kOther, 7));
  CHECK_FALSE(gain.gets_on(now += 1ns, kOther, 7));
  CHECK_FALSE(gain.gets_on(now += 1h, kOther, 7));
  CHECK(gain.gets_on(now, kOther, 8));
  CHECK(gain.gets_on(now, kOther, 8));
}

}  // namespace
}  // namespace coppice::detail
