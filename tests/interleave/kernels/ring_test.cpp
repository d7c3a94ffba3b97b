#include <deque>

#include "catch.hpp"
#include "interleave/kernels/found.hpp"
#include "scheduler/run_ring.hpp"

// A worker's ring: what is pushed is run once, by who knows of all that its submitter did [S1].

namespace coppice::interleave {
namespace {

using namespace coppice::detail;

constexpr Exhaustive kWeak{.memory = Memory::Weak};

RunTable nobody;

struct Job : Runnable {
  Job() : Runnable{nobody} {}
  Plain<int> runs{0};
};

void run(Runnable* runnable) {
  if (runnable == nullptr) return;
  Plain<int>& runs = static_cast<Job*>(runnable)->runs;
  expect(runs.read() == 0, "a job is run once");
  ++runs.write();
}

/// Rings and jobs of one run. All that is left is run at the end.
struct Rings {
  RunRing ring;
  RunRing other;
  std::deque<Job> jobs;
  Job& make() {
    Job& job = jobs.emplace_back();
    job.runs.write() = 0;
    return job;
  }
  void push() { expect(ring.push(make()), "there is room"); }
  void steal(RunRing& mine) {
    if (Runnable* const stolen = mine.steal_from(ring)) run(stolen);
    while (Runnable* const next = mine.pop()) run(next);
  }
  void check_end() {
    while (Runnable* const job = ring.pop()) run(job);
    while (Runnable* const job = other.pop()) run(job);
    expect(ring.is_empty() && other.is_empty(), "nothing is left");
    for (const Job& job : jobs) expect(job.runs.read() == 1, "each job is run once");
  }
};

TEST_CASE("an owner and a thief share a ring in every order of steps", "[ring]") {  // P1
  const auto share = [] {
    Rings rings;
    together({[&] {
                rings.push();
                rings.push();
                run(rings.ring.pop());
                rings.push();
              },
              [&] {
                rings.steal(rings.other);
                rings.steal(rings.other);
              }});
    rings.check_end();
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, share), found(101, 358));
  CHECK_THAT(explore("weak", kWeak, share), found(779, 1'982));
}

TEST_CASE("two thieves steal from one ring and one from the other in every order of steps", "[ring]") {  // P1
  const auto share = [] {
    Rings rings;
    rings.push();
    rings.push();
    rings.push();
    RunRing third;
    together({[&] {
                if (Runnable* const stolen = rings.other.steal_from(rings.ring)) run(stolen);
              },
              [&] {
                if (Runnable* const stolen = third.steal_from(rings.other)) run(stolen);
              },
              [&] { run(rings.ring.pop()); }});
    while (Runnable* const job = third.pop()) run(job);
    rings.check_end();
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, share), found(6, 125));
  CHECK_THAT(explore("weak", kWeak, share), found(12, 178));
}

TEST_CASE("a full ring takes again what a thief has made room for", "[ring]") {  // P1
  for (const Memory memory : {Memory::Sequential, Memory::Weak}) {
    const bool is_weak = memory == Memory::Weak;
    CHECK_THAT(explore(is_weak ? "weak" : "sequential", Sampled{.runs = 60, .memory = memory},
                       [] {
                         Rings rings;
                         for (std::uint32_t i = 0; i < RunRing::kCapacity; ++i) rings.push();
                         together({[&] { rings.steal(rings.other); },
                                   [&] {
                                     for (int i = 0; i < 300; ++i) {
                                       Job& job = rings.make();
                                       while (!rings.ring.push(job)) run(rings.ring.pop());
                                     }
                                   }});
                         rings.check_end();
                       }),
               holds());
  }
}

}  // namespace
}  // namespace coppice::interleave
