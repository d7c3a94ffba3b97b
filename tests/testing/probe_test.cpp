#include "coppice/testing/probe.hpp"

#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Probe;
using testing::TestSystem;

struct Ping {
  int number = 0;
};
struct Pong {
  int number = 0;
};
struct Start {};
struct Bang {};

/// Answers each Ping to whoever it was given.
struct Answerer : Actor<Answerer> {
  explicit Answerer(ActorRef<Protocol<void(Pong)>> t) : to{t} {}
  void handle(Ping ping) { to.send(Pong{ping.number + 1}); }
  void handle(Duration delay) { send_after(delay, Ping{100}).detach(); }
  void handle(Bang) { throw std::runtime_error{"boom"}; }
  ActorRef<Protocol<void(Pong)>> to;
};

TEST_CASE("a probe takes messages in their order and knows their type") {  // F89
  TestSystem system;
  Probe<Pong, std::string> probe{system};
  const auto answerer = system.spawn<Answerer>(probe.ref());
  answerer.send(Ping{1});
  answerer.send(Ping{2});
  const auto first = probe.expect<Pong>();
  REQUIRE(first);
  CHECK(first->number == 2);
  CHECK(probe.expect<Pong>()->number == 3);
  probe.ref().send(std::string{"words"});
  CHECK_FALSE(probe.expect<Pong>().has_value());  // something else came
  CHECK(probe.expect_none(1s));
  testing::check_end(system);
}

TEST_CASE("a probe waits in virtual time and not longer than it must") {
  TestSystem system;
  Probe<Pong> probe{system};
  const auto answerer = system.spawn<Answerer>(probe.ref());
  const TimePoint before = system.now();
  answerer.send(Duration{3s});
  CHECK(probe.expect_none(2s));
  CHECK(system.now() == before + 2s);
  REQUIRE(probe.expect<Pong>(10s));
  CHECK(system.now() == before + 3s);
  CHECK_FALSE(probe.expect<Pong>(1s));
  CHECK(system.now() == before + 4s);
  answerer.send(Duration{1s});
  CHECK_FALSE(probe.expect_none(5s));
  testing::check_end(system);
}

TEST_CASE("a probe sees the end of those it watches") {
  TestSystem system;
  Probe<Pong> probe{system};
  const auto answerer = system.spawn<Answerer>(probe.ref());
  probe.watch(answerer);
  answerer.send(Ping{1});
  answerer.send(Bang{});
  CHECK(probe.expect<Pong>());
  const auto down = probe.expect_down();  // after everything the actor sent before
  REQUIRE(down);
  CHECK(down->actor == AnyRef{answerer});
  CHECK(down->reason.text() == "boom");
  CHECK_FALSE(probe.expect_down(1s));
  testing::check_end(system);
}

TEST_CASE("a probe stands in wherever its protocol is asked for") {
  TestSystem system;
  Probe<Ping, Pong> probe{system};
  const ActorRef<Protocol<void(Pong)>> narrow = probe.ref();
  CHECK(narrow.send(Pong{5}) == Delivery::Accepted);
  CHECK(probe.expect<Pong>()->number == 5);
  CHECK(probe.any() == AnyRef{probe.actor()});
  testing::check_end(system);
}

TEST_CASE("a probe works on real threads as well") {
  ActorSystem system{testing::quiet()};
  {
    Probe<Pong> probe{system};
    const auto answerer = system.spawn<Answerer>(probe.ref());
    for (int i = 0; i < 100; ++i) {
      answerer.send(Ping{i});
      const auto pong = probe.expect<Pong>(testing::kPatience);
      REQUIRE(pong);
      CHECK(pong->number == i + 1);
    }
    CHECK(probe.expect_none(20ms));
    probe.watch(answerer);
    answerer.send(Bang{});
    CHECK(probe.expect_down(testing::kPatience));
  }
  testing::check_end(system);
}

TEST_CASE("the n-th message fails and no other") {  // F89
  for (std::uint64_t n = 1; n <= 5; ++n) {
    CAPTURE(n);
    TestSystem system;
    Probe<Pong> probe{system};
    const auto root = system.start(supervisor({.id = "app"}, child<Answerer>({.id = "a"}, probe.ref())));
    REQUIRE(root);
    const auto answerer = root->child<Answerer>("a").value();
    system.fail_message(n, answerer);
    for (int i = 1; i <= 5; ++i) answerer.send(Ping{i});
    for (int i = 1; i <= 5; ++i) {
      if (static_cast<std::uint64_t>(i) == n) continue;
      const auto pong = probe.expect<Pong>();
      REQUIRE(pong);
      CHECK(pong->number == i + 1);
    }
    CHECK(probe.expect_none(1s));
    CHECK(answerer.incarnation() == 2);
    CHECK(system.stats().failures == 1);
    testing::check_end(system);
  }
}

TEST_CASE("a fault without a name strikes whoever comes n-th") {
  TestSystem system;
  Probe<Pong> probe{system};
  const auto answerer = system.spawn<Answerer>(probe.ref());
  system.run_until_idle();
  system.fail_message(3);
  for (int i = 0; i < 3; ++i) answerer.send(Ping{i});
  system.run_until_idle();
  CHECK(system.ledger().dead(DeadReason::InHand) == 1);
  system.run_until_idle();
  testing::check_end(system);
}

TEST_CASE("the n-th start fails and the next succeeds") {  // F89
  TestSystem system;
  Probe<Pong> probe{system};
  const auto root = system.start(supervisor({.id = "app"}, child<Answerer>({.id = "a"}, probe.ref())));
  REQUIRE(root);
  const auto answerer = root->child<Answerer>("a").value();
  system.fail_start(1, answerer);
  answerer.send(Bang{});
  answerer.send(Ping{1});
  const auto pong = probe.expect<Pong>();
  REQUIRE(pong);
  CHECK(answerer.incarnation() == 3);  // the second could not start
  testing::check_end(system);
}

TEST_CASE("crash ends a life as a throw would") {
  TestSystem system;
  Probe<Pong> probe{system};
  const auto root = system.start(supervisor({.id = "app"}, child<Answerer>({.id = "a"}, probe.ref())));
  REQUIRE(root);
  const auto answerer = root->child<Answerer>("a");
  probe.watch(*answerer);
  system.run_until_idle();
  system.crash(answerer, "on purpose");
  const auto down = probe.expect_down();
  REQUIRE(down);
  CHECK(down->reason == ExitReason::error("on purpose"));
  CHECK_FALSE(system.has_stopped(answerer));
  for (int i = 0; i < 3; ++i) {
    system.crash(root->child<Answerer>("a"));
    system.advance(100ms);
  }
  CHECK(system.has_stopped(root));  // the example of the documentation
  CHECK(system.has_stopped(answerer));
  CHECK(system.stats().failures >= 4);
  testing::check_end(system);
}

TEST_CASE("failures that nobody supervises are kept for the test") {
  TestSystem system;
  Probe<Pong> probe{system};
  const auto answerer = system.spawn<Answerer>({.name = "loose"}, probe.ref());
  answerer.send(Bang{});
  system.run_until_idle();
  REQUIRE(system.failures().size() == 1);
  CHECK_THAT(system.failures().front(), testing::has_text("loose"));
  CHECK_THAT(system.failures().front(), testing::has_text("boom"));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
