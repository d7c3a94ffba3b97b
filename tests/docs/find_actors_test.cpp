// Names, keys and groups. docs/how-to/find_actors.md quotes this file.

#include <chrono>
#include <string>

#include <coppice/coppice.hpp>
#include <coppice/system/process_groups.hpp>
#include <coppice/system/registry.hpp>
#include <coppice/testing/test_system.hpp>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Withdraw {
  int amount;
};
struct Crash {};
struct Account : Actor<Account> {
  explicit Account(int opening = 100) : balance{opening} {}
  int handle(Withdraw w) { return balance -= w.amount; }
  void handle(Crash) { throw 1; }
  int balance;
};

struct Next {};
/// Knows who is in the pool without ever asking.
struct Router : Actor<Router> {
  explicit Router(ProcessGroups* groups) {
    const auto begun = groups->watch("pool", self());
    count = begun->members->size();
  }
  void handle(const GroupEvent& event) { event.kind == GroupEvent::Kind::Joined ? ++count : --count; }
  std::size_t handle(Next) { return count; }
  std::size_t count = 0;
};

}  // namespace

TEST_CASE("a ref by name goes on to the next life and to the next actor") {
  testing::TestSystem system;
  const auto bank =
      system.start(supervisor({.id = "bank"}, child<Account>({.id = "savings", .name = "account/savings"}, 100)));
  REQUIRE(bank);

  const NamedRef<Account> savings = system.named<Account>("account/savings");
  CHECK(savings.ask(Withdraw{30}, 1s).get().value() == 70);
  savings.send(Crash{});
  CHECK(savings.ask(Withdraw{30}, 1s).get().value() == 70);  // the next life

  REQUIRE(bank->terminate_child("savings"));
  CHECK(savings.send(Withdraw{30}) == Delivery::Closed);  // nobody: a dead letter
  CHECK(savings.resolve().error() == LookupError::Unknown);
  const auto another = system.spawn<Account>({.name = "account/savings"}, 50);
  CHECK(savings.ask(Withdraw{30}, 1s).get().value() == 20);
}

TEST_CASE("an account is opened once") {
  testing::TestSystem system;
  const auto first = system.get_or_spawn<Account>("account/joint", 10);
  const auto second = system.get_or_spawn<Account>("account/joint", 20);
  CHECK(first.value() == second.value());
}

TEST_CASE("sessions are found by their user") {
  testing::TestSystem system;
  const auto session = system.spawn<Account>();
  Registry<int, std::string> sessions{system, Keys::Duplicate};
  REQUIRE(sessions.register_key(4711, session, "phone"));
  for (const auto& [actor, device] : sessions.lookup(4711)) CHECK(device == "phone");
  REQUIRE(system.stop(session).get());
  CHECK(sessions.lookup(4711).empty());
}

TEST_CASE("a router follows its pool") {
  testing::TestSystem system;
  ProcessGroups groups{system};
  const auto worker = system.spawn<Account>();
  REQUIRE(groups.join("pool", worker));
  const auto router = system.spawn<Router>(&groups);
  CHECK(router.ask(Next{}, 1s).get().value() == 1);
  REQUIRE(groups.join("pool", system.spawn<Account>()));
  CHECK(router.ask(Next{}, 1s).get().value() == 2);
  system.crash(worker);
  CHECK(router.ask(Next{}, 1s).get().value() == 1);
  CHECK(groups.members<Account>("pool").size() == 1);
}
