#include <algorithm>

#include "catch.hpp"
#include "coppice/testing/probe.hpp"
#include "coppice/testing/test_system.hpp"
#include "supervisors/family.hpp"
#include "support/scale.hpp"
#include "support/test_end.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Bang;
using testing::End;
using testing::Family;
using testing::Grow;
using testing::Lines;
using testing::Log;
using testing::Member;
using testing::TestSystem;

TEST_CASE("a watcher of a supervised child gets one Down for each life it watched") {  // F61
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    CAPTURE(seed);
    Family family;
    TestSystem system{{.seed = seed}};
    const auto root =
        system.start(supervisor({.id = "app", .intensity = testing::kPlenty}, testing::member(family, "a")));
    REQUIRE(root);
    const auto a = testing::at(*root, "a");
    testing::Probe<int> probe{system};
    for (std::uint32_t life = 1; life <= 5; ++life) {
      probe.watch(a);
      system.run_until_idle();
      a.send(Bang{});
      const auto down = probe.expect_down(1s);
      REQUIRE(down);
      CHECK(down->incarnation == life);
      CHECK(down->reason.text() == "boom");
      CHECK(down->actor == AnyRef{a});
      CHECK(probe.expect_none(1s));  // the watch is spent
    }
    testing::check_end(system);
  }
}

/// Watches `target` from its start on, and writes down what it gets.
struct Watcher : Actor<Watcher> {
  Watcher(AnyRef target, Log* l) : log{l} { watch(target); }
  void handle(const Down& down) { log->add("down " + std::to_string(down.incarnation)); }
  Log* log;
};
struct Announcer : Actor<Announcer> {
  explicit Announcer(Log* l) : log{l} {
    log->add("construct " + std::to_string(incarnation()) + ", sent " + std::to_string(system().ledger().sent));
  }
  ~Announcer() { log->add("destroy " + std::to_string(incarnation())); }
  void handle(Bang) { throw 1; }
  Log* log;
};

TEST_CASE("the Down of a life is on its way before the next life's constructor runs") {  // decisions: a life ends
  for (const AnyStrategy strategy : {AnyStrategy{OneForOne{}}, AnyStrategy{OneForAll{}}, AnyStrategy{RestForOne{}}}) {
    for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
      CAPTURE(strategy.name(), seed);
      Log log;
      TestSystem system{{.seed = seed}};
      const auto root =
          system.start(supervisor({.id = "app", .strategy = strategy}, child<Announcer>({.id = "a"}, &log)));
      REQUIRE(root);
      const auto a = root->child<Announcer>("a").value();
      const auto watcher = system.spawn<Watcher>(AnyRef{a}, &log);
      system.run_until_idle();
      const std::uint64_t sent = system.ledger().sent;
      CHECK(log.lines() == Lines{"construct 1, sent 0"});
      a.send(Bang{});
      system.run_until_idle();
      Lines lines = log.lines();
      REQUIRE(lines.size() == 4);
      CHECK(lines[1] == "destroy 1");
      // Two more: the Bang and the Down. Which of them is handled first is the schedule's.
      std::sort(lines.begin() + 2, lines.end());
      CHECK(lines[2] == "construct 2, sent " + std::to_string(sent + 2));
      CHECK(lines[3] == "down 1");
      testing::check_end(system);
    }
  }
}

TEST_CASE("the Down of a place that ends comes after it is closed") {  // §1.20: then only is the Down delivered
  struct Nosy : Actor<Nosy> {
    Nosy(ActorRef<Member> t, Log* l) : target{t}, log{l} { watch(target); }
    void handle(const Down& down) {
      log->add(std::string{"down "} + to_string(down.reason.kind()) + (target.is_closed() ? " closed " : " open ") +
               to_string(target.send(Grow{})));
    }
    ActorRef<Member> target;
    Log* log;
  };
  for (std::uint64_t seed = 1; seed <= testing::scaled(200); ++seed) {
    for (const Restart restart : {Restart::Transient, Restart::Temporary}) {
      CAPTURE(seed, to_string(restart));
      Family family;
      Log log;
      TestSystem system{{.seed = seed}};
      const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "a", restart)));
      REQUIRE(root);
      const auto a = testing::at(*root, "a");
      static_cast<void>(system.spawn<Nosy>(a, &log));
      system.run_until_idle();
      a.send(End{ExitReason::normal()});
      a.send(Grow{});
      system.run_until_idle();
      CHECK(log.lines() == Lines{"down normal closed closed"});
      CHECK(system.ledger().dead(DeadReason::Stopped) == 1);
      testing::check_end(system);
    }
  }
}

TEST_CASE("the Down of an unsupervised actor comes after its name is free") {
  struct Plain : Actor<Plain> {
    void handle(Bang) { throw 1; }
  };
  struct Renamer : Actor<Renamer> {
    Renamer(AnyRef t, Log* l) : log{l} { watch(t); }
    void handle(const Down&) { log->add(system().try_spawn<Plain>({.name = "only"}) ? "free" : "taken"); }
    Log* log;
  };
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    Log log;
    TestSystem system{{.seed = seed}};
    const auto plain = system.spawn<Plain>({.name = "only"});
    static_cast<void>(system.spawn<Renamer>(AnyRef{plain}, &log));
    system.run_until_idle();
    plain.send(Bang{});
    system.run_until_idle();
    CHECK(log.lines() == Lines{"free"});
    testing::check_end(system);
  }
}

TEST_CASE("a watch of a place that is over answers at once") {  // F61
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "t", Restart::Temporary)));
  REQUIRE(root);
  const auto t = testing::at(*root, "t");
  t.send(Bang{});
  system.run_until_idle();
  testing::Probe<int> probe{system};
  probe.watch(t);
  const auto down = probe.expect_down(1s);
  REQUIRE(down);
  CHECK(down->reason == ExitReason::no_proc());
  CHECK(down->incarnation == 0);
  testing::check_end(system);
}

TEST_CASE("a watch of a child between two lives is a watch of the next") {
  Family family;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app", .backoff = Exponential{}}, testing::member(family, "a")));
  REQUIRE(root);
  const auto a = testing::at(*root, "a");
  a.send(Bang{});
  system.run_until_idle();
  testing::Probe<int> probe{system};
  probe.watch(a);
  CHECK(probe.expect_none(50ms));
  system.advance(100ms);
  CHECK(probe.expect_none(1s));
  a.send(Bang{});
  const auto down = probe.expect_down(1s);
  REQUIRE(down);
  CHECK(down->incarnation == 2);
  testing::check_end(system);
}

TEST_CASE("watchers of a group get the Downs of the siblings too") {
  Family family;
  TestSystem system;
  const auto root =
      system.start(supervisor({.id = "app", .strategy = OneForAll{}}, testing::members(family, {"a", "b"})));
  REQUIRE(root);
  testing::Probe<int> probe{system};
  probe.watch(testing::at(*root, "b"));
  system.run_until_idle();
  testing::at(*root, "a").send(Bang{});
  const auto down = probe.expect_down(1s);
  REQUIRE(down);
  CHECK(down->reason == ExitReason::shutdown());
  CHECK(down->actor == AnyRef{testing::at(*root, "b")});
  CHECK(probe.expect_none(1s));
  testing::check_end(system);
}

TEST_CASE("what a life made does not reach the next one") {  // P5: timers, asks and watches of the old life
  struct Tick {};
  struct Maker : Actor<Maker> {
    Maker(ActorRef<Member> f, Log* l) : friend_{f}, log{l} {}
    void handle(Tick) { log->add("tick " + std::to_string(incarnation())); }
    void handle(const Down&) { log->add("down " + std::to_string(incarnation())); }
    void handle(Bang) {
      watch(friend_);
      send_after(1s, Tick{}).detach();
      every = send_every(300ms, Tick{});
      ask(friend_, Grow{}, 5s).then([this](Result<int, AskError>) { log->add("answer"); });
      throw 1;
    }
    ActorRef<Member> friend_;
    Log* log;
    TimerHandle every;
  };
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    CAPTURE(seed);
    Family family;
    Log log;
    TestSystem system{{.seed = seed}};
    const auto root = system.start(supervisor({.id = "app"}, testing::member(family, "friend", Restart::Temporary)));
    REQUIRE(root);
    const auto made =
        system.start(supervisor({.id = "makers"}, child<Maker>({.id = "m"}, testing::at(*root, "friend"), &log)));
    REQUIRE(made);
    made->child<Maker>("m").value().send(Bang{});
    system.run_until_idle();
    testing::at(*root, "friend").send(Bang{});
    system.advance(10s);
    CHECK(log.lines().empty());
    CHECK(system.stats().timers == 0);
    CHECK(made->child<Maker>("m").value().incarnation() == 2);
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
