#include "catch.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "interleave/core/scene.hpp"

// A supervisor and its child, and who takes a place over.

namespace coppice::interleave {
namespace {

struct Child : Actor<Child> {
  explicit Child(Turns* t) : turns{t} { turns->begin_life(); }
  ~Child() { turns->end_life(); }
  void handle(Number message) { turns->take(message.sender, message.number); }
  void handle(bool) { throw 1; }
  Turns* turns;
};

TEST_CASE("a supervisor restarts a child that crashes beside a sender") {  // P1, P4, P8
  check_by_seed_and_in_order(Sampled{.runs = 300}, {{2'112, 16}, {5'037, 471}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    // Three messages, and the second life.
    Progress progress{4, "a message waits, and no life comes to it unless time passes"};
    turns.progress = &progress;
    const auto root = scene.system.start(supervisor({.id = "root"}, child<Child>({.id = "child"}, &turns)));
    expect(root.has_value(), "the tree starts");
    const auto ref = root->child<Child>("child").value();
    together({[&] {
                for (int i = 1; i <= 3; ++i) expect(ref.send(Number{0, i}) == Delivery::Accepted, "the place is open");
              },
              [&] { ref.send(true); }});
    progress.wait();
    scene.check_end();
    expect(turns.lives == 2 && turns.alive.read() == 0, "it has had two lives, one after the other");
    expect(turns.handled == 3, "the mailbox has outlived the life");
  });
}

/// Hangs in a handler until somebody else has its place.
struct Stuck : Actor<Stuck> {
  Stuck(Turns* t, Atomic<std::uint32_t>* g) : turns{t}, gate{g} {}
  void handle(Number message) { turns->handled += message.number; }
  void handle(bool) {
    while (gate->load(std::memory_order_acquire) == 0)
      static_cast<void>(wait_while(*gate, 0, std::numeric_limits<std::int64_t>::max()));
  }
  Turns* turns;
  Atomic<std::uint32_t>* gate;
};

TEST_CASE("a queue is taken over from a handler that hangs beside a sender") {  // P4, P13
  check_by_seed_and_in_order(Sampled{.runs = 300}, {{480, 60}, {2'779, 1'272}}, [](unsigned workers) {
    Scene scene{workers};
    Turns turns;
    Atomic<std::uint32_t> gate{0};
    const auto stuck = scene.system.spawn<Stuck>(&turns, &gate);
    stuck.send(true);
    together({[&] {
                for (int i = 1; i <= 2; ++i) static_cast<void>(stuck.send(Number{0, i}));
              },
              [&] {
                // Now, if it hangs already; or when it has hung for a millisecond.
                static_cast<void>(detail::try_kill(detail::RefAccess::cell(stuck)));
                static_cast<void>(scene.system.stop(stuck, {.within = 1ms}).get());
                gate.store(1, std::memory_order_release);
                wake(gate, kUnbounded);
              }});
    expect(stuck.is_closed(), "the place is over");
    scene.check_end();
    expect(scene.system.ledger().sent == 3, "each send is counted");
  });
}

}  // namespace
}  // namespace coppice::interleave
