#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "support/eventually.hpp"

namespace coppice::testing {

/// A client of the test's own, blocking, that gives up after kPatience: what a peer may do to a server, well-bred or not.
class TcpClient {
 public:
  explicit TcpClient(std::uint16_t port, int receive_bytes = 0)
      : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    if (receive_bytes != 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  TcpClient(TcpClient&& other) noexcept
      : socket_{std::exchange(other.socket_, -1)}, is_connected_{other.is_connected_} {}
  TcpClient& operator=(TcpClient&&) = delete;
  ~TcpClient() { close(); }

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  [[nodiscard]] int descriptor() const { return socket_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  /// What the kernel takes at once.
  std::size_t send_some(std::string_view bytes) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  /// So many bytes, or fewer where the end comes before.
  [[nodiscard]] std::string receive(std::size_t count) {
    std::string bytes;
    char buffer[4'096];
    while (bytes.size() < count && comes_something()) {
      const ssize_t got = ::recv(socket_, buffer, std::min(sizeof buffer, count - bytes.size()), 0);
      was_reset_ = got < 0;
      if (got <= 0) break;
      bytes.append(buffer, static_cast<std::size_t>(got));
    }
    return bytes;
  }
  /// What comes until the end; a reset is an end.
  [[nodiscard]] std::string receive_all() { return receive(~std::size_t{0}); }
  [[nodiscard]] bool ends() { return receive(1).empty() && !timed_out_; }
  /// Whether nothing comes for so long.
  [[nodiscard]] bool hears_nothing(std::chrono::milliseconds within) {
    pollfd wanted{socket_, POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(within.count())) == 0;
  }
  /// Whether what was received last ended by a reset.
  [[nodiscard]] bool was_reset() const { return was_reset_; }
  void sends_no_more() { ::shutdown(socket_, SHUT_WR); }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

 private:
  [[nodiscard]] bool comes_something() {
    pollfd wanted{socket_, POLLIN, 0};
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
    timed_out_ = ::poll(&wanted, 1, static_cast<int>(patience.count())) <= 0;
    return !timed_out_;
  }
  int socket_;
  bool is_connected_ = false;
  bool timed_out_ = false;
  bool was_reset_ = false;
};

}  // namespace coppice::testing
