#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/system/registry.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/scripted.hpp"
#include "support/test_end.hpp"

// What Elixir's Registry promises.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::run;
using testing::Scripted;
using testing::TestSystem;

struct Other : Actor<Other> {
  void handle(int) { throw 1; }
};

/// A key of one's own: it is copied and ordered, and nothing else.
struct Room {
  std::string house;
  int number = 0;
  friend bool operator<(const Room& a, const Room& b) {
    return std::tie(a.house, a.number) < std::tie(b.house, b.number);
  }
};

template <class Key>
[[nodiscard]] Lines names(const Registry<Key, std::string>& registry, const Key& key) {
  Lines lines;
  for (const auto& entry : registry.lookup(key)) lines.push_back(entry.actor.name() + "=" + entry.value);
  return lines;
}

struct Scene {
  Scene() {
    for (const char* const name : {"a", "b", "c"}) actors.push_back(system.spawn<Scripted>({.name = name}));
    system.run_until_idle();
  }
  TestSystem system;
  std::vector<ActorRef<Scripted>> actors;
};

TEST_CASE(
    "a unique key has one actor and a conflict answers who holds it") {  // Registry.register/3, already_registered
  Scene scene;
  Registry<std::string, std::string> registry{scene.system};
  REQUIRE(registry.register_key("key", scene.actors[0], "1"));
  for (const auto& actor : scene.actors) {
    const auto again = registry.register_key("key", actor, "2");
    REQUIRE_FALSE(again);
    CHECK(again.error().kind == NameError::Kind::Taken);
    CHECK(again.error().holder == AnyRef{scene.actors[0]});
  }
  CHECK(names(registry, std::string{"key"}) == Lines{"a=1"});
  CHECK(registry.count() == 1);
  testing::check_end(scene.system);
}

TEST_CASE("a duplicate key has any number of entries of one actor too") {  // keys: :duplicate
  Scene scene;
  Registry<std::string, std::string> registry{scene.system, Keys::Duplicate};
  REQUIRE(registry.register_key("key", scene.actors[1], "1"));
  REQUIRE(registry.register_key("key", scene.actors[0], "2"));
  REQUIRE(registry.register_key("key", scene.actors[1], "3"));
  REQUIRE(registry.register_key("key", scene.actors[1], "3"));
  CHECK(names(registry, std::string{"key"}) == Lines{"a=2", "b=1", "b=3", "b=3"});
  CHECK(registry.count() == 4);
  CHECK(registry.values("key", scene.actors[1]) == Lines{"1", "3", "3"});
  CHECK(registry.values("key", scene.actors[2]).empty());
  testing::check_end(scene.system);
}

TEST_CASE("a lookup of a key that nobody has is empty") {  // Registry.lookup/2
  Scene scene;
  Registry<Room, int> registry{scene.system};
  CHECK(registry.lookup({"here", 1}).empty());
  CHECK(registry.find<Scripted>({"here", 1}).error() == LookupError::Unknown);
  REQUIRE(registry.register_key({"here", 1}, scene.actors[0], 7));
  CHECK(registry.lookup({"here", 2}).empty());
  CHECK(registry.lookup({"here", 1}).front().value == 7);
  CHECK(registry.find<Scripted>({"here", 1}).value() == scene.actors[0]);
  CHECK(registry.find<Other>({"here", 1}).error() == LookupError::WrongType);
  testing::check_end(scene.system);
}

TEST_CASE("unregistering takes the entries of one actor under one key") {  // Registry.unregister/2
  Scene scene;
  Registry<std::string, std::string> registry{scene.system, Keys::Duplicate};
  for (const char* const key : {"x", "y"}) {
    for (const auto& actor : scene.actors) {
      REQUIRE(registry.register_key(key, actor, "1"));
      REQUIRE(registry.register_key(key, actor, "2"));
    }
  }
  CHECK(registry.unregister_key("x", scene.actors[1]) == 2);
  CHECK(registry.unregister_key("x", scene.actors[1]) == 0);
  CHECK(registry.unregister_key("nobody's", scene.actors[1]) == 0);
  CHECK(names(registry, std::string{"x"}) == Lines{"a=1", "a=2", "c=1", "c=2"});
  CHECK(registry.count() == 10);
  CHECK(registry.keys(scene.actors[1]) == Lines{"y", "y"});
  testing::check_end(scene.system);
}

TEST_CASE("a unique key that was unregistered is anybody's") {
  Scene scene;
  Registry<int> registry{scene.system};
  REQUIRE(registry.register_key(1, scene.actors[0]));
  CHECK(registry.unregister_key(1, scene.actors[1]) == 0);  // not its own
  CHECK_FALSE(registry.register_key(1, scene.actors[1]));
  CHECK(registry.unregister_key(1, scene.actors[0]) == 1);
  CHECK(registry.register_key(1, scene.actors[1]));
  testing::check_end(scene.system);
}

TEST_CASE("the keys of an actor are told in the order of their registration") {  // Registry.keys/2
  Scene scene;
  Registry<std::string, std::string> registry{scene.system};
  for (const char* const key : {"z", "m", "a"}) REQUIRE(registry.register_key(key, scene.actors[0], ""));
  CHECK(registry.keys(scene.actors[0]) == Lines{"z", "m", "a"});
  CHECK(registry.keys(scene.actors[1]).empty());
  testing::check_end(scene.system);
}

TEST_CASE("a value is updated by key and actor") {  // Registry.update_value/3
  Scene scene;
  Registry<std::string, std::string> registry{scene.system};
  REQUIRE(registry.register_key("key", scene.actors[0], "old"));
  CHECK(registry.update_value("key", scene.actors[1], "wrong") == 0);
  CHECK(registry.update_value("nobody's", scene.actors[0], "wrong") == 0);
  CHECK(registry.update_value("key", scene.actors[0], "new") == 1);
  CHECK(names(registry, std::string{"key"}) == Lines{"a=new"});
  testing::check_end(scene.system);
}

TEST_CASE("the entries of an actor that ends are gone before its Down") {  // "automatically unregistered"
  struct Heir : Actor<Heir> {
    Heir(Registry<std::string, std::string>* r, AnyRef holder, Log* l) : registry{r}, log{l} { watch(holder); }
    void handle(const Down& down) {
      log->add(std::to_string(registry->keys(down.actor).size()));
      for (const char* const key : {"outside", "own"})
        log->add(registry->register_key(key, self(), "heir") ? "free" : "taken");
    }
    Registry<std::string, std::string>* registry;
    Log* log;
  };
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Log log;
    TestSystem system{{.seed = seed}};
    Registry<std::string, std::string> registry{system};
    const auto holder = system.spawn<Scripted>();
    REQUIRE(registry.register_key("outside", holder, ""));
    run(holder, [&](Scripted& me) { REQUIRE(registry.register_key("own", me.self(), "")); });
    system.spawn<Heir>(&registry, AnyRef{holder}, &log);
    system.run_until_idle();
    run(holder, &Scripted::crash);
    system.run_until_idle();
    CHECK(log.lines() == Lines{"0", "free", "free"});
    CHECK(names(registry, std::string{"own"}) == Lines{"=heir"});
    testing::check_end(system);
    CHECK(registry.count() == 0);
  }
}

TEST_CASE("who has ended registers nothing and neither does another system's actor") {
  Scene scene;
  Registry<int> registry{scene.system};
  TestSystem elsewhere;
  const auto stranger = elsewhere.spawn<Other>();
  REQUIRE(scene.system.stop(scene.actors[0]).get());
  for (const AnyRef& actor : {AnyRef{scene.actors[0]}, AnyRef{}, AnyRef{stranger}})
    CHECK(registry.register_key(1, actor).error().kind == NameError::Kind::Ended);
  CHECK(registry.count() == 0);
  testing::check_end(elsewhere);
  testing::check_end(scene.system);
}

TEST_CASE("a dispatch calls with each entry outside of the lock") {  // Registry.dispatch/3
  Scene scene;
  Registry<std::string, int> registry{scene.system, Keys::Duplicate};
  for (const auto& actor : scene.actors) REQUIRE(registry.register_key("topic", actor, 10));
  int sum = 0;
  const std::size_t called = registry.dispatch("topic", [&](const AnyRef& actor, int value) {
    sum += value;
    actor.as<Scripted>().send(value);
    CHECK(registry.unregister_key("topic", actor) == 1);  // it may use the registry
  });
  CHECK(called == 3);
  CHECK(sum == 30);
  CHECK(registry.count() == 0);
  CHECK(registry.dispatch("topic", [](const AnyRef&, int) { FAIL("nobody is there"); }) == 0);
  scene.system.run_until_idle();
  CHECK(scene.actors[0].message_count() == 1);
  testing::check_end(scene.system);
}

TEST_CASE("what a life registered goes with it and the next one registers anew") {
  struct Child : Actor<Child> {
    explicit Child(Registry<std::string, std::uint32_t>* r) { REQUIRE(r->register_key("own", self(), incarnation())); }
    void handle(int) { throw 1; }
  };
  TestSystem system;
  Registry<std::string, std::uint32_t> registry{system};
  const auto root = system.start(supervisor({.id = "app"}, child<Child>({.id = "c"}, &registry)));
  REQUIRE(root);
  const auto child = root->child<Child>("c").value();
  REQUIRE(registry.register_key("outside", child, 0));
  for (std::uint32_t life = 1; life <= 3; ++life) {
    CHECK(registry.lookup("own").front().value == life);
    CHECK(registry.lookup("outside").front().value == 0);
    child.send(1);
    system.run_until_idle();
  }
  testing::check_end(system);
}

TEST_CASE("a registry may end before its actors and its system and after them") {
  auto brief = std::make_unique<TestSystem>();
  Registry<int> lasting{*brief};
  auto registry = std::make_unique<Registry<int>>(*brief);
  const auto actor = brief->spawn<Scripted>();
  REQUIRE(lasting.register_key(1, actor));
  REQUIRE(registry->register_key(1, actor));
  run(actor, [&](Scripted& me) { REQUIRE(registry->register_key(2, me.self())); });
  brief->run_until_idle();
  registry.reset();
  testing::check_end(*brief);
  brief.reset();
  CHECK(lasting.count() == 0);
  CHECK(lasting.register_key(1, actor).error().kind == NameError::Kind::Ended);
}

TEST_CASE("a value that does something when it goes does so outside of the lock") {
  struct Nosy {
    std::shared_ptr<int> count = std::make_shared<int>(0);
    Registry<int, Nosy>* registry = nullptr;
    Nosy() = default;
    explicit Nosy(Registry<int, Nosy>* r) : registry{r} {}
    Nosy(const Nosy&) = default;
    Nosy(Nosy&&) = default;
    Nosy& operator=(const Nosy&) = default;
    Nosy& operator=(Nosy&&) = default;
    ~Nosy() {
      if (registry != nullptr && count != nullptr) *count += static_cast<int>(registry->count()) + 1;
    }
  };
  TestSystem system;
  Registry<int, Nosy> registry{system};
  const auto actor = system.spawn<Scripted>();
  const auto ended = system.spawn<Scripted>();
  REQUIRE(system.stop(ended).get());
  REQUIRE(registry.register_key(1, actor, Nosy{&registry}));
  CHECK_FALSE(registry.register_key(1, actor, Nosy{&registry}));
  CHECK_FALSE(registry.register_key(2, ended, Nosy{&registry}));
  CHECK(registry.update_value(1, actor, Nosy{&registry}) == 1);
  CHECK(registry.unregister_key(1, actor) == 1);
  REQUIRE(registry.register_key(1, actor, Nosy{&registry}));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
