#if defined(COPPICE_HAS_TLS)

#include "coppice/io/tls.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "catch.hpp"
#include "support/echo_server.hpp"
#include "support/ending.hpp"

// A listener's connections over TLS: what differs from those that are bytes as they are.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::EchoServer;
using testing::eventually;
using testing::TcpClient;

/// Made anew for each test, by nobody whom anybody trusts.
struct Certificate {
  Certificate() {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    EVP_PKEY* const pair = EVP_EC_gen("P-256");
    X509* const signed_by_itself = ::X509_new();
    ::X509_gmtime_adj(X509_getm_notBefore(signed_by_itself), 0);
    ::X509_gmtime_adj(X509_getm_notAfter(signed_by_itself), 3'600);
    ::X509_set_pubkey(signed_by_itself, pair);
    REQUIRE(::X509_sign(signed_by_itself, pair, ::EVP_sha256()) != 0);
    write(certificate(), [&](std::FILE* file) { return ::PEM_write_X509(file, signed_by_itself); });
    write(key(),
          [&](std::FILE* file) { return ::PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr); });
    ::X509_free(signed_by_itself);
    ::EVP_PKEY_free(pair);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate() { std::filesystem::remove_all(folder); }
  template <class F>
  static void write(const std::string& path, const F& contents) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    REQUIRE(file != nullptr);
    CHECK(contents(file) == 1);
    std::fclose(file);
  }
  [[nodiscard]] std::string certificate() const { return folder + "/server.crt"; }
  [[nodiscard]] std::string key() const { return folder + "/server.key"; }

  std::string folder = (std::filesystem::temp_directory_path() / "coppice-tls-XXXXXX").string();
};

[[nodiscard]] TcpListenerOptions secured(const Certificate& certificate, Duration linger_within = 50ms) {
  return {
      .id = "echo",
      .connection = {.linger_within = linger_within},
      .security = load_tls({.certificate_chain_file = certificate.certificate(), .private_key_file = certificate.key()})
                      .value()};
}

/// The other side.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port) : tcp{port} {
    ::SSL_set_fd(ssl_.get(), tcp.descriptor());
    is_open_ = ::SSL_connect(ssl_.get()) == 1;
  }
  [[nodiscard]] bool is_open() const { return is_open_; }
  bool send(std::string_view bytes) {
    return ::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
  }
  [[nodiscard]] std::string receive(std::size_t count) {
    std::string bytes;
    char buffer[256];
    while (bytes.size() < count) {
      const int got = ::SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (got <= 0) break;
      bytes.append(buffer, static_cast<std::size_t>(got));
    }
    return bytes;
  }
  /// Whether the server says that it sends no more, as TLS has it.
  [[nodiscard]] bool hears_the_end() {
    char byte = 0;
    const int got = ::SSL_read(ssl_.get(), &byte, 1);
    return got <= 0 && ::SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
  }

  TcpClient tcp;

 private:
  std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context_{::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&::SSL_free)> ssl_{::SSL_new(context_.get()), &::SSL_free};
  bool is_open_ = false;
};

TEST_CASE("a peer that resets its TLS connection at any moment ends it and no other") {
  const Certificate certificate;
  EchoServer server{secured(certificate)};
  const auto port = server.info().port;
  TlsClient other{port};
  REQUIRE(other.is_open());
  TcpClient silent{port};
  TcpClient halfway{port};
  REQUIRE(halfway.send(std::string_view{"\x16\x03\x01\x02\x00\x01\x00", 7}));  // of a first message that goes on
  TlsClient talked{port};
  REQUIRE(talked.send("hello"));
  CHECK(talked.receive(5) == "hello");
  REQUIRE(eventually([&] { return server.stats().open == 4; }));
  std::uint64_t reset = 0;
  for (TcpClient* each : {&silent, &halfway, &talked.tcp}) {
    each->reset();
    ++reset;
    CHECK(eventually([&] { return server.ended(TcpEnd::Reset) == reset; }));
  }
  CHECK(other.send("still"));
  CHECK(other.receive(5) == "still");
  testing::check_end(server.system);
}

TEST_CASE("a TLS connection that does not linger has sent all of it and says that it ends") {
  const Certificate certificate;
  EchoServer server{secured(certificate, Duration::zero())};
  TlsClient client{server.info().port};
  REQUIRE(client.is_open());
  REQUIRE(client.send("bye"));
  CHECK(client.receive(7) == "goodbye");
  CHECK(client.hears_the_end());
  CHECK(eventually([&] { return server.ended(TcpEnd::Finished) == 1; }));
  testing::check_end(server.system);
}

TEST_CASE("a TLS connection gives all of its input however it comes") {
  const Certificate certificate;
  EchoServer server{secured(certificate)};
  TlsClient client{server.info().port};
  REQUIRE(client.is_open());
  for (const std::size_t length : {std::size_t{1}, std::size_t{16'384}, std::size_t{16'385}, std::size_t{300'000}}) {
    const std::string sent(length, 'x');
    REQUIRE(client.send(sent));
    CHECK(client.receive(length) == sent);
  }
  CHECK(server.stats().open == 1);
  testing::check_end(server.system);
}

}  // namespace
}  // namespace coppice

#endif
