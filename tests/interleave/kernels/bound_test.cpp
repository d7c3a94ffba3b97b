#include "coppice/mailbox/bound.hpp"
#include "base/platform.hpp"
#include "catch.hpp"
#include "coppice/base/fence.hpp"
#include "interleave/kernels/found.hpp"
#include "mailbox/room.hpp"

// The counters of a bounded mailbox and the room of one that blocks, [B1] and [B2].

namespace coppice::interleave {
namespace {

using namespace coppice::detail;

/// A mailbox of one place, reduced to its bound: who enters fills the place, the owner empties it and lets it leave.
class OnePlace {
 public:
  OnePlace() : bound{Bounded{.capacity = 1, .overflow = Overflow::Block}} {}

  /// Puts a number there, or answers false.
  bool try_put(int number) {
    if (!bound.try_enter()) return false;
    put(number);
    return true;
  }
  void put(int number) {
    ++inside_;
    expect(inside_ <= bound.capacity, "[B1] no more wait than fit");
    value_.write() = number;  // whoever enters knows of all that has left: the place is empty
    is_full_.store(1, kRelease);
    wake_all(is_full_);
  }
  /// As who waits in wait_for_room().
  void put_in_the_end(int number) {
    bound.room->thread_joins();
    heavy_fence();
    for (;;) {
      const std::uint32_t round = bound.room->round().load(kAcquire);
      if (try_put(number)) break;
      static_cast<void>(wait_on(bound.room->round(), round, kForever));
    }
    bound.room->thread_leaves();
  }
  /// As the owner in Cell::before_step().
  int take() {
    while (is_full_.load(kAcquire) == 0) static_cast<void>(wait_on(is_full_, 0, kForever));
    const int number = value_.read();
    is_full_.store(0, kRelaxed);
    leave();
    return number;
  }
  void leave() {
    --inside_;
    bound.leave();
    light_fence();
    if (bound.room->has_waiters() && bound.is_time_to_admit() && bound.room->open()) wake_all(bound.room->round());
  }
  /// As who finds the mailbox closed after it has entered, and admits whom it may have kept out.
  void enter_in_vain() {
    if (!bound.try_enter()) return;
    bound.withdraw();
    admit();
  }
  void admit() {
    light_fence();
    if (!bound.room->has_waiters() || !bound.has_much_room(bound.depth())) return;
    if (bound.room->open()) wake_all(bound.room->round());
  }

  Bound bound;

 private:
  std::uint64_t inside_ = 0;  // in truth: fibers share one thread
  Plain<int> value_{0};
  Atomic<std::uint32_t> is_full_{0};
};

TEST_CASE("a bound is exact and who enters knows of all that has left in every order of steps", "[bound]") {  // P10
  const auto enter = [] {
    OnePlace place;
    place.put(place.bound.try_enter() ? 1 : 0);
    bool came[2] = {};
    together({[&] { came[0] = place.try_put(2); }, [&] { came[1] = place.try_put(3); },
              [&] {
                for (int left = 1; left > 0; --left) static_cast<void>(place.take());
              }});
    expect(!(came[0] && came[1]), "one of two finds room");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, enter), found(13, 106));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, enter), found(54, 371));
  const auto again = [] {
    OnePlace place;
    bool came[3] = {};
    int seen = 0;
    together({[&] {
                came[0] = place.try_put(1);
                came[1] = place.try_put(2);
              },
              [&] {
                seen = place.take();
                came[2] = place.try_put(3);
              }});
    expect(came[0] && seen == 1, "the first finds room");
    expect(came[1] != came[2], "one of two finds the room that was made");
  };
  CHECK_THAT(explore("again", Exhaustive{}, again), found(138, 400));
  CHECK_THAT(explore("weak again", Exhaustive{.memory = Memory::Weak}, again), found(1'356, 3'764));
}

TEST_CASE("who waits for room is woken in every order of steps", "[bound]") {  // P11
  const auto wait = [](int taken) {
    OnePlace place;
    place.put(place.bound.try_enter() ? 1 : 0);
    together({[&] { place.put_in_the_end(2); },
              [&] {
                for (int i = 1; i <= taken; ++i) expect(place.take() == i, "first in, first out");
              }});
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, [wait] { wait(2); }), found(5'494, 14'045));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, [wait] { wait(1); }), found(44'437, 126'904));
}

TEST_CASE("two who wait for room are woken in every order with two preemptions", "[bound]") {  // P11
  CHECK_THAT(explore("sequential", Exhaustive{.preemptions = 2},
                     [] {
                       OnePlace place;
                       place.put(place.bound.try_enter() ? 1 : 0);
                       together({[&] { place.put_in_the_end(2); }, [&] { place.put_in_the_end(3); },
                                 [&] {
                                   for (int i = 0; i < 3; ++i) static_cast<void>(place.take());
                                 }});
                     }),
             found(37'217, 26'243));
}

TEST_CASE("who withdraws keeps nobody out who waits in every order of steps", "[bound]") {  // P11
  const auto withdraw = [] {
    OnePlace place;
    together({[&] { place.enter_in_vain(); }, [&] { place.put_in_the_end(2); }});
    expect(place.bound.depth() == 1, "one waits");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, withdraw), found(236, 757));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, withdraw), found(62'954, 171'620));
}

/// An actor's place in the room.
struct Waiter final : RoomWaiter {
  Waiter() : RoomWaiter{[](RoomWaiter& self) noexcept { static_cast<Waiter&>(self).let_go_times.write() += 1; }} {}
  Plain<int> let_go_times{0};
};

TEST_CASE("an actor that waits for room is let go once in every order of steps", "[bound]") {  // P11
  const auto mute = [] {
    OnePlace place;
    Waiter waiter;
    place.put(place.bound.try_enter() ? 1 : 0);
    together({[&] {
                place.bound.room->join(waiter);
                heavy_fence();
                place.admit();
              },
              [&] { static_cast<void>(place.take()); }});
    expect(waiter.let_go_times.read() == 1, "let go once");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, mute), found(222, 711));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, mute), found(20'335, 59'755));
  const auto leave = [] {
    OnePlace place;
    Waiter waiter;
    place.put(place.bound.try_enter() ? 1 : 0);
    bool left = false;
    together({[&] {
                waiter.let_go_times.write() = 0;
                place.bound.room->join(waiter);
                left = place.bound.room->leave(waiter);
              },
              [&] { static_cast<void>(place.take()); }});
    expect(waiter.let_go_times.read() == (left ? 0 : 1), "let go unless it has left");
  };
  CHECK_THAT(explore("leave", Exhaustive{}, leave), found(28, 61));
  CHECK_THAT(explore("weak leave", Exhaustive{.memory = Memory::Weak}, leave), found(33, 71));
}

}  // namespace
}  // namespace coppice::interleave
