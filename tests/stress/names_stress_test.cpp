#include <atomic>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/system/process_groups.hpp"
#include "coppice/system/registry.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"

// Names, keys and groups under many threads: who has what is decided once, and the dead have nothing.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;

struct Fail {};
struct Quit {};
struct Sync {};

struct Mortal : Actor<Mortal> {
  explicit Mortal(std::atomic<int>* a = nullptr) : alive{a} {
    ++born;
    if (alive != nullptr && ++*alive > 1) ++overlaps;
  }
  ~Mortal() {
    if (alive != nullptr) --*alive;
  }
  void handle(Fail) { throw std::runtime_error{"failed"}; }
  void handle(Quit) { stop(); }
  bool handle(Sync) { return true; }
  std::atomic<int>* alive;
  static inline std::atomic<int> overlaps{0};
  static inline std::atomic<int> born{0};
};

/// Runs `body(thread)` in four threads that begin together.
template <class F>
void in_four_threads(F body) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      ++ready;
      while (ready < 4) std::this_thread::yield();
      body(t);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_CASE("of many threads that register one name for an actor exactly one does and the others are told who") {  // F43
  ActorSystem system{testing::two_workers()};
  std::vector<ActorRef<Mortal>> actors;
  for (int i = 0; i < 4; ++i) actors.push_back(system.spawn<Mortal>());
  for (std::size_t round = 0; round < testing::scaled(500); ++round) {
    std::atomic<int> won{0};
    AnyRef holders[4];
    in_four_threads([&](unsigned t) {
      const auto given = system.register_name("contested", actors[t]);
      if (given) ++won;
      holders[t] = given ? AnyRef{actors[t]} : given.error().holder;
    });
    REQUIRE(won == 1);
    for (const AnyRef& holder : holders) REQUIRE(holder == system.find_any("contested"));
    REQUIRE(system.unregister_name("contested"));
  }
  testing::check_end(system);
}

TEST_CASE("a hundred calls at once get one instance") {  // F20
  for (std::size_t round = 0; round < testing::scaled(50); ++round) {
    std::atomic<int> alive{0};
    ActorSystem system{testing::two_workers()};
    std::vector<ActorRef<Mortal>> got[4];
    in_four_threads([&](unsigned t) {
      for (int i = 0; i < 25; ++i) got[t].push_back(system.get_or_spawn<Mortal>("one", &alive).value());
    });
    for (const auto& refs : got) {
      for (const auto& ref : refs) REQUIRE(ref == got[0].front());
    }
    CHECK(got[0].front().ask(Sync{}, kPatience).get());
    CHECK(system.stats().actors == 1);
    CHECK(alive == 1);
    testing::check_end(system);
  }
}

TEST_CASE("instances that are got or spawned while they end never overlap") {
  std::atomic<int> alive{0};
  Mortal::overlaps = Mortal::born = 0;
  ActorSystem system{testing::quiet(testing::two_workers())};
  std::atomic<std::uint64_t> errors{0};
  in_four_threads([&](unsigned t) {
    std::mt19937 dice{t};
    for (std::size_t i = 0; i < testing::scaled(5'000); ++i) {
      const auto got = system.get_or_spawn<Mortal>("one", &alive);
      if (!got) {
        ++errors;
        continue;
      }
      if (dice() % 3 == 0) got->send(Fail{});
      if (dice() % 3 == 0) got->send(Quit{});
      if (dice() % 5 == 0) static_cast<void>(got->ask(Sync{}, kPatience).get());
      while (got->is_closed() && system.find_any("one") == AnyRef{got.value()}) std::this_thread::yield();
    }
  });
  CHECK(errors == 0);
  CHECK(Mortal::born > 1);
  CHECK(Mortal::overlaps == 0);  // the next one is constructed when the one before is destroyed
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
  CHECK(alive == 0);
}

TEST_CASE("a name is taken over as soon as its holder has ended and not before") {
  ActorSystem system{testing::two_workers()};
  for (std::size_t round = 0; round < testing::scaled(1'000); ++round) {
    const auto holder = system.spawn<Mortal>({.name = "seat"});
    std::vector<ActorRef<Mortal>> heirs;
    for (int i = 0; i < 2; ++i) heirs.push_back(system.spawn<Mortal>());
    std::atomic<int> seated{0};
    std::atomic<int> too_early{0};
    std::vector<std::thread> threads;
    threads.emplace_back([&] { holder.send(Quit{}); });
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, heir = heirs[static_cast<std::size_t>(i)]] {
        for (;;) {
          const auto given = system.register_name("seat", heir);
          if (given) {
            ++seated;
            if (!holder.is_closed()) ++too_early;
            return;
          }
          if (given.error().holder != AnyRef{holder}) return;  // the other heir was first
          std::this_thread::yield();
        }
      });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(seated == 1);
    REQUIRE(too_early == 0);
    for (const auto& heir : heirs) static_cast<void>(system.stop(heir).get());
    REQUIRE_FALSE(system.find_any("seat"));
  }
  testing::check_end(system);
}

/// Sees to it that whoever is dead has nothing: looks at each Down.
struct Coroner : Actor<Coroner> {
  Coroner(ProcessGroups* g, Registry<int>* r, std::atomic<int>* f) : groups{g}, registry{r}, found{f} {}
  bool handle(ActorRef<Mortal> mortal) {
    watch(mortal);
    return true;
  }
  void handle(const Down& down) {
    ++downs;
    for (const char* const name : {"x", "y", "z"}) {
      if (system().find_any(name) == down.actor) ++*found;
      for (const AnyRef& member : *groups->members(name)) {
        if (member == down.actor) ++*found;
      }
    }
    if (!registry->keys(down.actor).empty()) ++*found;
  }
  int handle(Sync) { return downs; }
  ProcessGroups* groups;
  Registry<int>* registry;
  std::atomic<int>* found;
  int downs = 0;
};

TEST_CASE("whoever has got the Down finds nothing of the dead whatever was registered meanwhile") {
  std::atomic<int> found{0};
  ActorSystem system{testing::quiet(testing::two_workers())};
  ProcessGroups groups{system};
  Registry<int> registry{system, Keys::Duplicate};
  const auto coroner = system.spawn<Coroner>(&groups, &registry, &found);
  const int rounds = static_cast<int>(testing::scaled(2'000));
  for (int round = 0; round < rounds; ++round) {
    const auto mortal = system.spawn<Mortal>();
    REQUIRE(coroner.ask(mortal, kPatience).get());
    std::atomic<bool> over{false};
    std::thread registers{[&] {
      for (int i = 0; i < 100 && !over; ++i) {
        for (const char* const name : {"x", "y", "z"}) {
          static_cast<void>(system.register_name(name, mortal));
          static_cast<void>(groups.join(name, mortal));
          static_cast<void>(registry.register_key(1, mortal));
        }
      }
    }};
    if (round % 2 == 0) std::this_thread::yield();
    round % 3 == 0 ? mortal.send(Fail{}) : mortal.send(Quit{});
    REQUIRE(testing::eventually([&] { return coroner.ask(Sync{}, kPatience).get().value() == round + 1; }));
    over = true;
    registers.join();
  }
  CHECK(found == 0);
  CHECK(groups.groups().empty());
  CHECK(registry.count() == 0);
  testing::check_end(system);
}

/// Keeps a group's members by what it hears.
struct Follower : Actor<Follower> {
  explicit Follower(ProcessGroups* g) {
    const auto begun = g->watch("storm", self());
    for (const AnyRef& member : *begun->members) ++members[member.id()];
  }
  void handle(const GroupEvent& event) {
    int& count = members[event.member.id()];
    count += event.kind == GroupEvent::Kind::Joined ? 1 : -1;
    if (count < 0) ++wrong;
    if (count == 0) members.erase(event.member.id());
    ++events;
  }
  bool handle(ActorRef<Mortal> mortal) {
    watch(mortal);
    return true;
  }
  void handle(const Down& down) {
    if (members.contains(down.actor.id())) ++wrong;  // it left before
  }
  std::vector<std::uint64_t> handle(Sync) {
    std::vector<std::uint64_t> all;
    for (const auto& [id, count] : members) all.insert(all.end(), static_cast<std::size_t>(count), id);
    return all;
  }
  std::uint64_t handle(Quit) { return events; }
  int handle(Fail) { return wrong; }
  std::map<std::uint64_t, int> members;
  std::uint64_t events = 0;
  int wrong = 0;
};

TEST_CASE("joins leaves and ends in a storm are counted exactly and followers know the members") {
  std::atomic<std::uint64_t> joined{0};
  std::atomic<std::uint64_t> left{0};
  ActorSystem system{testing::quiet(testing::two_workers())};
  ProcessGroups groups{system};
  const auto first = system.spawn<Follower>(&groups);
  REQUIRE(first.ask(Sync{}, kPatience).get());
  std::vector<ActorRef<Follower>> followers(4);
  std::vector<ActorRef<Mortal>> lasting(4);
  in_four_threads([&](unsigned t) {
    std::mt19937 dice{t};
    std::vector<ActorRef<Mortal>> mine;
    for (std::size_t i = 0; i < testing::scaled(10'000); ++i) {
      if (mine.size() < 8) {
        mine.push_back(system.spawn<Mortal>());
        static_cast<void>(first.ask(mine.back(), kPatience).get());
      }
      auto& actor = mine[dice() % mine.size()];
      switch (dice() % 8) {
        case 0: actor.send(Quit{}); break;
        case 1: actor.send(Fail{}); break;
        case 2:
        case 3:
          if (groups.leave("storm", actor)) ++left;
          break;
        default:
          if (groups.join("storm", actor)) ++joined;
      }
      if (actor.is_closed()) actor = system.spawn<Mortal>();
      if (i == testing::scaled(10'000) / 2) followers[t] = system.spawn<Follower>(&groups);
    }
    for (const auto& actor : mine) static_cast<void>(system.stop(actor).get());
    lasting[t] = system.spawn<Mortal>();
    for (unsigned i = 0; i <= t; ++i) {
      if (groups.join("storm", lasting[t])) ++joined;
    }
  });
  // Of those that quit or failed nobody waits for the end, which comes after their last message.
  constexpr std::size_t kLasting = 1 + 2 + 3 + 4;
  REQUIRE(testing::eventually([&] { return groups.members("storm")->size() == kLasting; }));
  REQUIRE(testing::at_rest(system));
  std::vector<std::uint64_t> members;
  for (const AnyRef& member : *groups.members("storm")) members.push_back(member.id());
  CHECK(members.size() == kLasting);
  followers.push_back(first);
  for (const auto& follower : followers) {
    CHECK(follower.ask(Sync{}, kPatience).get().value() == members);
    CHECK(follower.ask(Fail{}, kPatience).get().value() == 0);
  }
  // Each join is left once: by a leave, or with the end.
  CHECK(first.ask(Quit{}, kPatience).get().value() == 2 * joined - members.size());
  CHECK(left <= joined);
  testing::check_end(system);
  CHECK(groups.groups().empty());
}

}  // namespace
}  // namespace coppice
