#include <algorithm>
#include <array>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/monitors/in_memory_monitor.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using Watched = BasicActorSystem<InMemoryMonitor>;

struct Hang {};
struct WhichLife {};

/// Stands still at the gate when it is told to.
struct Hanger : Actor<Hanger> {
  explicit Hanger(Gate* g) : gate{g} {}
  void handle(Hang) { gate->pass(); }
  std::uint32_t handle(WhichLife) { return incarnation(); }
  Gate* gate;
};

SystemOptions with_workers(unsigned workers) {
  SystemOptions options = testing::quiet();
  options.workers = workers;
  return options;
}

ChildOptions checked(std::string id) {
  return {.id = std::move(id), .health = {.interval = 40ms, .timeout = 40ms, .failures = 1}};
}

bool has_report(const InMemoryMonitor& monitor, EventKind kind, std::string_view text) {
  const auto events = monitor.snapshot();
  return std::any_of(events.begin(), events.end(), [&](const RecordedEvent& event) {
    return event.kind == kind && event.text.find(text) != std::string::npos;
  });
}

TEST_CASE("a blocked handler is found and its place goes on without it") {  // P20, F63: threaded
  Gate gate;
  Watched system{with_workers(2)};
  const auto root =
      system.start(supervisor({.id = "app"}, child<Hanger>(checked("a"), &gate), child<Hanger>(checked("b"), &gate)));
  REQUIRE(root);
  const auto a = root->child<Hanger>("a").value();
  const auto b = root->child<Hanger>("b").value();
  a.send(Hang{});
  REQUIRE(gate.wait_for_arrivals());
  CHECK(testing::eventually([&] { return a.incarnation() == 2; }));
  CHECK(a.ask(WhichLife{}, testing::kPatience).get() == Result<std::uint32_t, AskError>{2});
  CHECK(gate.inside() == 1);  // it stands there still
  CHECK(system.stats().zombies == 1);
  CHECK(has_report(system.monitor(), EventKind::ChildUnhealthy, "no answer within 40 ms (1 of 1)"));
  CHECK(has_report(system.monitor(), EventKind::ChildFailed, "while handling "));
  CHECK(b.ask(WhichLife{}, testing::kPatience).get() == Result<std::uint32_t, AskError>{1});
  gate.open();
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("while the only worker hangs nobody is found and afterwards nobody is restarted") {  // P20: what cannot hold
  Gate gate;
  Watched system{with_workers(1)};
  const auto root =
      system.start(supervisor({.id = "app"}, child<Hanger>(checked("a"), &gate), child<Hanger>(checked("b"), &gate)));
  REQUIRE(root);
  const auto a = root->child<Hanger>("a").value();
  a.send(Hang{});
  REQUIRE(gate.wait_for_arrivals());
  const TimePoint since = system.now();
  REQUIRE(testing::eventually([&] { return system.now() - since > 400ms; }));
  CHECK(a.incarnation() == 1);
  gate.open();
  for (int i = 0; i < 3; ++i) CHECK(a.ask(WhichLife{}, testing::kPatience).get() == Result<std::uint32_t, AskError>{1});
  const std::uint64_t handled = system.ledger().handled;
  CHECK(testing::eventually([&] { return system.ledger().handled >= handled + 10; }));  // checks go on
  CHECK(a.incarnation() == 1);
  CHECK(system.monitor().count(EventKind::ChildUnhealthy) == 0);
  testing::check_end(system);
}

TEST_CASE("a child that waits for a worker is said to be degraded and left alone") {  // P20: not its fault
  struct Holder : Actor<Holder> {
    Holder(ActorRef<Hanger> f, Gate* g) : first{std::move(f)}, gate{g} {}
    void handle(Hang) {
      static_cast<void>(first.send(WhichLife{}));  // into this worker's slot, which nobody else may empty
      gate->pass();
    }
    ActorRef<Hanger> first;
    Gate* gate;
  };
  std::array<Gate, 30> gates;
  Watched system{with_workers(2)};
  const auto root = system.start(supervisor({.id = "app"}, child<Hanger>(checked("a"), &gates.front())));
  REQUIRE(root);
  const auto a = root->child<Hanger>("a").value();
  // Where the other worker has the child in hand just then, it does not come into the slot: then once more.
  bool degraded = false;
  for (std::size_t i = 0; i < gates.size() && !degraded; ++i) {
    if (i > 0) gates[i - 1].open();
    system.spawn<Holder>(a, &gates[i]).send(Hang{});
    REQUIRE(gates[i].wait_for_arrivals());
    degraded = testing::eventually([&] { return system.monitor().count(EventKind::ChildDegraded) > 0; }, 1s);
  }
  REQUIRE(degraded);
  CHECK(has_report(system.monitor(), EventKind::ChildDegraded, "it waits for a worker"));
  CHECK(system.monitor().count(EventKind::ChildUnhealthy) == 0);
  for (Gate& gate : gates) gate.open();
  CHECK(testing::eventually([&] { return system.monitor().count(EventKind::ChildHealthy) > 0; }));
  CHECK(a.ask(WhichLife{}, testing::kPatience).get() == Result<std::uint32_t, AskError>{1});
  testing::check_end(system);
}

TEST_CASE("checks and handlers that come back at that moment agree on who was first") {  // P20, P13
  constexpr Intensity kPlenty{.restarts = 1'000'000, .within = 5s};
  struct Sluggish : Actor<Sluggish> {
    void on_start() { self().send(Hang{}); }
    void handle(Hang) {
      // About as long as a time-out, now shorter, now longer.
      const TimePoint until = system().now() + 10ms + ++turns % 7 * 1ms;
      while (system().now() < until) {
      }
      self().send(Hang{});
    }
    unsigned turns = 0;
  };
  Watched system{with_workers(3)};
  const auto root = system.start(SupervisorSpec{
      {.id = "app", .intensity = kPlenty},
      children<Sluggish>(2, {.id = "s-{}", .health = {.interval = 12ms, .timeout = 12ms, .failures = 1}})});
  REQUIRE(root);
  CHECK(testing::eventually([&] { return system.stats().restarts >= 20; }));
  CHECK(system.stop(*root).get().has_value());
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
