// A server that speaks Redis's protocol: redis-cli and redis-benchmark use it unmodified.
//
// What it shows: connections as actors behind a TcpListener, keys in shards under OneForOne, an ask a shard for a whole
// pipeline, logs that block on threads of their own, and that neither a crash of a connection (DEBUG CRASH-CONNECTION)
// nor of a shard (DEBUG CRASH-SHARD n) is felt by anybody else. It prints the port that it listens on, and ends at SIGINT
// or SIGTERM: in order, at the second one at once.
//
//     kv_server [--port P] [--shards N] [--data DIR] [--fsync always|everysec|no]
//               [--tls-cert FILE --tls-key FILE]
//
// Without --data nothing outlives it. With --fsync always what has been acknowledged outlives a power cut.
//
// Read before it: supervisor_strategies. How: docs/how-to/serve_tcp.md.

#include <coppice/asio.hpp>
#include <coppice/coppice.hpp>
#include <coppice/io/service_notifier.hpp>
#include <coppice/io/stop_signals.hpp>
#include <coppice/io/tcp_listener.hpp>
#include <coppice/io/tls.hpp>
// After asio.hpp, which sets Asio's switches.
#include <asio/thread_pool.hpp>

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../support/arguments.hpp"
#include "data_folder.hpp"
#include "meta_file.hpp"
#include "session.hpp"
#include "shard.hpp"
#include "shard_log.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct Options {
  std::uint16_t port = 6379;
  unsigned shards = 4;
  std::string data;
  unsigned patience = 30;
  std::optional<unsigned> workers;
  ShardLogOptions log;
  std::string certificate;
  std::string key;
};

constexpr unsigned kDiskThreadsMost = 64;
constexpr auto kShutdownWithin = 5s;
constexpr auto kLooksEvery = 200ms;  // whether the server has ended by itself

[[nodiscard]] std::optional<int> parse(int argc, char** argv, Options& options) {
  CLI::App app{"A server that speaks Redis's protocol"};
  app.add_option("--port", options.port, "where to listen, on the loopback; 0: where it is free")
      ->check(CLI::Range(0, 65'535));
  app.add_option("--shards", options.shards, "how many actors share the keys; the same for as long as a DIR lives")
      ->check(CLI::Range(1U, meta_file::kShardsMost));
  app.add_option("--workers", options.workers, "threads that serve; as many as there are processors by default")
      ->check(CLI::Range(1, 1'024));
  app.add_option("--data", options.data, "a folder for the keys; none: they end with the server")
      ->check(examples::not_empty());
  const std::map<std::string, Fsync> policies{
      {"always", Fsync::Always}, {"everysec", Fsync::EverySecond}, {"no", Fsync::No}};
  // By hand: CLI11 would write the enumerators into what it says of a wrong one.
  app.add_option_function<std::string>(
         "--fsync", [&options, policies](const std::string& word) { options.log.fsync = policies.at(word); },
         "when the disk has to have what was written: always, everysec, no; everysec by default")
      ->check(CLI::IsMember({"always", "everysec", "no"}));
  app.add_option("--patience", options.patience, "seconds for a request to come whole, and for replies to be taken")
      ->check(CLI::Range(1, 86'400));
  app.add_option("--compact-bytes", options.log.compact_bytes, "a shard's log below that is never made smaller")
      ->check(examples::whole_number(1, std::uint64_t{1} << 40));
  auto* const certificate = app.add_option("--tls-cert", options.certificate, "TLS: the certificate's file, in PEM");
  auto* const key = app.add_option("--tls-key", options.key, "TLS: the file of its private key, in PEM");
  certificate->needs(key)->check(examples::not_empty());
  key->needs(certificate)->check(examples::not_empty());
  return examples::parse(app, argc, argv);
}

[[nodiscard]] int complain(const std::string& text) {
  std::fprintf(stderr, "kv_server: %s\n", text.c_str());
  return 1;
}

/// Empty without TLS; or what is wrong.
[[nodiscard]] Result<std::shared_ptr<const TcpSecurity>, std::string> security_of(const Options& options) {
  if (options.certificate.empty()) return std::shared_ptr<const TcpSecurity>{};
#if defined(COPPICE_HAS_TLS)
  TlsOptions tls{.certificate_chain_file = options.certificate, .private_key_file = options.key};
  tls.handshake_within = std::chrono::seconds{options.patience};
  return load_tls(tls);
#else
  return Error{std::string{"this was built without TLS: install OpenSSL (libssl-dev), and configure and build again"}};
#endif
}

/// As many as there may be descriptors, but for those that the rest needs.
[[nodiscard]] std::uint64_t connections_most(const Options& options) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 1'000;
  files.rlim_cur = files.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &files));
  const std::uint64_t others = 64 + 4 * std::uint64_t{options.shards};
  return std::clamp<std::uint64_t>(files.rlim_cur, others + 1, 1'000'000) - others;
}

using Logs = std::vector<ActorRef<ShardLog>>;

[[nodiscard]] Logs spawn_logs(System& system, const Options& options, std::vector<LogFile> files,
                              const std::shared_ptr<asio::thread_pool>& disk) {
  Logs logs;
  for (std::size_t i = 0; i < files.size(); ++i) {
    logs.push_back(system.spawn<ShardLog>({.name = "log-" + std::to_string(i), .on = disk->get_executor()},
                                          std::move(files[i]), options.log, disk));
  }
  return logs;
}

/// A shard for each log, or as many without one.
[[nodiscard]] std::vector<ChildSpec> shard_specs(const Options& options, const Logs& logs) {
  std::vector<ChildSpec> specs;
  for (unsigned i = 0; i < options.shards; ++i) {
    std::optional<ShardDisk> below;
    if (!logs.empty()) below = {.log = logs[i], .waits = options.log.fsync == Fsync::Always};
    specs.push_back(child<Shard>({.id = "shard-" + std::to_string(i)}, below));
  }
  return specs;
}

/// Watches what nobody else does: a supervisor that gave up ends, and without it the server serves nobody.
class Guard : public Actor<Guard> {
 public:
  Guard(const std::vector<AnyRef>& guarded, std::shared_ptr<std::atomic<bool>> has_ended)
      : has_ended_{std::move(has_ended)} {
    for (const AnyRef& each : guarded) watch(each);
  }
  void handle(const Down& down) {
    static_cast<void>(complain("it cannot go on: " + down.actor.path() + ": " + down.reason.to_string()));
    *has_ended_ = true;
  }

 private:
  std::shared_ptr<std::atomic<bool>> has_ended_;
};

/// In order: nobody asks the shards any more, then nobody writes to the logs, and these come to the end of what has been
/// acknowledged already and waits in their mailboxes. A system's shutdown alone would discard it.
[[nodiscard]] bool shut_down(System& system, const AnyRef& front, const AnyRef& keys, const Logs& logs) {
  const TimePoint until = detail::saturating_add(system.now(), kShutdownWithin);
  const auto left = [&] { return std::max(detail::saturating_between(system.now(), until), Duration::zero()); };
  static_cast<void>(system.stop(front, {.within = left() / 2}).get());
  static_cast<void>(system.stop(keys, {.within = left() / 2}).get());
  std::vector<StopFuture> ends;
  ends.reserve(logs.size());
  for (const auto& log : logs) ends.push_back(system.stop(log, {.mailbox = StopMode::Drain, .within = left()}));
  bool is_written = true;
  for (StopFuture& end : ends) {
    const auto reason = end.get();
    is_written = is_written && reason && reason->is_normal();
  }
  if (!is_written) static_cast<void>(complain("a log did not come to its end: some of what was acknowledged is lost"));
  return system.shutdown().complete && is_written;
}

[[nodiscard]] int serve(System& system, const Options& options, const std::shared_ptr<asio::thread_pool>& disk,
                        StopSignals& signals) {
  DataFolder folder{options.data, options.shards};
  if (disk) {
    if (const std::string error = folder.open(); !error.empty()) return complain(error);
  }
  const Logs logs = spawn_logs(system, options, disk ? folder.logs() : std::vector<LogFile>{}, disk);
  const auto keys = system.start(
      supervisor({.id = "shards", .intensity = {.restarts = 100, .within = 1s}}, shard_specs(options, logs)));
  if (!keys) return complain(keys.error().text);
  auto server = std::make_shared<ServerInfo>();
  server->is_kept = disk != nullptr;
  server->channels = std::make_shared<Channels>(system);
  bool is_damaged = false;
  for (unsigned i = 0; i < options.shards; ++i) {
    server->shards.push_back(keys->child<Shard>("shard-" + std::to_string(i)).value());
    const auto damage = server->shards[i].ask(GetReady{}, kForever).get();
    if (!damage) return complain(std::string{"a shard failed: "} + to_string(damage.error()));
    is_damaged = is_damaged || !damage->empty();
  }
  if (is_damaged) return 1;  // each log has said what is wrong with it

  const std::chrono::seconds patience{options.patience};
  server->request_within = patience;
  TcpListenerOptions clients{.id = "clients", .port = options.port, .connections_max = connections_most(options)};
  clients.connection.write_within = patience;
  auto security = security_of(options);
  if (!security) return complain(security.error());
  clients.security = std::move(security).value();
  const auto front = system.start(
      supervisor({.id = "front"}, tcp_listener<Session>(std::move(clients), std::shared_ptr<const ServerInfo>{server}),
                 child<ServiceNotifier>({.id = "systemd"})));
  if (!front) return complain(front.error().reason.to_string());
  const auto listener = listener_of(front->child<Supervisor>("clients").value()).value();
  std::printf("listening on port %u\n", unsigned{listener.ask(GetTcpListener{}, 5s).get().value().port});
  std::fflush(stdout);

  const auto has_ended = std::make_shared<std::atomic<bool>>(false);
  const auto guard = system.spawn<Guard>(std::vector<AnyRef>{front.value(), keys.value()}, has_ended);
  while (!*has_ended && signals.wait_for(kLooksEvery) == 0) {
  }
  static_cast<void>(system.stop(guard).get());  // what ends from now on has been told to
  return shut_down(system, front.value(), keys.value(), logs) && !*has_ended ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto code = parse(argc, argv, options)) return *code;
  StopSignals signals;  // before there are other threads
  // A thread for each log, which blocks, and one for a snapshot; they outlive the system, whose actors run there.
  std::shared_ptr<asio::thread_pool> disk;
  if (!options.data.empty()) disk = std::make_shared<asio::thread_pool>(std::min(options.shards, kDiskThreadsMost) + 1);
  ActorSystem system{{.workers = options.workers ? Workers{*options.workers} : Workers{}}};
  const int code = serve(system, options, disk, signals);
  static_cast<void>(system.shutdown());
  return code;
}
