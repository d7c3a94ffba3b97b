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
  StealGain gain{};
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
  SECTION("too long between two searches of a trial") {
    while (!pair.leaves()) pair.search(10us);
    pair.search(StealGain::kWindowMax + 1us);
    CHECK_FALSE(pair.leaves());
  }
  SECTION("a rest while work is left on trial") {
    while (!pair.leaves()) pair.search(10us);
    pair.gain.rest();
    CHECK_FALSE(pair.leaves());
    pair.search(10us);
    CHECK(pair.share_left(StealGain::kHoldMin - 1ms) == 0);  // what was cut short is no reason to leave anything
  }
  SECTION("taken from another while work is left on trial") {
    while (!pair.leaves()) pair.search(10us);
    pair.search(StealGain::kWindow, 2);
    CHECK_FALSE(pair.leaves());
  }
}

TEST_CASE("bursts that end before a trial does are not tried again in each of them") {
  Pair pair{.taking = kFast, .leaving = kFast / 2};
  double left = 0;
  for (int burst = 0; burst < 1'000; ++burst) {
    left += pair.share_left(StealGain::kWindow * 3 / 2);
    pair.now += 1ms;
    pair.gain.rest();
  }
  CHECK(left / 1'000 < 0.05);
}

TEST_CASE("a verdict is about one worker and a trial leaves all of them") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  while (!pair.leaves()) pair.search(10us);
  CHECK(pair.leaves(2));
  pair.search(StealGain::kWindow);
  CHECK(pair.leaves());
  CHECK_FALSE(pair.leaves(2));
}

/// A worker that is left, and what is asked about it between naps.
struct Left {
  StealGain gain{};
  TimePoint now{1h};
  Done done{.sent = 1};
  /// Answers after how long it was taken from; never: after `time`.
  Duration until_taken(Duration time, std::uint64_t sends, std::uint64_t handlers) {
    const TimePoint begun = now;
    for (; now - begun < time; now += 50us) {
      if (!gain.gets_on(now, kOther, done)) break;
      done.sent += sends;
      done.handled += handlers;
    }
    return now - begun;
  }
};
constexpr std::uint64_t kFineANap = StealGain::kFine / 20;

TEST_CASE("a worker that does nothing does not get on") {
  Left left;
  CHECK(left.until_taken(1s, 0, 0) == 50us);
  CHECK(left.until_taken(1s, 0, 0) == 0us);
  left.now += 1h;
  CHECK(left.until_taken(1s, 0, 0) == 0us);
  ++left.done.handled;
  CHECK(left.until_taken(1s, kFineANap, kFineANap) == 1s);
}

TEST_CASE("a worker whose work is no longer fine does not get on after a window") {
  for (const Duration pause : {Duration{0}, Duration{1h}}) {  // a rest before it changes nothing
    Left left;
    CHECK(left.until_taken(1s, kFineANap, kFineANap) == 1s);
    left.now += pause;
    CHECK(left.until_taken(1s, 1, 1) <= 2 * StealGain::kWindow + 50us);
  }
}

TEST_CASE("a worker that sends and comes to no end of its handler does not get on after a window") {
  Left left;
  CHECK(left.until_taken(1s, kFineANap, kFineANap) == 1s);
  CHECK(left.until_taken(1s, 10 * kFineANap, 0) <= 2 * StealGain::kWindow + 50us);
}

TEST_CASE("a worker that does not get on has no verdict any more") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  CHECK(pair.share_left(1s) > 0.95);
  while (!pair.leaves()) pair.search(10us);
  while (pair.gain.gets_on(pair.now, kOther, {.sent = pair.done})) pair.search(10us);
  CHECK_FALSE(pair.leaves());
}

TEST_CASE("a worker that stands still is taken from also when a trial on another one was cut short by a rest") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  while (!pair.leaves()) pair.search(10us);
  CHECK(pair.gain.gets_on(pair.now, 2, {.sent = 1}));  // left for the window
  pair.gain.rest();
  CHECK(pair.gain.gets_on(pair.now, 2, {.sent = 1}));
  CHECK_FALSE(pair.gain.gets_on(pair.now + StealGain::kStandsStill, 2, {.sent = 1}));
}

TEST_CASE("of many workers those are known that something was taken from of late") {
  Pair pair{.taking = kFast, .leaving = 2 * kFast};
  for (std::uint32_t other = 1; other <= 100; ++other) {
    for (int i = 0; i < 250; ++i) pair.search(10us, other);
    CHECK(pair.gain.leaves(pair.now, other));
    if (other > 1) CHECK(pair.gain.leaves(pair.now, other - 1));
    CHECK_FALSE(pair.gain.leaves(pair.now, 101));
  }
}

}  // namespace
}  // namespace coppice::detail
