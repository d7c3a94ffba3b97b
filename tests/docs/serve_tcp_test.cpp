// A server whose connections are supervised actors. docs/how-to/serve_tcp.md quotes this file.

#include <coppice/coppice.hpp>
#include <coppice/io/stop_signals.hpp>
#include <coppice/io/tcp_connection.hpp>
#include <coppice/io/tcp_listener.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "catch.hpp"
#include "support/tcp_client.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// Answers each line with the same in brackets.
class Session : public TcpConnection<Session> {
 public:
  Session(AcceptedSocket socket, std::string greeting) : TcpConnection{std::move(socket)} { write(greeting + "\n"); }

  void on_data(std::string_view bytes) {
    line_.append(bytes);
    for (std::size_t end; (end = line_.find('\n')) != std::string::npos; line_.erase(0, end + 1))
      write('[' + line_.substr(0, end) + "]\n");
    if (line_.size() > 4'096) close();
  }

 private:
  std::string line_;
};

}  // namespace

TEST_CASE("a session answers line by line until the server drains") {
  ActorSystem system;
  const auto front = system.start(tcp_listener<Session>(
      {.id = "front", .connections_max = 10'000, .connection = {.idle_within = 5min}}, std::string{"hello"}));
  const auto listener = listener_of(front.value()).value();
  const TcpListenerInfo info = listener.ask(GetTcpListener{}, 5s).get().value();

  testing::TcpClient client{info.port};
  client.send("one\ntwo\n");
  CHECK(client.receive(18) == "hello\n[one]\n[two]\n");
  client.sends_no_more();
  CHECK(client.ends());
  CHECK(system.shutdown().complete);
}
