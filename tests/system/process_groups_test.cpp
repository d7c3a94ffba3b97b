#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/scale.hpp"
#include "support/scripted.hpp"
#include "support/test_end.hpp"

// Process groups, as OTP's pg has them.

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

/// A system with three actors, and one that logs.
struct Scene {
  explicit Scene(std::uint64_t seed = 1) : system{{.seed = seed}}, groups{system} {
    for (const char* const name : {"a", "b", "c"}) actors.push_back(system.spawn<Scripted>({.name = name}));
    watcher = system.spawn<Scripted>({.name = "watcher"}, &log);
    system.run_until_idle();
  }
  [[nodiscard]] Lines names(std::string_view group) const {
    Lines names;
    for (const AnyRef& member : *groups.members(group)) names.push_back(member.name());
    return names;
  }
  void watch(std::string group) {
    run(watcher, [this, group = std::move(group)](Scripted& me) {
      watching.push_back(groups.watch(group, me.self()).value());
      std::string line = "members";
      for (const AnyRef& member : *watching.back().members) line += " " + member.name();
      me.note(line);
    });
    system.run_until_idle();
  }
  Log log;
  TestSystem system;
  ProcessGroups groups;
  std::vector<ActorRef<Scripted>> actors;
  ActorRef<Scripted> watcher;
  std::vector<GroupWatch> watching;
};

TEST_CASE("actors join and leave a group and its members are read by anybody") {
  Scene scene;
  CHECK(scene.names("g").empty());
  REQUIRE(scene.groups.join("g", scene.actors[1]));
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  REQUIRE(scene.groups.join("h", scene.actors[0]));
  CHECK(scene.names("g") == Lines{"a", "b"});
  CHECK(scene.names("h") == Lines{"a"});
  REQUIRE(scene.groups.leave("g", scene.actors[1]));
  CHECK(scene.names("g") == Lines{"a"});
  CHECK(scene.groups.leave("g", scene.actors[1]).error() == GroupError::NotMember);
  CHECK(scene.groups.leave("nobody's", scene.actors[1]).error() == GroupError::NotMember);
  testing::check_end(scene.system);
}

TEST_CASE("who joins twice is in until it has left twice") {
  Scene scene;
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  REQUIRE(scene.groups.join("g", scene.actors[1]));
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  CHECK(scene.names("g") == Lines{"a", "a", "b"});
  REQUIRE(scene.groups.leave("g", scene.actors[0]));
  CHECK(scene.names("g") == Lines{"a", "b"});
  REQUIRE(scene.groups.leave("g", scene.actors[0]));
  CHECK(scene.names("g") == Lines{"b"});
  CHECK_FALSE(scene.groups.leave("g", scene.actors[0]));
  testing::check_end(scene.system);
}

TEST_CASE("a group is there as long as it has members") {
  Scene scene;
  CHECK(scene.groups.groups().empty());
  scene.watch("watched");
  CHECK(scene.groups.groups().empty());  // a watch does not make it
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  REQUIRE(scene.groups.join("", scene.actors[0]));  // any name is one
  CHECK(scene.groups.groups() == Lines{"", "g"});
  REQUIRE(scene.system.stop(scene.actors[0]).get());
  CHECK(scene.groups.groups().empty());
  testing::check_end(scene.system);
}

TEST_CASE("members of a class are read with their type") {
  Scene scene;
  const auto other = scene.system.spawn<Other>();
  REQUIRE(scene.groups.join("g", other));
  REQUIRE(scene.groups.join("g", scene.actors[2]));
  CHECK(scene.groups.members<Other>("g") == std::vector{other});
  CHECK(scene.groups.members<Scripted>("g") == std::vector{scene.actors[2]});
  testing::check_end(scene.system);
}

TEST_CASE("a read shares one list until somebody joins or leaves") {
  Scene scene;
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  const GroupMembers before = scene.groups.members("g");
  CHECK(scene.groups.members("g") == before);
  REQUIRE(scene.groups.join("g", scene.actors[1]));
  CHECK(before->size() == 1);
  CHECK(scene.groups.members("g")->size() == 2);
  testing::check_end(scene.system);
}

TEST_CASE("two scopes do not meet") {
  Scene scene;
  ProcessGroups others{scene.system};
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  CHECK(others.members("g")->empty());
  CHECK(others.leave("g", scene.actors[0]).error() == GroupError::NotMember);
  testing::check_end(scene.system);
}

TEST_CASE("who has ended or is nobody or is of another system does not join") {
  Scene scene;
  REQUIRE(scene.system.stop(scene.actors[0]).get());
  TestSystem elsewhere;
  const auto stranger = elsewhere.spawn<Other>();
  for (const AnyRef& actor : {AnyRef{scene.actors[0]}, AnyRef{}, AnyRef{stranger}}) {
    CHECK(scene.groups.join("g", actor).error() == GroupError::Ended);
    CHECK(scene.groups.leave("g", actor).error() == GroupError::NotMember);
  }
  CHECK(scene.groups.groups().empty());
  testing::check_end(elsewhere);
  testing::check_end(scene.system);
}

TEST_CASE("a member that ends leaves all its groups before its Down and watchers hear that first") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(100); ++seed) {
    struct Reader : Actor<Reader> {
      Reader(ProcessGroups* g, AnyRef member, Log* l) : groups{g}, log{l} {
        watch(member);
        static_cast<void>(groups->watch("g", self()));
      }
      void handle(const GroupEvent& event) {
        log->add(event.kind == GroupEvent::Kind::Left ? "left " + event.member.name() : "joined");
      }
      void handle(const Down&) {
        log->add("down, " + std::to_string(groups->members("g")->size() + groups->members("h")->size()));
      }
      ProcessGroups* groups;
      Log* log;
    };
    CAPTURE(seed);
    Scene scene{seed};
    const auto member = scene.actors[0];
    REQUIRE(scene.groups.join("g", member));
    run(member, [&](Scripted& me) {
      REQUIRE(scene.groups.join("g", me.self()));
      REQUIRE(scene.groups.join("h", me.self()));
    });
    scene.system.run_until_idle();
    scene.system.spawn<Reader>(&scene.groups, AnyRef{member}, &scene.log);
    scene.system.run_until_idle();
    run(member, &Scripted::crash);
    scene.system.run_until_idle();
    CHECK(scene.log.lines() == Lines{"left a", "left a", "down, 0"});
    testing::check_end(scene.system);
  }
}

TEST_CASE("a child that joins by itself is a member for its life and one made to join for its place") {
  struct Joiner : Actor<Joiner> {
    explicit Joiner(ProcessGroups* groups) { static_cast<void>(groups->join("own", self())); }
    void handle(int) { throw 1; }
  };
  Log log;
  TestSystem system;
  ProcessGroups groups{system};
  const auto watcher = system.spawn<Scripted>(&log);
  const auto root = system.start(supervisor({.id = "app"}, child<Joiner>({.id = "c"}, &groups)));
  REQUIRE(root);
  const auto child = root->child<Joiner>("c").value();
  REQUIRE(groups.join("outside", child));
  run(watcher, [&](Scripted& me) {
    static_cast<void>(groups.watch("own", me.self()));
    static_cast<void>(groups.watch("outside", me.self()));
  });
  system.run_until_idle();
  for (int life = 1; life <= 3; ++life) {
    CHECK(groups.members("own")->size() == 1);
    CHECK(groups.members("outside")->size() == 1);
    child.send(1);
    system.run_until_idle();
  }
  CHECK(log.lines() == Lines{"left own c", "joined own c", "left own c", "joined own c", "left own c", "joined own c"});
  REQUIRE(system.stop(*root).get());
  CHECK(groups.groups().empty());
  testing::check_end(system);
}

// ---- watching ----

TEST_CASE("a watch answers the members and then each change once in order") {
  Scene scene;
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  scene.watch("g");
  REQUIRE(scene.groups.join("g", scene.actors[1]));
  REQUIRE(scene.groups.join("other", scene.actors[1]));
  REQUIRE(scene.groups.join("g", scene.actors[1]));
  REQUIRE(scene.groups.leave("g", scene.actors[0]));
  REQUIRE(scene.system.stop(scene.actors[1]).get());
  REQUIRE(scene.groups.join("g", scene.actors[2]));
  scene.system.run_until_idle();
  CHECK(scene.log.lines() ==
        Lines{"members a", "joined g b", "joined g b", "left g a", "left g b", "left g b", "joined g c"});
  testing::check_end(scene.system);
}

TEST_CASE("between the snapshot and the first event nothing is lost or doubled whatever the order") {
  for (std::uint64_t seed = 1; seed <= testing::scaled(300); ++seed) {
    CAPTURE(seed);
    Scene scene{seed};
    for (int round = 0; round < 3; ++round) {
      for (const auto& actor : scene.actors) {
        run(actor, [&](Scripted& me) { static_cast<void>(scene.groups.join("g", me.self())); });
        run(actor, [&](Scripted& me) { static_cast<void>(scene.groups.leave("g", me.self())); });
        run(actor, [&](Scripted& me) { static_cast<void>(scene.groups.join("g", me.self())); });
      }
    }
    if (seed % 2 == 0) run(scene.actors[0], &Scripted::crash);
    run(scene.watcher, [&](Scripted& me) { scene.watching.push_back(scene.groups.watch("g", me.self()).value()); });
    scene.system.run_until_idle();
    int count = static_cast<int>(scene.watching.back().members->size());
    for (const std::string& line : scene.log.lines()) count += line.starts_with("joined") ? 1 : -1;
    CHECK(count == static_cast<int>(scene.groups.members("g")->size()));
    CHECK(count == (seed % 2 == 0 ? 6 : 9));
    testing::check_end(scene.system);
  }
}

TEST_CASE("nothing is heard of a group after an unwatch not even what is in the mailbox") {
  Scene scene;
  scene.watch("g");
  run(scene.watcher, [&](Scripted& me) {
    REQUIRE(scene.groups.join("g", me.self()));  // its event waits behind us
    scene.groups.unwatch(scene.watching[0]);
    scene.groups.unwatch(scene.watching[0]);
    scene.groups.unwatch(GroupWatch{});
  });
  scene.system.run_until_idle();
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  scene.system.run_until_idle();
  CHECK(scene.log.lines() == Lines{"members"});
  CHECK(scene.system.ledger().dead(DeadReason::Cancelled) == 1);
  testing::check_end(scene.system);
}

TEST_CASE("several watches hear each change each") {
  Scene scene;
  scene.watch("g");
  scene.watch("g");
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  scene.system.run_until_idle();
  run(scene.watcher, [&](Scripted&) { scene.groups.unwatch(scene.watching[0]); });
  scene.system.run_until_idle();
  REQUIRE(scene.groups.leave("g", scene.actors[0]));
  scene.system.run_until_idle();
  CHECK(scene.log.lines() == Lines{"members", "members", "joined g a", "joined g a", "left g a"});
  testing::check_end(scene.system);
}

TEST_CASE("a watch is made on the watcher's own turn only and ends with its life") {
  struct Watching : Actor<Watching> {
    Watching(ProcessGroups* g, Log* l) : groups{g}, log{l} {
      if (incarnation() == 1) static_cast<void>(groups->watch("g", self()));
    }
    void handle(const GroupEvent& event) { log->add(event.member.name()); }
    void handle(int) { throw 1; }
    ProcessGroups* groups;
    Log* log;
  };
  Scene scene;
  CHECK(scene.groups.watch("g", scene.watcher).error() == GroupError::NotItself);
  const auto root =
      scene.system.start(supervisor({.id = "app"}, child<Watching>({.id = "w"}, &scene.groups, &scene.log)));
  REQUIRE(root);
  const auto watching = root->child<Watching>("w").value();
  watching.send(1);  // in front of the event, which the first life then never sees
  REQUIRE(scene.groups.join("g", scene.actors[0]));
  scene.system.run_until_idle();
  REQUIRE(scene.groups.join("g", scene.actors[1]));
  scene.system.run_until_idle();
  CHECK(watching.incarnation() == 2);
  CHECK(scene.log.lines().empty());
  testing::check_end(scene.system);
}

TEST_CASE("who is ending watches no group any more") {
  struct Leaving : Actor<Leaving> {
    Leaving(ProcessGroups* g, Log* l) : groups{g}, log{l} {}
    void handle(int) {}
    void handle(const GroupEvent& event) { log->add(event.member.name()); }
    void on_stop(const ExitReason&) { log->add(to_string(groups->watch("g", self()).error())); }
    ProcessGroups* groups;
    Log* log;
  };
  Scene scene;
  const auto leaving = scene.system.spawn<Leaving>(&scene.groups, &scene.log);
  REQUIRE(scene.system.stop(leaving).get());
  CHECK(scene.log.lines() == Lines{to_string(GroupError::Ended)});
  REQUIRE(scene.groups.join("g", scene.actors[0]));  // no watcher has been left behind in there
  scene.system.run_until_idle();
  CHECK(scene.log.size() == 1);
  CHECK(scene.system.ledger().handed_back == 0);
  testing::check_end(scene.system);
}

TEST_CASE("groups may end before their members and their watchers and their system") {
  Log log;
  TestSystem system;
  const auto member = system.spawn<Scripted>({.name = "m"}, &log);
  const auto groups = std::make_unique<ProcessGroups>(system);
  auto brief = std::make_unique<ProcessGroups>(system);
  for (ProcessGroups* const each : {groups.get(), brief.get()}) {
    REQUIRE(each->join("g", member));
    run(member, [each](Scripted& me) {
      REQUIRE(each->join("g", me.self()));
      static_cast<void>(each->watch("g", me.self()));
    });
  }
  system.run_until_idle();
  brief.reset();
  system.run_until_idle();
  CHECK(log.size() == 0);
  run(member, [&](Scripted& me) { REQUIRE(groups->leave("g", me.self())); });
  system.run_until_idle();
  CHECK(log.lines() == Lines{"left g m"});
  testing::check_end(system);
  CHECK(groups->members("g")->empty());
  CHECK(groups->join("g", member).error() == GroupError::Ended);
}

}  // namespace
}  // namespace coppice
