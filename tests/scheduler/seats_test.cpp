#include "scheduler/seats.hpp"

#include <array>
#include <cstdint>

#include "catch.hpp"

// Who may take work from others where there are more workers than processors.

namespace coppice::detail {
namespace {

using namespace std::chrono_literals;

struct Room {
  Room(unsigned workers, unsigned processors) : seats{workers, processors} { done.fill({.sent = 0, .handled = 1}); }
  bool take(std::uint32_t me) {
    return seats.take(me, now, [this](std::uint32_t i) { return done[i]; });
  }
  void all_get_on() {
    for (Done& each : done) ++each.handled;
  }
  Seats seats;
  std::array<Done, 8> done;
  TimePoint now{1h};
};

TEST_CASE("seats are scarce where there are more workers than processors") {
  CHECK(Seats{3, 2}.are_scarce());
  CHECK(Seats{2, 1}.are_scarce());
  CHECK_FALSE(Seats{2, 2}.are_scarce());
  CHECK_FALSE(Seats{2, 8}.are_scarce());
  CHECK_FALSE(Seats{1, 1}.are_scarce());
  CHECK_FALSE(Seats{64, Seats::kUnlimited}.are_scarce());
}

TEST_CASE("as many have a seat as there are processors, and keep it as long as they get on") {
  Room room{8, 3};
  for (int round = 0; round < 100; ++round) {
    for (std::uint32_t i = 0; i < 8; ++i) CHECK(room.take(i) == (i < 3));
    room.all_get_on();
    room.now += 1ms;
  }
}

TEST_CASE("the seat of one that sleeps is free, and one that has none leaves none") {
  Room room{4, 1};
  CHECK(room.take(0));
  CHECK_FALSE(room.take(1));
  room.seats.leave(1);
  CHECK_FALSE(room.take(1));
  room.seats.leave(0);
  CHECK(room.take(1));
  CHECK_FALSE(room.take(0));
}

TEST_CASE("the seat of one that does not get on is another's after a while") {
  Room room{4, 1};
  CHECK(room.take(0));
  CHECK_FALSE(room.take(1));  // from now on it is seen
  room.now += Seats::kStandsStill - 1ns;
  CHECK_FALSE(room.take(2));
  room.now += 1ns;
  CHECK(room.take(2));
  CHECK_FALSE(room.take(0));  // and it comes too late
  CHECK_FALSE(room.take(1));
}

TEST_CASE("the seat of one that leaves work to another stays its own") {
  Room room{4, 1};
  CHECK(room.take(0));
  room.seats.nap(0);
  CHECK_FALSE(room.take(1));
  room.now += 1h;
  CHECK_FALSE(room.take(1));
  room.seats.wake(0);
  CHECK_FALSE(room.take(1));  // seen for the first time
  room.now += Seats::kStandsStill;
  CHECK(room.take(1));
}

TEST_CASE("a worker gets on until nobody has seen it do something for a while") {
  Seats seats{2, 1};
  TimePoint now{1h};
  CHECK_FALSE(seats.gets_on(0, now, {}));  // has never done anything
  CHECK(seats.gets_on(0, now, {.handled = 1}));
  CHECK(seats.gets_on(0, now + Seats::kStandsStill - 1ns, {.handled = 1}));
  now += Seats::kStandsStill;
  CHECK(seats.gets_on(0, now, {.handled = 1}));
  CHECK(seats.gets_on(0, now + Seats::kStandsStill - 1ns, {.handled = 1}));
  now += Seats::kStandsStill;
  CHECK_FALSE(seats.gets_on(0, now, {.handled = 1}));
  CHECK(seats.gets_on(0, now, {.handled = 2}));
  CHECK_FALSE(seats.gets_on(0, now + 1h, {.handled = 1}));
  CHECK_FALSE(seats.gets_on(1, now, {}));
}

TEST_CASE("a worker gets on that does something every so often whenever it is looked at") {
  const auto gets_on = [](Duration each, Duration looks) {
    Seats seats{2, 1};
    TimePoint now{1h};
    const TimePoint begun = now;
    static_cast<void>(seats.gets_on(0, now, {}));
    int yes = 0;
    int no = 0;
    while ((now += looks) - begun < 100ms) {
      const Done done{.sent = 0, .handled = static_cast<std::uint64_t>((now - begun) / each)};
      ++(seats.gets_on(0, now, done) ? yes : no);
    }
    return static_cast<double>(yes) / (yes + no);
  };
  for (const Duration looks : {3us, 40us, 50us, 110us, 390us, 900us}) {
    CAPTURE(looks.count());
    CHECK(gets_on(1us, looks) == 1);
    CHECK(gets_on(20us, looks) > 0.99);
    // For the rest of the time in which it was seen to do something, and that time over again.
    for (const Duration each : {130us, 2'000us}) {
      CHECK(gets_on(each, looks) <
            2.1 * static_cast<double>(Seats::kStandsStill.count()) / static_cast<double>(each.count()));
    }
  }
}

TEST_CASE("a worker whose handler only sends gets on for as long as a handler may last") {
  Seats seats{2, 1};
  TimePoint now{1h};
  Done done{.sent = 0, .handled = 1};
  const TimePoint begun = now;
  CHECK(seats.gets_on(0, now, done));
  while ((now += 10us) - begun < Seats::kLasts) {
    done.sent += 100;
    REQUIRE(seats.gets_on(0, now, done));
  }
  done.sent += 100;
  CHECK_FALSE(seats.gets_on(0, now, done));
  ++done.handled;
  CHECK(seats.gets_on(0, now, done));
}

}  // namespace
}  // namespace coppice::detail
