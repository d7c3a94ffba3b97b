#include <atomic>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/monitors/combined_monitors.hpp"
#include "coppice/monitors/in_memory_monitor.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;

struct Note {
  int number = 0;
};
struct Bang {};
struct Worker : Actor<Worker> {
  void handle(Note) {}
  void handle(Bang) { throw std::runtime_error{"boom"}; }
  int handle(int n) { return n; }
};

/// An event whose construction is counted.
struct CountedEvent {
  static inline std::atomic<int> constructed{0};
  EventKind kind{};
  std::uint64_t actor = 0;
  std::uint32_t incarnation = 0;
  std::string_view path;
  std::string_view subject;
  std::string_view text;
  TimePoint time{};
  struct Count {
    Count() { constructed.fetch_add(1); }
    Count(const Count&) { constructed.fetch_add(1); }
  } count{};
};
struct Silent {
  static constexpr bool kRecords = false;
  using Event = CountedEvent;
  void record(const CountedEvent&) { std::abort(); }
  void record(const coppice::Event&) { std::abort(); }
};
struct Loud {
  Loud() = default;
  static constexpr bool kRecords = true;
  using Event = CountedEvent;
  void record(const CountedEvent& event) { handled.fetch_add(event.kind == EventKind::MessageHandled ? 1 : 1'000'000); }
  void record(const coppice::Event&) { others.fetch_add(1); }
  std::atomic<long> handled{0};
  std::atomic<long> others{0};
};

static_assert(std::is_empty_v<NoopMonitor>);
static_assert(!NoopMonitor::kRecords);
static_assert(Monitor<NoopMonitor> && Monitor<InMemoryMonitor> && Monitor<Silent> && Monitor<Loud>);
static_assert(Monitor<FanOutMonitor<InMemoryMonitor, Loud>> && Monitor<SamplingMonitor<Loud, 3>>);
static_assert(std::is_same_v<ActorSystem, BasicActorSystem<NoopMonitor>>);
// One cell and one ref whatever the monitor: they are no templates.
static_assert(sizeof(BasicActorSystem<NoopMonitor>) == sizeof(BasicActorSystem<Loud>));

template <class M>
void play(BasicActorSystem<M>& system) {
  const auto root = system.start(supervisor({.id = "app"}, child<Worker>({.id = "w"})));
  REQUIRE(root);
  const auto worker = root->template child<Worker>("w").value();
  for (int i = 0; i < 100; ++i) worker.send(Note{i});
  worker.send(Bang{});
  CHECK(worker.ask(4, testing::kPatience).get() == Result<int, AskError>{4});
  testing::check_end(system);
}

TEST_CASE("a monitor that does not record has no event built for it") {  // F82
  CountedEvent::constructed = 0;
  BasicActorSystem<Silent> system{testing::quiet()};
  play(system);
  CHECK(system.ledger().handled == 101);
  CHECK(CountedEvent::constructed == 0);
}

TEST_CASE("a monitor that records has exactly one event built for each message") {  // the control of the test above
  CountedEvent::constructed = 0;
  BasicActorSystem<Loud> system{testing::quiet()};
  play(system);
  CHECK(system.monitor().handled == 101);
  CHECK(CountedEvent::constructed == 101);
  CHECK(system.monitor().others > 0);
}

struct Plain {  // an aggregate, which C++20 can make from a number in parentheses
  static constexpr bool kRecords = true;
  using Event = coppice::Event;
  void record(const coppice::Event&) { calls.fetch_add(1); }
  std::atomic<long> calls{0};
};

TEST_CASE("a monitor without a constructor for its capacity starts as it is written") {
  CHECK(BasicActorSystem<Plain>{testing::quiet()}.monitor().calls < 10);
}

struct Thrower {
  static constexpr bool kRecords = true;
  using Event = coppice::Event;
  Thrower() = default;
  void record(const coppice::Event&) {
    calls.fetch_add(1);
    throw std::runtime_error{"monitor"};
  }
  std::atomic<long> calls{0};
};

TEST_CASE("a monitor that throws hurts nobody") {  // F85
  BasicActorSystem<Thrower> system{testing::quiet()};
  play(system);
  CHECK(system.monitor().calls > 101);
  CHECK(system.stats().restarts == 1);
}

TEST_CASE("a fan-out hands each event to all although one throws") {  // F85
  BasicActorSystem<FanOutMonitor<InMemoryMonitor, Thrower, NoopMonitor, InMemoryMonitor>> system{testing::quiet()};
  play(system);
  auto& monitor = system.monitor();
  const auto calls = static_cast<std::uint64_t>(monitor.template get<1>().calls.load());
  CHECK(monitor.template get<0>().total() == calls);
  CHECK(monitor.template get<3>().total() == calls);
  CHECK(monitor.template get<3>().count(EventKind::MessageHandled) == 101);
}

struct OnlySupervision {
  bool operator()(const Event& event) const { return family_of(event.kind) == EventFamily::Supervisor; }
};

TEST_CASE("a filter hands on what its predicate accepts") {  // F85
  BasicActorSystem<FilterMonitor<InMemoryMonitor, OnlySupervision>> system{testing::quiet()};
  play(system);
  const InMemoryMonitor& inner = system.monitor().inner();
  CHECK(inner.total() > 0);
  CHECK(inner.count(EventFamily::Supervisor) == inner.total());
  CHECK(inner.count(EventKind::ChildRestarted) == 1);
}

TEST_CASE("sampling hands on every n-th debug event and all others") {  // F85
  BasicActorSystem<SamplingMonitor<InMemoryMonitor, 10>> system{testing::quiet()};
  play(system);
  const InMemoryMonitor& inner = system.monitor().inner();
  CHECK(inner.count(EventKind::MessageHandled) == 11);  // the 1st, 11th … 101st
  CHECK(inner.count(EventKind::ActorRestarted) == 1);
  CHECK(inner.count(EventKind::ChildFailed) == 1);
  static_assert(!SamplingMonitor<NoopMonitor, 10>::kRecords);
  static_assert(!FilterMonitor<NoopMonitor, OnlySupervision>::kRecords);
  static_assert(!FanOutMonitor<NoopMonitor, NoopMonitor>::kRecords);
}

TEST_CASE("the monitor of a system keeps as many events as its option says") {
  SystemOptions options = testing::quiet();
  options.monitor_capacity = 7;
  BasicActorSystem<InMemoryMonitor> system{std::move(options)};
  CHECK(system.monitor().capacity() == 7);
  play(system);
  CHECK(system.monitor().snapshot().size() == 7);
  CHECK(&std::as_const(system).monitor() == &system.monitor());  // who may only read finds the same
}

}  // namespace
}  // namespace coppice
