#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

// Asks from threads. ask_actor_test.cpp has those from actors.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

struct Double {
  int number;
};
struct Nothing {};
struct Fail {};
struct Promise {};
struct Drop {};
struct Keep {};
struct Hang {
  Gate* gate;
};
struct Quit {};

using IntResult = Result<int, AskError>;
IntResult failed(AskError error) { return Error{error}; }

struct Oracle : Actor<Oracle> {
  int handle(Double d) { return 2 * d.number; }
  void handle(Nothing) {}
  int handle(Fail) { throw std::runtime_error{"no idea"}; }
  Later<int> handle(Promise) {
    auto [promise, later] = reply_later<int>();
    std::thread{[p = std::move(promise)]() mutable { p.set(7); }}.detach();
    return std::move(later);
  }
  Later<int> handle(Drop) { return std::move(reply_later<int>().second); }
  Later<int> handle(Keep) {
    auto [promise, later] = reply_later<int>();
    kept.emplace(std::move(promise));
    return std::move(later);
  }
  int handle(Hang hang) { return hang.gate->pass(), 1; }
  void handle(Quit) { stop(); }
  Result<int, std::string> handle(std::string word) {
    if (word.empty()) return Error{std::string{"empty"}};
    return static_cast<int>(word.size());
  }
  std::unique_ptr<int> handle(long number) { return std::make_unique<int>(static_cast<int>(number)); }
  std::optional<ReplyPromise<int>> kept;
};

TEST_CASE("an ask is answered with what the handler returns") {  // F35
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  CHECK(oracle.ask(Double{21}, kPatience).get() == IntResult{42});
  CHECK(oracle.ask(Nothing{}, kPatience).get().has_value());
  const auto words = oracle.ask(std::string{}, kPatience).get();
  REQUIRE(words);
  CHECK(words.value().error() == "empty");
  const auto number = oracle.ask(5L, kPatience).get();
  REQUIRE(number);
  CHECK(**number == 5);
  testing::check_end(system);
}

TEST_CASE("an ask may be answered later from any thread") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  CHECK(oracle.ask(Promise{}, kPatience).get() == IntResult{7});
  testing::check_end(system);
}

TEST_CASE("an ask whose deadline passes answers timeout and the late reply is counted") {  // P12
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  Gate gate;
  auto hung = oracle.ask(Hang{&gate}, 10ms);
  REQUIRE(gate.wait_for_arrivals());
  auto behind = oracle.ask(Double{1}, 1ms);
  const auto begun = std::chrono::steady_clock::now();
  CHECK(behind.get() == failed(AskError::Timeout));
  CHECK(hung.get() == failed(AskError::Timeout));
  CHECK(std::chrono::steady_clock::now() - begun < kPatience);
  gate.open();
  REQUIRE(testing::at_rest(system));
  CHECK(system.stats().late_replies == 2);
  testing::check_end(system);
}

TEST_CASE("an ask without any time is a timeout or an answer and returns") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  for (const Duration within : {Duration{0}, Duration{-1}, Duration::min()}) {
    const IntResult result = oracle.ask(Double{1}, within).get();
    CHECK((result == IntResult{2} || result == failed(AskError::Timeout)));
  }
  testing::check_end(system);
}

TEST_CASE("an ask may have all the time there is") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  CHECK(oracle.ask(Double{1}, kForever).get() == IntResult{2});
  testing::check_end(system);
}

TEST_CASE("an ask of an actor that has ended answers closed") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  REQUIRE(system.stop(oracle).get());
  CHECK(oracle.ask(Double{1}, kPatience).get() == failed(AskError::Closed));
  testing::check_end(system);
}

TEST_CASE("the ask in hand at a crash answers crashed and those behind it closed at once") {
  ActorSystem system{testing::quiet()};
  const auto oracle = system.spawn<Oracle>();
  Gate gate;
  auto first = oracle.ask(Hang{&gate}, kForever);
  REQUIRE(gate.wait_for_arrivals());
  auto in_hand = oracle.ask(Fail{}, kForever);
  auto behind = oracle.ask(Double{1}, kForever);
  gate.open();
  CHECK(first.get() == IntResult{1});
  CHECK(in_hand.get() == failed(AskError::Crashed));
  CHECK(behind.get() == failed(AskError::Closed));
  testing::check_end(system);
}

TEST_CASE("an ask that waits when its actor stops answers closed") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  Gate gate;
  oracle.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  oracle.send(Quit{});
  auto waiting = oracle.ask(Double{1}, kForever);
  gate.open();
  CHECK(waiting.get() == failed(AskError::Closed));
  testing::check_end(system);
}

TEST_CASE("an ask of a full mailbox answers rejected") {
  ActorSystem system;
  for (const Overflow overflow : {Overflow::Reject, Overflow::DropNewest}) {
    const auto oracle = system.spawn<Oracle>({.mailbox = Bounded{1, overflow}});
    Gate gate;
    oracle.send(Hang{&gate});
    REQUIRE(gate.wait_for_arrivals());
    auto fits = oracle.ask(Double{1}, kPatience);
    CHECK(oracle.ask(Double{2}, kPatience).get() == failed(AskError::Rejected));
    gate.open();
    CHECK(fits.get() == IntResult{2});
  }
  testing::check_end(system);
}

TEST_CASE("a promise that is dropped answers no reply") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  CHECK(oracle.ask(Drop{}, kForever).get() == failed(AskError::NoReply));
  testing::check_end(system);
}

TEST_CASE("a promise that dies with its actor answers no reply") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  auto kept = oracle.ask(Keep{}, kForever);
  oracle.send(Quit{});
  CHECK(kept.get() == failed(AskError::NoReply));
  testing::check_end(system);
}

TEST_CASE("a promise that is kept too late is a late reply whoever asked") {  // P12
  struct Question {};
  struct Answer {};
  struct Slow : Actor<Slow> {
    Later<int> handle(Question) {
      auto [promise, later] = reply_later<int>();
      kept.push_back(std::move(promise));
      return std::move(later);
    }
    void handle(Answer) {
      for (auto& promise : kept) CHECK_FALSE(promise.set(1));
      CHECK_FALSE(kept.front().set(1));  // that it was used before is no reply
    }
    std::vector<ReplyPromise<int>> kept;
  };
  struct Asker : Actor<Asker> {
    explicit Asker(ActorRef<Slow> s) : slow{std::move(s)} {}
    void handle(Question) {
      ask(slow, Question{}, 1ms).then([](const IntResult& result) { CHECK(result == failed(AskError::Timeout)); });
    }
    ActorRef<Slow> slow;
  };
  testing::TestSystem system;
  const auto slow = system.spawn<Slow>();
  const auto asker = system.spawn<Asker>(slow);
  asker.send(Question{});
  CHECK(slow.ask(Question{}, 1ms).get() == failed(AskError::Timeout));
  system.run_until_idle();
  CHECK(system.stats().late_replies == 0);
  slow.send(Answer{});
  system.run_until_idle();
  CHECK(system.stats().late_replies == 2);
  testing::check_end(system);
}

TEST_CASE("a promise may be given by an actor that was not asked") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  oracle.send(Keep{});
  oracle.send(Drop{});
  oracle.send(Promise{});
  REQUIRE(testing::at_rest(system));
  CHECK(oracle.ask(Double{2}, kPatience).get() == IntResult{4});
  testing::check_end(system);
}

struct Blocking : Actor<Blocking> {
  explicit Blocking(ActorRef<Oracle> o) : oracle{std::move(o)} {}
  ActorRef<Oracle> oracle;
  AskError handle(Nothing) {
    const auto result = oracle.ask(Double{1}, kForever).get();
    return result ? AskError::Cancelled : result.error();
  }
  AskError handle(Quit) {  // itself
    const auto result = self().ask(Nothing{}, kForever).get();
    return result ? AskError::Cancelled : result.error();
  }
};

TEST_CASE("a blocking get inside a handler answers rejected instead of blocking") {
  SystemOptions options;
  options.workers = 1;
  ActorSystem system{std::move(options)};
  const auto oracle = system.spawn<Oracle>();
  Gate gate;
  const auto blocking = system.spawn<Blocking>(oracle);
  CHECK(blocking.ask(Nothing{}, kPatience).get() == Result<AskError, AskError>{AskError::Rejected});
  CHECK(blocking.ask(Quit{}, kPatience).get() == Result<AskError, AskError>{AskError::Rejected});
  testing::check_end(system);
}

TEST_CASE("a future that is dropped costs nobody anything") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  for (int i = 0; i < 1'000; ++i) static_cast<void>(oracle.ask(Double{i}, kForever));
  REQUIRE(testing::at_rest(system));
  CHECK(oracle.ask(Double{1}, kPatience).get() == IntResult{2});
  testing::check_end(system);
}

TEST_CASE("a future tells when it is ready") {
  ActorSystem system;
  const auto oracle = system.spawn<Oracle>();
  Gate gate;
  auto future = oracle.ask(Hang{&gate}, kForever);
  REQUIRE(gate.wait_for_arrivals());
  CHECK_FALSE(future.is_ready());
  gate.open();
  CHECK(testing::eventually([&] { return future.is_ready(); }));
  CHECK(future.get() == IntResult{1});
  testing::check_end(system);
}

struct Vicious {
  Vicious() = default;
  Vicious(Vicious&& other) noexcept(false) : moves{other.moves + 1} {
    if (moves > 1) throw std::runtime_error{"moved too often"};
  }
  int moves = 0;
};
struct Giver : Actor<Giver> {
  Vicious handle(Nothing) { return {}; }
  int handle(Double d) { return d.number; }
};

TEST_CASE("a reply that throws when it is moved still makes one outcome") {  // P6, P12
  ActorSystem system{testing::quiet()};
  const auto giver = system.spawn<Giver>();
  bool outcome = false;
  try {
    outcome = !giver.ask(Nothing{}, kPatience).get().has_value();
  } catch (const std::runtime_error&) {  // moving it out to the caller may throw as well
    outcome = true;
  }
  CHECK(outcome);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
