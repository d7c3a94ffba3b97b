#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "catch.hpp"
#include "coppice/asio.hpp"
#include "coppice/coppice.hpp"
#include "coppice/system/pinned_thread.hpp"
#include "coppice/testing/test_system.hpp"

// What has no virtual time ends a process with a TestSystem, and says why: else a test would pass that has tested
// something else.

namespace coppice {
namespace {

using Catch::Contains;
using testing::TestSystem;

struct Tick {};
struct Quiet : Actor<Quiet> {
  void handle(Tick) {}
};

/// Runs `f` in a child, and answers what that wrote to stderr if it was ended by abort(); else a word that it was not.
template <class F>
std::string last_words_of(F f) {
  int files[2];
  REQUIRE(::pipe(files) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);  // not Catch2's
    ::dup2(files[1], STDERR_FILENO);
    ::close(files[0]);
    f();
    ::_exit(0);
  }
  ::close(files[1]);
  std::string said;
  char buffer[512];
  for (ssize_t count = 0; (count = ::read(files[0], buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(count));
  ::close(files[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? said : "it goes on";
}

TEST_CASE("real input and output ends a test system's process") {  // P18
  CHECK_THAT(last_words_of([] {
               TestSystem system;
               static_cast<void>(io_context(system));
             }),
             Contains("real I/O is not possible in a test system"));
  CHECK_THAT(last_words_of([] {
               asio::io_context io;
               const TestSystem system{{.system = {.run_in = users_context(io)}}};
             }),
             Contains("a test system does not run in a user's io_context"));
}

TEST_CASE("a thread or an executor for an actor ends a test system's process") {  // P18
  CHECK_THAT(last_words_of([] {
               TestSystem system;
               static_cast<void>(PinnedThread::make(system, {}));
             }),
             Contains("a test system has no pinned threads"));
  CHECK_THAT(last_words_of([] {
               asio::io_context io;
               TestSystem system;
               static_cast<void>(system.spawn<Quiet>({.on = io.get_executor()}));
             }),
             Contains("an actor cannot be on a pinned thread or a foreign executor"));
}

TEST_CASE("another thread that wakes an actor ends a test system's process") {  // P18
  CHECK_THAT(last_words_of([] {
               TestSystem system;
               const auto quiet = system.spawn<Quiet>();
               system.run_until_idle();
               std::thread{[&] { quiet.send(Tick{}); }}.join();
             }),
             Contains("a test system is used by another thread"));
}

TEST_CASE("a wait that nothing can end names the seed and ends a test system's process") {  // P18
  CHECK_THAT(last_words_of([] {
               TestSystem system{{.seed = 4711}};
               const auto quiet = system.spawn<Quiet>({.paused = true});
               static_cast<void>(quiet.ask(Tick{}, kForever).get());
             }),
             Contains("replay with seed 4711"));
}

TEST_CASE("what is virtual does not end it") {
  CHECK(last_words_of([] {
          TestSystem system;
          system.spawn<Quiet>().send(Tick{});
          system.run_until_idle();
        }) == "it goes on");
}

}  // namespace
}  // namespace coppice
