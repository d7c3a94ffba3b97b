#include "coppice/actor/when.hpp"

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/log.hpp"

// Several asks at once: all of them, or the first reply. As continuations and in coroutines.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::TestSystem;

struct After {
  int milliseconds;
};
struct Name {
  int milliseconds;
};
struct Touch {
  int milliseconds;
};
struct Fail {};
/// Answers after a while, several at a time.
struct Slow : Actor<Slow> {
  ReentrantTask<int> handle(After after) {
    co_await sleep_for(after.milliseconds * 1ms);
    co_return after.milliseconds;
  }
  ReentrantTask<std::string> handle(Name name) {
    co_await sleep_for(name.milliseconds * 1ms);
    co_return std::string(static_cast<std::size_t>(name.milliseconds), 'x');
  }
  ReentrantTask<> handle(Touch touch) { co_await sleep_for(touch.milliseconds * 1ms); }
};

std::string text(const Result<int, AskError>& outcome) {
  return outcome ? std::to_string(*outcome) : std::string{to_string(outcome.error())};
}
std::string text(const Result<FirstReply<int>, AskError>& first) {
  return first ? "#" + std::to_string(first->index) + " " + std::to_string(first->value)
               : std::string{to_string(first.error())};
}

enum class Form { Continuation, Coroutine };
struct All {};
struct AllOfMany {
  std::vector<int> milliseconds;
};
struct Any {
  std::vector<int> milliseconds;
};
struct Look {};

struct Asker : Actor<Asker> {
  Asker(Log* l, ActorRef<Slow> s) : log{l}, slow{std::move(s)} {}
  void note(const Result<int, AskError>& number, const Result<std::string, AskError>& name,
            const Result<void, AskError>& touched) {
    log->add(text(number) + " " + (name ? *name : to_string(name.error())) + " " +
             (touched ? "touched" : to_string(touched.error())));
  }
  void note(const std::vector<Result<int, AskError>>& outcomes) {
    std::string line = "all";
    for (const auto& each : outcomes) line += " " + text(each);
    log->add(line);
  }
  void handle(All) {
    when_all(ask(slow, After{2}, 5ms), ask(slow, Name{3}, 5ms), ask(slow, Touch{9}, 5ms))
        .then([this](Result<int, AskError> number, Result<std::string, AskError> name, Result<void, AskError> touched) {
          note(number, name, touched);
        });
  }
  void handle(AllOfMany many) {
    std::vector<Asking<int, After>> asks;
    for (const int ms : many.milliseconds) asks.push_back(ask(slow, After{ms}, 5ms));
    when_all(std::move(asks)).then([this](const std::vector<Result<int, AskError>>& outcomes) { note(outcomes); });
  }
  void handle(Any any) {
    std::vector<Asking<int, After>> asks;
    for (const int ms : any.milliseconds) asks.push_back(ask(slow, After{ms}, 5ms));
    when_any(std::move(asks)).then([this](const Result<FirstReply<int>, AskError>& first) { log->add(text(first)); });
  }
  void handle(Look) {
    when_any(ask(slow, After{4}, 5ms), ask(slow, After{2}, 5ms)).then([this](Result<FirstReply<int>, AskError> first) {
      log->add(text(first));
    });
  }
  Log* log;
  ActorRef<Slow> slow;
};

struct CoroutineAsker : Actor<CoroutineAsker> {
  CoroutineAsker(Log* l, ActorRef<Slow> s) : log{l}, slow{std::move(s)} {}
  Task<> handle(All) {
    auto [number, name, touched] =
        co_await when_all(ask<After>(slow, 5ms, 2), ask<Name>(slow, 5ms, 3), ask<Touch>(slow, 5ms, 9));
    log->add(text(number) + " " + (name ? *name : to_string(name.error())) + " " +
             (touched ? "touched" : to_string(touched.error())));
  }
  Task<> handle(AllOfMany many) {
    std::vector<AskAwaitable<int>> asks;
    for (const int ms : many.milliseconds) asks.push_back(ask<After>(slow, 5ms, ms));
    const auto outcomes = co_await when_all(std::move(asks));
    std::string line = "all";
    for (const auto& each : outcomes) line += " " + text(each);
    log->add(line);
  }
  Task<> handle(Any any) {
    std::vector<AskAwaitable<int>> asks;
    for (const int ms : any.milliseconds) asks.push_back(ask<After>(slow, 5ms, ms));
    log->add(text(co_await when_any(std::move(asks))));
  }
  Task<> handle(Look) { log->add(text(co_await when_any(ask<After>(slow, 5ms, 4), ask<After>(slow, 5ms, 2)))); }
  Log* log;
  ActorRef<Slow> slow;
};

template <class A>
struct Scene {
  explicit Scene(std::uint64_t seed = 1) : system{{.seed = seed}} {
    slow = system.spawn<Slow>();
    asker = system.spawn<A>(&log, slow);
  }
  template <class M>
  std::string run(M message) {
    asker.send(std::move(message));
    system.advance(20ms);
    const Lines lines = log.lines();
    return lines.empty() ? "nothing" : lines.back();
  }
  Log log;
  TestSystem system;
  ActorRef<Slow> slow;
  ActorRef<A> asker;
};

template <class A>
void check_all_and_any() {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Scene<A> scene{seed};
    CHECK(scene.run(All{}) == "2 xxx timeout");
    CHECK(scene.run(AllOfMany{{4, 0, 2}}) == "all 4 0 2");
    CHECK(scene.run(AllOfMany{{9, 1, 8}}) == "all timeout 1 timeout");
    CHECK(scene.run(AllOfMany{}) == "all");
    CHECK(scene.system.stats().late_replies == 3);
    CHECK(scene.run(Any{{4, 2, 3}}) == "#1 2");
    CHECK(scene.system.stats().late_replies == 5);  // the losers'
    CHECK(scene.run(Any{{9, 3, 8}}) == "#1 3");
    CHECK(scene.run(Any{{9, 8}}) == "timeout");
    CHECK(scene.run(Any{}) == "no reply");
    CHECK(scene.run(Look{}) == "#1 2");
    CHECK(scene.log.size() == 9);
    CHECK(scene.system.stats().timers == 0);
    testing::check_end(scene.system);
  }
}

TEST_CASE("when_all and when_any of asks call their continuation once") {  // P12
  check_all_and_any<Asker>();
}

TEST_CASE("when_all and when_any of asks let a coroutine go on once") {  // P12 F21
  check_all_and_any<CoroutineAsker>();
}

TEST_CASE("when_all and when_any come to nothing when the asker's life ends first") {
  Scene<Asker> scene;
  scene.asker.send(All{});
  scene.asker.send(Any{{4, 2}});
  scene.system.run_until_idle();
  REQUIRE(scene.system.stop(scene.asker).get());
  scene.system.advance(1s);
  CHECK(scene.log.size() == 0);
  testing::check_end(scene.system);
  Scene<CoroutineAsker> second;
  second.asker.send(Any{{4, 2}});
  second.asker.send(All{});
  second.system.run_until_idle();
  REQUIRE(second.system.stop(second.asker).get());
  second.system.advance(1s);
  CHECK(second.log.size() == 0);
  testing::check_end(second.system);
}

}  // namespace
}  // namespace coppice
