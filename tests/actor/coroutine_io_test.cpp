#include "coppice/asio.hpp"

#include <array>
#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <string>
#include <utility>

#include "catch.hpp"
#include "coppice/coppice.hpp"
#include "coppice/coroutine.hpp"
#include "support/ending.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"

// Sockets and Asio's timers in coroutine handlers.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::kPatience;
using testing::Lines;
using testing::Log;
using Socket = asio::basic_stream_socket<tcp, ActorExecutor>;

struct Serve {};
struct Note {};
struct Talk {
  unsigned short port;
};

/// Accepts one connection and sends back what it reads, four bytes at a time.
struct Echo : Actor<Echo> {
  explicit Echo(Log* l) : log{l}, acceptor{executor(), tcp::endpoint{asio::ip::address_v4::loopback(), 0}} {}
  int handle(Note) { return acceptor.local_endpoint().port(); }
  ReentrantTask<> handle(Serve) {
    Socket socket{executor()};
    const Result<void, std::error_code> accepted = co_await acceptor.async_accept(socket, use_task);
    if (!accepted) co_return;
    for (;;) {
      std::array<char, 4> bytes{};
      const Result<std::size_t, std::error_code> read =
          co_await asio::async_read(socket, asio::buffer(bytes), use_task);
      if (!read) break;
      const auto written = co_await asio::async_write(socket, asio::buffer(bytes), use_task);
      if (!written) break;
    }
    log->add("over");
  }
  Log* log;
  asio::basic_socket_acceptor<tcp, ActorExecutor> acceptor;
};

struct Client : Actor<Client> {
  explicit Client(Log* l) : log{l}, socket{executor()} {}
  Task<std::string> handle(Talk talk) {
    const auto connected =
        co_await socket.async_connect(tcp::endpoint{asio::ip::address_v4::loopback(), talk.port}, use_task);
    if (!connected) co_return "not connected";
    std::string said;
    for (const char* word : {"one ", "two ", "four"}) {
      std::array<char, 4> bytes{};
      if (!co_await asio::async_write(socket, asio::buffer(word, 4), use_task)) co_return "not written";
      if (!co_await asio::async_read(socket, asio::buffer(bytes), use_task)) co_return "not read";
      said.append(bytes.data(), bytes.size());
    }
    co_return said;
  }
  /// Reads what never comes.
  Task<> handle(Serve) {
    std::array<char, 64> bytes{};
    log->add("reads");
    static_cast<void>(co_await asio::async_read(socket, asio::buffer(bytes), use_task));
    log->add("went on");
  }
  Task<int> handle(Note) {
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, ActorExecutor>
        timer{executor(), 1ms};
    const auto first = co_await timer.async_wait(use_task);
    timer.expires_after(1h);
    static_cast<void>(timer.async_wait(use_task));  // dropped: cancelled
    co_return first ? 1 : 0;
  }
  Log* log;
  Socket socket;
};

TEST_CASE("coroutine handlers read and write sockets and wait for Asio's timers") {  // F21
  ActorSystem system{testing::two_workers()};
  Log log;
  const auto echo = system.spawn<Echo>(&log);
  const auto client = system.spawn<Client>(&log);
  const auto port = echo.ask(Note{}, kPatience).get();
  REQUIRE(port);
  echo.send(Serve{});
  CHECK(client.ask(Talk{static_cast<unsigned short>(*port)}, kPatience).get() ==
        Result<std::string, AskError>{"one two four"});
  CHECK(client.ask(Note{}, kPatience).get() == Result<int, AskError>{1});
  REQUIRE(system.stop(client).get());
  REQUIRE(testing::eventually([&] { return log.size() == 1; }));
  CHECK(log.lines() == Lines{"over"});
  REQUIRE(testing::at_rest(system));
  testing::check_end(system);
}

TEST_CASE("a life's end cancels a read and the next life hears nothing of it") {  // P5 [H3]
  for (int i = 0; i < 20; ++i) {
    ActorSystem system{testing::quiet(testing::two_workers())};
    Log log;
    const auto echo = system.spawn<Echo>(&log);
    const auto port = echo.ask(Note{}, kPatience).get();
    REQUIRE(port);
    const auto client = system.spawn<Client>(&log);
    echo.send(Serve{});
    REQUIRE(client.ask(Talk{static_cast<unsigned short>(*port)}, kPatience).get());
    auto reading = client.ask(Serve{}, kPatience);
    REQUIRE(testing::eventually([&] { return log.size() == 1; }));
    REQUIRE(system.stop(client).get());
    CHECK(reading.get() == Result<void, AskError>{Error{AskError::Closed}});
    REQUIRE(testing::eventually([&] { return log.size() == 2; }));
    CHECK(log.lines() == Lines{"reads", "over"});
    testing::check_end(system);
  }
}

}  // namespace
}  // namespace coppice
