#if defined(__linux__)

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/monitors/in_memory_monitor.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;

constexpr const char* kName = "a process that stands still for ten seconds restarts nobody when it goes on";
// The test runs itself again: where this is set, it is the process that will be stopped.
constexpr const char* kPatientProcess = "COPPICE_TEST_PATIENT_PROCESS";
constexpr int kSaysFd = 3;   // a letter each time a check is being answered
constexpr int kHearsFd = 4;  // closed: enough

struct Work {};

/// Answers a check slowly enough for a stop to come while it does.
struct Patient : Actor<Patient> {
  Health on_health_check() {
    static_cast<void>(::write(kSaysFd, "c", 1));
    const TimePoint until = system().now() + 30ms;
    while (system().now() < until) {
    }
    return Health::Healthy;
  }
  std::uint32_t handle(Work) { return incarnation(); }
};

/// What runs in the process that is stopped.
void be_patient() {
  const int flags = ::fcntl(kSaysFd, F_GETFL);
  REQUIRE(::fcntl(kSaysFd, F_SETFL, flags | O_NONBLOCK) == 0);  // nobody listens while it stands still
  BasicActorSystem<InMemoryMonitor> system{testing::quiet(testing::two_workers())};
  const auto root = system.start(SupervisorSpec{
      {.id = "app"},
      children<Patient>(4, {.id = "p-{}", .health = {.interval = 500ms, .timeout = 400ms, .failures = 1}})});
  REQUIRE(root);
  char enough;
  while (::read(kHearsFd, &enough, 1) > 0) {
  }
  const auto infos = root->which_children();
  REQUIRE(infos);
  for (const ChildInfo& info : infos.value()) CHECK(info.actor.incarnation() == 1);
  CHECK(system.monitor().count(EventKind::ChildUnhealthy) == 0);
  CHECK(system.stats().restarts == 0);
  testing::check_end(system);
}

/// The other process, from the outside.
class PatientProcess {
 public:
  PatientProcess() {
    int says[2];
    int hears[2];
    REQUIRE(::pipe2(says, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(hears, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    // First out of the way of the two numbers, which these pipes may have themselves.
    const int from = ::fcntl(says[1], F_DUPFD_CLOEXEC, 10);
    const int to = ::fcntl(hears[0], F_DUPFD_CLOEXEC, 10);
    posix_spawn_file_actions_adddup2(&files, from, kSaysFd);
    posix_spawn_file_actions_adddup2(&files, to, kHearsFd);
    std::vector<std::string> settings{std::string{kPatientProcess} + "=1"};
    for (char** setting = environ; *setting != nullptr; ++setting) settings.emplace_back(*setting);
    std::vector<char*> environment;
    for (std::string& setting : settings) environment.push_back(setting.data());
    environment.push_back(nullptr);
    std::string program = "/proc/self/exe";
    std::string name = kName;
    char* arguments[] = {program.data(), name.data(), nullptr};
    REQUIRE(::posix_spawn(&pid_, program.c_str(), &files, nullptr, arguments, environment.data()) == 0);
    posix_spawn_file_actions_destroy(&files);
    for (const int fd : {says[1], hears[0], from, to}) ::close(fd);
    says_ = says[0];
    hears_ = hears[1];
  }
  PatientProcess(const PatientProcess&) = delete;
  PatientProcess& operator=(const PatientProcess&) = delete;
  ~PatientProcess() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(says_);
    if (hears_ >= 0) ::close(hears_);
  }

  /// Whether it says something within that time. What it said is then forgotten.
  [[nodiscard]] bool says_within(std::chrono::milliseconds within) const {
    pollfd poll{.fd = says_, .events = POLLIN, .revents = 0};
    if (::poll(&poll, 1, static_cast<int>(within.count())) != 1 || (poll.revents & POLLIN) == 0) return false;
    char said[4096];
    return ::read(says_, said, sizeof said) > 0;
  }
  [[nodiscard]] bool stop() {
    int status = 0;
    return ::kill(pid_, SIGSTOP) == 0 && ::waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status);
  }
  [[nodiscard]] bool go_on() const { return ::kill(pid_, SIGCONT) == 0; }
  /// Its exit status once it was told that it is enough.
  [[nodiscard]] int end() {
    ::close(hears_);
    hears_ = -1;
    int status = 0;
    const bool has_ended = ::waitpid(pid_, &status, 0) == pid_;
    pid_ = -1;
    return has_ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  int says_ = -1;
  int hears_ = -1;
};

TEST_CASE("a process that stands still for ten seconds restarts nobody when it goes on") {  // P20: real SIGSTOP
  if (std::getenv(kPatientProcess) != nullptr) return be_patient();
  PatientProcess process;
  // Once for ten seconds, then for times about as long as a time-out and an interval.
  for (const auto standstill : std::vector<std::chrono::milliseconds>{10s, 400ms, 500ms, 900ms, 50ms}) {
    CAPTURE(standstill.count());
    REQUIRE(process.says_within(30s));  // a check is under way
    REQUIRE(process.stop());
    static_cast<void>(process.says_within(0ms));   // what was on its way
    CHECK_FALSE(process.says_within(standstill));  // it stands still
    REQUIRE(process.go_on());
    for (int i = 0; i < 8; ++i) REQUIRE(process.says_within(30s));
  }
  CHECK(process.end() == 0);
}

}  // namespace
}  // namespace coppice

#endif
