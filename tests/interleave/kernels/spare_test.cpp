#include "catch.hpp"
#include "interleave/kernels/found.hpp"
#include "scheduler/spare_places.hpp"

// The pool's spare places: what is put there is run once, by who knows of all that its submitter did [S1].

namespace coppice::interleave {
namespace {

using namespace coppice::detail;

RunTable nobody;

struct Job : Runnable {
  Job() : Runnable{nobody} {}
  Plain<int> runs{0};
};

bool run(SparePlaces& places) {
  Runnable* const taken = places.pop();
  if (taken == nullptr) return false;
  Plain<int>& runs = static_cast<Job*>(taken)->runs;
  expect(runs.read() == 0, "a job is run once");
  ++runs.write();
  return true;
}

TEST_CASE("two who look for a job in the spare places run it once in every order of steps", "[spare]") {  // P1
  const auto share = [] {
    SparePlaces places;
    Job job;
    together({[&] {
                job.runs.write() = 0;
                expect(places.try_push(job), "there is a place");
              },
              [&] { run(places); }, [&] { run(places); }});
    while (run(places)) {
    }
    expect(places.is_empty(), "nothing is left");
    expect(job.runs.read() == 1, "the job is run");
  };
  CHECK_THAT(explore("sequential", Exhaustive{}, share), found(14, 4'822));
  CHECK_THAT(explore("weak", Exhaustive{.memory = Memory::Weak}, share), found(42, 6'217));
}

}  // namespace
}  // namespace coppice::interleave
