#include "coppice/io/tcp_listener.hpp"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coppice/asio.hpp"
#include "coppice/coppice.hpp"
#include "coppice/io/tcp_connection.hpp"
#include "support/descriptors.hpp"
#include "support/echo_server.hpp"
#include "support/ending.hpp"
#include "support/gate.hpp"
#include "support/log.hpp"
#include "support/own_time.hpp"
#include "support/quiet.hpp"
#include "support/tcp_client.hpp"

// What peers may do to a listener and its connections, over the loopback.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::Echo;
using testing::EchoServer;
using testing::eventually;
using testing::kPatience;
using testing::TcpClient;

TEST_CASE("each connection is an actor that gets what comes and sends what it writes") {
  EchoServer server;
  TcpClient one = server.connect();
  TcpClient two = server.connect();
  REQUIRE(one.send("one"));
  REQUIRE(two.send("two"));
  CHECK(one.receive(3) == "one");
  CHECK(two.receive(3) == "two");
  CHECK(server.stats().open == 2);
  one.close();
  CHECK(eventually([&] { return server.stats().open == 1; }));
  CHECK(two.send("more"));
  CHECK(two.receive(4) == "more");
  testing::check_end(server.system);
}

TEST_CASE("a peer that sends no more gets the rest of its answers and then the end") {
  EchoServer server;
  TcpClient client = server.connect();
  const std::string much(3'000'000, 'm');
  std::thread sender{[&] {
    static_cast<void>(client.send(much));
    client.sends_no_more();
  }};
  CHECK(client.receive_all() == much);
  sender.join();
  CHECK(eventually([&] { return server.ended(TcpEnd::Finished) == 1; }));
  testing::check_end(server.system);
}

TEST_CASE("a connection that finishes has sent all of it though its peer still sends") {
  EchoServer server;
  TcpClient client = server.connect();
  REQUIRE(client.send("bye" + std::string(100'000, '.')));  // more than one piece of input: closed now, it were a reset
  CHECK(client.receive_all() == "goodbye");
  CHECK_FALSE(client.was_reset());
  client.close();
  CHECK(eventually([&] { return server.ended(TcpEnd::Finished) == 1; }));
  testing::check_end(server.system);
}

TEST_CASE("a connection knows who is at its other end and what it closes has lost what it wrote") {
  EchoServer server;
  TcpClient client = server.connect();
  REQUIRE(client.send("who?"));
  sockaddr_in mine{};
  socklen_t length = sizeof mine;
  REQUIRE(::getsockname(client.descriptor(), reinterpret_cast<sockaddr*>(&mine), &length) == 0);
  const std::string name = "127.0.0.1:" + std::to_string(ntohs(mine.sin_port));
  CHECK(client.receive(name.size()) == name);
  REQUIRE(client.send("close!"));
  CHECK(client.receive_all().empty());
  CHECK(eventually([&] { return server.ended(TcpEnd::Dropped) == 1 && server.stats().open == 0; }));
  CHECK(server.log.lines() == testing::Lines{to_string(TcpEnd::Dropped), "closed to \"\""});
  CHECK(server.serves());
  testing::check_end(server.system);
}

TEST_CASE("what a connection throws when it hears of its own close is its own end alone") {
  struct Throwing : TcpConnection<Throwing> {
    explicit Throwing(AcceptedSocket socket) : TcpConnection{std::move(socket)} {}
    void on_data(std::string_view bytes) {
      if (bytes.starts_with("close!")) close();
      write(bytes);
    }
    void on_close(TcpEnd) { throw std::runtime_error{"boom"}; }
  };
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto tree = system.start(tcp_listener<Throwing>({.id = "throwing"})).value();
  const auto listener = listener_of(tree).value();
  TcpClient other{listener.ask(GetTcpListener{}, kPatience).get().value().port};
  TcpClient client{listener.ask(GetTcpListener{}, kPatience).get().value().port};
  REQUIRE(client.send("close!"));
  CHECK(client.receive_all().empty());
  CHECK(other.send("hello"));
  CHECK(other.receive(5) == "hello");
  testing::check_end(system);
}

TEST_CASE("a crash of one connection closes it and no other notices") {
  EchoServer server;
  TcpClient other = server.connect();
  TcpClient client = server.connect();
  REQUIRE(client.send("crash"));
  CHECK(client.ends());
  CHECK(eventually([&] { return server.ended(TcpEnd::Dropped) == 1; }));
  CHECK(other.send("hello"));
  CHECK(other.receive(5) == "hello");
  CHECK(server.serves());
  testing::check_end(server.system);
}

TEST_CASE("input of any length comes whole and in pieces no longer than asked for") {
  // Around the few bytes that a connection reads into a buffer of its own, and with the least and the most at once.
  for (const std::size_t most : {1U, 127U, 128U, 129U, 65'536U}) {
    EchoServer server{{.id = "echo", .connection = {.read_bytes_max = most}}};
    TcpClient client = server.connect();
    for (const std::size_t length : {1U, 127U, 128U, 129U, 256U, 4'097U}) {
      CAPTURE(most, length);
      std::string sent;
      for (std::size_t i = 0; i < length; ++i) sent.push_back(static_cast<char>('A' + (i * 7 + length) % 26));
      REQUIRE(client.send(sent));
      REQUIRE(client.receive(length) == sent);
      REQUIRE(server.log.longest <= most);
    }
    testing::check_end(server.system);
  }
}

/// Pauses when a message says so, which is outside of any input.
struct Pausing : TcpConnection<Pausing> {
  Pausing(AcceptedSocket socket, std::promise<ActorRef<Pausing>>* ref) : TcpConnection{std::move(socket)} {
    ref->set_value(self());
  }
  struct Pause {};
  struct Resume {};
  struct Heard {};
  void on_data(std::string_view bytes) { heard.append(bytes); }
  void on_end_of_input() { heard.append("."), finish(); }
  bool handle(Pause) { return pause_reading(), true; }
  bool handle(Resume) { return resume_reading(), true; }
  std::string handle(Heard) { return heard; }
  std::string heard;
};

TEST_CASE("a connection that pauses outside of its input gets none until it resumes and then all of it") {
  std::promise<ActorRef<Pausing>> made;
  ActorSystem system{testing::quiet(testing::two_workers())};
  const auto tree = system.start(tcp_listener<Pausing>({.id = "pausing"}, &made)).value();
  TcpClient client{listener_of(tree).value().ask(GetTcpListener{}, kPatience).get().value().port};
  const ActorRef<Pausing> connection = made.get_future().get();
  const auto heard = [&] { return connection.ask(Pausing::Heard{}, kPatience).get().value(); };
  std::string sent;
  for (int round = 0; round < 50; ++round) {
    REQUIRE(connection.ask(Pausing::Pause{}, kPatience).get().has_value());
    const std::string before = sent;
    for (const std::size_t length : {std::size_t{1}, std::size_t{300}}) {
      sent.append(length, static_cast<char>('a' + round % 26));
      REQUIRE(client.send(std::string(length, static_cast<char>('a' + round % 26))));
      CHECK(heard() == before);
    }
    REQUIRE(connection.ask(Pausing::Resume{}, kPatience).get().has_value());
    REQUIRE(connection.ask(Pausing::Resume{}, kPatience).get().has_value());  // once more is nothing
    REQUIRE(eventually([&] { return heard() == sent; }));
  }
  REQUIRE(connection.ask(Pausing::Pause{}, kPatience).get().has_value());
  client.sends_no_more();
  CHECK(heard() == sent);
  REQUIRE(connection.ask(Pausing::Resume{}, kPatience).get().has_value());
  CHECK(client.ends());  // its end was heard
  testing::check_end(system);
}

TEST_CASE("a peer that resets its connection ends it and no other") {
  EchoServer server;
  TcpClient other = server.connect();
  TcpClient client = server.connect();
  REQUIRE(client.send("hello"));
  CHECK(client.receive(5) == "hello");
  client.reset();
  CHECK(eventually([&] { return server.ended(TcpEnd::Reset) == 1; }));
  CHECK(other.send("hello"));
  CHECK(other.receive(5) == "hello");
  testing::check_end(server.system);
}

TEST_CASE("peers that reset before they are served hurt nobody") {
  EchoServer server;
  const auto port = server.info().port;
  for (int i = 0; i < 100; ++i) TcpClient{port}.reset();
  CHECK(server.serves());
  CHECK(eventually([&] { return server.stats().open == 0; }));
  testing::check_end(server.system);
}

TEST_CASE("a connection that is idle for too long is closed") {
  EchoServer server{{.id = "echo", .connection = {.idle_within = 50ms}}};
  TcpClient client = server.connect();
  CHECK(client.ends());
  CHECK(eventually([&] { return server.ended(TcpEnd::Idle) == 1 && server.log.size() == 1; }));
  CHECK(server.log.lines() == testing::Lines{"idle"});
  testing::check_end(server.system);
}

TEST_CASE("a peer that does not read is not read any more and then closed") {
  constexpr std::size_t kKernels = 40'000'000;  // more than all buffers on the way hold
  EchoServer server{
      {.id = "echo",
       .connection = {.write_bytes_pause = 100'000, .write_bytes_max = 1'000'000'000, .write_within = 500ms}}};
  TcpClient client{server.info().port, 4'096};
  const std::string chunk(std::size_t{64} * 1024, 'x');
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::size_t sent = 0;
  while (server.log.size() == 0 && sent < kKernels && std::chrono::steady_clock::now() < deadline)
    sent += client.send_some(chunk);
  CHECK(sent < kKernels);
  CHECK(eventually([&] { return server.ended(TcpEnd::Slow) == 1; }));
  CHECK(server.serves());
  testing::check_end(server.system);
}

TEST_CASE("a connection that writes without end to a peer that does not read is closed at its cap") {
  EchoServer server{{.id = "echo", .connection = {.write_bytes_max = 1'000'000}}};
  TcpClient client{server.info().port, 4'096};
  REQUIRE(client.send("flood"));
  CHECK(eventually([&] { return server.ended(TcpEnd::Slow) == 1; }));
  CHECK(server.serves());
  testing::check_end(server.system);
}

TEST_CASE("one connection too many waits in the kernel until another ends") {
  EchoServer server{{.id = "echo", .connections_max = 1}};
  TcpClient first = server.connect();
  REQUIRE(first.send("hello"));
  CHECK(first.receive(5) == "hello");
  TcpClient second = server.connect();
  REQUIRE(second.send("hello"));
  CHECK(second.hears_nothing(50ms));
  CHECK(server.stats().open == 1);
  first.close();
  CHECK(second.receive(5) == "hello");
  testing::check_end(server.system);
}

TEST_CASE("one connection too many is refused with a word") {
  EchoServer server{{.id = "echo", .connections_max = 1, .when_full = WhenFull::Refuse, .refusal = "-ERR full\r\n"}};
  TcpClient first = server.connect();
  REQUIRE(eventually([&] { return server.stats().open == 1; }));
  TcpClient second = server.connect();
  CHECK(second.receive_all() == "-ERR full\r\n");
  CHECK(server.stats().refused == 1);
  CHECK(server.stats().open == 1);
  testing::check_end(server.system);
}

TEST_CASE("no more connections are accepted in a span of time than its rate allows") {
  EchoServer server{{.id = "echo", .accept_rate = RateLimit{.permits = 20, .per = 1s, .burst = 2}}};
  const auto start = std::chrono::steady_clock::now();
  std::vector<TcpClient> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(server.connect());
  REQUIRE(eventually([&] { return server.stats().accepted == 6; }));
  CHECK(std::chrono::steady_clock::now() - start >= 199ms);  // two at once, four more at 50 ms each
  testing::check_end(server.system);
}

#if !defined(__SANITIZE_ADDRESS__)  // there UBSan looks at objects through a pipe, for which no descriptor is left
TEST_CASE("without descriptors nothing is accepted for a while and those who are there go on") {
  testing::BasicLog<int> failures;
  TcpListenerOptions options{.id = "echo", .pause_after_failure = 5ms};
  options.on_accept_failure = [&](const std::error_code& error) { failures.add(error.value()); };
  EchoServer server{std::move(options)};
  TcpClient there = server.connect();
  REQUIRE(eventually([&] { return server.stats().open == 1; }));
  TcpClient waits = server.connect();  // the client's descriptor is there; the server's is not
  static_cast<void>(waits);
  REQUIRE(eventually([&] { return server.stats().open == 2; }));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  std::vector<TcpClient> clients;
  rlimit none = before;
  const auto port = server.info().port;
  const int highest = ::dup(0);
  ::close(highest);
  none.rlim_cur = static_cast<rlim_t>(highest) + 1;  // room for one: the client's
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  clients.emplace_back(port);
  const bool failed = eventually([&] { return failures.size() == 1 && server.stats().failures >= 2; });
  const bool goes_on = there.send("hello") && there.receive(5) == "hello";
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(failed);
  CHECK(goes_on);
  CHECK(failures.lines() == std::vector<int>{EMFILE});
  CHECK(clients[0].send("hello"));
  CHECK(clients[0].receive(5) == "hello");
  testing::check_end(server.system);
}
#endif

TEST_CASE("a shutdown accepts nobody and lets connections send what they have and leaves no descriptor") {  // F72
  const auto before = testing::open_descriptors();
  {
    EchoServer server;
    const auto port = server.info().port;
    std::vector<TcpClient> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(server.connect());
    for (TcpClient& client : clients) REQUIRE(client.send("hello"));
    for (TcpClient& client : clients) REQUIRE(client.receive(5) == "hello");
    std::thread closes{[&] {
      for (TcpClient& client : clients) CHECK(client.ends());
      for (TcpClient& client : clients) client.close();
    }};
    const ShutdownReport report = server.system.shutdown({.within = kPatience});
    closes.join();
    CHECK(report.complete);
    CHECK(report.late.empty());
    CHECK(server.log.lines() == testing::Lines(20, "finished"));
    CHECK_FALSE(TcpClient{port}.is_connected());
    testing::check_ledger(server.system);
  }
  CHECK(testing::open_descriptors() == before);
}

TEST_CASE("connections that do not end by themselves are closed when the drain is over") {  // F72
  EchoServer server{{.id = "echo", .drain_within = 50ms, .connection = {.linger_within = 1h}}};
  TcpClient client = server.connect();
  REQUIRE(eventually([&] { return server.stats().open == 1; }));
  const testing::OwnTime time;
  const ShutdownReport report = server.system.shutdown({.within = kPatience});
  CHECK(report.complete);
  CHECK(time.passed() < 5s);
  CHECK(client.ends());
  testing::check_ledger(server.system);
}

/// Echoes; but with "wait" it keeps its worker until the gate is open.
struct Waiting : TcpConnection<Waiting> {
  Waiting(AcceptedSocket socket, testing::Gate* g) : TcpConnection{std::move(socket)}, gate{g} {}
  void on_data(std::string_view bytes) {
    if (bytes == "wait") gate->pass();
    write(bytes);
  }
  testing::Gate* gate;
};

TEST_CASE("a handler that keeps its worker holds up no other connection though all had input at once") {
  for (int round = 0; round < 10; ++round) {
    testing::Gate gate;
    ActorSystem system{testing::quiet(testing::two_workers())};
    const auto tree = system.start(tcp_listener<Waiting>({.id = "front"}, &gate)).value();
    const auto port = listener_of(tree).value().ask(GetTcpListener{}, kPatience).get().value().port;
    std::vector<TcpClient> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(port);
    // In a busy while one worker asks the reactor, and the other one leaves it to that.
    const auto until = std::chrono::steady_clock::now() + 15ms;
    while (std::chrono::steady_clock::now() < until) {
      for (TcpClient& each : clients) REQUIRE(each.send("1234"));
      for (TcpClient& each : clients) CHECK(each.receive(4) == "1234");
    }
    const auto stands = static_cast<std::size_t>(round) % clients.size();
    for (std::size_t i = 0; i < clients.size(); ++i) REQUIRE(clients[i].send(i == stands ? "wait" : "5678"));
    for (int more = 0; more < 3; ++more) {
      for (std::size_t i = 0; i < clients.size(); ++i) {
        if (i == stands) continue;
        CHECK(clients[i].receive(4) == "5678");
        REQUIRE(clients[i].send("5678"));
      }
    }
    gate.open();
    CHECK(clients[stands].receive(4) == "wait");
    clients.clear();
    testing::check_end(system);
  }
}

TEST_CASE("a server in the user's own context serves there and keeps it no longer than it lasts") {
  asio::io_context io;
  EchoServer server{{.id = "echo"}, {.run_in = users_context(io)}};
  std::thread runs{[&] { io.run(); }};
  {
    TcpClient one = server.connect();
    TcpClient two = server.connect();
    for (int round = 0; round < 20; ++round) {
      REQUIRE(one.send("one"));
      REQUIRE(two.send(std::string(100'000, 'x')));
      CHECK(one.receive(3) == "one");
      CHECK(two.receive(100'000).size() == 100'000);
    }
    two.reset();
    CHECK(one.send("more"));
    CHECK(one.receive(4) == "more");
  }
  CHECK(eventually([&] { return server.stats().open == 0; }));
  CHECK(server.serves());
  testing::check_end(server.system);
  runs.join();  // the context has run out of work
}

TEST_CASE("a peer's end that comes along with its last bytes is heard behind them") {
  asio::io_context io;
  EchoServer server{{.id = "echo"}, {.run_in = users_context(io)}};
  TcpClient client = server.connect();
  REQUIRE(eventually([&] { return server.stats().open == 1; }));
  REQUIRE(client.send("all"));
  client.sends_no_more();
  std::thread runs{[&] { io.run(); }};  // not before: one look at the socket finds both
  CHECK(client.receive(4) == "all");
  CHECK(client.ends());
  CHECK(eventually([&] { return server.ended(TcpEnd::Finished) == 1; }));
  testing::check_end(server.system);
  runs.join();
}

TEST_CASE("an address that is taken or none at all is a failed start that says so") {
  EchoServer server;
  const auto start = [&](TcpListenerOptions options) {
    return server.system.start(tcp_listener<Echo>(std::move(options), &server.log));
  };
  const auto taken = start({.id = "second", .port = server.info().port});
  REQUIRE_FALSE(taken);
  CHECK(taken.error().kind == StartError::Kind::ChildFailed);
  CHECK(taken.error().reason.to_string().find("cannot listen on 127.0.0.1 port") != std::string::npos);
  const auto nowhere = start({.id = "second", .address = "localhost"});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().kind == StartError::Kind::BadSpec);
  testing::check_end(server.system);
}

}  // namespace
}  // namespace coppice
