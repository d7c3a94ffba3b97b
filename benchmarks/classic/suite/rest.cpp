// What a message takes when nobody is in a hurry, and what a system costs that has nothing to do.

#include <sys/resource.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "../../support/harness.hpp"
#include "../../support/open_loop.hpp"
#include "../../support/sleeps.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

struct Due {
  Nanoseconds at;
};
struct Timed : Actor<Timed> {
  explicit Timed(Latencies* l) : latencies{l} {}
  void handle(Due due) {
    work_a_microsecond();
    latencies->note(due.at);
  }
  Latencies* latencies;
};

/// A thread that is no worker sends.
Measurements latency(const Request& request) {
  Latencies latencies;
  ActorSystem system{default_options(request.workers)};
  const auto timed = system.spawn<Timed>(&latencies);
  Measurements seen = latencies_of(request.size, latencies, [&](Nanoseconds at) { timed.send(Due{at}); });
  expect_all_handled(system, static_cast<std::uint64_t>(4 * request.size + request.size / 10 + 1));
  return seen;
}

struct Resting : Actor<Resting> {
  void handle(Due) {}
};

Measurements idle(const Request& request) {
  using namespace std::chrono_literals;
  ActorSystem system{default_options(request.workers)};
  std::vector<ActorRef<Resting>> actors;
  actors.reserve(static_cast<std::size_t>(request.size));
  for (std::int64_t i = 0; i < request.size; ++i) actors.push_back(system.spawn<Resting>());
  actors.back().send(Due{0});
  come_to_rest(system);
  std::this_thread::sleep_for(100ms);  // the last worker may have looked around for a while
  const std::int64_t slept = other_threads().sleeps;
  const Nanoseconds used = processor_time();
  std::this_thread::sleep_for(1s);
  const Nanoseconds used_now = processor_time();
  const std::int64_t slept_now = other_threads().sleeps;
  expect_all_handled(system, 1);
  return {{"wake-ups", static_cast<double>(slept_now - slept), "in 1 s"},
          {"processor", static_cast<double>(used_now - used) / 1e3, "us in 1 s"}};
}

}  // namespace

void add_rest(Workloads& all) {
  all.push_back({"latency", &latency});
  all.push_back({"idle", &idle});
}

}  // namespace coppice::bench
