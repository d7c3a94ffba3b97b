#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

struct Note {
  std::uint32_t publisher;
  std::uint32_t number;
};
struct Die {};

constexpr std::size_t kTopics = 100;
constexpr std::size_t kPublishers = 3;

/// Counts, and sees whether each publisher's notes on its topic come one after the other.
struct Stable : Actor<Stable> {
  Stable(std::atomic<std::uint64_t>* c, std::atomic<bool>* w) : count{c}, wrong{w} {}
  void handle(const Note& note) {
    std::uint32_t& next = expected[note.publisher];
    if (note.number != next) wrong->store(true, std::memory_order_relaxed);
    next = note.number + 1;
    count->fetch_add(1, std::memory_order_relaxed);
  }
  std::atomic<std::uint64_t>* count;
  std::atomic<bool>* wrong;
  std::array<std::uint32_t, kPublishers> expected{};
};
struct Passing : Actor<Passing> {
  explicit Passing(InMemoryBroker* b) : broker{b} {}
  void handle(const Note& note) {
    if (note.number % 3 == 0) own = broker->subscribe<Note>("t." + std::to_string(note.number % kTopics), self());
    if (note.number % 7 == 0) stop();
  }
  void handle(Die) { stop(); }
  InMemoryBroker* broker;
  Subscription own;
};

TEST_CASE("on a hundred topics with churn each stable subscriber gets each publication in order") {  // P15
  const auto rounds = static_cast<std::uint32_t>(testing::scaled(2'000));
  ActorSystem system{testing::quiet(testing::two_workers())};
  InMemoryBroker broker{system};
  std::array<std::atomic<std::uint64_t>, kTopics> counts{};
  std::atomic<std::uint64_t> grouped{0};
  std::atomic<bool> wrong{false};
  std::atomic<bool> wrong_in_group{false};
  std::vector<Subscription> kept;
  for (std::size_t i = 0; i < kTopics; ++i) {
    const std::string topic = "t." + std::to_string(i);
    kept.push_back(broker.subscribe<Note>(topic, system.spawn<Stable>(&counts[i], &wrong)));
    if (i < 3)
      kept.push_back(broker.subscribe<Note>("t.*", system.spawn<Stable>(&grouped, &wrong_in_group), {.group = "g"}));
  }
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (std::uint32_t publisher = 0; publisher < kPublishers; ++publisher) {
    threads.emplace_back([&, publisher] {
      for (std::uint32_t number = 0; number < rounds; ++number) {
        for (std::size_t i = 0; i < kTopics; ++i) broker.publish("t." + std::to_string(i), Note{publisher, number});
      }
    });
  }
  std::thread churn{[&] {
    for (std::size_t turn = 0; !done.load(); ++turn) {
      const auto passing = system.spawn<Passing>(&broker);
      const std::string topic = "t." + std::to_string(turn % kTopics);
      const Subscription one = broker.subscribe<Note>(topic, passing);
      const Subscription two =
          broker.subscribe<Note>(turn % 2 == 0 ? "t.*" : ">", passing, {.bound = Bounded{4, Overflow::DropOldest}});
      passing.send(Die{});
    }
  }};
  for (auto& thread : threads) thread.join();
  done.store(true);
  churn.join();
  REQUIRE(testing::at_rest(system));
  CHECK_FALSE(wrong.load());
  for (const auto& count : counts) CHECK(count.load() == kPublishers * rounds);
  CHECK(grouped.load() == kTopics * kPublishers * rounds);
  CHECK(testing::eventually([&] { return broker.subscriptions() == kept.size(); }));
  testing::check_end(system);
  CHECK(broker.subscriptions() == 0);
}

}  // namespace
}  // namespace coppice
