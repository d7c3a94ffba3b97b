#include <sys/epoll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <utility>

#include "catch.hpp"
#include "support/echo_server.hpp"
#include "support/ending.hpp"

// What the kernel may answer when it has too little of something. The linker's --wrap puts these two in the place of the C
// library's, for the library and in this program only.

namespace {

std::atomic<int> accept_error{0};  // none
std::atomic<int> watch_error{0};

}  // namespace

extern "C" {

int __real_accept4(int listener, sockaddr* address, socklen_t* length, int flags);
int __wrap_accept4(int listener, sockaddr* address, socklen_t* length, int flags);
int __wrap_accept4(int listener, sockaddr* address, socklen_t* length, int flags) {
  if (const int error = accept_error.load()) {
    errno = error;
    return -1;
  }
  return __real_accept4(listener, address, length, flags);
}

int __real_epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event);
int __wrap_epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event);
int __wrap_epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) {
  const int error = operation == EPOLL_CTL_ADD ? watch_error.load() : 0;
  if (error != 0) {
    errno = error;
    return -1;
  }
  return __real_epoll_ctl(epoll, operation, descriptor, event);
}

}  // extern "C"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::EchoServer;
using testing::eventually;
using testing::TcpClient;

TEST_CASE("while the kernel has too little to accept with nobody else notices and then all are accepted") {
  for (const int error : {ENFILE, EMFILE, ENOMEM, ENOBUFS}) {
    INFO("error " << error);
    testing::BasicLog<int> failures;
    TcpListenerOptions options{.id = "echo", .pause_after_failure = 2ms};
    options.on_accept_failure = [&](const std::error_code& code) { failures.add(code.value()); };
    EchoServer server{std::move(options)};
    TcpClient there = server.connect();
    REQUIRE(eventually([&] { return server.stats().open == 1; }));
    accept_error = error;
    TcpClient waits = server.connect();
    REQUIRE(waits.send("early"));
    CHECK(eventually([&] { return server.stats().failures >= 3; }));  // it goes on trying
    CHECK(there.send("hello"));
    CHECK(there.receive(5) == "hello");
    CHECK(server.stats().open == 1);
    CHECK(failures.lines() == std::vector<int>{error});  // told once
    accept_error = 0;
    CHECK(waits.receive(5) == "early");
    CHECK(server.serves());
    accept_error = error;  // another outage is told again
    TcpClient late = server.connect();
    CHECK(eventually([&] { return failures.size() == 2; }));
    accept_error = 0;
    CHECK(late.send("late"));
    CHECK(late.receive(4) == "late");
    CHECK(server.stats().aborted == 0);
    testing::check_end(server.system);
  }
}

TEST_CASE("a connection that the kernel has no memory to watch is closed and no other notices") {
  for (const int error : {ENOMEM, ENOSPC}) {
    INFO("error " << error);
    EchoServer server;
    TcpClient there = server.connect();
    REQUIRE(there.send("hello"));
    CHECK(there.receive(5) == "hello");
    watch_error = error;
    TcpClient unlucky = server.connect();
    CHECK(unlucky.ends());
    watch_error = 0;
    CHECK(eventually([&] { return server.ended(TcpEnd::Dropped) == 1 && server.stats().open == 1; }));
    CHECK(there.send("more"));
    CHECK(there.receive(4) == "more");
    CHECK(server.serves());
    testing::check_end(server.system);
  }
}

}  // namespace
}  // namespace coppice
