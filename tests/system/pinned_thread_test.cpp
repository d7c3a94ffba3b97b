#include "coppice/system/pinned_thread.hpp"

#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

struct Where {};
struct Place {
  std::vector<unsigned> cpus;
  std::thread::id thread;
};
struct Located : Actor<Located> {
  Place handle(Where) { return {thread_affinity(), std::this_thread::get_id()}; }
  int handle(int n) { return n + 1; }
};

TEST_CASE("an actor on a pinned thread runs on its processor and nowhere else") {  // F71
  for (const Wait wait : {Wait::Park, Wait::Adaptive, Wait::Spin}) {
    CAPTURE(static_cast<int>(wait));
    ActorSystem system;
    const std::vector<unsigned> usable = thread_affinity();
    if (usable.empty()) return;  // this platform cannot tell
    const unsigned cpu = usable.back();
    const auto lease = PinnedThread::make(system, {.cpu = cpu, .wait = wait});
    REQUIRE(lease);
    CHECK(lease->cpu() == cpu);
    const auto pinned = system.spawn<Located>({.on = lease.value()});
    const auto loose = system.spawn<Located>();
    std::set<std::thread::id> threads;
    for (int i = 0; i < 50; ++i) {
      const auto place = pinned.ask(Where{}, kPatience).get();
      REQUIRE(place);
      CHECK(place->cpus == std::vector<unsigned>{cpu});
      threads.insert(place->thread);
    }
    CHECK(threads.size() == 1);
    const auto elsewhere = loose.ask(Where{}, kPatience).get();
    REQUIRE(elsewhere);
    CHECK(elsewhere->cpus == usable);
    CHECK_FALSE(threads.contains(elsewhere->thread));
    testing::check_end(system);
  }
}

TEST_CASE("a processor that is not there is reported") {  // F71
  ActorSystem system;
  const auto lease = PinnedThread::make(system, {.cpu = 100'000});
  REQUIRE_FALSE(lease);
  CHECK_FALSE(lease.error().empty());
  testing::check_end(system);
}

TEST_CASE("a system that shuts down gives no lease") {
  ActorSystem system;
  REQUIRE(system.shutdown().complete);
  CHECK_FALSE(PinnedThread::make(system, {.cpu = 0}));
  testing::check_end(system);
}

TEST_CASE("a thread of another system is refused") {
  ActorSystem one;
  ActorSystem two;
  const std::vector<unsigned> usable = thread_affinity();
  if (usable.empty()) return;
  const auto lease = PinnedThread::make(one, {.cpu = usable.front()});
  REQUIRE(lease);
  const auto spawned = two.try_spawn<Located>({.on = lease.value()});
  REQUIRE_FALSE(spawned);
  CHECK(spawned.error() == SpawnError::BadOption);
  CHECK(two.stats().actors == 0);
  testing::check_end(one);
  testing::check_end(two);
}

struct Client : Actor<Client> {
  explicit Client(ActorRef<Located> l) : located{std::move(l)} {}
  ActorRef<Located> located;
  Later<int> handle(int n) {
    auto [promise, later] = reply_later<int>();
    ask(located, n, kPatience).then([p = std::move(promise)](Result<int, AskError> r) mutable {
      p.set(r ? r.value() : -1);
    });
    return std::move(later);
  }
};

TEST_CASE("actors on a pinned thread and in the pool talk to each other") {
  ActorSystem system;
  const std::vector<unsigned> usable = thread_affinity();
  if (usable.empty()) return;
  const auto lease = PinnedThread::make(system, {.cpu = usable.front()});
  REQUIRE(lease);
  const auto there = system.spawn<Client>({.on = lease.value()}, system.spawn<Located>());
  const auto here = system.spawn<Client>(system.spawn<Located>({.on = lease.value()}));
  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(there.ask(i, kPatience).get() == Result<int, AskError>{i + 1});
    REQUIRE(here.ask(i, kPatience).get() == Result<int, AskError>{i + 1});
  }
  testing::check_end(system);
}

TEST_CASE("timers run on a pinned thread") {
  struct Ticking : Actor<Ticking> {
    explicit Ticking() { timer = send_every(1ms, 1); }
    void handle(int) { ++ticks; }
    int handle(long) { return ticks; }
    TimerHandle timer;
    int ticks = 0;
  };
  ActorSystem system;
  const std::vector<unsigned> usable = thread_affinity();
  if (usable.empty()) return;
  const auto lease = PinnedThread::make(system, {.cpu = usable.front()});
  REQUIRE(lease);
  const auto ticking = system.spawn<Ticking>({.on = lease.value()});
  CHECK(testing::eventually([&] { return ticking.message_count() > 5; }));
  testing::check_end(system);
}

TEST_CASE("an actor that hangs on a pinned thread is killed although nobody waits for its end") {  // F72
  struct Hanging : Actor<Hanging> {
    explicit Hanging(Gate* g) : gate{g} {}
    void handle(int) { gate->pass(); }
    Gate* gate;
  };
  Gate gate;
  ActorSystem system;
  const std::vector<unsigned> usable = thread_affinity();
  if (usable.empty()) return;
  const auto lease = PinnedThread::make(system, {.cpu = usable.front()});
  REQUIRE(lease);
  const auto hanging = system.spawn<Hanging>({.on = lease.value()}, &gate);
  hanging.send(1);
  REQUIRE(gate.wait_for_arrivals());
  static_cast<void>(system.stop(hanging, {.within = 10ms}));  // the future is dropped
  CHECK(testing::eventually([&] { return hanging.is_closed(); }));
  CHECK(testing::eventually([&] { return system.stats().zombies == 1; }));
  gate.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
