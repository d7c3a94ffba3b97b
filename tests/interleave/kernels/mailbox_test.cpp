#include "base/platform.hpp"
#include "catch.hpp"
#include "coppice/base/fence.hpp"
#include "interleave/kernels/found.hpp"
#include "interleave/kernels/place.hpp"

// The laws of the mailbox [M1] to [M4] in every order of its steps, and with every store that a load may see.

namespace coppice::interleave {
namespace {

constexpr Exhaustive kWeak{.memory = Memory::Weak};

TEST_CASE("two senders wake an owner that may rest in every order of steps", "[mailbox]") {  // P1, P2, P3, P4
  const auto two = [] {
    Place place;
    together({[&] {
                place.push(0, 1);
                place.push(0, 2);
              },
              [&] { place.push(1, 1); }});
    place.check_end();
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, two), found(290, 1'564));
  CHECK_THAT(explore("weak", kWeak, two), found(4'077, 11'595));
}

TEST_CASE("three senders wake an owner that may rest in every order of steps", "[mailbox]") {  // P1, P2, P3, P4
  CHECK_THAT(explore("sequential", Exhaustive{},
                     [] {
                       Place place;
                       together({[&] { place.push(0, 1); }, [&] { place.push(1, 1); }, [&] { place.push(2, 1); }});
                       place.check_end();
                     }),
             found(31'911, 306'650));
}

TEST_CASE("three messages of each of two senders in every order with two preemptions", "[mailbox]") {  // P1, P2, P3, P4
  CHECK_THAT(explore("sequential", Exhaustive{.preemptions = 2},
                     [] {
                       Place place;
                       const auto three = [&place](unsigned sender) {
                         return [&place, sender] {
                           for (unsigned i = 1; i <= 3; ++i) place.push(sender, i);
                         };
                       };
                       together({three(0), three(1)});
                       place.check_end();
                     }),
             found(3'192, 1'293));
}

TEST_CASE("signals and messages wake an owner in every order of steps", "[mailbox]") {  // P4
  const auto both = [] {
    Place place;
    together({[&] { place.push(0, 1); }, [&] { place.push_signal(); }});
    place.check_end();
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, both), found(102, 439));
  CHECK_THAT(explore("weak", kWeak, both), found(940, 2'590));
  CHECK_THAT(explore("two and a light one", Exhaustive{},
                     [] {
                       Place place;
                       together({[&] {
                                   place.push_signal();
                                   place.push_signal();
                                 },
                                 [&] { place.push_signal(true); }});
                       place.check_end();
                     }),
             found(33'159, 58'531));
  CHECK_THAT(explore("weak and light", kWeak,
                     [] {
                       Place place;
                       together({[&] { place.push(0, 1); }, [&] { place.push_signal(true); }});
                       place.check_end();
                     }),
             found(940, 2'595));
  CHECK_THAT(explore("weak signals", kWeak,
                     [] {
                       Place place;
                       together({[&] { place.push_signal(); }, [&] { place.push_signal(); }});
                       place.check_end();
                     }),
             found(16'186, 13'172));
}

TEST_CASE("closing loses nothing that was accepted in every order of steps", "[mailbox]") {  // P4
  const auto close = [] {
    Place place{{.close_after = 1}};
    together({[&] {
                place.push(0, 1);
                place.push(0, 2);
              },
              [&] { place.push(1, 1); }});
    place.check_end();
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, close), found(251, 1'413));
  CHECK_THAT(explore("weak", kWeak, close), found(2'998, 9'844));
}

TEST_CASE("ending takes the last signals or refuses them in every order of steps", "[mailbox]") {  // P4
  const auto end = [](bool at_once) {
    Place place{{.close_after = 1, .ends_at_once = at_once}};
    together({[&] { place.push(0, 1); }, [&] { place.push_signal(); }});
    place.check_end();
  };
  const auto in_steps = [end] { end(false); };
  const auto at_once = [end] { end(true); };
  CHECK_THAT(explore("in steps", Exhaustive{}, in_steps), found(266, 867));
  CHECK_THAT(explore("weak in steps", kWeak, in_steps), found(9'846, 17'349));
  CHECK_THAT(explore("at once", Exhaustive{}, at_once), found(231, 755));
  CHECK_THAT(explore("weak at once", kWeak, at_once), found(4'700, 8'407));
}

TEST_CASE("a place that opens again takes what comes afterwards in every order of steps", "[mailbox]") {  // P4, P5
  const auto reopen = [] {
    Place place{{.close_after = 1, .reopens = true}};
    together({[&] { place.push(0, 1); }, [&] { place.push(1, 1); }});
    place.check_end();
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, reopen), found(178, 719));
  CHECK_THAT(explore("weak", kWeak, reopen), found(2'381, 6'529));
}

TEST_CASE("a held place takes its messages when a signal ends the hold in every order of steps", "[mailbox]") {  // P4
  const auto hold = [] {
    Place place{{.is_held = true}};
    together({[&] { place.push(0, 1); }, [&] { place.push_signal(); }});
    place.check_end();
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, hold), found(140, 620));
  CHECK_THAT(explore("weak", kWeak, hold), found(1'493, 4'407));
}

TEST_CASE("an owner puts messages in front and behind while others push in every order of steps",
          "[mailbox]") {  // P3, P4
  const auto back = [] {
    Place place{{.puts_in_front = true}};
    together({[&] { place.push(0, 1); }, [&] { place.push(1, 1); }});
    place.check_end();
  };
  CHECK_THAT(explore("in front", Exhaustive{}, back), found(99, 555));
  CHECK_THAT(explore("weak in front", kWeak, back), found(686, 2'164));
  const auto own = [] {
    Place place{{.pushes_own = true}};
    together({[&] { place.push(0, 1); }, [&] { place.push(1, 1); }});
    place.check_end();
  };
  CHECK_THAT(explore("behind", Exhaustive{}, own), found(120, 696));
  CHECK_THAT(explore("weak behind", kWeak, own), found(789, 2'531));
}

/// An owner that tells what it stands in, as Cell does, and somebody who reads its mailbox meanwhile.
TEST_CASE("another thread reads the mailbox of an owner that stands in user code", "[mailbox]") {  // P13
  const auto look = [] {
    Mailbox mailbox{Mailbox::Busy{}};
    Item first{0, 1};
    Item second{1, 1};
    Item third{1, 2};
    Note note;
    Atomic<bool> is_in_user_code{false};
    first.next.store(Item::poison(), kRelaxed);
    second.next.store(Item::poison(), kRelaxed);
    third.next.store(Item::poison(), kRelaxed);
    static_cast<void>(mailbox.push(first));
    together({[&] {
                static_cast<void>(mailbox.push(second));
                static_cast<void>(mailbox.push(third));
              },
              [&] {
                Link* const link = mailbox.next();
                if (link == nullptr) return;
                static_cast<void>(mailbox.take(link));
                is_in_user_code.store(true, kRelease);
                is_in_user_code.store(false, kRelease);
                light_fence();
                if (mailbox.has_signals()) return;  // somebody reads, or will
                if (Link* const next = mailbox.next()) static_cast<void>(mailbox.take(next));
              },
              [&] {
                static_cast<void>(mailbox.push_signal(note));
                heavy_fence();
                if (!is_in_user_code.load(kAcquire)) return;
                expect(mailbox.last_taken() == &first, "the owner's link is the one in hand");
                expect(mailbox.depth() <= 2, "no more waits than was sent");
              }});
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, look), found(2'289, 17'516));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak, .preemptions = 1}, look), found(2'548, 0));
}

TEST_CASE("who finds a place closed or idle knows of what its owner did before", "[mailbox]") {  // P13
  const auto closed = [] {
    Mailbox mailbox{Mailbox::Busy{}};
    Item item{0, 1};
    Plain<int> state{0};
    together({[&] {
                state.write() = 1;
                mailbox.close();
              },
              [&] { static_cast<void>(mailbox.push(item)); },
              [&] {
                if (mailbox.is_closed()) expect(state.read() == 1, "it knows");
              }});
  };
  CHECK_THAT(explore("closed", kWeak, closed), found(31, 92));
  const auto idle = [](bool quickly) {
    Mailbox mailbox{Mailbox::Busy{}};
    Item item{0, 1};
    Plain<int> state{0};
    static_cast<void>(mailbox.push(item));
    static_cast<void>(mailbox.take(mailbox.next()));
    together({[&] {
                state.write() = 1;
                Link* freed = nullptr;
                if (quickly && mailbox.rest_quickly(freed)) return;
                expect(mailbox.try_rest(false, freed) == Rest::Idle, "it rests");
              },
              [&] {
                if (mailbox.is_idle()) expect(state.read() == 1, "it knows");
              }});
  };
  CHECK_THAT(explore("idle", kWeak, [idle] { idle(false); }), found(3, 7));
  CHECK_THAT(explore("quickly idle", kWeak, [idle] { idle(true); }), found(3, 6));
}

TEST_CASE("many senders and signals and a close in orders drawn by seed", "[mailbox]") {  // P1, P2, P3, P4
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    const bool is_weak = memory == Memory::Weak;
    CHECK_THAT(explore(is_weak ? "weak" : "sequential", Sampled{.runs = 2'000, .memory = memory},
                       [] {
                         Place place{{.close_after = 6, .puts_in_front = true, .pushes_own = true}};
                         const auto sender = [&place](unsigned id) {
                           return [&place, id] {
                             for (unsigned i = 1; i <= 3; ++i) {
                               place.push(id, i);
                               if (i == 2) place.push_signal(id == 1);
                             }
                           };
                         };
                         together({[&] {
                                     place.push(0, 1);
                                     place.push_signal();
                                   },
                                   sender(1), sender(2)});
                         place.check_end();
                       }),
               holds());
  }
}

}  // namespace
}  // namespace coppice::interleave
