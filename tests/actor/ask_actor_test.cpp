#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/exclusive.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

// Asks from actors. The answer comes as a message of the asker.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;
using testing::Lines;
using testing::Log;

struct Double {
  int number;
};
struct Fail {};
struct Drop {};
struct Keep {};
struct Release {};
struct Hang {
  Gate* gate;
};

struct Oracle : Actor<Oracle> {
  int handle(Double d) { return 2 * d.number; }
  int handle(Fail) { throw std::runtime_error{"no idea"}; }
  Later<int> handle(Drop) { return std::move(reply_later<int>().second); }
  Later<int> handle(Keep) {
    auto [promise, later] = reply_later<int>();
    kept.emplace(std::move(promise));
    return std::move(later);
  }
  bool handle(Release) { return kept && kept->set(5); }
  int handle(Hang hang) { return hang.gate->pass(), 1; }
  std::optional<ReplyPromise<int>> kept;
};

/// Runs what the test gives it, on its own turn, and logs the answers.
struct Asker : Actor<Asker> {
  using Script = UniqueFunction<void(Asker&)>;
  explicit Asker(Log* l) : log{l} {}
  void handle(Script script) { script(*this); }
  using Actor<Asker>::ask;
  using Actor<Asker>::self;
  using Actor<Asker>::stop;
  void note(const Result<int, AskError>& result) {
    const auto turn = exclusive.enter();
    log->add(result ? std::to_string(result.value()) : std::string{to_string(result.error())});
  }
  auto noting() {
    return [this](Result<int, AskError> result) { note(result); };
  }
  Log* log;
  testing::Exclusive exclusive;
};

struct Scene {
  explicit Scene(SystemOptions options = testing::two_workers()) : system{testing::quiet(std::move(options))} {
    oracle = system.spawn<Oracle>();
    asker = system.spawn<Asker>(&log);
  }
  void run(Asker::Script script) { asker.send(std::move(script)); }
  [[nodiscard]] bool logged(std::size_t n) {
    return testing::eventually([&] { return log.size() >= n; });
  }
  Log log;
  ActorSystem system;
  ActorRef<Oracle> oracle;
  ActorRef<Asker> asker;
};

std::string word(AskError error) { return to_string(error); }

TEST_CASE("an actor's ask runs its continuation with the reply on its own turn") {  // F35
  Scene scene;
  scene.run([&](Asker& asker) {
    for (int i = 0; i < 100; ++i) asker.ask(scene.oracle, Double{i}, kPatience).then(asker.noting());
  });
  REQUIRE(scene.logged(100));
  testing::check_end(scene.system);
  const Lines lines = scene.log.lines();
  REQUIRE(lines.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(lines[static_cast<std::size_t>(i)] == std::to_string(2 * i));
}

TEST_CASE("an actor's ask comes to every outcome there is") {
  Scene scene;
  const auto ended = scene.system.spawn<Oracle>();
  REQUIRE(scene.system.stop(ended).get());
  const auto full = scene.system.spawn<Oracle>({.mailbox = Bounded{1, Overflow::Reject}});
  Gate gate;
  full.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(full.send(Double{1}) == Delivery::Accepted);
  SECTION("closed") {
    scene.run([&](Asker& asker) { asker.ask(ended, Double{1}, kForever).then(asker.noting()); });
    REQUIRE(scene.logged(1));
    CHECK(scene.log.lines() == Lines{word(AskError::Closed)});
  }
  SECTION("closed where the ref names no place") {
    scene.run([&](Asker& asker) { asker.ask(ActorRef<Oracle>{}, Double{1}, kForever).then(asker.noting()); });
    REQUIRE(scene.logged(1));
    CHECK(scene.log.lines() == Lines{word(AskError::Closed)});
  }
  SECTION("crashed") {
    scene.run([&](Asker& asker) { asker.ask(scene.oracle, Fail{}, kForever).then(asker.noting()); });
    REQUIRE(scene.logged(1));
    CHECK(scene.log.lines() == Lines{word(AskError::Crashed)});
  }
  SECTION("no reply") {
    scene.run([&](Asker& asker) { asker.ask(scene.oracle, Drop{}, kForever).then(asker.noting()); });
    REQUIRE(scene.logged(1));
    CHECK(scene.log.lines() == Lines{word(AskError::NoReply)});
  }
  SECTION("rejected by a full mailbox") {
    scene.run([&](Asker& asker) { asker.ask(full, Double{1}, kForever).then(asker.noting()); });
    REQUIRE(scene.logged(1));
    CHECK(scene.log.lines() == Lines{word(AskError::Rejected)});
  }
  SECTION("timeout") {
    scene.run([&](Asker& asker) { asker.ask(scene.oracle, Keep{}, 1ms).then(asker.noting()); });
    REQUIRE(scene.logged(1));
    CHECK(scene.log.lines() == Lines{word(AskError::Timeout)});
    CHECK(scene.oracle.ask(Release{}, kPatience).get() == Result<bool, AskError>{false});  // too late
  }
  gate.open();
  REQUIRE(testing::at_rest(scene.system));
  testing::check_end(scene.system);
  CHECK(scene.log.size() == 1);
}

TEST_CASE("an ask is over in time though the worker that it was made on hangs in another handler") {  // P12
  Scene scene;
  const auto busy = scene.system.spawn<Oracle>();
  Gate gate;
  scene.run([&](Asker& asker) {
    asker.ask(scene.oracle, Keep{}, 20ms).then(asker.noting());
    busy.send(Hang{&gate});
  });
  REQUIRE(scene.logged(1));
  CHECK(scene.log.lines() == Lines{word(AskError::Timeout)});
  gate.open();
  REQUIRE(testing::at_rest(scene.system));
  testing::check_end(scene.system);
}

struct SelfAsker : Actor<SelfAsker> {
  explicit SelfAsker(Log* l) : log{l} {
    ask(self(), Double{1}, kForever).then([this](Result<int, AskError> result) {
      log->add(result ? "answered" : to_string(result.error()));
    });
  }
  int handle(Double d) { return d.number; }
  Log* log;
};

TEST_CASE("an ask of oneself is rejected instead of waiting for itself") {
  Log log;
  ActorSystem system;
  system.spawn<SelfAsker>(&log);
  REQUIRE(testing::eventually([&] { return log.size() == 1; }));
  CHECK(log.lines() == Lines{word(AskError::Rejected)});
  testing::check_end(system);
}

TEST_CASE("an actor's ask times out although the actor it asked hangs") {  // P12
  // The asker wakes the oracle, which then runs on the very worker that keeps the deadline, and stays there.
  Scene scene;
  Gate gate;
  scene.run([&](Asker& asker) { asker.ask(scene.oracle, Hang{&gate}, 20ms).then(asker.noting()); });
  REQUIRE(gate.wait_for_arrivals());
  CHECK(testing::eventually([&] { return scene.log.size() == 1; }, 5s));
  gate.open();
  REQUIRE(scene.logged(1));
  CHECK(scene.log.lines() == Lines{word(AskError::Timeout)});
  REQUIRE(testing::at_rest(scene.system));
  testing::check_end(scene.system);
}

TEST_CASE("an asker that ends takes its asks along and what they captured") {
  Scene scene;
  auto captured = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = captured;
  scene.run([&, captured = std::move(captured)](Asker& asker) mutable {
    asker.ask(scene.oracle, Keep{}, kForever).then([captured, &asker](Result<int, AskError> result) {
      asker.note(result);
    });
    captured.reset();
  });
  REQUIRE(testing::eventually([&] { return scene.oracle.message_count() == 1; }));
  CHECK_FALSE(alive.expired());
  REQUIRE(scene.system.stop(scene.asker).get());
  CHECK(alive.expired());
  CHECK(scene.oracle.ask(Release{}, kPatience).get() == Result<bool, AskError>{false});
  REQUIRE(testing::at_rest(scene.system));
  testing::check_end(scene.system);
  CHECK(scene.log.size() == 0);
}

TEST_CASE("an answer that waits when the asker ends runs nothing") {
  Scene scene;
  Gate before;
  Gate gate;
  scene.run([&](Asker&) { before.pass(); });
  REQUIRE(before.wait_for_arrivals());
  scene.run([&](Asker& asker) { asker.ask(scene.oracle, Double{1}, kForever).then(asker.noting()); });
  scene.run([&](Asker& asker) {
    gate.pass();
    asker.stop();
  });
  before.open();  // the three are handled one after the other, and the answer comes behind them
  REQUIRE(gate.wait_for_arrivals());
  REQUIRE(testing::eventually([&] { return scene.oracle.message_count() == 1; }));
  gate.open();
  REQUIRE(testing::eventually([&] { return scene.asker.is_closed(); }));
  REQUIRE(testing::at_rest(scene.system));
  testing::check_end(scene.system);
  CHECK(scene.log.size() == 0);
}

TEST_CASE("a continuation that throws is the asker's crash") {
  Log failures;
  ActorSystem system{testing::quiet({}, &failures)};
  Log log;
  const auto oracle = system.spawn<Oracle>();
  const auto asker = system.spawn<Asker>(&log);
  asker.send(Asker::Script{[&](Asker& me) {
    me.ask(oracle, Double{1}, kForever).then([](const Result<int, AskError>&) {
      throw std::runtime_error{"not that one"};
    });
  }});
  REQUIRE(testing::eventually([&] { return asker.is_closed(); }));
  testing::check_end(system);
  CHECK(failures.lines() == Lines{"error: not that one"});
}

TEST_CASE("a continuation may ask again") {
  Scene scene;
  std::function<void(Asker&, int)> go = [&](Asker& asker, int n) {
    asker.ask(scene.oracle, Double{n}, kPatience).then([&, n](Result<int, AskError> result) {
      if (n == 1'000) return asker.note(result);
      go(asker, n + 1);
    });
  };
  scene.run([&](Asker& asker) { go(asker, 1); });
  REQUIRE(scene.logged(1));
  CHECK(scene.log.lines() == Lines{"2000"});
  testing::check_end(scene.system);
}

TEST_CASE("asks from an actor with deadlines near the latency have one outcome each") {  // P12
  Scene scene;
  const std::size_t count = testing::scaled(50'000);
  std::atomic<std::size_t> outcomes{0};
  std::atomic<std::size_t> replies{0};
  std::size_t begun = 0;
  std::function<void(Asker&)> batch = [&](Asker& asker) {
    for (int i = 0; i < 100 && begun < count; ++i, ++begun) {
      const Duration within{static_cast<std::int64_t>(begun % 50) * 1'000};
      asker.ask(scene.oracle, Double{1}, within).then([&](Result<int, AskError> result) {
        ++outcomes;
        replies += result.has_value() ? 1U : 0U;
      });
    }
    if (begun < count) asker.self().send(Asker::Script{batch});
  };
  scene.run(batch);
  REQUIRE(testing::eventually([&] { return outcomes == count; }));
  REQUIRE(testing::at_rest(scene.system));
  CHECK(outcomes == count);
  CHECK(scene.oracle.message_count() == count);
  CHECK(scene.system.stats().late_replies == count - replies);
  testing::check_end(scene.system);
  CHECK(outcomes == count);
}

}  // namespace
}  // namespace coppice
