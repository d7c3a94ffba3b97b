// A TCP server that sends back what comes. Each connection is an actor under the listener's supervisor, each piece of input
// passes through its handler.

#include <chrono>
#include <string_view>
#include <utility>

#include "../../support/echo.hpp"
#include "../../support/harness.hpp"
#include "coppice/io/tcp_connection.hpp"
#include "coppice/io/tcp_listener.hpp"
#include "suite.hpp"

namespace coppice::bench {
namespace {

struct Echo : TcpConnection<Echo> {
  explicit Echo(AcceptedSocket socket) : TcpConnection{std::move(socket)} {}
  void on_data(std::string_view bytes) { write(bytes); }
};

Measurements echo(const Request& request) {
  using namespace std::chrono_literals;
  ActorSystem system{default_options(request.workers)};
  const auto front = system.start(tcp_listener<Echo>({.id = "echo"}));
  require(front.has_value(), "the listener does not start");
  const auto listener = listener_of(front.value());
  const auto info = listener.value().ask(GetTcpListener{}, 5s).get();
  require(info.has_value(), "the listener does not answer");
  Measurements seen = echo_of(info.value().port, request.size);
  require(system.shutdown().complete, "the shutdown left an actor behind");
  return seen;
}

}  // namespace

void add_echo(Workloads& all) { all.push_back({"echo", &echo}); }

}  // namespace coppice::bench
