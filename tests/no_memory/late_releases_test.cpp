#include "brokers/late_releases.hpp"

#include "catch.hpp"
#include "simulation/memory.hpp"
#include "support/marked.hpp"

namespace coppice::detail {
namespace {

using testing::Marked;

/// As on a worker's thread.
struct OnWorker {
  OnWorker() { this_thread.worker = &slot; }
  OnWorker(const OnWorker&) = delete;
  OnWorker& operator=(const OnWorker&) = delete;
  ~OnWorker() { this_thread.worker = nullptr; }
  WorkerSlot slot;
};

TEST_CASE("where no memory is left to put a share off it is given back at once") {  // P23
  int ends = 0;
  const OnWorker worker;
  const auto give_back_last = [&] {
    auto publication = make_publication<Marked>(&ends);
    publication->set_late_place(1);
    release_late(*publication.detach());
  };
  const auto without_memory = [&] {
    auto publication = make_publication<Marked>(&ends);
    publication->set_late_place(1);
    const simulation::FailNthAllocation fail{1, true};
    release_late(*publication.detach());
    return fail.has_failed();
  };
  CHECK(without_memory());
  CHECK(ends == 1);
  CHECK(worker.slot.put_off == nullptr);

  give_back_last();  // there is some again
  CHECK(ends == 1);
  REQUIRE(worker.slot.put_off != nullptr);
  worker.slot.put_off->catch_up();
  CHECK(ends == 2);
}

}  // namespace
}  // namespace coppice::detail
