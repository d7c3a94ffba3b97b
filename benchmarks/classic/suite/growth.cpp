// The same work with more of something around: messages that wait, actors, subscriptions. Timers grow by the size of
// "timers", workers by --workers.

#include <atomic>
#include <thread>

#include "../../support/publishing.hpp"
#include "../../support/workloads.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

struct Hold {
  std::atomic<bool>* go;
  Nanoseconds* released;
};
/// Waits in a handler until the mailbox is filled: that blocks a worker, which only a benchmark may do.
struct Holder : Actor<Holder> {
  explicit Holder(Finish* f) : finish{f} {}
  void handle(Hold hold) {
    while (!hold.go->load(std::memory_order_acquire)) std::this_thread::yield();
    *hold.released = now_ns();
  }
  void handle(Increment increment) {
    if (increment.by == 0) finish->reach();
  }
  Finish* finish;
};

/// So many wait in one mailbox; what the handling of each costs, from the first to the last.
Measurements depth(const Request& request) {
  constexpr std::int64_t kAtLeast = 50'000;  // shallow ones again and again, so that there is something to measure
  Finish finish;
  std::atomic<bool> go{false};
  Nanoseconds released = 0;
  ActorSystem system{default_options(request.workers)};
  const ActorRef<Holder> holder = system.spawn<Holder>(&finish);
  Nanoseconds took = 0;
  std::int64_t rounds = 0;
  for (std::int64_t handled = 0; handled < kAtLeast; handled += request.size) {
    go.store(false);
    holder.send(Hold{&go, &released});
    for (std::int64_t i = request.size - 1; i >= 0; --i) holder.send(Increment{i});
    go.store(true, std::memory_order_release);
    took += finish.wait() - released;
    ++rounds;
  }
  expect_all_handled(system, static_cast<std::uint64_t>(rounds * (request.size + 1)));
  return time_of("message", took, rounds * request.size);
}

/// A token visits each of so many actors.
Measurements actors(const Request& request) {
  const std::int64_t hops = request.size < 1'000'000 ? 1'000'000 / request.size * request.size : request.size;
  Ring ring{request.workers, static_cast<std::size_t>(request.size)};
  static_cast<void>(ring.run(request.size));  // each once
  const Nanoseconds took = ring.run(hops);
  ring.finish();
  return time_of("hop", took, hops);
}

Measurements subscriptions(const Request& request) {
  constexpr std::int64_t kPublications = 100'000;
  OneOfMany one{static_cast<std::size_t>(request.size)};
  for (std::int64_t i = 0; i < kPublications / 10; ++i) one.publish();
  const Nanoseconds begun = now_ns();
  for (std::int64_t i = 0; i < kPublications; ++i) one.publish();
  const Nanoseconds took = now_ns() - begun;
  one.finish();
  return time_of("publication", took, kPublications);
}

}  // namespace

void add_growth(Workloads& all) {
  for (const Workload& one : {Workload{"depth", &depth}, {"actors", &actors}, {"subscriptions", &subscriptions}}) {
    all.push_back(one);
  }
}

}  // namespace coppice::bench
