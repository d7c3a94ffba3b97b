#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "coppice/supervisors/task_supervisor.hpp"
#include "coppice/system/actor_system.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"
#include "support/test_end.hpp"

// Source: Elixir's Task.Supervisor.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::TestSystem;

template <class T>
std::string word(const Result<T, AskError>& result) {
  return result ? "ok" : to_string(result.error());
}
std::string word(AskError error) { return to_string(error); }

TEST_CASE("a task answers with what its function returns, whatever that is") {
  TestSystem system;
  const auto tasks = system.start(task_supervisor({.id = "tasks"})).value();
  CHECK(tasks.async([] { return 6 * 7; }, 1s).get() == Result<int, AskError>{42});
  CHECK(tasks.async([text = std::string{"kept"}] { return text; }, 1s).get().value() == "kept");
  int ran = 0;
  CHECK(word(tasks.async([&] { ++ran; }, 1s).get()) == "ok");
  CHECK(ran == 1);
  const auto moved = tasks.async([only = std::make_unique<int>(7)]() mutable { return std::move(only); }, 1s).get();
  CHECK(**moved == 7);
  system.run_until_idle();
  CHECK(tasks.ask(CountChildren{}, 1s).get()->specs == 0);  // done, forgotten
  testing::check_end(system);
}

TEST_CASE("a task that throws answers Crashed, is not tried again and harms nobody") {
  TestSystem system;
  const auto tasks = system.start(task_supervisor({.id = "tasks"})).value();
  int tries = 0;
  for (int i = 0; i < 20; ++i) {
    const auto failed = tasks
                            .async(
                                [&]() -> int {
                                  ++tries;
                                  throw std::runtime_error{"no"};
                                },
                                1s)
                            .get();
    CHECK(word(failed) == word(AskError::Crashed));
  }
  CHECK(tries == 20);
  CHECK(tasks.incarnation() == 1);
  CHECK(tasks.async([] { return 1; }, 1s).get() == Result<int, AskError>{1});
  testing::check_end(system);
}

TEST_CASE("an actor asks for a task and goes on meanwhile") {
  TestSystem system;
  struct Asker : Actor<Asker> {
    explicit Asker(ActorRef<TaskSupervisor> t) : tasks{std::move(t)} {}
    void on_start() {
      ask(tasks, RunTask{[] { return 5; }}, 1s).then([this](Result<int, AskError> five) { sum += *five; });
      tasks.send(RunTask{[] { return "nobody wants it"; }});
    }
    int handle(int) { return sum; }
    ActorRef<TaskSupervisor> tasks;
    int sum = 0;
  };
  const auto tasks = system.start(task_supervisor({.id = "tasks"})).value();
  const auto asker = system.spawn<Asker>(tasks);
  system.run_until_idle();
  CHECK(asker.ask(0, 1s).get() == Result<int, AskError>{5});
  testing::check_end(system);
}

TEST_CASE("one task too many is rejected, and so is every task of a full system") {
  TestSystem system;
  const auto none = system.start(task_supervisor({.id = "none", .tasks_max = 0})).value();
  bool ran = false;
  CHECK(word(none.async([&] { ran = true; }, 1s).get()) == word(AskError::Rejected));
  CHECK_FALSE(ran);
  testing::check_end(system);

  TestSystem full{{.system = {.actors_max = 1}}};
  const auto tasks = full.start(task_supervisor({.id = "tasks"})).value();
  CHECK(word(tasks.async([&] { ran = true; }, 1s).get()) == word(AskError::Rejected));
  CHECK_FALSE(ran);
  testing::check_end(full);
}

TEST_CASE("a task that is ended before it is done, or comes too late, answers Closed") {
  testing::Gate gate;
  SystemOptions options = testing::quiet();
  options.workers = 4;
  ActorSystem system{std::move(options)};
  const auto tasks = system.start(task_supervisor({.id = "tasks", .task_shutdown = 50ms})).value();
  auto slow = tasks.async(
      [&] {
        gate.pass();
        return 1;
      },
      60s);
  REQUIRE(gate.wait_for_arrivals(1));
  CHECK(tasks.async([] { return 2; }, 10s).get() == Result<int, AskError>{2});  // others go on
  static_cast<void>(system.stop(tasks, {.within = 20s}).get());
  CHECK(system.stats().zombies == 1);
  gate.open();
  CHECK(word(slow.get()) == word(AskError::Closed));  // although it was left behind, and came to an end
  CHECK(word(tasks.async([] { return 3; }, 10s).get()) == word(AskError::Closed));
  REQUIRE(testing::eventually([&] { return system.stats().zombies == 0; }));
  testing::check_end(system);
}

TEST_CASE("a task supervisor is a child like any other and its tasks are shown") {
  TestSystem system;
  const auto root = system.start(supervisor({.id = "app"}, task_supervisor({.id = "tasks"}))).value();
  const auto tasks = root.child<TaskSupervisor>("tasks").value();
  CHECK(tasks.async([] { return 1; }, 1s).get() == Result<int, AskError>{1});
  CHECK(root.count_children().value().supervisors == 1);
  system.crash(tasks);
  system.run_until_idle();
  CHECK(tasks.async([] { return 2; }, 1s).get() == Result<int, AskError>{2});
  CHECK(tasks.incarnation() == 2);
  testing::check_end(system);
}

TEST_CASE("tasks by the ten thousand from many threads each have one outcome") {
  SystemOptions options = testing::quiet();
  options.workers = 2;
  ActorSystem system{std::move(options)};
  const auto tasks = system.start(task_supervisor({.id = "tasks"})).value();
  std::atomic<long> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<AskFuture<int>> futures;
      for (int i = 0; i < 2'500; ++i) {
        futures.push_back(tasks.async(
            [i, t]() -> int {
              if (i % 50 == t) throw std::runtime_error{"no"};
              return i;
            },
            60s));
      }
      for (auto& future : futures) {
        const auto result = future.get();
        sum += result ? *result : result.error() == AskError::Crashed ? -1 : -1'000'000;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  long expected = 0;
  for (int t = 0; t < 4; ++t) {
    for (int i = 0; i < 2'500; ++i) expected += i % 50 == t ? -1 : i;
  }
  CHECK(sum == expected);
  REQUIRE(testing::eventually([&] { return tasks.ask(CountChildren{}, 10s).get()->specs == 0; }));
  testing::check_end(system);
}

}  // namespace
}  // namespace coppice
