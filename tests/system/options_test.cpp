#include <sys/resource.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

// Every option has an effect, and every bad value a clear answer. Elsewhere: batch (actor/order_test.cpp), actors_max
// (spawn_test.cpp), mailbox (bounded_test.cpp), timers_max (actor/timers_test.cpp), shutdown_within
// (lifetime_test.cpp).

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;
using testing::Log;

struct Hang {
  Gate* gate;
};
struct Fail {};
struct Read {};
struct Any : Actor<Any> {
  void handle(Hang hang) { hang.gate->pass(); }
  void handle(Fail) { throw std::runtime_error{"failed"}; }
  int handle(Read) { return 1; }
};

using Change = void (*)(SystemOptions&);

TEST_CASE("a bad option is said by name and its system refuses to work") {
  const std::pair<const char*, Change> table[] = {
      {"workers", [](SystemOptions& o) { o.workers = 0; }},
      {"workers", [](SystemOptions& o) { o.workers = 1'025; }},
      {"workers", [](SystemOptions& o) { o.workers = static_cast<unsigned>(-1); }},
      {"batch", [](SystemOptions& o) { o.batch = 0; }},
      {"spin", [](SystemOptions& o) { o.spin = -1ns; }},
      {"actors_max", [](SystemOptions& o) { o.actors_max = 0; }},
      {"mailbox", [](SystemOptions& o) { o.mailbox = Bounded{0, Overflow::Reject}; }},
      {"dead_letters_max", [](SystemOptions& o) { o.dead_letters_max = 0; }},
      {"timers_max", [](SystemOptions& o) { o.timers_max = 0; }},
      {"monitor_capacity", [](SystemOptions& o) { o.monitor_capacity = 0; }},
      {"shutdown_within", [](SystemOptions& o) { o.shutdown_within = -1s; }},
  };
  for (const auto& [name, change] : table) {
    CAPTURE(name);
    SystemOptions options;
    change(options);
    const auto checked = options.check();
    REQUIRE_FALSE(checked);
    CHECK_THAT(checked.error().text, testing::has_text(name));
    ActorSystem system{std::move(options)};
    REQUIRE_FALSE(system.status());
    CHECK_THAT(system.status().error().text, testing::has_text(name));
    const auto spawned = system.try_spawn<Any>({.name = "any"});
    REQUIRE_FALSE(spawned);
    CHECK((spawned.error() == SpawnError::Closing || spawned.error() == SpawnError::BadOption));
    CHECK_FALSE(system.find_any("any"));
    CHECK(system.stop(AnyRef{}).get().error() == StopError::AlreadyStopped);
    CHECK(system.now() > TimePoint{});
    CHECK(system.dead_letters().empty());
    testing::check_end(system);
  }
}

TEST_CASE("options at their bounds are fine") {
  SystemOptions options;
  options.workers = 1;
  options.batch = 1;
  options.spin = 0ns;
  options.actors_max = 1;
  options.mailbox = Bounded{1, Overflow::Reject};
  options.dead_letters_max = 1;
  options.timers_max = 1;
  options.monitor_capacity = 1;
  options.shutdown_within = 0s;
  ActorSystem system{std::move(options)};
  CHECK(system.status().has_value());
  CHECK(system.spawn<Any>().ask(Read{}, kPatience).get() == Result<int, AskError>{1});
  testing::check_end(system);
}

TEST_CASE("options as they come are fine and use the processors there are") {
  CHECK(SystemOptions{}.check().has_value());
  ActorSystem system;
  CHECK(system.status().has_value());
  CHECK(system.workers() >= 1);
  testing::check_end(system);
}

TEST_CASE("as many handlers run at once as there are workers") {
  for (const unsigned workers : {1U, 3U}) {
    SystemOptions options;
    options.workers = workers;
    ActorSystem system{std::move(options)};
    CHECK(system.workers() == workers);
    Gate gate;
    for (unsigned i = 0; i <= workers; ++i) system.spawn<Any>().send(Hang{&gate});
    REQUIRE(gate.wait_for_arrivals(static_cast<int>(workers)));
    CHECK(gate.inside() == static_cast<int>(workers));  // one more waits for a worker
    gate.open();
    REQUIRE(testing::at_rest(system));
    testing::check_end(system);
  }
}

TEST_CASE("many more workers than processors do their work") {
  SystemOptions options;
  options.workers = 100;
  ActorSystem system{std::move(options)};
  REQUIRE(system.status());
  for (int i = 0; i < 500; ++i) system.spawn<Any>().send(Read{});
  REQUIRE(testing::at_rest(system));
  CHECK(system.ledger().handled == 500);
  testing::check_end(system);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need address space of their own
TEST_CASE("a system whose threads can not be started says so and works no more") {  // P23
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  rlimit little = before;
  little.rlim_cur = rlim_t{1} << 30U;  // a thousand stacks need more
  REQUIRE(setrlimit(RLIMIT_AS, &little) == 0);
  SystemOptions options;
  options.workers = 1'024;
  {
    ActorSystem system{std::move(options)};
    REQUIRE_FALSE(system.status());
    CHECK_THAT(system.status().error().text, testing::has_text("worker"));
    CHECK_FALSE(system.try_spawn<Any>({}));
    testing::check_end(system);
  }
  REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
  ActorSystem system;  // nothing of the other is in the way
  CHECK(system.spawn<Any>().ask(Read{}, kPatience).get() == Result<int, AskError>{1});
  testing::check_end(system);
}
#endif

/// Processor time of the whole process.
Duration processor_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return std::chrono::seconds{t.tv_sec} + std::chrono::microseconds{t.tv_usec};
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

struct Alarm : Actor<Alarm> {
  Later<int> handle(Duration after) {
    auto [promise, later] = reply_later<int>();
    waiting.push_back(std::move(promise));
    timer = send_after(after, Read{});
    return std::move(later);
  }
  void handle(Read) {
    waiting.back().set(1);
    waiting.pop_back();
  }
  TimerHandle timer;
  std::vector<ReplyPromise<int>> waiting;
};

/// What the system uses while it waits for one timer.
Duration idle_cost(System& system, Duration idle) {
  const auto alarm = system.spawn<Alarm>();
  const Duration before = processor_time();
  REQUIRE(alarm.ask(idle, kPatience).get());
  return processor_time() - before;
}

TEST_CASE("an idle system uses next to no processor time") {  // F71
  ActorSystem system{testing::two_workers()};
  CHECK(idle_cost(system, 500ms) < 50ms);
  testing::check_end(system);
}

TEST_CASE("a longer spin looks for work longer before it sleeps") {
  if (std::thread::hardware_concurrency() < 2) return;  // spinning is for who has another processor
  const auto cost = [](Duration spin) {                 // one after the other: processor time is the process's
    SystemOptions options = testing::two_workers();
    options.spin = spin;
    ActorSystem system{std::move(options)};
    const Duration used = idle_cost(system, 100ms);
    testing::check_end(system);
    return used;
  };
  CHECK(cost(0ns) < 20ms);
  // However little of a processor a busy machine leaves, this adds up.
  Duration used{};
  CHECK(testing::eventually([&] {
    used += cost(200ms);
    return used > 100ms;
  }));
}

/// A monitor that only tells what it was made with.
struct Capacity {
  static constexpr bool kRecords = false;
  using Event = coppice::Event;
  explicit Capacity(std::size_t c) : capacity{c} {}
  std::size_t capacity;
};

TEST_CASE("a recording monitor is made with the capacity asked for") {
  SystemOptions options;
  options.monitor_capacity = 7;
  BasicActorSystem<Capacity> system{std::move(options)};
  CHECK(system.monitor().capacity == 7);
  CHECK(system.spawn<Any>().ask(Read{}, kPatience).get().has_value());
  testing::check_end(system);
}

TEST_CASE("equal seeds make equal random numbers") {
  const auto numbers = [](std::uint64_t seed) {
    SystemOptions options;
    options.seed = seed;
    ActorSystem system{std::move(options)};
    std::vector<std::uint64_t> drawn;
    for (int i = 0; i < 10; ++i) drawn.push_back(system.runtime().random());
    return drawn;
  };
  CHECK(numbers(1) == numbers(1));
  CHECK_FALSE(numbers(1) == numbers(2));
  CHECK(numbers(0).size() == 10);
}

TEST_CASE("a failure that nobody supervises is reported where the options say") {
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  system.spawn<Any>().send(Fail{});
  REQUIRE(testing::eventually([&] { return failures.size() == 1; }));
  testing::check_end(system);
  CHECK(failures.lines() == testing::Lines{"error: failed"});
}

}  // namespace
}  // namespace coppice
