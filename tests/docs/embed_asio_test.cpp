// Sockets in actors, and actors in somebody else's io_context. docs/how-to/embed_asio.md quotes this file.

#include <coppice/asio.hpp>
#include <coppice/coppice.hpp>

#include <array>
#include <asio/connect.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/strand.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "catch.hpp"

using namespace coppice;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

/// Sends back what comes in. Everything of it runs on its own turn: the handlers of its messages and those of its
/// socket.
class Echo : public Actor<Echo> {
 public:
  explicit Echo(tcp::socket::native_handle_type connection) : socket_{executor(), tcp::v4(), connection} {}
  void on_start() { read(); }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(buffer_), [this](const asio::error_code& error, std::size_t bytes) {
      if (error) return stop();
      write(bytes);
    });
  }
  void write(std::size_t bytes) {
    asio::async_write(socket_, asio::buffer(buffer_, bytes), [this](const asio::error_code& error, std::size_t) {
      if (error) return stop();
      read();
    });
  }

  tcp::socket socket_;
  std::array<char, 512> buffer_{};
};

struct GetPort {};

/// Takes connections and spawns an actor for each; they are its children and end with it.
class Listener : public Actor<Listener> {
 public:
  Listener() : acceptor_{executor(), tcp::endpoint{asio::ip::address_v4::loopback(), 0}} {}
  void on_start() { accept(); }
  unsigned short handle(GetPort) { return acceptor_.local_endpoint().port(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const asio::error_code& error, tcp::socket connection) {
      if (error) return stop();
      spawn<Echo>(connection.release());  // the socket gets the executor of its own actor
      accept();
    });
  }

  tcp::acceptor acceptor_;
};

struct WhichThread {};
struct Guest : Actor<Guest> {
  std::thread::id handle(WhichThread) { return std::this_thread::get_id(); }
};

}  // namespace

TEST_CASE("an actor serves a socket") {
  ActorSystem system;
  const auto listener = system.spawn<Listener>();
  const auto port = listener.ask(GetPort{}, 5s).get().value();

  asio::io_context io;
  tcp::socket client{io};
  client.connect({asio::ip::address_v4::loopback(), port});
  asio::write(client, asio::buffer(std::string_view{"hello"}));
  std::string back(5, '?');
  asio::read(client, asio::buffer(back));
  CHECK(back == "hello");
  client.close();
  CHECK(system.shutdown().complete);
  CHECK(system.ledger().balances());
}

TEST_CASE("an actor runs in an io_context of the user's own") {
  ActorSystem system;
  asio::io_context io;
  auto work = asio::make_work_guard(io);
  std::thread thread{[&io] { io.run(); }};

  const auto strand = asio::make_strand(io.get_executor());
  const auto guest = system.spawn<Guest>({.name = "guest", .on = strand});
  CHECK(guest.ask(WhichThread{}, 5s).get().value() == thread.get_id());

  CHECK(system.shutdown().complete);  // first the actors, then what they run on
  work.reset();
  thread.join();
}

TEST_CASE("a whole system runs in an io_context of the user's own") {
  asio::io_context io;
  ActorSystem system{{.run_in = users_context(io)}};
  const auto guest = system.spawn<Guest>({.name = "guest"});

  asio::post(io, [&] {
    // Waiting, this thread runs the context.
    CHECK(guest.ask(WhichThread{}, 5s).get().value() == std::this_thread::get_id());
    system.shutdown();
  });
  io.run();  // until the system has ended; other threads may run it as well
  CHECK(guest.is_closed());
}
