#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "coppice/supervisors/task_supervisor.hpp"
#include "coppice/system/process_groups.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

// What meets in the same moment: crashes, kills, stops, names, links. Each of these went wrong once.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::Gate;
using testing::scaled;

constexpr Intensity kAny{.restarts = 100'000'000, .within = 1s};
constexpr Exponential kAnHour{.first = 1h, .cap = 1h};

SystemOptions with(unsigned workers) {
  SystemOptions options = testing::quiet();
  options.workers = workers;
  return options;
}

struct Boom {};
struct Crasher : Actor<Crasher> {
  void handle(Boom) { throw std::runtime_error{"boom"}; }
};
struct Unable : Actor<Unable> {
  Unable() { throw std::runtime_error{"its own reason"}; }
  void handle(Boom) {}
};
struct Hang {
  Gate* gate;
};
struct Hanger : Actor<Hanger> {
  void handle(Hang hang) { hang.gate->pass(); }
};
struct Killer : Actor<Killer> {
  bool handle(AnyRef whom) {
    send_exit(whom, ExitReason::killed());
    return true;
  }
};

/// Leaves a handler of `hanger` behind, so that its place goes on in a fresh cell.
void kill_in_handler(const ActorRef<Hanger>& hanger, const ActorRef<Killer>& killer, Gate& gate) {
  const std::uint32_t life = hanger.incarnation();
  hanger.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(killer.ask(AnyRef{hanger}, testing::kPatience).get());
  REQUIRE(eventually([&] { return hanger.incarnation() == life + 1; }));
}
void no_zombies(const System& system) {
  REQUIRE(eventually([&] { return system.stats().zombies == 0; }));
}

TEST_CASE("a dynamic supervisor keeps its time limits although one comes due in a turn that takes long") {
  struct SlowStart : Actor<SlowStart> {
    explicit SlowStart(Gate* gate) { gate->pass(); }
    void handle(Boom) {}
  };
  Gate start;
  Gate report;
  std::atomic<bool> holds{false};
  SystemOptions options;
  options.workers = 4;
  options.on_report = [&](const SupervisorReport&) {
    if (holds.exchange(false)) report.pass();
  };
  ActorSystem system{std::move(options)};
  const auto pool = system.start(dynamic_supervisor({.id = "pool", .intensity = kAny})).value();
  const auto crasher = pool.start_child<Crasher>({}).value();
  auto started = pool.ask(StartChild{child<SlowStart>({.restart = Restart::Temporary, .start_within = 40ms}, &start)},
                          testing::kPatience);
  REQUIRE(start.wait_for_arrivals());
  const TimePoint due = system.now() + 45ms;
  holds = true;
  crasher.send(Boom{});
  REQUIRE(report.wait_for_arrivals());
  REQUIRE(
      eventually([&] { return system.now() > due; }));  // the limit comes due while the supervisor's turn is held up
  report.open();
  const auto answer = started.get();
  REQUIRE(answer);
  CHECK_FALSE(*answer);  // killed at its limit
  start.open();
  no_zombies(system);
  testing::check_end(system);
}

TEST_CASE("a batch of children is started once although all of it runs before its row has ended") {
  struct Idle : Actor<Idle> {
    void handle(Boom) {}
  };
  SystemOptions options = with(4);
  options.spin = 1ms;  // thieves that are awake
  ActorSystem system{std::move(options)};
  const auto pool = system.start(dynamic_supervisor({.id = "pool"})).value();
  const std::size_t rounds = scaled(1'000);
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::size_t size = i % 2 == 0 ? 16 : 32;  // whole rows of those that are begun in a row
    const auto started = pool.start_children(children<Idle>(size, ChildOptions{.restart = Restart::Temporary})).value();
    CHECK(started.size() == size);
    REQUIRE(pool.count_children().value().active == size);
    for (const AnyRef& ref : started) REQUIRE(pool.terminate_child(ref));
  }
  CHECK(system.stats().actors == 1);
  testing::check_end(system);
}

TEST_CASE("a link made between two lives fires when the place ends instead") {
  struct Linker : Actor<Linker> {
    Linker() { trap_exits(); }
    bool handle(AnyRef other) {
      link(other);
      watch(other);
      return true;
    }
    void handle(const ExitSignal&) { ++exits; }
    void handle(const Down&) { ++downs; }
    std::pair<int, int> handle(Boom) { return {exits, downs}; }
    int exits = 0;
    int downs = 0;
  };
  ActorSystem system{with(2)};
  const auto root = system.start(supervisor({.id = "app", .backoff = kAnHour}, child<Crasher>({.id = "c"}))).value();
  const auto crasher = root.child<Crasher>("c").value();
  crasher.send(Boom{});
  REQUIRE(eventually([&] { return root.which_children()->front().state == ChildState::Restarting; }));
  const auto linker = system.spawn<Linker>();
  REQUIRE(linker.ask(AnyRef{crasher}, testing::kPatience).get());
  REQUIRE(root.terminate_child("c"));
  CHECK(eventually([&] { return linker.ask(Boom{}, testing::kPatience).get().value() == std::pair{1, 1}; }));
  testing::check_end(system);
}

TEST_CASE("a kill reaches a handler that hangs although the tree is being read meanwhile") {
  ActorSystem system{with(4)};
  const auto root = system.start(supervisor({.id = "app", .intensity = kAny}, child<Hanger>({.id = "h"}))).value();
  const auto killer = system.spawn<Killer>();
  std::atomic<bool> stop{false};
  std::thread walker{[&] {
    while (!stop) static_cast<void>(root.tree(2ms));
  }};
  for (std::size_t i = 0; i < scaled(200); ++i) {
    Gate gate;
    kill_in_handler(root.child<Hanger>("h").value(), killer, gate);
    gate.open();
    no_zombies(system);
  }
  stop = true;
  walker.join();
  testing::check_end(system);
}

TEST_CASE("whoever hears that a child is gone finds its place closed and its name free") {
  ActorSystem system{with(4)};
  const auto root = system.start(supervisor({.id = "app", .intensity = kAny, .backoff = kAnHour})).value();
  for (std::size_t i = 0; i < scaled(500); ++i) {
    const auto failed = root.start_child(child<Unable>({.id = "u", .name = "n"}));
    REQUIRE_FALSE(failed);
    REQUIRE_THAT(failed.error().reason.to_string(), Catch::Contains("its own reason"));  // not that the name is taken
    const auto crasher = root.start_child(child<Crasher>({.id = "c", .name = "n"})).value().as<Crasher>();
    crasher.send(Boom{});
    REQUIRE(eventually([&] { return root.which_children()->front().state == ChildState::Restarting; }));
    REQUIRE(root.terminate_child("c"));
    REQUIRE(crasher.is_closed());
    REQUIRE_FALSE(system.find_any("n"));
    REQUIRE(root.delete_child("c"));
  }
  testing::check_end(system);
}

TEST_CASE("who finds a place by its name finds it whole after a kill") {
  ActorSystem system{with(4)};
  const auto root =
      system.start(supervisor({.id = "app", .intensity = kAny}, child<Hanger>({.id = "h", .name = "hanger"}))).value();
  const auto killer = system.spawn<Killer>();
  const auto hanger = root.child<Hanger>("h").value();
  const std::uint64_t id = hanger.id();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread finder{[&] {
    while (!stop) {
      if (const AnyRef found = system.find_any("hanger"); found && found.id() != id) ++wrong;
    }
  }};
  for (std::size_t i = 0; i < scaled(300); ++i) {
    Gate gate;
    kill_in_handler(root.child<Hanger>("h").value(), killer, gate);
    gate.open();
    no_zombies(system);
  }
  stop = true;
  finder.join();
  CHECK(wrong == 0);
  testing::check_end(system);
}

TEST_CASE("a task that hangs and is killed answers Closed at once") {
  Gate gate;
  ActorSystem system{with(4)};
  const auto tasks = system.start(task_supervisor({.id = "tasks", .task_shutdown = 20ms})).value();
  auto asked = tasks.async([&] { gate.pass(); }, kForever);
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(system.stop(tasks).get());
  const auto answer = asked.get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error() == AskError::Closed);
  gate.open();
  no_zombies(system);
  testing::check_end(system);
}

TEST_CASE("what a handler that was left behind joins does not become the next life's") {
  struct Join {
    Gate* gate;
    ProcessGroups* groups;
    std::atomic<int>* joined;  // 1: it was, 2: it was refused
  };
  struct Joiner : Actor<Joiner> {
    void handle(Join join) {
      join.gate->pass();
      *join.joined = join.groups->join("zombies", self()) ? 1 : 2;
    }
  };
  Gate gate;
  std::atomic<int> joined{0};
  ActorSystem system{with(4)};
  ProcessGroups groups{system};
  const auto root = system.start(supervisor({.id = "app"}, child<Joiner>({.id = "j"}))).value();
  const auto joiner = root.child<Joiner>("j").value();
  const auto killer = system.spawn<Killer>();
  joiner.send(Join{&gate, &groups, &joined});
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(killer.ask(AnyRef{joiner}, testing::kPatience).get());
  REQUIRE(eventually([&] { return joiner.incarnation() == 2; }));
  gate.open();
  no_zombies(system);
  CHECK(joined == 2);
  CHECK(groups.members("zombies")->empty());
  testing::check_end(system);
}

TEST_CASE("a stop kills in time also a place that goes on in a fresh cell") {
  Gate first;
  Gate second;
  ActorSystem system{with(4)};
  const auto root = system.start(supervisor({.id = "app"}, child<Hanger>({.id = "h"}))).value();
  const auto hanger = root.child<Hanger>("h").value();
  kill_in_handler(hanger, system.spawn<Killer>(), first);
  first.open();
  hanger.send(Hang{&second});
  REQUIRE(second.wait_for_arrivals());
  CHECK(system.stop(hanger, {.within = 20ms}).get());  // through a ref from before; comes back although it hangs
  second.open();
  no_zombies(system);
  testing::check_end(system);
}

TEST_CASE("a dynamic child that is killed in a handler goes on in a fresh cell with its id and its name") {
  ActorSystem system{with(4)};
  const auto pool = system.start(dynamic_supervisor({.id = "pool", .intensity = kAny})).value();
  const auto hanger = pool.start_child(child<Hanger>({.id = "h", .name = "hanger"})).value().as<Hanger>();
  const auto killer = system.spawn<Killer>();
  for (std::uint32_t life = 1; life <= 3; ++life) {
    CAPTURE(life);
    Gate gate;
    kill_in_handler(system.find<Hanger>("hanger").value(), killer, gate);
    gate.open();
    no_zombies(system);
    REQUIRE(eventually([&] { return pool.count_children()->active == 1; }));
    REQUIRE(system.find<Hanger>("hanger"));
    CHECK(system.find<Hanger>("hanger").value() == hanger);  // one place, to whoever has its ref
    CHECK(system.find<Hanger>("hanger")->path() == "pool/h");
  }
  REQUIRE(pool.terminate_child(hanger));
  CHECK_FALSE(system.find_any("hanger"));
  testing::check_end(system);
}

TEST_CASE("watches that are given up leave nothing at a place that goes on in a fresh cell") {
  struct Watcher : Actor<Watcher> {
    bool handle(AnyRef other) {
      for (int i = 0; i < 1'000; ++i) {
        const WatchId id = watch(other);
        unwatch(id);
      }
      return true;
    }
    void handle(const Down&) {}
  };
  Gate gate;
  ActorSystem system{with(4)};
  const auto root = system.start(supervisor({.id = "app"}, child<Hanger>({.id = "h"}))).value();
  const auto hanger = root.child<Hanger>("h").value();
  kill_in_handler(hanger, system.spawn<Killer>(), gate);
  gate.open();
  no_zombies(system);
  const auto watcher = system.spawn<Watcher>();
  REQUIRE(watcher.ask(AnyRef{hanger}, testing::kPatience).get());
  REQUIRE(root.terminate_child("h"));
  REQUIRE(testing::at_rest(system));
  CHECK(system.ledger().dead() == 0);  // no Down came that nobody wanted
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
