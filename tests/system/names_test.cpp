#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/quiet.hpp"
#include "support/scripted.hpp"
#include "support/test_end.hpp"

// Names of running actors, refs by name, and actors that are spawned unless they are there.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Lines;
using testing::Log;
using testing::run;
using testing::Scripted;
using testing::TestSystem;

struct Add {
  int by;
};
struct Counter : Actor<Counter> {
  explicit Counter(int from = 0) : total{from} {}
  int handle(Add add) { return total += add.by; }
  int total;
};
struct Other : Actor<Other> {
  int handle(Add add) { return add.by; }
};

// ---- register_name ----

TEST_CASE("a running actor is registered under a name and found by it and its class") {  // F43
  TestSystem system;
  const auto counter = system.spawn<Counter>();
  REQUIRE(system.register_name("counter", counter));
  CHECK(system.find<Counter>("counter").value() == counter);
  CHECK(system.find_any("counter") == AnyRef{counter});
  CHECK(system.find<Other>("counter").error() == LookupError::WrongType);
  CHECK(system.find<Counter>("other").error() == LookupError::Unknown);
  CHECK(counter.name().empty());  // what it was spawned as
  testing::check_end(system);
}

TEST_CASE("a name that is taken answers who has it") {
  TestSystem system;
  const auto first = system.spawn<Counter>({.name = "spawned"});
  const auto second = system.spawn<Other>();
  REQUIRE(system.register_name("registered", first));
  for (const char* const name : {"spawned", "registered"}) {
    CAPTURE(name);
    for (const AnyRef& actor : {AnyRef{second}, AnyRef{first}}) {
      const auto given = system.register_name(name, actor);
      REQUIRE_FALSE(given);
      CHECK(given.error().kind == NameError::Kind::Taken);
      CHECK(given.error().holder == AnyRef{first});
    }
  }
  CHECK(system.try_spawn<Counter>({.name = "registered"}).error() == SpawnError::DuplicateName);
  testing::check_end(system);
}

TEST_CASE("an actor may have several names and each is freed by itself or with its end") {
  TestSystem system;
  const auto counter = system.spawn<Counter>({.name = "one"});
  REQUIRE(system.register_name("two", counter));
  REQUIRE(system.register_name("three", counter));
  REQUIRE(system.unregister_name("two"));
  CHECK(system.unregister_name("two").error() == LookupError::Unknown);
  CHECK_FALSE(system.find_any("two"));
  REQUIRE(system.unregister_name("one"));  // however it was given
  CHECK(system.find<Counter>("three").value() == counter);
  REQUIRE(system.stop(counter).get());
  CHECK_FALSE(system.find_any("three"));
  const auto next = system.spawn<Counter>();
  for (const char* const name : {"one", "two", "three"}) CHECK(system.register_name(name, next));
  testing::check_end(system);
}

TEST_CASE("who has ended or is nobody or is of another system gets no name") {
  TestSystem system;
  const auto gone = system.spawn<Counter>();
  REQUIRE(system.stop(gone).get());
  TestSystem elsewhere;
  const auto stranger = elsewhere.spawn<Counter>();
  for (const AnyRef& actor : {AnyRef{gone}, AnyRef{}, AnyRef{stranger}}) {
    const auto given = system.register_name("x", actor);
    REQUIRE_FALSE(given);
    CHECK(given.error().kind == NameError::Kind::Ended);
  }
  const auto counter = system.spawn<Counter>();
  CHECK(system.register_name("", counter).error().kind == NameError::Kind::BadName);
  CHECK(system.register_name("x", counter));
  testing::check_end(elsewhere);
  testing::check_end(system);
}

TEST_CASE("each name of an actor is free before the Down of its end") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    struct Heir : Actor<Heir> {
      Heir(AnyRef holder, Log* l) : log{l} { watch(holder); }
      void handle(const Down&) {
        for (const char* const name : {"spawned", "outside", "own"})
          log->add(system().register_name(name, self()) ? name : "taken");
      }
      Log* log;
    };
    CAPTURE(seed);
    Log log;
    TestSystem system{{.seed = seed}};
    const auto holder = system.spawn<Scripted>({.name = "spawned"});
    REQUIRE(system.register_name("outside", holder));
    run(holder, [](Scripted& me) { REQUIRE(me.system().register_name("own", me.self())); });
    const auto heir = system.spawn<Heir>(AnyRef{holder}, &log);
    system.run_until_idle();
    run(holder, seed % 2 == 0 ? &Scripted::crash : [](Scripted& me) { me.stop(); });
    system.run_until_idle();
    CHECK(log.lines() == Lines{"spawned", "outside", "own"});
    CHECK(system.find<Heir>("own").value() == heir);
    testing::check_end(system);
  }
}

TEST_CASE("what a child names itself ends with its life and what others name it with its place") {
  struct Child : Actor<Child> {
    explicit Child(Log* l) { l->add(system().register_name("own", self()) ? "named" : "not named"); }
    void handle(int) { throw 1; }
  };
  Log log;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, child<Child>({.id = "c"}, &log)));
  REQUIRE(root);
  const auto child = root->child<Child>("c").value();
  REQUIRE(system.register_name("outside", child));
  for (int i = 0; i < 3; ++i) {
    child.send(1);
    system.run_until_idle();
  }
  CHECK(child.incarnation() == 4);
  CHECK(log.lines() == Lines(4, "named"));
  CHECK(system.find<Child>("own").value() == child);
  CHECK(system.find<Child>("outside").value() == child);
  REQUIRE(root->terminate_child("c"));
  CHECK_FALSE(system.find_any("own"));
  CHECK_FALSE(system.find_any("outside"));
  REQUIRE(root->restart_child("c"));
  system.run_until_idle();
  CHECK(system.find<Child>("own").value() == child);
  CHECK_FALSE(system.find_any("outside"));
  testing::check_end(system);
}

// ---- refs by name ----

TEST_CASE("a ref by name finds whoever has the name at each send") {  // F43: refs that survive
  TestSystem system;
  const auto counter = system.named<Counter>("counter");
  CHECK(counter.name() == "counter");
  CHECK(counter.resolve().error() == LookupError::Unknown);
  for (int life = 1; life <= 3; ++life) {
    const auto spawned = system.spawn<Counter>({.name = "counter"}, 100 * life);
    CHECK(counter.resolve().value() == spawned);
    CHECK(counter.send(Add{1}) == Delivery::Accepted);
    CHECK(counter.send(Add{1}, SendOptions{.correlation_id = 7}) == Delivery::Accepted);
    Add add{1};
    CHECK(counter.try_send(add) == Delivery::Accepted);
    CHECK(counter.ask(Add{1}, 1s).get().value() == 100 * life + 4);
    REQUIRE(system.stop(spawned).get());
  }
  testing::check_end(system);
}

TEST_CASE("what is sent to a name that nobody has is a dead letter and an ask answers closed") {
  TestSystem system;
  const auto counter = system.named<Counter>("counter");
  CHECK(counter.send(Add{1}) == Delivery::Closed);
  CHECK(counter.send(Add{1}, SendOptions{}) == Delivery::Closed);
  CHECK(system.ledger().sent == 2);
  CHECK(system.ledger().dead(DeadReason::Closed) == 2);
  REQUIRE(system.dead_letters().size() == 2);
  CHECK_FALSE(system.dead_letters().front().target);
  Add add{1};
  CHECK(counter.try_send(add) == Delivery::Closed);  // stays with the caller
  CHECK(counter.ask(Add{1}, 1s).get().error() == AskError::Closed);
  CHECK(system.ledger().sent == 2);
  CHECK(NamedRef<Counter>{}.send(Add{1}) == Delivery::Closed);  // no system: nobody counts
  CHECK(NamedRef<Counter>{}.ask(Add{1}, 1s).get().error() == AskError::Closed);
  testing::check_end(system);
}

TEST_CASE("a name that an actor of another class has is nobody's to a typed ref") {
  TestSystem system;
  const auto other = system.spawn<Other>({.name = "counter"});
  const auto counter = system.named<Counter>("counter");
  CHECK(counter.resolve().error() == LookupError::WrongType);
  CHECK(counter.resolve_any() == AnyRef{other});
  CHECK(counter.send(Add{1}) == Delivery::Closed);
  CHECK(counter.ask(Add{1}, 1s).get().error() == AskError::Closed);
  CHECK(system.ledger().dead(DeadReason::Closed) == 1);
  testing::check_end(system);
}

TEST_CASE("an actor asks and watches by name") {
  Log log;
  TestSystem system;
  const auto asker = system.spawn<Scripted>(&log);
  const auto counter = system.named<Counter>("counter");
  const auto ask_and_watch = [&](Scripted& me) {
    me.ask(counter, Add{1}, 1s).then([&me](Result<int, AskError> total) {
      me.note(total ? std::to_string(total.value()) : to_string(total.error()));
    });
    me.watch(counter);
  };
  run(asker, ask_and_watch);
  system.run_until_idle();
  CHECK(log.size() == 2);
  const auto spawned = system.spawn<Counter>({.name = "counter"}, 6);
  run(asker, ask_and_watch);
  system.run_until_idle();
  REQUIRE(system.stop(spawned).get());
  system.run_until_idle();
  Lines lines = log.lines();
  std::sort(lines.begin(), lines.end());
  CHECK(lines == Lines{"7", "closed", "down " + ExitReason::no_proc().to_string(), "down normal"});
  testing::check_end(system);
}

TEST_CASE("a ref by name is safe after its system") {
  NamedRef<Counter> counter;
  {
    TestSystem system;
    counter = system.named<Counter>("counter");
    system.spawn<Counter>({.name = "counter"});
    REQUIRE(counter.resolve());
    testing::check_end(system);
  }
  CHECK(counter.resolve().error() == LookupError::Unknown);
  CHECK(counter.send(Add{1}) == Delivery::Closed);
  CHECK(counter.ask(Add{1}, 1s).get().error() == AskError::Closed);
}

// ---- get_or_spawn ----

TEST_CASE("get_or_spawn spawns the first time and finds it from then on") {  // F20
  TestSystem system;
  const auto first = system.get_or_spawn<Counter>("counter", 10);
  REQUIRE(first);
  const auto second = system.get_or_spawn<Counter>("counter", 20);
  REQUIRE(second);
  CHECK(first.value() == second.value());
  CHECK(first->ask(Add{1}, 1s).get().value() == 11);
  CHECK(system.stats().actors == 1);
  REQUIRE(system.stop(first.value()).get());
  const auto third = system.get_or_spawn<Counter>({.name = "counter", .mailbox = Bounded{5, Overflow::Reject}}, 30);
  REQUIRE(third);
  CHECK_FALSE(third.value() == first.value());
  CHECK(third->ask(Add{1}, 1s).get().value() == 31);
  testing::check_end(system);
}

TEST_CASE("get_or_spawn answers an error for another class and for no name and for a closing system") {
  TestSystem system;
  system.spawn<Other>({.name = "other"});
  CHECK(system.get_or_spawn<Counter>("other").error() == SpawnError::WrongType);
  CHECK(system.get_or_spawn<Counter>("").error() == SpawnError::BadOption);
  CHECK(system.stats().actors == 1);
  REQUIRE(system.shutdown().complete);
  CHECK(system.get_or_spawn<Counter>("other").error() == SpawnError::Closing);
  testing::check_end(system);
}

TEST_CASE("get_or_spawn finds what is there in a system that is full") {
  TestSystem system{{.system = {.actors_max = 1}}};
  const auto first = system.get_or_spawn<Counter>("counter");
  REQUIRE(first);
  CHECK(system.get_or_spawn<Counter>("counter").value() == first.value());
  CHECK(system.get_or_spawn<Counter>("another").error() == SpawnError::LimitReached);
  testing::check_end(system);
}

/// As an argument: while it is copied another thread takes the name, it seems.
struct Slow {
  explicit Slow(UniqueFunction<void()>& m) noexcept : meanwhile{&m} {}
  Slow(const Slow& other) : meanwhile{other.meanwhile} { (*meanwhile)(); }
  Slow& operator=(const Slow&) = delete;
  ~Slow() = default;
  UniqueFunction<void()>* meanwhile;
};
struct Sought : Actor<Sought> {
  Sought() = default;
  explicit Sought(const Slow&) {}
  void handle(int) {}
};

TEST_CASE("get_or_spawn finds who took the name while the arguments were copied") {
  TestSystem system;
  ActorRef<Sought> first;
  UniqueFunction<void()> spawn_one{[&] {
    if (auto spawned = system.try_spawn<Sought>({.name = "one"})) first = spawned.value();
  }};
  const auto got = system.get_or_spawn<Sought>("one", Slow{spawn_one});
  REQUIRE(got);
  CHECK(got.value() == first);
  CHECK(system.stats().actors == 1);
  UniqueFunction<void()> spawn_other{[&] { static_cast<void>(system.try_spawn<Other>({.name = "two"})); }};
  CHECK(system.get_or_spawn<Sought>("two", Slow{spawn_other}).error() == SpawnError::WrongType);
  CHECK(system.stats().actors == 2);
  testing::check_end(system);
}

TEST_CASE("what actors get or spawn belongs to none of them") {
  TestSystem system;
  std::vector<ActorRef<Counter>> got;
  std::vector<ActorRef<Scripted>> actors;
  for (int i = 0; i < 10; ++i) actors.push_back(system.spawn<Scripted>());
  for (const auto& actor : actors)
    run(actor, [&](Scripted& me) { got.push_back(me.system().get_or_spawn<Counter>("counter").value()); });
  system.run_until_idle();
  for (const auto& actor : actors) REQUIRE(system.stop(actor).get());
  REQUIRE(got.size() == 10);
  for (const auto& counter : got) CHECK(counter == got.front());
  CHECK(got.front().ask(Add{1}, 1s).get().value() == 1);
  CHECK_FALSE(got.front().is_closed());
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
