// Children that come and go. docs/how-to/children_at_run_time.md quotes this file.

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include <coppice/coppice.hpp>
#include <coppice/supervisors/dynamic_supervisor.hpp>
#include <coppice/supervisors/partition_supervisor.hpp>
#include <coppice/supervisors/task_supervisor.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Visit {};
struct Session : Actor<Session> {
  explicit Session(std::string u) : user{std::move(u)} {}
  std::string handle(Visit) { return user + " came " + std::to_string(++visits) + " times"; }
  std::string user;
  int visits = 0;
};

/// Starts a session for each user who comes, without ever waiting.
struct Login {
  std::string user;
};
struct Door : Actor<Door> {
  explicit Door(ActorRef<DynamicSupervisor> s) : sessions{std::move(s)} {}
  void handle(Login login) {
    auto session = child<Session>({.restart = Restart::Transient}, login.user);
    ask(sessions, StartChild{std::move(session)}, 5s).then([this](Result<Result<AnyRef, CallError>, AskError> started) {
      if (started && *started) ++inside;
    });
  }
  int handle(Visit) { return inside; }
  ActorRef<DynamicSupervisor> sessions;
  int inside = 0;
};

}  // namespace

TEST_CASE("sessions come and go under a dynamic supervisor") {
  testing::TestSystem system{{.seed = 42}};
  const auto app = system.start(supervisor({.id = "app", .strategy = RestForOne{}},
                                           dynamic_supervisor({.id = "sessions", .children_max = 10'000}),
                                           task_supervisor({.id = "tasks"})));
  const auto sessions = app->child<DynamicSupervisor>("sessions").value();

  const auto bob = sessions.start_child<Session>({.restart = Restart::Transient}, "bob").value();
  CHECK(bob.ask(Visit{}, 1s).get().value() == "bob came 1 times");
  REQUIRE(sessions.terminate_child(bob));
  CHECK(bob.is_closed());

  const auto door = system.spawn<Door>(sessions);
  door.send(Login{"ann"});
  door.send(Login{"cid"});
  system.run_until_idle();
  CHECK(door.ask(Visit{}, 1s).get() == Result<int, AskError>{2});
  CHECK(sessions.count_children()->active == 2);
}

TEST_CASE("a task runs once and its result is a reply") {
  testing::TestSystem system{{.seed = 42}};
  const auto tasks = system.start(task_supervisor({.id = "tasks"})).value();
  const auto sum = tasks.async([] { return 1 + 1; }, 5s).get();
  CHECK(sum.value() == 2);
  const auto failed = tasks.async([]() -> int { throw std::runtime_error{"no price today"}; }, 5s).get();
  CHECK(failed.error() == AskError::Crashed);
}

TEST_CASE("each user has one of the partitions") {
  testing::TestSystem system{{.seed = 42}};
  const auto root =
      system.start(partition_supervisor({.id = "sessions", .partitions = 4}, dynamic_supervisor({.id = "sessions"})));
  const auto sessions = Partitions<DynamicSupervisor>::of(root.value()).value();
  CHECK(sessions.for_key("bob").start_child<Session>({}, "bob"));
  CHECK(sessions.for_key("bob").count_children()->active == 1);
}
