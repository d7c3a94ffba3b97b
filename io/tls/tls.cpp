#include "coppice/io/tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cstdlib>  // before Asio's headers: see coppice/asio.hpp
// After it.
#include <algorithm>
#include <asio/ssl/context.hpp>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <utility>

namespace coppice {
namespace {

// ---- a socket as OpenSSL wants to see it: its own would raise SIGPIPE ----

[[nodiscard]] int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(::BIO_get_data(bio)));
}

int finish_call(BIO* bio, ssize_t count, int retry) {
  ::BIO_clear_retry_flags(bio);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    ::BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(count);
}
int write_socket(BIO* bio, const char* bytes, int count) {
  const ssize_t sent = ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  return finish_call(bio, sent, BIO_FLAGS_WRITE);
}
int read_socket(BIO* bio, char* to, int most) {
  const ssize_t got = ::recv(descriptor_of(bio), to, static_cast<std::size_t>(most), 0);
  if (got == 0) ::BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return finish_call(bio, got, BIO_FLAGS_READ);
}
long control_socket(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return ::BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

[[nodiscard]] const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "coppice socket");
    if (made != nullptr) {
      ::BIO_meth_set_write(made, &write_socket);
      ::BIO_meth_set_read(made, &read_socket);
      ::BIO_meth_set_ctrl(made, &control_socket);
    }
    return made;
  }();
  return method;
}

// ---- one connection ----

class TlsLine final : public detail::SecureLine {
 public:
  explicit TlsLine(SSL* ssl) noexcept : ssl_{ssl} {}
  ~TlsLine() override { ::SSL_free(ssl_); }

  std::ptrdiff_t receive(char* to, std::size_t most) override {
    ::ERR_clear_error();
    return outcome(::SSL_read(ssl_, to, bounded(most)));
  }
  std::ptrdiff_t send(const char* bytes, std::size_t count) override {
    ::ERR_clear_error();
    return outcome(::SSL_write(ssl_, bytes, bounded(count)));
  }
  [[nodiscard]] bool is_open() const noexcept override { return ::SSL_is_init_finished(ssl_) == 1; }
  [[nodiscard]] bool has_input() const noexcept override { return ::SSL_pending(ssl_) > 0; }
  [[nodiscard]] bool wants_room() const noexcept override { return wants_room_; }
  void finish() noexcept override {
    if (is_open() && !is_broken_) static_cast<void>(::SSL_shutdown(ssl_));
    ::ERR_clear_error();
  }

 private:
  static int bounded(std::size_t count) {
    return static_cast<int>(std::min<std::size_t>(count, std::numeric_limits<int>::max()));
  }
  std::ptrdiff_t outcome(int result) {
    if (result > 0) return result;
    const int system = errno;
    const int why = ::SSL_get_error(ssl_, result);
    ::ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN) return 0;  // the peer said so
    wants_room_ = why == SSL_ERROR_WANT_WRITE;
    if (wants_room_ || why == SSL_ERROR_WANT_READ) {
      errno = EAGAIN;
      return -1;
    }
    is_broken_ = true;
    // An end that was not announced may be an attacker's; what speaks no TLS is a protocol error.
    errno = why == SSL_ERROR_SYSCALL && system != 0 ? system : is_open() ? ECONNRESET : EPROTO;
    return -1;
  }
  SSL* ssl_;
  bool wants_room_ = false;
  bool is_broken_ = false;
};

class Tls final : public TcpSecurity {
 public:
  Tls(asio::ssl::context context, Duration handshake_within)
      : context_{std::move(context)}, handshake_within_{handshake_within} {}

  [[nodiscard]] std::unique_ptr<detail::SecureLine> open(int descriptor) const override {
    SSL* const ssl = ::SSL_new(const_cast<asio::ssl::context&>(context_).native_handle());
    if (ssl == nullptr) return nullptr;
    auto line = std::make_unique<TlsLine>(ssl);
    BIO* const bio = ::BIO_new(socket_method());
    if (bio == nullptr) return nullptr;
    ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl, bio, bio);
    ::SSL_set_accept_state(ssl);
    return line;
  }
  [[nodiscard]] Duration handshake_within() const noexcept override { return handshake_within_; }

 private:
  asio::ssl::context context_;
  Duration handshake_within_;
};

}  // namespace

Result<std::shared_ptr<const TcpSecurity>, std::string> load_tls(const TlsOptions& options) {
  if (options.handshake_within <= Duration::zero())
    return Error{std::string{"handshake_within is not longer than zero"}};
  std::error_code error;
  asio::ssl::context context{asio::ssl::context::tls_server};
  SSL_CTX* const native = context.native_handle();
  // What waits is sent again from another place of the same bytes; an idle connection keeps no buffers.
  ::SSL_CTX_set_mode(native,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  context.set_options(asio::ssl::context::no_compression, error);
  // A key that needs a passphrase is an error, and no question at a terminal.
  context.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string{}; }, error);
  if (!error) context.use_certificate_chain_file(options.certificate_chain_file, error);
  if (error) return Error{"cannot use the certificate " + options.certificate_chain_file + ": " + error.message()};
  context.use_private_key_file(options.private_key_file, asio::ssl::context::pem, error);
  if (error) return Error{"cannot use the private key " + options.private_key_file + ": " + error.message()};
  if (::SSL_CTX_check_private_key(native) != 1) {
    ::ERR_clear_error();
    return Error{"the private key " + options.private_key_file + " is not that of the certificate " +
                 options.certificate_chain_file};
  }
  return std::shared_ptr<const TcpSecurity>{std::make_shared<Tls>(std::move(context), options.handshake_within)};
}

}  // namespace coppice
