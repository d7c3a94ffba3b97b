// A server that speaks Redis's protocol: redis-cli and redis-benchmark use it unmodified.
//
// What it shows: connections as actors behind a TcpListener, keys in shards under OneForOne, an ask a shard for a whole
// pipeline, and that neither a crash of a connection (DEBUG CRASH-CONNECTION) nor of a shard (DEBUG CRASH-SHARD n) is
// felt by anybody else. It prints the port that it listens on, and ends at SIGINT or SIGTERM: in order, at the second
// one at once.
//
//     kv_server [--port P] [--shards N]
//
// Read before it: supervisor_strategies. How: docs/how-to/serve_tcp.md.

#include <coppice/coppice.hpp>
#include <coppice/io/service_notifier.hpp>
#include <coppice/io/stop_signals.hpp>
#include <coppice/io/tcp_listener.hpp>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "../support/arguments.hpp"
#include "session.hpp"
#include "shard.hpp"

using namespace coppice;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  std::uint16_t port = 6379;
  unsigned shards = 4;
  CLI::App app{"A server that speaks Redis's protocol"};
  app.add_option("--port", port, "where to listen, on the loopback; 0: where it is free")->check(CLI::Range(0, 65'535));
  app.add_option("--shards", shards, "how many actors share the keys")->check(CLI::Range(1, 1'024));
  if (const auto code = examples::parse(app, argc, argv)) return *code;

  StopSignals signals;  // before there are other threads
  ActorSystem system;
  const auto keys = system.start(
      supervisor({.id = "shards", .intensity = {.restarts = 100, .within = 1s}}, children<Shard>(shards, "shard-{}")));
  if (!keys) {
    std::fprintf(stderr, "kv_server: %s\n", keys.error().text.c_str());
    return 1;
  }
  auto server = std::make_shared<ServerInfo>();
  for (unsigned i = 1; i <= shards; ++i)
    server->shards.push_back(keys->child<Shard>("shard-" + std::to_string(i)).value());

  const auto front = system.start(
      supervisor({.id = "front"},
                 tcp_listener<Session>({.id = "clients", .port = port}, std::shared_ptr<const ServerInfo>{server}),
                 child<ServiceNotifier>({.id = "systemd"})));
  if (!front) {
    std::fprintf(stderr, "kv_server: %s\n", front.error().reason.to_string().c_str());
    return 1;
  }
  const auto listener = listener_of(front->child<Supervisor>("clients").value()).value();
  std::printf("listening on port %u\n", unsigned{listener.ask(GetTcpListener{}, 5s).get().value().port});
  std::fflush(stdout);

  signals.wait();
  return system.shutdown().complete ? 0 : 1;
}
