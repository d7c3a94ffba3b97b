#include "coppice/io/stop_signals.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/quiet.hpp"

// What SIGINT and SIGTERM do to a process, in one of the test's own.

namespace coppice {
namespace {

using namespace std::chrono_literals;

/// Never comes to its end when it is told to.
struct Stubborn : Actor<Stubborn> {
  explicit Stubborn(testing::Gate* g) : gate{g} {}
  void on_stop(const ExitReason&) { gate->pass(); }
  testing::Gate* gate;
};

/// A server that says in its exit status how it went.
[[noreturn]] void serve(int signal, bool stubborn) {
  for (const int each : {SIGINT, SIGTERM}) ::signal(each, SIG_DFL);  // not what the test's program does with them
  StopSignals signals;
  testing::Gate gate;
  ActorSystem system{testing::quiet(testing::two_workers())};
  if (stubborn) system.spawn<Stubborn>(&gate);
  ::kill(::getpid(), signal);
  const int came = signals.wait_for(10s);
  if (came != signal) ::_exit(90);
  if (stubborn) ::kill(::getpid(), SIGTERM);  // the second one
  ::_exit(system.shutdown({.within = 10s}).complete ? 0 : 91);
}

/// What becomes of it.
[[nodiscard]] int status_of(int signal, bool stubborn) {
  const pid_t process = ::fork();
  if (process == 0) serve(signal, stubborn);
  int status = -1;
  ::waitpid(process, &status, 0);
  return status;
}

TEST_CASE("the first signal to stop shuts a server down in order") {  // F73
  CHECK(status_of(SIGTERM, false) == 0);
  CHECK(status_of(SIGINT, false) == 0);
}

TEST_CASE("the second signal to stop ends a process at once") {  // F73
  const int status = status_of(SIGINT, true);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("a wait for a signal to stop that does not come ends in time") {
  const StopSignals outer;  // what it held is held again when the next one goes
  StopSignals signals;
  CHECK(signals.wait_for(1ms) == 0);
  CHECK(signals.wait_for(-1s) == 0);
  ::kill(::getpid(), SIGTERM);
  CHECK(signals.wait_for(10s) == SIGTERM);
}

}  // namespace
}  // namespace coppice
