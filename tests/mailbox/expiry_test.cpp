#include <chrono>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/mailbox_actor.hpp"
#include "support/scale.hpp"
#include "support/small_stack.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Reader;
using testing::TestSystem;

/// Every kind of mailbox that there is.
std::vector<MailboxOptions> all_kinds(std::uint64_t capacity = 1'000) {
  return {Unbounded{},
          Unbounded{.measured = true},
          Unbounded{.order = Order::Priority},
          Bounded{capacity, Overflow::Reject},
          Bounded{capacity, Overflow::DropNewest},
          Bounded{capacity, Overflow::DropOldest},
          Bounded{capacity, Overflow::Block},
          Bounded{capacity, KeepLatestBy<&testing::Tick::symbol>},
          Bounded{.capacity = capacity, .order = Order::Priority}};
}

/// A reader that handles nothing until 5 ms have passed: its life has ended, and the next one comes then.
struct Held {
  explicit Held(const MailboxOptions& mailbox) {
    root = system
               .start(supervisor({.id = "app", .backoff = Exponential{.first = 5ms, .cap = 5ms}},
                                 child<Reader>({.id = "reader", .mailbox = mailbox}, &seen)))
               .value();
    reader = root.child<Reader>("reader").value();
    system.crash(reader);
  }
  std::vector<int> seen;  // outlives the system
  TestSystem system;
  ActorRef<Supervisor> root;
  ActorRef<Reader> reader;
};

TEST_CASE("a message is handled within its time and at its last moment and not after it") {  // F28
  for (const MailboxOptions& mailbox : all_kinds()) {
    Held held{mailbox};
    held.reader.send(1, {.expires_after = 5ms - 1ns});
    held.reader.send(2, {.expires_after = 5ms});
    held.reader.send(3, {.expires_after = 5ms + 1ns});
    held.reader.send(4);
    CHECK(held.system.ledger().queued == 4);
    held.system.advance(5ms - 1ns);
    CHECK(held.system.ledger().queued == 4);  // nobody looks before its turn
    held.system.advance(1ns);
    CHECK(held.seen == std::vector<int>{2, 3, 4});
    CHECK(held.system.ledger().dead(DeadReason::Expired) == 1);
    CHECK(held.system.ledger().dead() == 1);
    testing::check_end(held.system);
  }
}

TEST_CASE("five milliseconds to live are enough for four and for five and not for six") {  // F28
  for (const auto& [advance, handled] : {std::pair{4ms, true}, {5ms, true}, {6ms, false}}) {
    std::vector<int> seen;
    TestSystem system;
    auto root = system.start(supervisor({.id = "app", .backoff = Exponential{.first = advance, .cap = advance}},
                                        child<Reader>({.id = "reader"}, &seen)));
    const auto reader = root->child<Reader>("reader").value();
    system.crash(reader);
    reader.send(1, {.expires_after = 5ms});
    system.advance(advance);
    CHECK(seen.size() == (handled ? 1 : 0));
    CHECK(system.ledger().dead(DeadReason::Expired) == (handled ? 0 : 1));
    testing::check_end(system);
  }
}

TEST_CASE("a time to live of nothing or less than that or of all time") {  // F28
  for (const MailboxOptions& mailbox : all_kinds()) {
    std::vector<int> seen;
    TestSystem system;
    const auto reader = system.spawn<Reader>({.mailbox = mailbox}, &seen);
    CHECK(reader.send(1, {.expires_after = 0ns}) == Delivery::Accepted);  // this very moment
    CHECK(reader.send(2, {.expires_after = -1ns}) == Delivery::Accepted);
    CHECK(reader.send(3, {.expires_after = Duration::min()}) == Delivery::Accepted);
    CHECK(reader.send(4, {.expires_after = Duration::max()}) == Delivery::Accepted);
    CHECK(reader.send(5, {.expires_after = kForever}) == Delivery::Accepted);
    CHECK(reader.send(6, {.expires_after = std::chrono::hours{24 * 365 * 200}}) == Delivery::Accepted);
    system.run_until_idle();
    CHECK(seen == std::vector<int>{1, 4, 5, 6});
    CHECK(system.ledger().dead(DeadReason::Expired) == 2);
    testing::check_end(system);
  }
}

TEST_CASE("an expired message counts against the capacity until its turn comes") {  // F28
  Held held{Bounded{2, Overflow::Reject}};
  CHECK(held.reader.send(1, {.expires_after = 1ms}) == Delivery::Accepted);
  CHECK(held.reader.send(2, {.expires_after = 1ms}) == Delivery::Accepted);
  held.system.advance(2ms);
  CHECK(held.reader.send(3) == Delivery::Rejected);
  held.system.advance(3ms);
  CHECK(held.seen.empty());
  CHECK(held.reader.send(4) == Delivery::Accepted);
  held.system.run_until_idle();
  CHECK(held.seen == std::vector<int>{4});
  CHECK(held.system.ledger().dead(DeadReason::Expired) == 2);
  testing::check_end(held.system);
}

TEST_CASE("the receiver is told until when a message lives") {  // F28, F34
  struct Curious : Actor<Curious> {
    std::vector<TimePoint> seen;
    void handle(int) { seen.push_back(info().deadline); }
    std::vector<TimePoint> handle(testing::Read) { return seen; }
  };
  TestSystem system;
  const auto curious = system.spawn<Curious>();
  const TimePoint now = system.now();
  curious.send(1, {.expires_after = 3ms});
  curious.send(1, {.correlation_id = 1});
  system.run_until_idle();
  CHECK(curious.ask(testing::Read{}, 1s).get().value() == std::vector<TimePoint>{now + 3ms, TimePoint::max()});
  testing::check_end(system);
}

TEST_CASE("an actor that stops makes what has expired dead letters like the rest") {  // F28, P4
  Held held{Unbounded{}};
  held.reader.send(1, {.expires_after = 1ms});
  held.system.advance(2ms);
  static_cast<void>(held.system.stop(held.root));
  held.system.run_until_idle();
  CHECK(held.system.ledger().dead() == 1);
  CHECK(held.seen.empty());
  testing::check_end(held.system);
}

TEST_CASE("a million messages that expired in a row need no stack") {  // F28
  const auto many = static_cast<int>(testing::scaled(1'000'000));
  const auto kinds = all_kinds(static_cast<std::uint64_t>(many) + 1);
  for (const MailboxOptions& mailbox : kinds) {
    testing::on_small_stack([&] {
      const int messages = &mailbox == &kinds.front() ? many : many / 20;
      std::vector<int> seen;
      TestSystem system;
      const auto reader = system.spawn<Reader>({.mailbox = mailbox}, &seen);
      for (int i = 0; i < messages; ++i) reader.send(i, {.expires_after = -1ns});
      reader.send(-1);
      system.run_until_idle();
      CHECK(seen == std::vector<int>{-1});
      CHECK(system.ledger().dead(DeadReason::Expired) == static_cast<std::uint64_t>(messages));
      testing::check_end(system);
    });
  }
}

TEST_CASE("an actor that is killed under many messages needs no stack") {  // F28
  // They are released at once instead of one by one.
  const auto many = static_cast<int>(testing::scaled(200'000));
  for (const MailboxOptions& mailbox : {MailboxOptions{Unbounded{}}, MailboxOptions{Unbounded{.measured = true}}}) {
    testing::on_small_stack([&] {
      TestSystem system;
      const auto reader = system.spawn<Reader>({.mailbox = mailbox});
      for (int i = 0; i < many; ++i) reader.send(i);
      static_cast<void>(system.stop(reader, {.reason = ExitReason::killed()}));
      system.run_until_idle();
      CHECK(reader.is_closed());
      CHECK(system.ledger().dead(DeadReason::Stopped) == static_cast<std::uint64_t>(many));
      testing::check_end(system);
    });
  }
}

}  // namespace
}  // namespace coppice
