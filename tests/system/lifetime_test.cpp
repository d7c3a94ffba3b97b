#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/own_time.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/small_stack.hpp"
#include "support/test_end.hpp"

// What outlives what. AddressSanitizer is the judge of most of it.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

struct Tick {};
struct Hang {
  Gate* gate;
};
struct Give {};

struct Generous : Actor<Generous> {
  explicit Generous(std::atomic<int>* a) : alive{a} { ++*alive; }
  ~Generous() { --*alive; }
  void handle(Tick) {}
  int handle(Hang hang) { return hang.gate->pass(), 1; }
  TimerHandle handle(Give) { return send_after(1h, Tick{}); }
  Later<int> handle(std::optional<ReplyPromise<int>>* out) {
    auto [promise, later] = reply_later<int>();
    out->emplace(std::move(promise));
    return std::move(later);
  }
  std::atomic<int>* alive;
};

TEST_CASE("a system that goes out of scope stops its actors") {  // F79
  std::atomic<int> alive{0};
  {
    ActorSystem system;
    for (int i = 0; i < 100; ++i) system.spawn<Generous>(&alive).send(Tick{});
  }
  CHECK(alive == 0);
}

TEST_CASE("a system that was never used goes out of scope") {
  for (std::size_t i = 0; i < testing::scaled(200); ++i) const ActorSystem system;
}

TEST_CASE("a system with a handler that hangs goes out of scope within its patience") {  // F79
  std::atomic<int> alive{0};
  const auto gate = std::make_unique<Gate>();
  const testing::OwnTime time;
  {
    SystemOptions options = testing::two_workers();
    options.shutdown_within = 100ms;
    ActorSystem system{std::move(options)};
    system.spawn<Generous>(&alive).send(Hang{gate.get()});
    REQUIRE(gate->wait_for_arrivals());
  }
  CHECK(time.passed() < 3s);
  CHECK(alive == 1);  // the life that hangs is left to itself
  gate->open();
  CHECK(testing::eventually([&] { return alive == 0; }));
}

TEST_CASE("a system whose last ref is gone has let go of what it was given") {  // R7: refs keep no cycle alive
  const auto given = std::make_shared<int>(1);
  std::atomic<int> alive{0};
  {
    ActorRef<Generous> ref;
    {
      SystemOptions options = testing::quiet();
      options.on_failure = [given](const FailureReport&) {};
      ActorSystem system{std::move(options)};
      ref = system.spawn<Generous>(&alive);
      ref.send(Tick{});
    }
    CHECK(ref.is_closed());
  }
  CHECK(testing::eventually([&] { return given.use_count() == 1; }));
}

TEST_CASE("refs outlive their system") {  // F3, R7
  std::atomic<int> alive{0};
  ActorRef<Generous> ref;
  ActorRef<Protocol<void(Tick)>> narrow;
  AnyRef any;
  {
    ActorSystem system;
    ref = system.spawn<Generous>({.name = "generous"}, &alive);
    narrow = ref;
    any = ref;
    ref.send(Tick{});
  }
  CHECK(ref.send(Tick{}) == Delivery::Closed);
  CHECK(ref.send(Tick{}, {.reply_to = any}) == Delivery::Closed);
  Tick tick;
  CHECK(ref.try_send(tick) == Delivery::Closed);
  CHECK(narrow.send(Tick{}) == Delivery::Closed);
  CHECK(ref.ask(Hang{nullptr}, kForever).get() == Result<int, AskError>{Error{AskError::Closed}});
  CHECK(ref.is_closed());
  CHECK(ref.phase() == Phase::Stopped);
  CHECK(ref.path() == "generous");
  CHECK(any.as<Generous>() == ref);
  CHECK(ref.message_count() <= 1);
}

TEST_CASE("refs may be the last to go on any thread") {  // R7
  std::atomic<int> alive{0};
  std::vector<std::thread> threads;
  {
    ActorSystem system{testing::two_workers()};
    const auto ref = system.spawn<Generous>(&alive);
    std::atomic<int> running{0};
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([ref, &running] {
        ++running;
        while (ref.send(Tick{}) != Delivery::Closed) {
        }
        for (int i = 0; i < 1'000; ++i) ref.send(Tick{});
      });
    }
    REQUIRE(testing::eventually([&] { return running == 4; }));
  }
  for (auto& thread : threads) thread.join();
  CHECK(alive == 0);
}

TEST_CASE("futures outlive their system") {
  std::atomic<int> alive{0};
  std::optional<AskFuture<int>> pending;
  std::optional<AskFuture<int>> answered;
  std::optional<StopFuture> stopped;
  std::optional<ReplyPromise<int>> promise;
  std::optional<AskFuture<int>> promised;
  {
    ActorSystem system{testing::two_workers()};
    const auto ref = system.spawn<Generous>(&alive);
    Gate gate;
    ref.send(Hang{&gate});
    REQUIRE(gate.wait_for_arrivals());
    gate.open();
    promised.emplace(ref.ask(&promise, kForever));
    REQUIRE(testing::at_rest(system));
    answered.emplace(ref.ask(Hang{&gate}, kForever));
    REQUIRE(testing::at_rest(system));
    Gate last;
    ref.send(Hang{&last});
    REQUIRE(last.wait_for_arrivals());
    pending.emplace(ref.ask(Hang{&gate}, kForever));
    stopped.emplace(system.stop(ref));
  }
  CHECK(answered->get() == Result<int, AskError>{1});
  CHECK(pending->get() == Result<int, AskError>{Error{AskError::Closed}});
  CHECK(stopped->is_ready());
  CHECK(stopped->get().has_value());
  REQUIRE(promise);
  CHECK(promise->set(3));
  CHECK(promised->get() == Result<int, AskError>{3});
  CHECK(alive == 0);
}

TEST_CASE("a promise that outlives its system may be dropped") {
  std::atomic<int> alive{0};
  std::optional<ReplyPromise<int>> promise;
  std::optional<AskFuture<int>> promised;
  {
    ActorSystem system;
    promised.emplace(system.spawn<Generous>(&alive).ask(&promise, kForever));
    REQUIRE(testing::at_rest(system));
  }
  promise.reset();
  CHECK(promised->get() == Result<int, AskError>{Error{AskError::NoReply}});
}

TEST_CASE("timer handles outlive their system") {
  std::atomic<int> alive{0};
  TimerHandle handle;
  TimerHandle other;
  {
    ActorSystem system;
    const auto ref = system.spawn<Generous>(&alive);
    handle = ref.ask(Give{}, kPatience).get().value();
    other = ref.ask(Give{}, kPatience).get().value();
  }
  CHECK_FALSE(handle.is_active());
  handle.cancel();
  CHECK_FALSE(handle.is_active());
}

TEST_CASE("reports and dead letters outlive what they tell of") {
  std::atomic<int> alive{0};
  std::vector<DeadLetter> letters;
  ShutdownReport report;
  {
    ActorSystem system;
    const auto ref = system.spawn<Generous>({.name = "generous"}, &alive);
    REQUIRE(system.stop(ref).get());
    ref.send(Tick{});
    letters = system.dead_letters();
    report = system.shutdown();
  }
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].target.path() == "generous");
  CHECK(report.complete);
}

TEST_CASE("two systems live side by side and their actors send to each other") {
  struct Bouncer : Actor<Bouncer> {
    void handle(ActorRef<Bouncer> other) { other.send(100, {.reply_to = self()}); }
    void handle(int n) {
      if (n == 0) return stop();
      sender().as<Bouncer>().send(n - 1, {.reply_to = self()});
    }
  };
  ActorSystem one;
  ActorSystem two;
  const auto a = one.spawn<Bouncer>();
  const auto b = two.spawn<Bouncer>();
  a.send(b);
  REQUIRE(testing::eventually([&] { return b.is_closed() || a.is_closed(); }));
  REQUIRE(testing::at_rest(one));
  REQUIRE(testing::at_rest(two));
  CHECK(one.ledger().sent + two.ledger().sent == 102);
  const auto left = a.is_closed() ? b : a;
  CHECK((a.is_closed() ? one : two).stop(left).get().has_value());  // whichever system tells it
  CHECK(left.is_closed());
  testing::check_end(one);
  testing::check_end(two);
}

/// One of a line of actors, each of them the child of the one before.
struct Ancestor : Actor<Ancestor> {
  struct Line {
    ActorRef<Ancestor> last;
    std::atomic<bool> is_whole{false};
  };
  Ancestor(std::size_t below, Line* line) {
    if (below > 0) {
      spawn<Ancestor>(below - 1, line);
    } else {
      line->last = self();
      line->is_whole = true;
    }
  }
  void handle(Tick) {}
};

TEST_CASE("a ref may be the last to hold a long line of ancestors") {
  const std::size_t length = testing::scaled(50'000);
  Ancestor::Line line;
  {
    ActorSystem system{testing::two_workers()};
    const auto first = system.spawn<Ancestor>(length, &line);
    REQUIRE(testing::eventually([&] { return line.is_whole.load(); }));
    CHECK(system.stop(first, {.within = kPatience}).get().value() == ExitReason::normal());
    testing::check_end(system);
  }
  CHECK(line.last.is_closed());
  testing::on_small_stack([&] { line.last = {}; });  // one after the other, not one inside the other
}

TEST_CASE("a ref may be the last to hold a long line of places that were killed") {
  const std::size_t length = testing::scaled(50'000);
  testing::TestSystem system;
  std::vector<ActorRef<Generous>> line;
  std::atomic<int> alive{0};
  for (std::size_t i = 0; i < length; ++i) line.push_back(system.spawn<Generous>(&alive));
  for (const auto& ref : line) static_cast<void>(system.stop(ref));
  system.run_until_idle();
  REQUIRE(system.stats().actors == 0);
  for (std::size_t i = 1; i < length; ++i)
    detail::RefAccess::cell(line[i - 1]).set_successor(detail::RefAccess::cell(line[i]));
  while (line.size() > 1) line.pop_back();
  CHECK(line.front().is_closed());
  testing::on_small_stack([&] { line.clear(); });
  CHECK(alive == 0);
  testing::check_end(system);
}

TEST_CASE("systems come and go by the thousand and leave nothing behind") {  // P13
  std::atomic<int> alive{0};
  for (std::size_t i = 0; i < testing::scaled(1'000); ++i) {
    ActorSystem system{testing::two_workers()};
    const auto ref = system.spawn<Generous>(&alive);
    ref.send(Tick{});
    if (i % 3 == 0) REQUIRE(system.stop(ref).get());
    if (i % 2 == 0) REQUIRE(system.shutdown({.within = kPatience}).complete);
  }
  CHECK(alive == 0);
}

}  // namespace
}  // namespace coppice
