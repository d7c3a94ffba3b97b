#include <atomic>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::kPatience;

/// What the test itself has seen of the traffic.
struct Tally {
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> crashed{0};
  std::atomic<std::uint64_t> handed_back{0};
  std::atomic<std::uint64_t> refused[5] = {};  // by Delivery
};

struct Message {
  std::uint32_t dice;
};
struct Question {
  std::uint32_t dice;
};

struct Member : Actor<Member> {
  Member(Tally* t, std::vector<ActorRef<Member>>* o) : tally{t}, others{o} {}
  Tally* tally;
  std::vector<ActorRef<Member>>* others;
  OnError on_error(const ExitReason&) { return OnError::Resume; }
  void act(std::uint32_t dice) {
    if (dice % 97 == 0) {
      ++tally->crashed;
      throw std::runtime_error{"diced"};
    }
    if (dice % 3 == 0 && !others->empty()) {  // pass a smaller one on: the cascade ends
      const auto& other = (*others)[dice % others->size()];
      ++tally->sent;
      const Delivery delivery = other.send(Message{dice / 3});
      if (delivery != Delivery::Accepted) ++tally->refused[static_cast<int>(delivery)];
    }
    ++tally->handled;
  }
  void handle(Message message) { act(message.dice); }
  int handle(Question question) { return act(question.dice), 1; }
};

TEST_CASE("random traffic is accounted for to the last message") {  // F26, P4
  for (std::uint64_t seed = 1; seed <= testing::scaled(20); ++seed) {
    CAPTURE(seed);
    Tally tally;
    std::vector<ActorRef<Member>> members;
    ActorSystem system{testing::quiet(testing::two_workers())};
    for (int i = 0; i < 12; ++i) {
      MailboxOptions mailbox = Unbounded{};
      if (i % 3 == 1) mailbox = Bounded{5, Overflow::Reject};
      if (i % 3 == 2) mailbox = Bounded{5, Overflow::DropNewest};
      members.push_back(system.spawn<Member>({.mailbox = mailbox}, &tally, &members));
    }
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 dice{static_cast<std::uint32_t>(seed * 31 + t)};
        for (int i = 0; i < 2'000; ++i) {
          const auto& member = members[dice() % members.size()];
          ++tally.sent;
          switch (dice() % 4) {
            case 0: {
              Message message{static_cast<std::uint32_t>(dice())};
              if (member.try_send(message) != Delivery::Accepted) ++tally.handed_back;
              break;
            }
            case 1: {
              auto future = member.ask(Question{static_cast<std::uint32_t>(dice())}, kPatience);
              if (i % 16 == 0) static_cast<void>(future.get());
              break;
            }
            default: {
              const Delivery delivery = member.send(Message{static_cast<std::uint32_t>(dice())});
              if (delivery != Delivery::Accepted) ++tally.refused[static_cast<int>(delivery)];
            }
          }
        }
        // A few members end under way, in both manners.
        const StopMode mode = t % 2 == 0 ? StopMode::Discard : StopMode::Drain;
        static_cast<void>(system.stop(members[t * 3], {.mailbox = mode}).get());
      });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(testing::at_rest(system));
    const Ledger ledger = system.ledger();
    CHECK(ledger.balances());
    CHECK(ledger.sent == tally.sent);
    CHECK(ledger.handled == tally.handled);
    CHECK(ledger.handed_back == tally.handed_back);
    CHECK(ledger.dead(DeadReason::InHand) == tally.crashed);
    CHECK(ledger.dead(DeadReason::Rejected) >=
          tally.refused[static_cast<int>(Delivery::Rejected)]);  // asks come on top
    CHECK(ledger.dead(DeadReason::Dropped) >= tally.refused[static_cast<int>(Delivery::Dropped)]);
    testing::check_end(system);
  }
}

TEST_CASE("the statistics equal what happened") {  // F86, P24
  struct Simple : Actor<Simple> {
    void handle(int n) {
      if (n < 0) throw std::runtime_error{"negative"};
    }
    void handle(Gate* gate) { gate->pass(); }
  };
  ActorSystem system{testing::quiet(testing::two_workers())};
  Gate gate;
  const auto a = system.spawn<Simple>();
  const auto b = system.spawn<Simple>({.mailbox = Bounded{2, Overflow::Reject}});
  for (int i = 0; i < 5; ++i) a.send(i);
  b.send(&gate);
  REQUIRE(gate.wait_for_arrivals());
  for (int i = 0; i < 5; ++i) b.send(i);
  REQUIRE(testing::eventually([&] { return a.message_count() == 5; }));
  SystemStats stats = system.stats();
  CHECK(stats.actors == 2);
  CHECK(stats.sent == 11);
  CHECK(stats.handled == 5);
  CHECK(stats.queued == 3);  // one of them in hand
  CHECK(stats.dead == 3);
  CHECK(stats.dead_by_reason[static_cast<std::size_t>(DeadReason::Rejected)] == 3);
  CHECK(stats.failures == 0);
  CHECK(stats.restarts == 0);
  CHECK(stats.zombies == 0);
  gate.open();
  a.send(-1);
  REQUIRE(testing::eventually([&] { return a.is_closed(); }));
  REQUIRE(testing::at_rest(system));
  REQUIRE(testing::eventually([&] { return system.stats().actors == 1; }));
  stats = system.stats();
  CHECK(stats.failures == 1);
  CHECK(stats.dead == 4);
  testing::check_end(system);
}

struct Sink : Actor<Sink> {
  void handle(int) {}
};

TEST_CASE("the ledger never shows more done than was sent") {
  ActorSystem system{testing::two_workers()};
  const auto sink = system.spawn<Sink>();
  std::atomic<bool> on{true};
  std::thread sender{[&] {
    while (on) sink.send(1);
  }};
  for (std::size_t i = 0; i < testing::scaled(20'000); ++i) {
    const Ledger ledger = system.ledger();
    REQUIRE(ledger.handled <= ledger.sent);
    REQUIRE(ledger.queued <= ledger.sent);
  }
  on = false;
  sender.join();
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

void flood(const ActorRef<Sink>& sink, int messages) {
  for (int i = 0; i < messages; ++i) sink.send(i);
}

TEST_CASE("threads that come and go count on from where those before them stopped") {
  constexpr int kThreads = 40;  // more at once than can have a part of the ledger to themselves
  constexpr int kMessages = 300;
  const auto waves = static_cast<int>(testing::scaled(10));
  ActorSystem system{testing::two_workers()};
  const auto sink = system.spawn<Sink>();
  for (int wave = 0; wave < waves; ++wave) {
    Gate gate;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        flood(sink, kMessages);
        gate.pass();
        flood(sink, kMessages);
      });
    }
    REQUIRE(gate.wait_for_arrivals(kThreads));
    gate.open();
    for (auto& thread : threads) thread.join();
  }
  REQUIRE(testing::at_rest(system));
  CHECK(system.ledger().sent == static_cast<std::uint64_t>(2 * waves * kThreads * kMessages));
  testing::check_end(system);
}

TEST_CASE("a thread that uses two systems in turn is counted in each") {
  ActorSystem first{testing::two_workers()};
  ActorSystem second{testing::two_workers()};
  const auto a = first.spawn<Sink>();
  const auto b = second.spawn<Sink>();
  for (const int turn : {1, 10, 100, 1'000}) {
    for (int i = 0; i < 5; ++i) {
      flood(a, turn);
      flood(b, 2 * turn);
    }
  }
  REQUIRE(testing::at_rest(first));
  REQUIRE(testing::at_rest(second));
  CHECK(first.ledger().sent == std::uint64_t{5} * 1'111);
  CHECK(second.ledger().sent == std::uint64_t{5} * 2'222);
  testing::check_end(first);
  testing::check_end(second);
}

TEST_CASE("a thread that outlives a system is counted right in the next one") {
  for (int i = 0; i < 30; ++i) {  // the next one often stands where the one before stood
    ActorSystem system{testing::two_workers()};
    const auto sink = system.spawn<Sink>();
    flood(sink, 200);
    REQUIRE(testing::at_rest(system));
    CHECK(system.ledger().sent == 200);
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
