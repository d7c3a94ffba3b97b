#include "coppice/asio.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include "catch.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/scripted.hpp"
#include "support/test_end.hpp"

// When what is executed on an actor's executor runs: at once on the actor's own turn, unless that must not be.

namespace coppice {
namespace {

using testing::Lines;
using testing::Log;
using testing::Scripted;
using testing::TestSystem;

/// Executes a note there, from the turn of `from`.
void execute_from(const ActorRef<Scripted>& from, ActorExecutor on, Scripted* target, const std::string& what) {
  testing::run(from, [on = std::move(on), target, what](Scripted& me) {
    on.execute([target, what] { target->note(what); });
    me.note("went on after " + what);
  });
}

TEST_CASE("an executor that may block runs at once what its own actor executes and nothing else") {
  Log log;
  TestSystem system;
  const auto a = system.spawn<Scripted>(&log, "a");
  const auto b = system.spawn<Scripted>(&log, "b");
  Scripted* actor = nullptr;
  testing::run(a, [&](Scripted& me) { actor = &me; });
  system.run_until_idle();
  const ActorExecutor may{detail::RefAccess::cell(a)};
  const ActorExecutor never = asio::require(may, asio::execution::blocking.never);
  CHECK(asio::query(may, asio::execution::blocking) == asio::execution::blocking.possibly);
  CHECK(asio::query(never, asio::execution::blocking) == asio::execution::blocking.never);
  CHECK(may != never);
  CHECK(asio::require(never, asio::execution::blocking.possibly) == may);

  auto new_lines = [&, seen = std::size_t{0}]() mutable {
    system.run_until_idle();
    const Lines all = log.lines();
    return Lines(all.begin() + static_cast<std::ptrdiff_t>(std::exchange(seen, all.size())), all.end());
  };
  execute_from(a, may, actor, "its own");
  CHECK(new_lines() == Lines{"a: its own", "a: went on after its own"});
  execute_from(a, never, actor, "a post");
  CHECK(new_lines() == Lines{"a: went on after a post", "a: a post"});
  execute_from(b, may, actor, "another's");
  CHECK(new_lines() == Lines{"b: went on after another's", "a: another's"});
  may.execute([&] { actor->note("a thread's"); });
  CHECK(log.lines().back() == "a: another's");  // it waits in the mailbox
  CHECK(new_lines() == Lines{"a: a thread's"});
  testing::check_end(system);
}

TEST_CASE("an executor of an earlier life does not run at once what a later one executes") {
  Log log;
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, child<Scripted>({.id = "c"}, &log, "c")));
  REQUIRE(root);
  const auto child = root->child<Scripted>("c").value();
  const ActorExecutor earlier{detail::RefAccess::cell(child)};
  system.crash(child);
  system.run_until_idle();
  REQUIRE(child.incarnation() == 2);
  execute_from(child, earlier, nullptr, "what belongs to the life before");
  system.run_until_idle();
  CHECK(log.lines().back() == "c: went on after what belongs to the life before");
  CHECK(system.ledger().dead(DeadReason::Cancelled) == 1);
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
