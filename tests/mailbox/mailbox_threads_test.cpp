#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/mailbox/mailbox.hpp"
#include "support/eventually.hpp"
#include "support/scale.hpp"

// The laws of the mailbox against real threads: whoever is told Activate runs the owner's loop, on its own thread.

namespace coppice::detail {
namespace {

constexpr std::size_t kSenders = 8;

struct alignas(16) Item : Link {
  std::uint32_t sender = 0;
  std::uint64_t number = 0;
};

/// One mailbox and its owner's loop, which must never run twice at once.
class Owner {
 public:
  explicit Owner(std::uint64_t hold_every = 0) : hold_every_{hold_every} {}

  void push(std::uint32_t sender, std::uint64_t number) {
    auto* const item = new Item;
    item->sender = sender;
    item->number = number;
    switch (mailbox.push(*item)) {
      case Pushed::Activate: run(); break;
      case Pushed::Queued: break;
      case Pushed::Refused:
        refused.fetch_add(1);
        delete item;
        break;
    }
    // Seldom: beside other programs each costs a turn of theirs.
    if (number % 4'096 == 0) std::this_thread::yield();
  }
  void push_signal() {
    auto* const signal = new Signal;
    switch (mailbox.push_signal(*signal)) {
      case Pushed::Activate: run(); break;
      case Pushed::Queued: break;
      case Pushed::Refused: delete signal; break;
    }
  }
  ~Owner() {
    if (mailbox.is_closed()) delete static_cast<Item*>(mailbox.strip());
  }

  Mailbox mailbox;
  std::atomic<std::uint64_t> refused{0};
  std::atomic<bool> is_held{false};
  // The owner's, plain: M1 is what makes them safe.
  std::uint64_t taken = 0;
  std::uint64_t signals = 0;
  std::uint64_t overlaps = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t close_at = ~std::uint64_t{0};
  std::uint64_t next_number[kSenders] = {};

 private:
  void run() {
    if (running_.exchange(true, std::memory_order_relaxed)) ++overlaps;
    for (;;) {
      take_signals();
      if (!held_) take_messages();
      running_.store(false, std::memory_order_relaxed);
      Link* freed = nullptr;
      const Rest rest = mailbox.try_rest(held_, freed);
      if (rest == Rest::Idle) {
        delete static_cast<Item*>(freed);
        return;
      }
      if (running_.exchange(true, std::memory_order_relaxed)) ++overlaps;
      if (rest == Rest::InFlight) std::this_thread::yield();
    }
  }
  void take_signals() {
    for (Signal* signal = mailbox.take_signals(); signal != nullptr;) {
      Signal* const next = signal->next_signal;
      delete signal;
      ++signals;
      signal = next;
      if (held_) {
        held_ = false;
        is_held.store(false);
        mailbox.release_hold();
      }
    }
  }
  void take_messages() {
    while (Link* const link = mailbox.next()) {
      delete static_cast<Item*>(mailbox.take(link));
      const auto& item = *static_cast<Item*>(link);
      if (item.number != next_number[item.sender]++) ++out_of_order;
      if (++taken == close_at) mailbox.close();
      if (hold_every_ != 0 && taken % hold_every_ == 0) {
        held_ = true;
        is_held.store(true);
        return;
      }
    }
  }
  std::atomic<bool> running_{false};  // relaxed: it must not order what it watches
  bool held_ = false;
  std::uint64_t hold_every_;
};

void run_threads(std::size_t count, auto body) {
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < count; ++t) threads.emplace_back([body, t] { body(t); });
  for (auto& thread : threads) thread.join();
}

TEST_CASE("eight senders lose nothing and double nothing and each keeps its order") {  // F22
  const std::uint64_t each = testing::scaled(1'000'000);
  Owner owner;
  run_threads(kSenders, [&](std::uint32_t sender) {
    for (std::uint64_t i = 0; i < each; ++i) owner.push(sender, i);
  });
  CHECK(owner.taken == kSenders * each);
  CHECK(owner.out_of_order == 0);
  CHECK(owner.overlaps == 0);
  CHECK(owner.mailbox.depth() == 0);
  for (const std::uint64_t next : owner.next_number) CHECK(next == each);
}

TEST_CASE("signals from many threads are all taken among the messages") {
  const std::uint64_t each = testing::scaled(200'000);
  Owner owner;
  run_threads(4, [&](std::uint32_t sender) {
    for (std::uint64_t i = 0; i < each; ++i) {
      owner.push(sender, i);
      if (i % 3 == 0) owner.push_signal();
    }
  });
  CHECK(owner.taken == 4 * each);
  CHECK(owner.signals == 4 * ((each + 2) / 3));
  CHECK(owner.out_of_order == 0);
  CHECK(owner.overlaps == 0);
}

TEST_CASE("an owner that is held and released loses nothing") {
  const std::uint64_t each = testing::scaled(200'000);
  Owner owner{97};
  std::atomic<bool> done{false};
  std::thread releaser{[&] {
    while (!done) {
      if (owner.is_held) owner.push_signal();
      std::this_thread::yield();
    }
  }};
  run_threads(4, [&](std::uint32_t sender) {
    for (std::uint64_t i = 0; i < each; ++i) owner.push(sender, i);
  });
  // All has been sent; as long as holds are ended, all is taken.
  const bool released = testing::eventually([&] { return !owner.is_held; });
  CHECK(released);
  done = true;
  releaser.join();
  while (owner.is_held) owner.push_signal();
  CHECK(owner.taken == 4 * each);
  CHECK(owner.out_of_order == 0);
  CHECK(owner.overlaps == 0);
}

TEST_CASE("a mailbox that closes among many senders has taken exactly what it accepted") {
  const std::uint64_t rounds = testing::scaled(300);
  constexpr std::uint64_t kEach = 500;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    Owner owner;
    owner.close_at = 1 + round * 7 % (4 * kEach);
    run_threads(4, [&](std::uint32_t sender) {
      for (std::uint64_t i = 0; i < kEach; ++i) owner.push(sender, i);
    });
    REQUIRE(owner.taken >= owner.close_at);
    REQUIRE(owner.taken + owner.refused == 4 * kEach);
    REQUIRE(owner.out_of_order == 0);
    REQUIRE(owner.overlaps == 0);
  }
}

TEST_CASE("the end of a mailbox and a signal agree on who came first") {
  const std::uint64_t rounds = testing::scaled(20'000);
  std::uint64_t disagreements = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    Mailbox mailbox{Mailbox::Busy{}};
    mailbox.close();
    Signal signal;
    Pushed pushed = Pushed::Refused;
    std::atomic<bool> go{false};
    std::thread sender{[&] {
      while (!go) {
      }
      pushed = mailbox.push_signal(signal);
    }};
    go = true;
    const bool ended = mailbox.end();
    sender.join();
    if (ended != (pushed == Pushed::Refused)) ++disagreements;
  }
  CHECK(disagreements == 0);
}

}  // namespace
}  // namespace coppice::detail
