#include "coppice/io/service_notifier.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "support/ending.hpp"
#include "support/quiet.hpp"

// What systemd hears, at a socket of the test's own.

namespace coppice {
namespace {

using namespace std::chrono_literals;

/// Stands for the service manager. Its address is an abstract one where the name begins with '@'.
class Manager {
 public:
  explicit Manager(const std::string& name) : path_{name}, socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
    ::close(socket_);
    if (path_[0] == '/') ::unlink(path_.c_str());
  }
  [[nodiscard]] std::string hears() {
    pollfd wanted{socket_, POLLIN, 0};
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(testing::kPatience);
    if (::poll(&wanted, 1, static_cast<int>(patience.count())) <= 0) return "nothing";
    char text[128];
    const ssize_t length = ::recv(socket_, text, sizeof text, 0);
    return {text, static_cast<std::size_t>(length)};
  }

 private:
  std::string path_;
  int socket_;
};

[[nodiscard]] std::string abstract_name() { return "@coppice-notify-" + std::to_string(::getpid()); }

void check_ready_and_stopping(const std::string& name) {
  Manager manager{name};
  ActorSystem system{testing::two_workers()};
  REQUIRE(system.start(supervisor({.id = "app"}, child<ServiceNotifier>({.id = "systemd"}))));
  CHECK(manager.hears() == "READY=1");
  testing::check_end(system);
  CHECK(manager.hears() == "STOPPING=1");
}

TEST_CASE("the service manager hears when the tree runs and when it stops") {
  check_ready_and_stopping(abstract_name());
  check_ready_and_stopping("/tmp/coppice-notify-" + std::to_string(::getpid()));
  std::string longest = abstract_name();
  longest.resize(sizeof(sockaddr_un::sun_path), 'x');  // an abstract one has no zero behind it
  check_ready_and_stopping(longest);
}

TEST_CASE("the service manager's watchdog is fed twice in each interval") {
  Manager manager{abstract_name()};
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  CHECK(watchdog_interval() == 20ms);
  ActorSystem system{testing::two_workers()};
  const TimePoint start = system.now();  // before its first tick is armed, however long it takes to hear of it
  const auto notifier = system.spawn<ServiceNotifier>();
  CHECK(manager.hears() == "READY=1");
  for (int i = 0; i < 3; ++i) CHECK(manager.hears() == "WATCHDOG=1");
  CHECK(system.now() - start >= 30ms);
  testing::check_end(system);
}

TEST_CASE("a watchdog of another process or one that is no number is none") {
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(watchdog_interval() == kForever);
  ::unsetenv("WATCHDOG_PID");
  for (const char* text : {"", "0", "-5", "soon", "20000x"}) {
    ::setenv("WATCHDOG_USEC", text, 1);
    CAPTURE(text);
    CHECK(watchdog_interval() == kForever);
  }
  ::unsetenv("WATCHDOG_USEC");
}

TEST_CASE("without a service manager nobody is told and a bad address is an error") {
  ::unsetenv("NOTIFY_SOCKET");
  CHECK(notify_service_manager("READY=1") == Result<bool, std::error_code>{false});
  for (const std::string& name : {std::string{}, std::string{"@"}, std::string{"relative"}, std::string(200, '/')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    CAPTURE(name);
    CHECK(notify_service_manager("READY=1").error() == std::errc::invalid_argument);
  }
  ::setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  CHECK(notify_service_manager("READY=1").error() == std::errc::no_such_file_or_directory);
  ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace coppice
