#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/scale.hpp"
#include "support/scripted.hpp"
#include "support/test_end.hpp"

// Exit signals, as Erlang has them: which end takes whom along, and what is only a message.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Gate;
using testing::Lines;
using testing::Log;
using testing::Scripted;
using testing::TestSystem;

/// Two actors, and what the first of them hears.
struct Pair {
  explicit Pair(std::uint64_t seed = 1) : system{{.seed = seed}} {
    a = system.spawn<Scripted>({.name = "a"}, &log);
    b = system.spawn<Scripted>({.name = "b"});
    system.run_until_idle();
  }
  template <class F>
  void run(const ActorRef<Scripted>& actor, F&& script) {
    testing::run(actor, std::forward<F>(script));
    system.run_until_idle();
  }
  Log log;
  TestSystem system;
  ActorRef<Scripted> a;
  ActorRef<Scripted> b;
};

TEST_CASE("what an exit signal does depends on the reason and on who traps") {  // building blocks: exit signals (a)-(e)
  struct Row {
    const char* reason;
    ExitReason exit;
    bool is_linked;  // or sent without a link
    bool traps;
    Lines heard;
    bool lives;
  };
  const ExitReason error = ExitReason::error("broken");
  const ExitReason shutdown = ExitReason::shutdown();
  const ExitReason normal = ExitReason::normal();
  const ExitReason killed = ExitReason::killed();
  const Row rows[] = {
      {"normal", normal, true, false, {}, true},
      {"shutdown", shutdown, true, false, {"stop shutdown"}, false},
      {"error", error, true, false, {"stop error: broken"}, false},
      {"killed", killed, true, false, {"stop killed"}, false},
      {"normal", normal, true, true, {"exit normal"}, true},
      {"shutdown", shutdown, true, true, {"exit shutdown"}, true},
      {"error", error, true, true, {"exit error: broken"}, true},
      {"killed", killed, true, true, {"exit killed"}, true},  // by a link it can be trapped
      {"normal", normal, false, false, {}, true},
      {"shutdown", shutdown, false, false, {"stop shutdown"}, false},
      {"error", error, false, false, {"stop error: broken"}, false},
      {"killed", killed, false, false, {}, false},  // without on_stop
      {"normal", normal, false, true, {"exit normal"}, true},
      {"shutdown", shutdown, false, true, {"exit shutdown"}, true},
      {"error", error, false, true, {"exit error: broken"}, true},
      {"killed", killed, false, true, {}, false},  // sent to it, it cannot
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason, row.is_linked, row.traps);
    Pair pair;
    pair.run(pair.a, [&](Scripted& me) {
      me.trap_exits(row.traps);
      if (row.is_linked) me.link(pair.b);
    });
    pair.run(pair.b, [&](Scripted& me) {
      if (row.is_linked) return me.stop(row.exit);
      me.send_exit(pair.a, row.exit);
    });
    CHECK(pair.log.lines() == row.heard);
    CHECK(pair.system.has_stopped(pair.a) == !row.lives);
    testing::check_end(pair.system);
  }
}

TEST_CASE("an actor that sends itself an exit ends with it even a normal one unless it traps") {
  for (const bool traps : {false, true}) {
    CAPTURE(traps);
    Pair pair;
    pair.run(pair.a, [&](Scripted& me) {
      me.trap_exits(traps);
      me.send_exit(me.self(), ExitReason::normal());
    });
    CHECK(pair.log.lines() == (traps ? Lines{"exit normal"} : Lines{"stop normal"}));
    CHECK(pair.system.has_stopped(pair.a) == !traps);
    testing::check_end(pair.system);
  }
}

TEST_CASE("an actor that kills itself ends with the handler in hand and without on_stop") {
  Pair pair;
  pair.run(pair.a, [&](Scripted& me) {
    me.trap_exits();
    me.send_exit(me.self(), ExitReason::killed());
    me.note("still here");
  });
  CHECK(pair.log.lines() == Lines{"still here"});
  CHECK(pair.system.has_stopped(pair.a));
  CHECK(pair.system.stats().zombies == 0);
  testing::check_end(pair.system);
}

TEST_CASE("an exit to nobody does nothing") {
  Pair pair;
  REQUIRE(pair.system.stop(pair.b).get());
  pair.run(pair.a, [&](Scripted& me) {
    for (const ExitReason& reason : {ExitReason::error("x"), ExitReason::killed(), ExitReason::normal()}) {
      me.send_exit(pair.b, reason);
      me.send_exit(AnyRef{}, reason);
    }
  });
  CHECK_FALSE(pair.system.has_stopped(pair.a));
  testing::check_end(pair.system);
}

TEST_CASE("of two actors there is one link whoever makes it and however often") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    CAPTURE(seed);
    Pair pair{seed};
    testing::run(pair.a, [&](Scripted& me) {
      me.trap_exits();
      me.link(pair.b);
      me.link(pair.b);
    });
    testing::run(pair.b, [&](Scripted& me) { me.link(pair.a); });
    pair.system.run_until_idle();
    pair.run(pair.b, &Scripted::crash);
    CHECK(pair.log.lines() == Lines{"exit error: boom"});
    testing::check_end(pair.system);
  }
}

TEST_CASE("one unlink on either side undoes a link for both") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    for (const bool by_a : {true, false}) {
      for (const bool a_ends : {true, false}) {
        CAPTURE(seed, by_a, a_ends);
        Pair pair{seed};
        testing::run(pair.a, [&](Scripted& me) { me.link(pair.b); });
        testing::run(pair.b, [&](Scripted& me) { me.link(pair.a); });
        pair.system.run_until_idle();
        pair.run(by_a ? pair.a : pair.b, [&](Scripted& me) { me.unlink(by_a ? pair.b : pair.a); });
        pair.run(a_ends ? pair.a : pair.b, &Scripted::crash);
        CHECK_FALSE(pair.system.has_stopped(a_ends ? pair.b : pair.a));
        testing::check_end(pair.system);
      }
    }
  }
}

/// Links itself to another actor in its constructor, before it takes the signals that wait.
struct Eager : Actor<Eager> {
  Eager(ActorRef<Scripted> other, Log* l) : log{l} { link(other); }
  void handle(int) { throw std::runtime_error{"eager"}; }
  void handle(ActorRef<Scripted> other) { link(other); }
  void on_stop(const ExitReason& why) { log->add("eager: " + why.to_string()); }
  Log* log;
};

/// Two that link each other before either knows: the Link of the first waits with the new actor, whose constructor
/// sends its own.
struct Crossed : Pair {
  explicit Crossed(bool traps) {
    run(a, [this, traps](Scripted& me) {
      me.trap_exits(traps);
      eager = me.system().spawn<Eager>(me.self(), &log);
      me.link(eager);
    });
  }
  void crash_eager() {
    eager.send(1);
    system.run_until_idle();
  }
  ActorRef<Eager> eager;
};

TEST_CASE("two that link each other at once have one link") {
  for (const bool traps : {true, false}) {
    CAPTURE(traps);
    Crossed one{traps};
    one.crash_eager();
    CHECK(one.log.lines() == Lines{"eager: error: eager", traps ? "exit error: eager" : "stop error: eager"});
    testing::check_end(one.system);

    Crossed other{traps};
    other.run(other.a, &Scripted::crash);
    CHECK(other.log.lines() == Lines{"stop error: boom", "eager: error: boom"});
    testing::check_end(other.system);
  }
}

TEST_CASE("a link that both made at once is undone by one of them and can be made anew") {
  Crossed one{true};
  one.run(one.a, [&](Scripted& me) { me.unlink(one.eager); });
  one.crash_eager();
  CHECK(one.log.lines() == Lines{"eager: error: eager"});
  testing::check_end(one.system);

  Crossed other{true};
  other.run(other.a, [&](Scripted& me) { me.unlink(other.eager); });
  other.eager.send(other.a);  // links again
  other.system.run_until_idle();
  other.run(other.a, &Scripted::crash);
  CHECK(other.log.lines() == Lines{"stop error: boom", "eager: error: boom"});
  testing::check_end(other.system);
}

TEST_CASE("a link that the one who unlinks had not heard of stays for both") {
  for (const bool eager_ends : {true, false}) {
    CAPTURE(eager_ends);
    Pair pair;
    ActorRef<Eager> eager;
    pair.run(pair.a, [&](Scripted& me) {
      eager = me.system().spawn<Eager>(me.self(), &pair.log);
      me.link(eager);
      me.unlink(eager);  // of the link that was just made: the other one's comes after this
    });
    if (eager_ends) {
      eager.send(1);
      pair.system.run_until_idle();
      CHECK(pair.log.lines() == Lines{"eager: error: eager", "stop error: eager"});
    } else {
      pair.run(pair.a, &Scripted::crash);
      CHECK(pair.log.lines() == Lines{"stop error: boom", "eager: error: boom"});
    }
    testing::check_end(pair.system);
  }
}

TEST_CASE("links are symmetric") {
  for (const bool maker_ends : {true, false}) {
    Pair pair;
    pair.run(pair.a, [&](Scripted& me) { me.link(pair.b); });
    pair.run(maker_ends ? pair.a : pair.b, &Scripted::crash);
    CHECK(pair.system.has_stopped(pair.a));
    CHECK(pair.system.has_stopped(pair.b));
    testing::check_end(pair.system);
  }
}

TEST_CASE("a link to oneself is none") {
  Pair pair;
  pair.run(pair.a, [](Scripted& me) {
    me.link(me.self());
    me.unlink(me.self());
    me.trap_exits();
  });
  pair.run(pair.a, [](Scripted& me) { me.stop(); });
  CHECK(pair.log.lines() == Lines{"stop normal"});
  testing::check_end(pair.system);
}

TEST_CASE("an exit goes through a chain of links with its reason and stops at who traps") {
  constexpr std::size_t kLength = 2'000;
  TestSystem system;
  Log log;
  std::vector<ActorRef<Scripted>> chain;
  for (std::size_t i = 0; i < kLength; ++i) {
    chain.push_back(system.spawn<Scripted>(i + 2 < kLength ? nullptr : &log));
    if (i == 0) continue;
    testing::run(chain[i], [before = chain[i - 1], last = i + 1 == kLength](Scripted& me) {
      me.link(before);
      if (last) me.trap_exits();
    });
  }
  system.run_until_idle();
  testing::run(chain.front(), &Scripted::crash);
  system.run_until_idle();
  CHECK(log.lines() == Lines{"stop error: boom", "exit error: boom"});
  CHECK(system.stats().actors == 1);
  testing::check_end(system);
}

TEST_CASE("a ring of links ends once however the exit goes round") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(50); ++seed) {
    CAPTURE(seed);
    TestSystem system{{.seed = seed}};
    Log log;
    std::vector<ActorRef<Scripted>> ring;
    for (int i = 0; i < 5; ++i) ring.push_back(system.spawn<Scripted>(&log));
    for (std::size_t i = 0; i < 5; ++i)
      testing::run(ring[i], [next = ring[(i + 1) % 5]](Scripted& me) { me.link(next); });
    system.run_until_idle();
    testing::run(ring[seed % 5], &Scripted::crash);
    system.run_until_idle();
    CHECK(log.lines() == Lines(5, "stop error: boom"));
    testing::check_end(system);
  }
}

TEST_CASE("an exit that is in the mailbox is not felt after the unlink nor by a link made anew") {
  struct Target : Actor<Target> {
    void handle(int) { throw std::runtime_error{"broken"}; }
  };
  Log log;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto a = system.spawn<Scripted>(&log);
  const auto root = system.start(supervisor({.id = "app"}, child<Target>({.id = "target"})));
  REQUIRE(root);
  const auto target = root->child<Target>("target").value();
  Gate gate;
  testing::run(a, [&](Scripted& me) {
    me.trap_exits();
    me.link(target);
  });
  testing::run(a, [&](Scripted&) { gate.pass(); });
  REQUIRE(gate.wait_for_arrivals());
  // Behind the gate: a script, then the exit as a message. Between the two the actor takes its signals.
  testing::run(a, [&](Scripted&) {});
  testing::run(a, [&](Scripted& me) {
    me.unlink(target);
    me.link(target);  // the life that is on now
    me.note("linked anew");
  });
  target.send(1);
  REQUIRE(testing::eventually([&] { return target.incarnation() == 2 && target.phase() == Phase::Running; }));
  gate.open();
  REQUIRE(testing::at_rest(system));
  CHECK(log.lines() == Lines{"linked anew"});
  CHECK(system.ledger().dead(DeadReason::Cancelled) == 1);
  target.send(2);
  REQUIRE(testing::eventually([&] { return log.size() == 2; }));
  CHECK(log.lines().back() == "exit error: broken");
  testing::check_end(system);
}

TEST_CASE("a link to who has ended answers once with no such actor") {
  for (const bool traps : {true, false}) {
    CAPTURE(traps);
    Pair pair;
    REQUIRE(pair.system.stop(pair.b).get());
    pair.run(pair.a, [&](Scripted& me) {
      me.trap_exits(traps);
      me.link(pair.b);
      me.link(pair.b);
    });
    const std::string reason = ExitReason::no_proc().to_string();
    CHECK(pair.log.lines() == (traps ? Lines{"exit " + reason} : Lines{"stop " + reason}));
    pair.run(pair.a, [&](Scripted& me) { me.link(pair.b); });  // the first is spent: this is another
    CHECK(pair.log.size() == (traps ? 2 : 1));
    testing::check_end(pair.system);
  }
}

/// A child that links itself to another actor in its first `lives` lives, and traps exits in the first.
struct Sociable : Actor<Sociable> {
  Sociable(ActorRef<Scripted> f, std::uint32_t lives) {
    if (incarnation() <= lives) link(f);
    if (incarnation() == 1) trap_exits();
  }
  void handle(int) { throw std::runtime_error{"broken"}; }
  void handle(const ExitSignal&) {}
};

TEST_CASE("the links of a child end with its life and the next one is not linked") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    CAPTURE(seed);
    Log log;
    TestSystem system{{.seed = seed}};
    const auto other = system.spawn<Scripted>(&log);
    testing::run(other, [](Scripted& me) { me.trap_exits(); });
    system.run_until_idle();
    const auto root = system.start(supervisor({.id = "app", .intensity = {.restarts = 100, .within = 1s}},
                                              child<Sociable>({.id = "c"}, other, std::uint32_t{2})));
    REQUIRE(root);
    const auto child = root->child<Sociable>("c").value();
    for (int i = 0; i < 4; ++i) {
      child.send(1);
      system.run_until_idle();
    }
    CHECK(child.incarnation() == 5);
    CHECK(log.lines() == Lines(2, "exit error: broken"));
    // Made from the other side it is one link of one life too.
    testing::run(other, [&](Scripted& me) { me.link(child); });
    system.run_until_idle();
    for (int i = 0; i < 2; ++i) {
      child.send(1);
      system.run_until_idle();
    }
    CHECK(log.size() == 3);
    testing::check_end(system);
  }
}

TEST_CASE("trapping exits ends with the life that asked for it") {
  TestSystem system;
  const auto other = system.spawn<Scripted>();
  const auto root = system.start(supervisor({.id = "app"}, child<Sociable>({.id = "c"}, other, std::uint32_t{1})));
  REQUIRE(root);
  const auto child = root->child<Sociable>("c").value();
  system.crash(child);
  system.run_until_idle();
  REQUIRE(child.incarnation() == 2);
  REQUIRE(system.has_stopped(other));  // the first life took it along
  testing::run(system.spawn<Scripted>({.name = "b"}), [&](Scripted& me) {
    me.link(child);
    me.stop(ExitReason::error("broken"));
  });
  system.run_until_idle();
  CHECK(child.incarnation() == 3);  // the second life did not trap
  testing::check_end(system);
}

TEST_CASE("a link that comes behind a stop is answered with that end and one that comes later with nobody's") {
  const ExitReason broken = ExitReason::error("broken");
  Pair pair;
  pair.run(pair.a, [&](Scripted& me) {
    me.trap_exits();
    static_cast<void>(me.system().stop(pair.b, {.reason = broken}));
    me.link(pair.b);
  });
  CHECK(pair.log.lines() == Lines{"exit error: broken"});
  pair.run(pair.a, [&](Scripted& me) { me.link(pair.b); });
  CHECK(pair.log.lines() == Lines{"exit error: broken", "exit no such actor"});
  testing::check_end(pair.system);
}

TEST_CASE("a link to a child that was terminated answers no such actor and the next life is not linked") {
  Log log;
  TestSystem system;
  const auto other = system.spawn<Scripted>(&log);
  testing::run(other, [](Scripted& me) { me.trap_exits(); });
  const auto root = system.start(supervisor({.id = "app"}, child<Scripted>({.id = "c"})));
  REQUIRE(root);
  const auto child = root->child<Scripted>("c").value();
  REQUIRE(root->terminate_child("c"));
  testing::run(other, [&](Scripted& me) { me.link(child); });
  system.run_until_idle();
  CHECK(log.lines() == Lines{"exit no such actor"});
  REQUIRE(root->restart_child("c"));
  system.crash(child);
  system.run_until_idle();
  CHECK(child.incarnation() == 3);
  CHECK(log.size() == 1);
  testing::check_end(system);
}

// ---- spawn_link ----

struct Stillborn : Actor<Stillborn> {
  Stillborn() { throw std::runtime_error{"stillborn"}; }
  void handle(int) {}
};

TEST_CASE("a child that is spawned linked takes its parent along when its start crashes") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    for (const bool traps : {false, true}) {
      CAPTURE(seed, traps);
      Pair pair{seed};
      ActorRef<Stillborn> child;
      pair.run(pair.a, [&](Scripted& me) {
        me.trap_exits(traps);
        child = me.spawn_link<Stillborn>();
      });
      CHECK(pair.log.lines() == (traps ? Lines{"exit error: stillborn"} : Lines{"stop error: stillborn"}));
      CHECK(pair.system.has_stopped(pair.a) == !traps);
      CHECK(pair.system.has_stopped(child));
      testing::check_end(pair.system);
    }
  }
}

TEST_CASE("a constructor that spawns a linked child that crashes crashes with it") {
  struct Parent : Actor<Parent> {
    explicit Parent(Log* l) : log{l} { spawn_link<Stillborn>(); }
    void on_stop(const ExitReason& why) { log->add(why.to_string()); }
    void handle(int) {}
    Log* log;
  };
  Log log;
  TestSystem system;
  const auto parent = system.spawn<Parent>(&log);
  system.run_until_idle();
  CHECK(system.has_stopped(parent));
  CHECK(log.lines() == Lines{"error: stillborn"});
  testing::check_end(system);
}

TEST_CASE("a child that is spawned linked lives and ends as linked actors do") {
  Pair pair;
  ActorRef<Scripted> child;
  const auto spawn = [&](bool traps) {
    pair.run(pair.a, [&, traps](Scripted& me) {
      me.trap_exits(traps);
      child = me.spawn_link<Scripted>({.name = "child"}, &pair.log, "child");
    });
  };
  SECTION("a normal end harms nobody") {
    spawn(false);
    pair.run(child, [](Scripted& me) { me.stop(); });
    CHECK(pair.log.lines() == Lines{"child: stop normal"});
    CHECK_FALSE(pair.system.has_stopped(pair.a));
  }
  SECTION("a crash later on takes the parent along") {
    spawn(false);
    pair.run(child, &Scripted::crash);
    CHECK(pair.log.lines() == Lines{"child: stop error: boom", "stop error: boom"});
  }
  SECTION("a parent that traps hears of it once") {
    spawn(true);
    pair.run(child, &Scripted::crash);
    CHECK(pair.log.lines() == Lines{"child: stop error: boom", "exit error: boom"});
  }
  SECTION("unlinked it is a plain child") {
    spawn(false);
    pair.run(pair.a, [&](Scripted& me) { me.unlink(child); });
    pair.run(child, &Scripted::crash);
    CHECK_FALSE(pair.system.has_stopped(pair.a));
  }
  SECTION("it is stopped with its parent, and that is no exit to trap") {
    spawn(true);
    pair.run(pair.a, [](Scripted& me) { me.stop(); });
    CHECK(pair.log.lines() == Lines{"child: stop shutdown", "stop normal"});
  }
  SECTION("so does one whose spawn may be refused") {
    pair.run(pair.a,
             [&](Scripted& me) { child = me.try_spawn_link<Scripted>({.name = "child"}, &pair.log, "child").value(); });
    pair.run(child, &Scripted::crash);
    CHECK(pair.log.lines() == Lines{"child: stop error: boom", "stop error: boom"});
  }
  SECTION("the name may be taken") {
    spawn(false);
    pair.run(pair.a, [&](Scripted& me) {
      const auto second = me.try_spawn_link<Scripted>({.name = "child"});
      me.note(second ? "another" : to_string(second.error()));
    });
    CHECK(pair.log.lines() == Lines{"a live actor has this name"});
  }
  testing::check_end(pair.system);
}

// ---- kill ----

TEST_CASE("a kill that is sent takes the place from a handler that hangs and its links fire") {
  Log log;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto hanging = system.spawn<Scripted>({.name = "hanging"});
  const auto friendly = system.spawn<Scripted>(&log);
  testing::run(friendly, [&](Scripted& me) {
    me.trap_exits();
    me.link(hanging);
  });
  REQUIRE(testing::at_rest(system));
  Gate gate;
  testing::run(hanging, [&](Scripted&) { gate.pass(); });
  REQUIRE(gate.wait_for_arrivals());
  testing::run(friendly, [&](Scripted& me) { me.send_exit(hanging, ExitReason::killed()); });
  REQUIRE(testing::eventually([&] { return log.size() == 1; }));  // although the handler has not returned
  CHECK(log.lines() == Lines{"exit killed"});
  CHECK(hanging.is_closed());
  CHECK_FALSE(system.find_any("hanging"));
  CHECK(system.stats().zombies == 1);
  gate.open();
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a kill that meets a place without a life is over with that and harms no life to come") {
  TestSystem system;
  const auto root = system.start(
      supervisor({.id = "app", .backoff = Exponential{.first = 1s, .cap = 1s}}, child<Scripted>({.id = "c"})));
  REQUIRE(root);
  const auto child = root->child<Scripted>("c").value();
  const auto killer = system.spawn<Scripted>();
  const auto kill = [&] {
    testing::run(killer, [&](Scripted& me) { me.send_exit(child, ExitReason::killed()); });
    system.run_until_idle();
  };
  SECTION("that waits for its next life") {
    system.crash(child);
    system.run_until_idle();
    kill();
    system.advance(1s);
  }
  SECTION("that was terminated") {
    REQUIRE(root->terminate_child("c"));
    kill();
    system.advance(1s);
    REQUIRE(root->restart_child("c"));
  }
  CHECK(child.incarnation() == 2);
  system.advance(1s);  // a kill that finds nobody in a handler looks again each millisecond, until it is over
  CHECK(child.incarnation() == 2);
  CHECK(child.phase() == Phase::Running);
  testing::check_end(system);
}

// ---- threads ----

TEST_CASE("links that are made and undone while their actors end carry one exit or none") {
  struct Brief : Actor<Brief> {
    void handle(int) { throw std::runtime_error{"brief"}; }
  };
  struct Seen : Actor<Seen> {
    void handle(ActorRef<Brief> other) {
      trap_exits();
      link(other);
      ++links;
      if (links % 3 == 0) unlink(other);
      if (links % 5 == 0) link(other);  // after an unlink: anew; otherwise it is there
    }
    void handle(const ExitSignal&) { ++exits; }
    int handle(std::string) { return exits; }
    int links = 0;
    int exits = 0;
  };
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto seen = system.spawn<Seen>();
  const int rounds = static_cast<int>(testing::scaled(3'000));
  int expected = 0;
  for (int round = 1; round <= rounds; ++round) {
    const auto brief = system.spawn<Brief>();
    seen.send(brief);
    brief.send(1);
    if (round % 3 != 0 || round % 5 == 0) ++expected;
  }
  REQUIRE(testing::eventually([&] { return system.stats().actors == 1; }));
  CHECK(testing::eventually([&] { return seen.ask(std::string{}, testing::kPatience).get().value() == expected; }));
  REQUIRE(testing::at_rest(system));
  CHECK(seen.ask(std::string{}, testing::kPatience).get().value() == expected);
  testing::check_end(system);
}

TEST_CASE("actors that link each other at once and crash take each other along") {
  ActorSystem system{testing::quiet(testing::two_workers())};
  for (std::size_t round = 0; round < testing::scaled(1'000); ++round) {
    const auto one = system.spawn<Scripted>();
    const auto two = system.spawn<Scripted>();
    testing::run(one, [two](Scripted& me) { me.link(two); });
    testing::run(two, [one](Scripted& me) { me.link(one); });
    testing::run(round % 2 == 0 ? one : two, &Scripted::crash);
    if (!testing::eventually([&] { return one.is_closed() && two.is_closed(); })) {
      FAIL("round " << round);
    }
  }
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
