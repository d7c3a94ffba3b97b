#pragma once

#include <cstddef>
#include <memory>

#include "coppice/base/clock.hpp"

namespace coppice {

namespace detail {

/// What stands between one connection's socket and its stream. Answers as recv() and send() do: how many bytes, 0 at the
/// end of input, -1 and errno; with EAGAIN the wants say what for.
///
/// Threads    the connection's turn.
class SecureLine {
 public:
  SecureLine() = default;
  SecureLine(const SecureLine&) = delete;
  SecureLine& operator=(const SecureLine&) = delete;
  virtual ~SecureLine() = default;
  virtual std::ptrdiff_t receive(char* to, std::size_t most) = 0;
  virtual std::ptrdiff_t send(const char* bytes, std::size_t count) = 0;
  /// Both sides know each other.
  [[nodiscard]] virtual bool is_open() const noexcept = 0;
  /// There is input that the socket has given already.
  [[nodiscard]] virtual bool has_input() const noexcept = 0;
  /// The last EAGAIN: it goes on when the socket takes something, or else when something comes.
  [[nodiscard]] virtual bool wants_room() const noexcept = 0;
  /// Tells the peer that nothing more comes.
  virtual void finish() noexcept = 0;
};

}  // namespace detail

/// How a listener's connections are secured: TcpListenerOptions::security. load_tls() makes one.
///
/// Threads    any.
/// Ownership  shared by the listener and its connections.
class TcpSecurity {
 public:
  TcpSecurity() = default;
  TcpSecurity(const TcpSecurity&) = delete;
  TcpSecurity& operator=(const TcpSecurity&) = delete;
  virtual ~TcpSecurity() = default;
  /// On the connection's turn; the descriptor stays the connection's. Null: there is no memory.
  [[nodiscard]] virtual std::unique_ptr<detail::SecureLine> open(int descriptor) const = 0;
  /// A connection that has not come to terms by then is closed.
  [[nodiscard]] virtual Duration handshake_within() const noexcept = 0;
};

}  // namespace coppice
