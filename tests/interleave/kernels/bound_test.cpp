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
    if (bound.room->has_waiters() && bound.room->admit(bound.admits_now())) wake_all(bound.room->round());
  }
  /// As who finds the mailbox closed after it has entered, and admits whom it may have kept out.
  void enter_in_vain() {
    if (!bound.try_enter()) return;
    bound.withdraw();
    admit();
  }
  void admit() {
    light_fence();
    if (bound.room->has_waiters() && bound.room->admit(bound.admits(bound.depth()))) wake_all(bound.room->round());
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
  CHECK_THAT(explore("sequential", Exhaustive{}, [wait] { wait(2); }), found(3'190, 11'393));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, [wait] { wait(1); }), found(32'862, 97'919));
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
             found(36'004, 25'531));
}

TEST_CASE("who withdraws keeps nobody out who waits in every order of steps", "[bound]") {  // P11
  const auto withdraw = [] {
    OnePlace place;
    together({[&] { place.enter_in_vain(); }, [&] { place.put_in_the_end(2); }});
    expect(place.bound.depth() == 1, "one waits");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, withdraw), found(193, 694));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, withdraw), found(48'727, 140'160));
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
                place.admit();
              },
              [&] { static_cast<void>(place.take()); }});
    expect(waiter.let_go_times.read() == 1, "let go once");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, mute), found(1'274, 3'372));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, mute), found(79'441, 205'305));
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
  CHECK_THAT(explore("leave", Exhaustive{}, leave), found(423, 836));
  CHECK_THAT(explore("weak leave", Exhaustive{.memory = Memory::Weak}, leave), found(28'377, 56'293));
}

TEST_CASE("an actor that joins others who wait is let go in every order of steps", "[bound]") {  // P11, [R1]
  const auto one_more = [](bool first_leaves) {
    OnePlace place;
    Waiter first;
    Waiter second;
    place.put(place.bound.try_enter() ? 1 : 0);
    place.bound.room->join(first);
    if (first_leaves) expect(place.bound.room->leave(first), "it waits");
    together({[&] {
                place.bound.room->join(second);
                place.admit();
              },
              [&] { static_cast<void>(place.take()); }});
    expect(first.let_go_times.read() == (first_leaves ? 0 : 1), "the first is let go once");
    expect(second.let_go_times.read() == 1, "the second is let go once");
  };
  CHECK_THAT(explore("joins", Exhaustive{}, [&] { one_more(false); }), found(479, 1'268));
  CHECK_THAT(explore("weak joins", Exhaustive{.memory = Memory::Weak}, [&] { one_more(false); }), found(886, 2'349));
  CHECK_THAT(explore("in an emptied room", Exhaustive{}, [&] { one_more(true); }), found(1'274, 3'372));
  CHECK_THAT(explore("weak in an emptied room", Exhaustive{.memory = Memory::Weak}, [&] { one_more(true); }),
             found(79'441, 205'305));
  const auto both = [] {
    OnePlace place;
    Waiter waiters[2];
    place.put(place.bound.try_enter() ? 1 : 0);
    const auto wait = [&](Waiter& waiter) {
      place.bound.room->join(waiter);
      place.admit();
    };
    together({[&] { wait(waiters[0]); }, [&] { wait(waiters[1]); }, [&] { static_cast<void>(place.take()); }});
    for (Waiter& each : waiters) expect(each.let_go_times.read() == 1, "let go once");
  };
  CHECK_THAT(explore("two", Exhaustive{.preemptions = 2}, both), found(7'187, 2'275));
  CHECK_THAT(explore("weak two", Exhaustive{.memory = Memory::Weak, .preemptions = 1}, both), found(1'213, 0));
}

}  // namespace
}  // namespace coppice::interleave
