#include "catch.hpp"
#include "interleave/core/scene.hpp"

// Mailboxes that block: nobody waits for room that is there [B2], no cycle stands still [P11].

namespace coppice::interleave {
namespace {

constexpr Bounded kOne{.capacity = 1, .overflow = Overflow::Block, .block_within = 1h};

struct Reader : Actor<Reader> {
  explicit Reader(Turns* t) : turns{t} {}
  void handle(Number message) { turns->take(message.sender, message.number); }
  Turns* turns;
};

TEST_CASE("threads that wait for room are woken without help of time") {  // P11
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    for (const unsigned workers : {1U, 2U}) {
      const std::string label = (memory == Memory::Weak ? "weak " : "sequential ") + std::to_string(workers);
      CHECK_THAT(explore(label, Sampled{.runs = 300, .memory = memory},
                         [workers] {
                           Scene scene{workers};
                           Turns turns;
                           Progress progress{6, "a thread waits for room, and is not woken unless time passes"};
                           turns.progress = &progress;
                           const auto reader = scene.system.spawn<Reader>({.mailbox = kOne}, &turns);
                           const auto send = [&](int sender) {
                             return [&, sender] {
                               for (int i = 1; i <= 3; ++i)
                                 expect(reader.send(Number{sender, i}) == Delivery::Accepted,
                                        "there is room in the end");
                             };
                           };
                           together({send(0), send(1)});
                           progress.wait();
                           scene.check_end();
                         }),
                 holds());
    }
  }
}

TEST_CASE("a thread that waits for room meets a stop") {  // P11
  CHECK_THAT(explore("sequential", Sampled{.runs = 600},
                     [] {
                       Scene scene;
                       Turns turns;
                       const auto reader = scene.system.spawn<Reader>({.mailbox = kOne}, &turns);
                       int left = 3;
                       at_stall([&] { expect(left == 0, "a thread waits for room in a closed mailbox"); });
                       const auto send = [&](int sender) {
                         return [&, sender] {
                           for (int i = 1; i <= 2; ++i) static_cast<void>(reader.send(Number{sender, i}));
                           --left;
                         };
                       };
                       together({send(0), send(1), [&] {
                                   static_cast<void>(scene.system.stop(reader).get());
                                   --left;
                                 }});
                       scene.check_end();
                     }),
             holds());
}

/// Passes each number on to the next one, one less, until none is left.
struct Passer : Actor<Passer> {
  Passer(std::vector<ActorRef<Passer>>* a, std::size_t n, Progress* p) : all{a}, next{n}, progress{p} {}
  void handle(int left) {
    expect(!is_on.read(), "[P1] one handler at a time");
    is_on.write() = true;
    pause(&is_on);
    if (left > 0) (*all)[next].send(left - 1);
    is_on.write() = false;
    progress->make();
  }
  std::vector<ActorRef<Passer>>* all;
  std::size_t next;
  Progress* progress;
  Plain<bool> is_on{false};
};

TEST_CASE("a ring of three actors whose mailboxes hold one message each goes on") {  // P11
  check_weak_and_in_order(400, {{28'864, 372}, {7'184, 1'845}}, [](unsigned workers) {
    Scene scene{workers};
    std::vector<ActorRef<Passer>> all;
    // On one worker, with preemptions, less, or it takes a minute.
    const int hops = workers == 1 ? 1 : 3;
    std::vector<Body> starters;
    for (std::size_t i = 0; i < (workers == 1 ? 2U : 3U); ++i) starters.emplace_back([&, i] { all[i].send(hops); });
    // Each makes several handlers run.
    Progress progress{static_cast<std::uint32_t>(starters.size()) * (static_cast<std::uint32_t>(hops) + 1),
                      "an actor waits for room, and goes on only when time passes"};
    for (std::size_t i = 0; i < 3; ++i)
      all.push_back(scene.system.spawn<Passer>({.mailbox = kOne}, &all, (i + 1) % 3, &progress));
    together(std::move(starters));
    progress.wait();
    scene.check_end();
  });
}

TEST_CASE("an actor that fills itself and another goes on") {  // P11
  check_by_seed_and_in_order(Sampled{.runs = 400}, {{3'584, 60}, {8'369, 4'235}}, [](unsigned workers) {
    Scene scene{workers};
    std::vector<ActorRef<Passer>> all;
    Progress progress{9, "an actor waits for room, and goes on only when time passes"};
    constexpr std::size_t kFirst = 0;  // the first sends to itself, the second to it
    for (int i = 0; i < 2; ++i) all.push_back(scene.system.spawn<Passer>({.mailbox = kOne}, &all, kFirst, &progress));
    together({[&] {
                all[0].send(3);
                all[1].send(1);
              },
              [&] { all[1].send(2); }});
    progress.wait();
    scene.check_end();
  });
}

}  // namespace
}  // namespace coppice::interleave
