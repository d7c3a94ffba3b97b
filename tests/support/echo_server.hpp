#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "coppice/coppice.hpp"
#include "coppice/io/tcp_connection.hpp"
#include "coppice/io/tcp_listener.hpp"
#include "support/eventually.hpp"
#include "support/log.hpp"
#include "support/quiet.hpp"
#include "support/tcp_client.hpp"

// What the tests of a listener and its connections have in common.

namespace coppice::testing {

/// How connections ended, and the longest piece of input.
struct Seen : Log {
  void note_length(std::size_t length) {
    std::size_t before = longest.load();
    while (length > before && !longest.compare_exchange_weak(before, length)) {
    }
  }
  std::atomic<std::size_t> longest{0};
};

/// Sends back what comes, but for some words.
struct Echo : TcpConnection<Echo> {
  Echo(AcceptedSocket socket, Seen* l) : TcpConnection{std::move(socket)}, log{l} {}
  void on_data(std::string_view bytes) {
    log->note_length(bytes.size());
    if (bytes.starts_with("crash")) throw std::runtime_error{"boom"};
    if (bytes.starts_with("bye")) {
      write("goodbye");
      finish();
    } else if (bytes.starts_with("who?")) {
      write(peer());
    } else if (bytes.starts_with("close!")) {
      write("what is lost");
      close();
      log->add("closed to \"" + peer() + '"');
    } else if (bytes.starts_with("flood")) {
      while (write(std::string(std::size_t{64} * 1024, 'x'))) {
      }
    } else {
      write(bytes);
    }
  }
  void on_close(TcpEnd end) { log->add(to_string(end)); }
  Seen* log;
};

/// A system with a listener whose connections echo.
struct EchoServer {
  explicit EchoServer(TcpListenerOptions options = {.id = "echo"}, SystemOptions of_system = two_workers())
      : system{quiet(std::move(of_system))} {
    if (options.connection.linger_within == TcpConnectionOptions{}.linger_within)
      options.connection.linger_within =
          std::chrono::milliseconds{50};  // for clients of a test that stay until after its end
    tree = system.start(tcp_listener<Echo>(std::move(options), &log)).value();
    listener = listener_of(tree).value();
  }
  [[nodiscard]] TcpListenerInfo info() const { return listener.ask(GetTcpListener{}, kPatience).get().value(); }
  [[nodiscard]] TcpListenerStats stats() const { return info().stats; }
  [[nodiscard]] TcpClient connect() const { return TcpClient{info().port}; }
  [[nodiscard]] std::uint64_t ended(TcpEnd end) const { return stats().ended[static_cast<int>(end)]; }
  /// Whether a client is served as if there were no others.
  [[nodiscard]] bool serves() const {
    TcpClient client = connect();
    return client.send("hello") && client.receive(5) == "hello";
  }

  Seen log;
  ActorSystem system;
  ActorRef<Supervisor> tree;
  ActorRef<TcpListener> listener;
};

}  // namespace coppice::testing
