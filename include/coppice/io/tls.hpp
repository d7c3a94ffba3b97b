#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "coppice/base/clock.hpp"
#include "coppice/base/result.hpp"
#include "coppice/io/tcp_security.hpp"

namespace coppice {

/// TLS for a TcpListener's connections. Opt-in: it needs OpenSSL, and the target coppice::tls. Neither Asio nor OpenSSL is
/// in this header.
///
///     const auto tls = load_tls({.certificate_chain_file = "server.crt", .private_key_file = "server.key"});
///     if (!tls) …tls.error()…
///     system.start(tcp_listener<Session>({.id = "front", .port = 7000, .security = tls.value()}));
struct TlsOptions {
  std::string certificate_chain_file;                    ///< PEM: the server's, then those that vouch for it
  std::string private_key_file;                          ///< PEM, without a passphrase
  Duration handshake_within = std::chrono::seconds{10};  ///< longer than zero
};

/// TLS 1.2 and 1.3, as a server, through Asio's ssl::context. Does read files. The error says which file, and what is
/// wrong with it.
[[nodiscard]] Result<std::shared_ptr<const TcpSecurity>, std::string> load_tls(const TlsOptions& options);

}  // namespace coppice
