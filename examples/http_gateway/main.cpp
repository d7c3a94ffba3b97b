// A front for HTTP/1.1 over keys in shards: JSON over a parser that others keep, and actors that crash.
//
// It shows   connections as actors behind a TcpListener, each reading with llhttp, Node's parser: keep-alive,
//            pipelines, chunked bodies, and a limit and a status for whatever is too much. Neither a crash of a connection (POST
//            /crash/connection) nor of a shard (POST /crash/shard/N) is felt by anybody else; whose request is in hand
//            when its shard crashes (POST /keys/K/crash) hears 503, and nothing that was answered is lost.
// It prints  the port that it listens on. It ends at SIGINT or SIGTERM: in order, at the second one at once.
//
//     GET /keys    GET /keys/K    PUT /keys/K (JSON)    DELETE /keys/K    POST /keys/K/increment (a whole number)
//
// Read       ../kv_server before; then http_parser.cpp, session.cpp. How: docs/how-to/serve_tcp.md.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <coppice/coppice.hpp>
#include <coppice/io/service_notifier.hpp>
#include <coppice/io/stop_signals.hpp>
#include <coppice/io/tcp_listener.hpp>

#include "../support/arguments.hpp"
#include "session.hpp"
#include "shard.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Options {
  std::uint16_t port = 8080;
  unsigned shards = 4;
  std::uint64_t connections = 10'000;
  unsigned idle_seconds = 60;
  unsigned request_milliseconds = 10'000;
  HttpLimits limits = {};
};

std::optional<int> read_arguments(Options& options, int argc, char** argv) {
  CLI::App app{"Serves JSON over HTTP/1.1 from keys in shards"};
  app.add_option("--port", options.port, "where to listen, on the loopback; 0: where it is free")
      ->check(CLI::Range(0, 65'535));
  app.add_option("--shards", options.shards, "how many actors share the keys")->check(CLI::Range(1, 1'024));
  app.add_option("--connections", options.connections, "at once; one more is answered with 503")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--idle-seconds", options.idle_seconds, "a connection that says nothing for so long is closed")
      ->check(CLI::Range(1, 86'400));
  app.add_option("--request-milliseconds", options.request_milliseconds, "from a request's first byte to its last")
      ->check(CLI::Range(1, 86'400'000));
  app.add_option("--header-bytes", options.limits.header_bytes_max, "of one request")->check(CLI::Range(64, 1 << 20));
  app.add_option("--body-bytes", options.limits.body_bytes_max, "of one request")->check(CLI::Range(0, 1 << 30));
  return examples::parse(app, argc, argv);
}

/// The shards under a supervisor of their own, each with keys that outlive its lives. It never gives up: crashes are to
/// be had for the asking here.
SupervisorSpec shards_of(unsigned count) {
  std::vector<ChildSpec> all;
  for (unsigned i = 1; i <= count; ++i) {
    all.push_back(child<Shard>({.id = "shard-" + std::to_string(i), .mailbox = Bounded{10'000, Overflow::Reject}},
                               std::make_shared<Keys>()));
  }
  return SupervisorSpec{{.id = "shards", .intensity = {.restarts = 1'000'000, .within = 1s}}, std::move(all)};
}

TcpListenerOptions listener_options(const Options& options) {
  Response full = error_response(503, "there are too many connections");
  full.headers = "Retry-After: 1\r\n";
  return {.id = "clients",
          .port = options.port,
          .connections_max = options.connections,
          .when_full = WhenFull::Refuse,
          .refusal = wire_text(full, {.close = true}),
          .connection = {.idle_within = std::chrono::seconds{options.idle_seconds}}};
}

int fail(const std::string& why) {
  std::fprintf(stderr, "http_gateway: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = read_arguments(options, argc, argv)) return *code;

  StopSignals signals;  // before there are other threads
  ActorSystem system;
  const auto keys = system.start(shards_of(options.shards));
  if (!keys) return fail(keys.error().text);
  auto server = std::make_shared<ServerInfo>();
  server->limits = options.limits;
  server->request_within = std::chrono::milliseconds{options.request_milliseconds};
  for (unsigned i = 1; i <= options.shards; ++i)
    server->shards.push_back(keys->child<Shard>("shard-" + std::to_string(i)).value());

  const auto front = system.start(supervisor(
      {.id = "front"}, tcp_listener<Session>(listener_options(options), std::shared_ptr<const ServerInfo>{server}),
      child<ServiceNotifier>({.id = "systemd"})));
  if (!front) return fail(front.error().reason.to_string());
  const auto listener = listener_of(front->child<Supervisor>("clients").value()).value();
  std::printf("listening on port %u\n", unsigned{listener.ask(GetTcpListener{}, 5s).get().value().port});
  std::fflush(stdout);
  signals.wait();
  return system.shutdown().complete ? 0 : 1;
}
