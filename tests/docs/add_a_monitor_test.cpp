// A monitor of one's own. docs/how-to/add_a_monitor.md quotes this file.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>

#include <coppice/coppice.hpp>
#include <coppice/monitors/combined_monitors.hpp>
#include <coppice/monitors/in_memory_monitor.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// Counts crashes and restarts.
class CrashMonitor {
 public:
  static constexpr bool kRecords = true;
  using Event = coppice::Event;

  void record(const Event& event) {  // any thread, several at a time
    if (event.kind == EventKind::ActorFailed) crashes_.fetch_add(1, std::memory_order_relaxed);
    if (event.kind == EventKind::ActorRestarted) restarts_.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t crashes() const { return crashes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t restarts() const { return restarts_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> crashes_{0};
  std::atomic<std::uint64_t> restarts_{0};
};
static_assert(Monitor<CrashMonitor>);

struct Work {
  int part;
};
struct Worker : Actor<Worker> {
  int handle(Work work) { return work.part > 0 ? work.part : throw std::invalid_argument{"there is no such part"}; }
};

}  // namespace

TEST_CASE("a monitor of one's own hears of crashes and restarts") {
  BasicActorSystem<CrashMonitor> system;
  const auto root = system.start(supervisor({.id = "app"}, child<Worker>({.id = "worker"})));
  const auto worker = root->child<Worker>("worker").value();

  CHECK(worker.ask(Work{0}, 5s).get() == Result<int, AskError>{Error{AskError::Crashed}});
  CHECK(worker.ask(Work{7}, 5s).get() == Result<int, AskError>{7});
  CHECK(system.shutdown().complete);
  CHECK(system.monitor().crashes() == 1);
  CHECK(system.monitor().restarts() == 1);
}

TEST_CASE("monitors are put together") {
  using Both = FanOutMonitor<CrashMonitor, SamplingMonitor<InMemoryMonitor, 100>>;
  BasicActorSystem<Both> system;
  const auto worker = system.spawn<Worker>();
  for (int i = 0; i < 1'000; ++i) worker.send(Work{1});
  CHECK(worker.ask(Work{1}, 5s).get().has_value());
  CHECK(system.shutdown().complete);
  CHECK(system.monitor().get<0>().crashes() == 0);
  const auto sampled = system.monitor().get<1>().inner().count(EventKind::MessageHandled);
  CHECK(sampled > 0);
  CHECK(sampled < 20);
}
