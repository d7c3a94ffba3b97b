#include <atomic>
#include <memory>
#include <string>
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

struct Quit {};
struct Read {};
struct Hang {
  Gate* gate;
};

struct Idle : Actor<Idle> {
  void handle(Quit) { stop(); }
  void handle(Hang hang) { hang.gate->pass(); }
};
struct Other : Actor<Other> {
  void handle(Quit) { stop(); }
};

TEST_CASE("a name is taken as long as its actor lives") {  // F13
  ActorSystem system;
  const auto first = system.try_spawn<Idle>({.name = "x"});
  REQUIRE(first);
  const auto second = system.try_spawn<Idle>({.name = "x"});
  REQUIRE_FALSE(second);
  CHECK(second.error() == SpawnError::DuplicateName);
  CHECK_FALSE(system.try_spawn<Other>({.name = "x"}));
  CHECK(system.stats().actors == 1);
  REQUIRE(system.stop(first.value()).get());
  const auto third = system.try_spawn<Idle>({.name = "x"});
  REQUIRE(third);
  CHECK_FALSE(third.value() == first.value());
  CHECK(system.find<Idle>("x").value() == third.value());
  testing::check_end(system);
}

TEST_CASE("actors without a name do not meet") {
  ActorSystem system;
  const auto one = system.try_spawn<Idle>({});
  const auto two = system.try_spawn<Idle>({.name = ""});
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->path() == "#" + std::to_string(one->id()));
  CHECK(one->name().empty());
  CHECK_FALSE(system.find_any(""));
  testing::check_end(system);
}

TEST_CASE("a live actor is found by its name and class") {
  ActorSystem system;
  const auto idle = system.spawn<Idle>({.name = "idle"});
  const auto found = system.find<Idle>("idle");
  REQUIRE(found);
  CHECK(found.value() == idle);
  CHECK(system.find_any("idle") == AnyRef{idle});
  const auto wrong = system.find<Other>("idle");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error() == LookupError::WrongType);
  const auto unknown = system.find<Idle>("nobody");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error() == LookupError::Unknown);
  REQUIRE(system.stop(idle).get());
  CHECK(system.find<Idle>("idle").error() == LookupError::Unknown);
  testing::check_end(system);
}

TEST_CASE("of many threads that want one name exactly one gets it") {
  ActorSystem system;
  for (std::size_t round = 0; round < testing::scaled(200); ++round) {
    std::atomic<int> won{0};
    std::atomic<int> lost{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto spawned = system.try_spawn<Idle>({.name = "contested"});
        ++(spawned ? won : lost);
      });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(won == 1);
    REQUIRE(lost == 3);
    REQUIRE(system.stop(system.find_any("contested")).get());
  }
  testing::check_end(system);
}

TEST_CASE("the limit counts live actors and lets ten thousand come and go") {  // F14
  SystemOptions options;
  options.actors_max = 10;
  ActorSystem system{std::move(options)};
  const std::size_t count = testing::scaled(10'000);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto spawned = system.try_spawn<Idle>({});
    if (!spawned) {
      ++refused;
      continue;
    }
    if (!system.stop(spawned.value()).get()) ++refused;
  }
  CHECK(refused == 0);
  CHECK(system.stats().actors == 0);
  testing::check_end(system);
}

TEST_CASE("one actor more than the limit is refused and leaves nothing") {
  SystemOptions options;
  options.actors_max = 10;
  ActorSystem system{std::move(options)};
  std::vector<ActorRef<Idle>> actors;
  for (int i = 0; i < 10; ++i) {
    auto spawned = system.try_spawn<Idle>({});
    REQUIRE(spawned);
    actors.push_back(spawned.value());
  }
  const auto one_more = system.try_spawn<Idle>({.name = "one more"});
  REQUIRE_FALSE(one_more);
  CHECK(one_more.error() == SpawnError::LimitReached);
  CHECK_FALSE(system.find_any("one more"));
  REQUIRE(system.stop(actors.back()).get());
  CHECK(system.try_spawn<Idle>({.name = "one more"}));
  testing::check_end(system);
}

TEST_CASE("children count against the limit and their parent hears of it") {
  struct Parent : Actor<Parent> {
    SpawnError handle(Read) {
      for (;;) {
        const auto child = try_spawn<Idle>({});
        if (!child) return child.error();
      }
    }
  };
  SystemOptions options;
  options.actors_max = 5;
  ActorSystem system{std::move(options)};
  const auto parent = system.spawn<Parent>();
  const auto answer = parent.ask(Read{}, kPatience).get();
  REQUIRE(answer);
  CHECK(answer.value() == SpawnError::LimitReached);
  CHECK(system.stats().actors == 5);
  testing::check_end(system);
}

TEST_CASE("a mailbox that could hold nothing is refused") {
  ActorSystem system;
  const auto none = system.try_spawn<Idle>({.mailbox = Bounded{0, Overflow::Reject}});
  REQUIRE_FALSE(none);
  CHECK(none.error() == SpawnError::BadOption);
  CHECK(system.stats().actors == 0);
  testing::check_end(system);
}

TEST_CASE("a mailbox may be as large as a number") {
  ActorSystem system;
  const auto vast = system.try_spawn<Idle>({.mailbox = Bounded{~std::uint64_t{0}, Overflow::Reject}});
  REQUIRE(vast);
  CHECK(vast->send(Quit{}) == Delivery::Accepted);
  testing::check_end(system);
}

TEST_CASE("a closing system refuses to spawn") {
  ActorSystem system;
  REQUIRE(system.shutdown().complete);
  CHECK(system.is_shutting_down());
  const auto late = system.try_spawn<Idle>({.name = "late"});
  REQUIRE_FALSE(late);
  CHECK(late.error() == SpawnError::Closing);
  testing::check_end(system);
}

TEST_CASE("arguments are kept by value until the constructor runs") {
  struct Holder : Actor<Holder> {
    Holder(std::string t, std::unique_ptr<int> n) : text{std::move(t)}, number{std::move(n)} {}
    std::string text;
    std::unique_ptr<int> number;
    std::string handle(Read) { return text + std::to_string(*number); }
  };
  SystemOptions options;
  options.workers = 1;
  ActorSystem system{std::move(options)};
  const auto idle = system.spawn<Idle>();
  Gate gate;
  idle.send(Hang{&gate});
  REQUIRE(gate.wait_for_arrivals());
  ActorRef<Holder> holder;
  {
    std::string text = "a text that is too long for any small buffer ";
    holder = system.spawn<Holder>(text, std::make_unique<int>(6));
    text = "gone";
  }
  gate.open();
  CHECK(holder.ask(Read{}, kPatience).get().value() == "a text that is too long for any small buffer 6");
  testing::check_end(system);
}

TEST_CASE("a constructor runs on a worker and what was sent meanwhile waits for it") {
  struct Slow : Actor<Slow> {
    explicit Slow(Gate* gate) {
      gate->pass();
      ready = true;
    }
    bool ready = false;
    bool handle(Read) { return ready; }
  };
  ActorSystem system;
  Gate gate;
  const auto slow = system.spawn<Slow>(&gate);
  REQUIRE(gate.wait_for_arrivals());
  CHECK(slow.phase() == Phase::Starting);
  auto ready = slow.ask(Read{}, kPatience);
  gate.open();
  CHECK(ready.get().value());
  testing::check_end(system);
}

TEST_CASE("an actor of any alignment and size is placed right") {
  struct alignas(64) Aligned : Actor<Aligned> {
    char bytes[1'000] = {};
    bool handle(Read) { return reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
  };
  struct Vast : Actor<Vast> {
    std::vector<int> small{1};
    char bytes[100'000] = {};
    bool handle(Read) { return bytes[99'999] == 0; }
  };
  ActorSystem system;
  CHECK(system.spawn<Aligned>().ask(Read{}, kPatience).get().value());
  CHECK(system.spawn<Vast>().ask(Read{}, kPatience).get().value());
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
