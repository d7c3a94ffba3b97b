#include "coppice/asio.hpp"

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/exclusive.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

// A whole system inside of an io_context of the user's.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::kPatience;

[[nodiscard]] SystemOptions in(asio::io_context& io) { return testing::quiet({.run_in = users_context(io)}); }

[[nodiscard]] std::size_t threads_of_the_process() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{"/proc/self/task"}, {}));
}

struct Where {};
struct Crash {};
struct Count {};
struct Ring {};

/// Counts what it gets, and rings some times by itself.
struct Worker : Actor<Worker> {
  std::thread::id handle(Where) { return std::this_thread::get_id(); }
  void handle(Crash) { throw std::runtime_error{"boom"}; }
  int handle(Count) { return rings; }
  void handle(Ring) {
    if (++rings < 3) next = send_after(1ms, Ring{});
  }
  int rings = 0;
  TimerHandle next;
};

/// Its context, run by threads of the test.
struct Threads {
  explicit Threads(asio::io_context& io, int count) {
    for (int i = 0; i < count; ++i) all.emplace_back([&io] { io.run(); });
  }
  ~Threads() {
    for (std::thread& each : all) each.join();  // the context has no work once the system has ended
  }
  std::vector<std::thread> all;
};

TEST_CASE("a system in a context of the user's has no thread of its own") {
  asio::io_context io;
  const std::size_t threads = threads_of_the_process();
  ActorSystem system{in(io)};
  REQUIRE(system.status().has_value());
  const auto worker = system.spawn<Worker>();
  CHECK(&io_context(system) == &io);
  CHECK(system.workers() == 0);
  worker.send(Ring{});
  CHECK_FALSE(worker.is_closed());
  // Nobody runs the context but who waits for an answer.
  CHECK(worker.ask(Where{}, kPatience).get().value() == std::this_thread::get_id());
  CHECK(eventually([&] { return worker.ask(Count{}, kPatience).get().value() == 3; }));
  CHECK(threads_of_the_process() == threads);
  testing::check_end(system);
  io.run();  // what it finds is over, and no work of ours is left
  CHECK(io.stopped());
}

TEST_CASE("a context of the user's that is run to its end ends with its system") {
  asio::io_context io;
  ActorSystem system{in(io)};
  const auto worker = system.spawn<Worker>();
  worker.send(Ring{});
  asio::steady_timer later{io, 20ms};
  ShutdownReport report;
  later.async_wait([&](const asio::error_code&) { report = system.shutdown({.within = kPatience}); });
  io.run();  // returns because the system is gone
  CHECK(report.complete);
  CHECK(worker.is_closed());
  testing::check_end(system);
}

TEST_CASE("a context of the user's comes back when an actor has ended the system") {
  struct End {};
  struct Ender : Actor<Ender> {
    explicit Ender(System* s) : system{s} {}
    void handle(End) { CHECK(system->shutdown().asynchronous); }
    System* system;
  };
  asio::io_context io;
  ActorSystem system{in(io)};
  const auto worker = system.spawn<Worker>();
  const auto ender = system.spawn<Ender>(&system);
  ender.send(End{});
  io.run();
  CHECK(worker.is_closed());
  CHECK(ender.is_closed());
  testing::check_end(system);
}

TEST_CASE("waits inside of waits in a context of the user's have an end and each comes back") {
  constexpr int kHandlers = 300;
  asio::io_context io;
  ActorSystem system{in(io)};
  const auto worker = system.spawn<Worker>();
  int depth = 0;
  int deepest = 0;
  int back = 0;
  for (int i = 0; i < kHandlers; ++i) {
    asio::post(io, [&] {
      deepest = std::max(deepest, ++depth);
      static_cast<void>(
          worker.ask(Where{}, 20ms).get());  // the innermost ones may be too late: nobody runs the context
      --depth;
      ++back;
    });
  }
  while (back < kHandlers) io.run_one_for(kPatience);
  CHECK(deepest <= 65);
  testing::check_end(system);
}

TEST_CASE("several threads may run the context and each message is handled once and alone") {
  struct Pass {
    int left;
  };
  struct Member : Actor<Member> {
    Member(std::atomic<int>* d, testing::Exclusive* e) : done{d}, exclusive{*e} {}
    void handle(const ActorRef<Member>& ref) { next = ref; }
    void handle(Pass pass) {
      const auto turn = exclusive.enter();
      if (pass.left == 0) {
        done->fetch_add(1);
      } else {
        next.send(Pass{pass.left - 1});
      }
    }
    std::atomic<int>* done;
    ActorRef<Member> next;
    testing::Exclusive& exclusive;
  };
  constexpr int kMembers = 8;
  constexpr int kTokens = 32;
  asio::io_context io;
  std::atomic<int> done{0};
  std::array<testing::Exclusive, kMembers> exclusive;
  ActorSystem system{in(io)};
  std::vector<ActorRef<Member>> ring;
  for (auto& each : exclusive) ring.push_back(system.spawn<Member>(&done, &each));
  {
    const Threads threads{io, 4};
    for (int i = 0; i < kMembers; ++i)
      ring[static_cast<std::size_t>(i)].send(ring[static_cast<std::size_t>((i + 1) % kMembers)]);
    for (int i = 0; i < kTokens; ++i) ring[static_cast<std::size_t>(i % kMembers)].send(Pass{500});
    CHECK(eventually([&] { return done == kTokens; }));
    testing::check_end(system);
  }
  CHECK(std::all_of(exclusive.begin(), exclusive.end(), [](const auto& each) { return each.held(); }));
  CHECK(system.ledger().handled == kMembers + kTokens * 501);
}

TEST_CASE("a crash in a context of the user's restarts its actor after the backoff") {
  asio::io_context io;
  ActorSystem system{in(io)};
  const ActorRef<Supervisor> tree =
      system.start(supervisor({.id = "app", .backoff = Exponential{.first = 1ms}}, child<Worker>({.id = "worker"})))
          .value();
  const auto worker = tree.child<Worker>("worker").value();
  worker.send(Crash{});
  CHECK(eventually([&] { return worker.ask(Where{}, kPatience).get().has_value() && worker.incarnation() == 2; }));
  testing::check_end(system);
}

TEST_CASE("a context that its user has stopped is no hindrance to the shutdown") {
  asio::io_context io;
  ActorSystem system{in(io)};
  const auto worker = system.spawn<Worker>();
  worker.send(Ring{});
  io.stop();
  CHECK(worker.ask(Where{}, kPatience).get().has_value());
  io.stop();
  testing::check_end(system);
}

TEST_CASE("a handler that hangs in a context of the user's is left behind at the deadline") {
  testing::Gate gate;
  struct Hang {};
  struct Hanging : Actor<Hanging> {
    explicit Hanging(testing::Gate* g) : gate{g} {}
    void handle(Hang) { gate->pass(); }
    testing::Gate* gate;
  };
  asio::io_context io;
  {
    ActorSystem system{in(io)};
    const auto hanging = system.spawn<Hanging>(&gate);
    const Threads threads{io, 2};
    hanging.send(Hang{});
    REQUIRE(gate.wait_for_arrivals());
    const auto begun = std::chrono::steady_clock::now();
    const ShutdownReport report = system.shutdown({.within = 100ms});
    CHECK_FALSE(report.complete);
    CHECK(report.late.size() == 1);
    CHECK(std::chrono::steady_clock::now() - begun < kPatience);
    gate.open();
    CHECK(testing::at_rest(system));
  }
}

TEST_CASE("an ask that nobody answers ends at its deadline in a context of the user's") {
  struct Silent : Actor<Silent> {
    std::optional<ReplyPromise<int>> kept;
    Later<int> handle(Count) {
      auto [promise, later] = reply_later<int>();
      kept.emplace(std::move(promise));
      return std::move(later);
    }
  };
  asio::io_context io;
  ActorSystem system{in(io)};
  const auto silent = system.spawn<Silent>();
  const auto answer = silent.ask(Count{}, 20ms).get();
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error() == AskError::Timeout);
  testing::check_end(system);
}

TEST_CASE("what a function of the user's throws in a thread that waits harms neither the wait nor the system") {
  asio::io_context io;
  ActorSystem system{in(io)};
  bool has_run = false;
  asio::post(io, [&] {
    has_run = true;
    throw std::runtime_error{"the user's"};
  });
  const auto worker = system.spawn<Worker>();
  CHECK(worker.ask(Count{}, kPatience).get() == Result<int, AskError>{0});
  CHECK(has_run);
  CHECK(worker.ask(Count{}, kPatience).get() == Result<int, AskError>{0});
  testing::check_end(system);
}

/// Runs something in the context when an actor of that name has stopped.
struct AtTheStop {
  static constexpr bool kRecords = true;
  using Event = coppice::Event;
  void record(const Event& event) {
    if (event.kind == EventKind::ActorStopped && event.path == path) asio::post(*io, std::exchange(then, [] {}));
  }
  std::string path;
  asio::io_context* io = nullptr;
  std::function<void()> then;
};

TEST_CASE("a shutdown within a shutdown of the same thread does not wait for itself") {  // P13
  asio::io_context io;
  BasicActorSystem<AtTheStop> system{in(io)};
  ShutdownReport inner;
  bool has_run = false;
  auto& monitor = system.monitor();
  monitor.path = "app";
  monitor.io = &io;
  // It stands in the context before the turns that bury what the tree had.
  monitor.then = [&] {
    inner = system.shutdown({.within = kPatience});
    has_run = true;
  };
  REQUIRE(system.start(supervisor({.id = "app"}, child<Worker>({.id = "a"}))));
  const ShutdownReport outer = system.shutdown({.within = kPatience});
  CHECK(outer.complete);
  CHECK_FALSE(outer.asynchronous);
  REQUIRE(has_run);
  CHECK(inner.asynchronous);
  CHECK_FALSE(inner.complete);
  testing::check_end(system);
}

TEST_CASE("workers and a context of the user's at once are an error that says so") {
  asio::io_context io;
  ActorSystem system{{.workers = 2, .run_in = users_context(io)}};
  REQUIRE_FALSE(system.status().has_value());
  CHECK(system.status().error().text.find("run_in") != std::string::npos);
  CHECK(io.run() == 0);
}

}  // namespace
}  // namespace coppice
