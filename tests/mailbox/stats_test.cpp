#include <stdexcept>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/ending.hpp"
#include "support/mailbox_actor.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

// What a measured mailbox tells. Random traffic: traffic_test.cpp.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::Reader;
using testing::TestSystem;

constexpr Unbounded kMeasured{.measured = true};

TEST_CASE("times in the queue are exact") {  // F33
  std::vector<int> seen;
  TestSystem system;
  auto root = system.start(supervisor({.id = "app", .backoff = Exponential{.first = 10ms, .cap = 10ms}},
                                      child<Reader>({.id = "reader", .mailbox = kMeasured}, &seen)));
  const auto reader = root->child<Reader>("reader").value();
  system.crash(reader);
  for (int i = 0; i < 4; ++i) {
    reader.send(i);
    system.advance(2ms);
  }
  MailboxStats stats = reader.mailbox_stats().value();
  CHECK(stats.taken == 0);
  CHECK(stats.waited_most == 0ns);
  CHECK(stats.waited_on_average() == 0ns);
  CHECK(stats.depth == 4);
  system.advance(2ms);
  stats = reader.mailbox_stats().value();
  CHECK(stats.taken == 4);
  CHECK(stats.waited_most == 10ms);
  CHECK(stats.waited_in_all == 10ms + 8ms + 6ms + 4ms);
  CHECK(stats.waited_on_average() == 7ms);
  CHECK(stats.high_water == 4);
  CHECK(stats.depth == 0);
  testing::check_end(system);
}

TEST_CASE("the message in hand has left the mailbox and is not handled yet") {  // F33
  ActorSystem system{testing::two_workers()};
  Gate gate;
  const auto reader = testing::spawn_held(system, gate, kMeasured);
  reader.send(1);
  const MailboxStats stats = reader.mailbox_stats().value();
  CHECK(stats.enqueued == 2);
  CHECK(stats.handled == 0);
  CHECK(stats.depth == 1);
  CHECK(stats.taken == 1);
  gate.open();
  REQUIRE(testing::at_rest(system));
  REQUIRE(testing::eventually([&] { return reader.mailbox_stats()->balances(); }));
  CHECK(reader.mailbox_stats()->handled == 2);
  testing::check_end(system);
}

/// Has timers, asks, watches, and crashes.
struct Busy : Actor<Busy> {
  explicit Busy(ActorRef<Reader> r) : reader{std::move(r)} {}
  ActorRef<Reader> reader;
  TimerHandle timer;
  int replies = 0;
  void handle(int number) {
    if (number < 0) throw std::runtime_error{"negative"};
    watch(reader);
    timer = send_after(1ms, 1L);
    ask(reader, 1L, 1s).then([this](const Result<int, AskError>&) { ++replies; });
  }
  void handle(bool) { timer.cancel(); }
  void handle(long) {}
  void handle(const Down&) {}
};

TEST_CASE("timers and replies and downs and crashes are in the counts") {  // F26, F33
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    TestSystem system{{.seed = seed}};
    const auto reader = system.spawn<Reader>();
    auto root = system.start(supervisor(
        {.id = "app"}, child<Busy>({.id = "busy", .mailbox = Bounded{.capacity = 5, .measured = true}}, reader)));
    const auto busy = root->child<Busy>("busy").value();
    busy.send(1);
    system.advance(1ms);  // the reply and the timer
    CHECK(busy.mailbox_stats()->handled == 3);
    busy.send(1);
    busy.send(true);  // cancels, perhaps too late
    system.advance(1ms);
    static_cast<void>(system.stop(reader));
    system.run_until_idle();  // two downs
    busy.send(1);
    busy.send(-1);
    busy.send(2);
    busy.send(3, {.expires_after = -1ns});
    system.advance(10ms);
    const MailboxStats stats = busy.mailbox_stats().value();
    CHECK(stats.balances());
    CHECK(stats.depth == 0);
    CHECK(stats.dead(DeadReason::InHand) == 1);
    CHECK(stats.dead(DeadReason::Expired) == 1);
    CHECK(stats.handled == busy.message_count());
    CHECK(busy.incarnation() == 2);
    testing::check_end(system);
  }
}

TEST_CASE("what has been counted stays when the place has ended") {  // F33
  TestSystem system;
  const auto reader = system.spawn<Reader>({.mailbox = kMeasured});
  reader.send(1);
  system.run_until_idle();
  reader.send(2);
  static_cast<void>(system.stop(reader));
  system.run_until_idle();
  reader.send(3);
  const MailboxStats stats = reader.mailbox_stats().value();
  CHECK(stats.enqueued == 3);
  CHECK(stats.handled == 1);
  CHECK(stats.dead(DeadReason::Stopped) == 1);
  CHECK(stats.dead(DeadReason::Closed) == 1);
  CHECK(stats.balances());
  testing::check_end(system);
}

TEST_CASE("all lives of an actor are counted together") {  // F33
  TestSystem system;
  auto root = system.start(supervisor({.id = "app"}, child<Reader>({.id = "reader", .mailbox = kMeasured})));
  const auto reader = root->child<Reader>("reader").value();
  for (int life = 1; life <= 3; ++life) {
    reader.send(life);
    system.run_until_idle();
    CHECK(reader.mailbox_stats()->handled == static_cast<std::uint64_t>(life));
    system.crash(reader);
  }
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
