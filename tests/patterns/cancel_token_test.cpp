#include "coppice/patterns/cancel_token.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/eventually.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

TEST_CASE("cancelling the root runs the callbacks of all descendants exactly once") {  // F78, [Z1], [Z2]
  TestSystem system;
  const CancelSource root{system};
  std::vector<CancelSource> sources{root};
  std::mt19937_64 random{5};
  for (int i = 0; i < 300; ++i) sources.emplace_back(sources[random() % sources.size()].token());
  std::vector<int> ran(sources.size(), 0);
  std::vector<CancelRegistration> registrations;
  for (std::size_t i = 0; i < sources.size(); ++i)
    registrations.push_back(sources[i].token().on_cancel([&ran, i] { ++ran[i]; }));
  CHECK_FALSE(root.is_cancelled());
  CHECK(root.cancel());
  CHECK_FALSE(root.cancel());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    CAPTURE(i);
    CHECK(sources[i].is_cancelled());
    CHECK(ran[i] == 1);
    CHECK_FALSE(sources[i].cancel());
  }
  testing::check_end(system);
}

TEST_CASE("cancelling a branch leaves its parent and its siblings alone") {  // F78
  TestSystem system;
  const CancelSource root{system};
  const CancelSource left{root.token()};
  const CancelSource right{root.token()};
  const CancelSource below{left.token()};
  CHECK(left.cancel());
  CHECK(below.is_cancelled());
  CHECK_FALSE(root.is_cancelled());
  CHECK_FALSE(right.is_cancelled());
  CHECK(root.cancel());
  CHECK(right.is_cancelled());
  testing::check_end(system);
}

TEST_CASE("whoever comes after the cancellation is cancelled at once") {  // F78
  TestSystem system;
  const CancelSource root{system};
  root.cancel();
  const CancelSource late{root.token()};
  CHECK(late.is_cancelled());
  int ran = 0;
  const auto registration = late.token().on_cancel([&] { ++ran; });
  CHECK(ran == 1);
  CHECK_FALSE(late.cancel());
  CHECK(ran == 1);
  testing::check_end(system);
}

TEST_CASE("callbacks of a token run in their order and one that throws does not keep the others") {  // F78, [Z1]
  TestSystem system;
  const CancelSource source{system};
  std::string order;
  const auto a = source.token().on_cancel([&] { order += 'a'; });
  const auto b = source.token().on_cancel([&] {
    order += 'b';
    throw std::runtime_error{"hostile"};
  });
  const auto c = source.token().on_cancel([&] { order += 'c'; });
  CHECK(source.cancel());
  CHECK(order == "abc");
  const auto d = source.token().on_cancel([&] { throw std::runtime_error{"hostile"}; });
  testing::check_end(system);
}

TEST_CASE("a callback that was unregistered does not run and what it captured is gone") {  // F78
  TestSystem system;
  const CancelSource source{system};
  const auto captured = std::make_shared<int>(0);
  auto registration = source.token().on_cancel([captured] { ++*captured; });
  auto other = source.token().on_cancel([captured] { ++*captured; });
  CHECK(captured.use_count() == 3);
  registration.reset();
  CHECK(captured.use_count() == 2);
  registration = std::move(other);
  CHECK(source.cancel());
  CHECK(*captured == 1);
  registration.reset();
  CHECK(captured.use_count() == 1);
  testing::check_end(system);
}

TEST_CASE("a callback may unregister itself and others and register more and cancel") {  // F78
  TestSystem system;
  std::optional<CancelSource> source{std::in_place, system};
  const CancelSource other{system};
  int ran = 0;
  CancelRegistration second;
  CancelRegistration third;
  CancelRegistration first = source->token().on_cancel([&] {
    ++ran;
    second.reset();  // waits in the canceller's list: it will not run
    third = source->token().on_cancel([&] { ran += 10; });
    other.cancel();
    first.reset();  // itself
  });
  second = source->token().on_cancel([&] { ran += 100; });
  const auto elsewhere = other.token().on_cancel([&] {
    ran += 1'000;
    source.reset();  // the last handle but those of the callbacks
  });
  const CancelSource keep = *source;
  CHECK(keep.cancel());
  CHECK(ran == 1'011);
  testing::check_end(system);
}

TEST_CASE("a token of no source is never cancelled and keeps no callback") {  // F78
  const CancelToken none;
  CHECK_FALSE(none.is_cancelled());
  CHECK(none.deadline() == TimePoint::max());
  const auto captured = std::make_shared<int>(0);
  const auto registration = none.on_cancel([captured] { ++*captured; });
  CHECK(captured.use_count() == 1);
  const CancelSource below{none};
  int ran = 0;
  const auto there = below.token().on_cancel([&] { ++ran; });
  CHECK(below.cancel());
  CHECK(ran == 1);
}

TEST_CASE("a long chain of tokens ends without recursion") {  // F78
  TestSystem system;
  const CancelSource root{system};
  CancelToken last = root.token();
  for (int i = 0; i < 200'000; ++i) last = CancelSource{last}.token();
  CHECK_FALSE(last.is_cancelled());
  root.cancel();
  CHECK(last.is_cancelled());
  last = {};
  testing::check_end(system);
}

TEST_CASE("a deadline cancels on the system's clock and the first of several counts") {  // F78
  TestSystem system;
  const CancelSource source{system};
  source.cancel_after(2s);
  source.cancel_after(1s);
  source.cancel_after(3s);
  const CancelSource child{source.token()};
  CHECK(source.token().deadline() == system.now() + 1s);
  CHECK(child.token().deadline() == system.now() + 1s);
  int ran = 0;
  const auto registration = child.token().on_cancel([&] { ++ran; });
  system.advance(1s - 1ns);
  CHECK_FALSE(source.is_cancelled());
  system.advance(1ns);
  CHECK(source.is_cancelled());
  CHECK(child.is_cancelled());
  CHECK(ran == 1);
  system.advance(10s);
  CHECK(ran == 1);
  const CancelSource at_once{system};
  at_once.cancel_after(-1s);
  CHECK(at_once.is_cancelled());
  const CancelSource never{system};
  never.cancel_after(kForever);
  CHECK(never.token().deadline() == TimePoint::max());
  testing::check_end(system);
}

TEST_CASE("a deadline that nobody can see any more is no timer") {  // F78
  TestSystem system;
  {
    const CancelSource source{system};
    source.cancel_after(1h);
    CHECK(system.advance_to_next_timer());
    CHECK(source.is_cancelled());
  }
  {
    CancelSource source{system};
    source.cancel_after(1h);
    const auto registration = source.token().on_cancel([] {});
    source = CancelSource{CancelToken{}};
    CHECK(system.stats().timers == 1);  // the callback waits for it
  }
  CHECK(system.stats().timers == 0);
  const CancelSource cancelled{system};
  cancelled.cancel_after(1h);
  cancelled.cancel();
  CHECK(system.stats().timers == 0);
  testing::check_end(system);
}

// ---- with lives ----

struct Crash {};
struct Owner : Actor<Owner> {
  Owner(std::string* l, CancelToken* t, CancelToken parent) : log{l}, token{cancel_with(*this, parent)} {
    *t = token;
    registration = token.on_cancel([this] { *log += alive ? "cancelled " : "late "; });
  }
  ~Owner() {
    alive = false;
    *log += "destroyed ";
  }
  void on_stop(const ExitReason&) { *log += token.is_cancelled() ? "early " : "on_stop "; }
  void handle(Crash) { throw std::runtime_error{"crash"}; }
  std::string* log;
  bool alive = true;
  CancelToken token;
  CancelRegistration registration;
};

TEST_CASE("a life's token is cancelled when it ends after on_stop and before its state goes") {  // F78, [I1]
  for (const bool crash : {false, true}) {
    CAPTURE(crash);
    TestSystem system;
    std::string log;
    CancelToken token;
    const auto owner = system.spawn<Owner>(&log, &token, CancelToken{});
    system.run_until_idle();
    CHECK_FALSE(token.is_cancelled());
    crash ? static_cast<void>(owner.send(Crash{})) : static_cast<void>(system.stop(owner));
    system.run_until_idle();
    CHECK(token.is_cancelled());
    CHECK(log == "on_stop cancelled destroyed ");
    testing::check_end(system);
  }
}

TEST_CASE("a life's token may stand below another one") {  // F78
  TestSystem system;
  std::string log;
  CancelToken token;
  const CancelSource root{system};
  const auto owner = system.spawn<Owner>(&log, &token, root.token());
  system.run_until_idle();
  root.cancel();
  CHECK(token.is_cancelled());
  CHECK(log == "cancelled ");
  static_cast<void>(system.stop(owner));
  system.run_until_idle();
  CHECK(log == "cancelled early destroyed ");
  testing::check_end(system);
}

struct Spin {};
struct Spinner : Actor<Spinner> {
  void handle(Spin) {
    const CancelToken token = cancel_with(*this);
    ++spinning;
    while (!token.is_cancelled()) std::this_thread::yield();
    --spinning;
  }
  static inline std::atomic<int> spinning{0};
};

TEST_CASE("a handler that is killed sees it at its token and comes back") {  // F78
  ActorSystem system{{.workers = 2}};
  const auto spinner = system.spawn<Spinner>();
  spinner.send(Spin{});
  REQUIRE(testing::eventually([] { return Spinner::spinning == 1; }));
  CHECK(system.stop(spinner, {.within = 10ms}).get().value().kind() == ExitReason::Kind::Killed);
  CHECK(testing::eventually([] { return Spinner::spinning == 0; }));
  CHECK(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

// ---- threads ----

TEST_CASE("a callback that was unregistered on one thread is not running on another") {  // F78
  TestSystem system;
  for (std::size_t round = 0; round < testing::scaled(300); ++round) {
    const CancelSource source{system};
    std::atomic<bool> running{false};
    std::atomic<int> ran{0};
    std::atomic<bool> go{false};
    auto registration = source.token().on_cancel([&] {
      running = true;
      ++ran;
      for (int i = 0; i < 3; ++i) std::this_thread::yield();
      running = false;
    });
    std::thread canceller{[&] {
      while (!go) std::this_thread::yield();
      source.cancel();
    }};
    go = true;
    if (round % 3 == 0) std::this_thread::yield();
    registration.reset();
    const bool still = running;
    const int after = ran;
    canceller.join();
    REQUIRE_FALSE(still);
    REQUIRE(after == ran);
  }
  testing::check_end(system);
}

TEST_CASE("tokens that are cancelled registered with and left at once run each callback once") {  // F78, [Z1]
  TestSystem system;
  const std::size_t rounds = testing::scaled(60);
  for (std::size_t round = 0; round < rounds; ++round) {
    const CancelSource root{system};
    std::vector<CancelSource> branches;
    for (int i = 0; i < 4; ++i) branches.emplace_back(root.token());
    std::atomic<int> twice{0};
    std::atomic<int> missed{0};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937_64 random{round * 7 + t};
        struct Kept {
          std::atomic<int> ran{0};
          CancelRegistration registration;
        };
        std::vector<std::unique_ptr<Kept>> kept;
        for (int i = 0; i < 60; ++i) {
          const CancelSource leaf{branches[random() % branches.size()].token()};
          auto& each = kept.emplace_back(std::make_unique<Kept>());
          each->registration = leaf.token().on_cancel([ran = &each->ran] { ++*ran; });
          if (random() % 4 == 0) {
            kept[random() % kept.size()]->registration.reset();
          } else if (random() % 20 == 0) {
            branches[random() % branches.size()].cancel();
          }
        }
        if (t == 0) root.cancel();
        while (!root.is_cancelled()) std::this_thread::yield();
        for (const auto& each : kept) {
          each->registration.reset();  // waits for its own, if it runs
          if (each->ran > 1) ++twice;
        }
      });
    }
    const CancelSource watched{root.token()};
    std::atomic<int> seen{0};
    const auto registration = watched.token().on_cancel([&] { ++seen; });
    for (auto& thread : threads) thread.join();
    if (seen != 1) ++missed;
    REQUIRE(twice == 0);
    REQUIRE(missed == 0);
  }
  testing::check_end(system);
}

TEST_CASE("a deadline that comes while its token goes hurts nobody") {  // F78
  ActorSystem system{{.workers = 2}};
  std::mt19937_64 random{1};
  std::atomic<int> ran{0};
  for (std::size_t i = 0; i < testing::scaled(2'000); ++i) {
    const CancelSource source{system};
    source.cancel_after(Duration{static_cast<int>(random() % 20'000)});
    const auto registration = source.token().on_cancel([&] { ++ran; });
    for (std::uint64_t spins = random() % 2'000; spins > 0; --spins) static_cast<void>(source.is_cancelled());
  }
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
