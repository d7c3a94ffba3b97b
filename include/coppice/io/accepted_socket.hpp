#pragma once

#include <memory>
#include <string>
#include <utility>

#include "coppice/io/tcp_options.hpp"

namespace coppice {

namespace detail {
class Cell;
class ConnectionSlot;
struct EnvelopeOps;
}  // namespace detail

/// A connection that a TcpListener has accepted, on its way to its actor: the first argument of the actor's constructor.
/// A TcpConnection takes it as it is. An actor that works with Asio's own sockets takes the descriptor out, and keeps
/// this object as long as it has the connection, since it counts as one of the listener's until it goes.
///
///     explicit Session(AcceptedSocket accepted)
///         : accepted_{std::move(accepted)}, socket_{executor(), tcp::v4(), accepted_.release()} {}
///
/// Threads    one at a time.
/// Ownership  owns the descriptor until release(), and its place among the listener's connections.
class AcceptedSocket {
 public:
  AcceptedSocket() noexcept;
  AcceptedSocket(int descriptor, std::unique_ptr<detail::ConnectionSlot> slot) noexcept;
  AcceptedSocket(AcceptedSocket&& other) noexcept;
  AcceptedSocket& operator=(AcceptedSocket&& other) noexcept;
  ~AcceptedSocket();

  /// The descriptor, which does not block; the caller's from now on. -1: it has been taken.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// Who is at the other end, "127.0.0.1:49152"; empty if nobody is any more. Before release().
  [[nodiscard]] std::string peer() const;
  [[nodiscard]] const TcpConnectionOptions& options() const noexcept;

  /// For TcpConnection.
  [[nodiscard]] detail::ConnectionSlot* slot() const noexcept { return slot_.get(); }

 private:
  int descriptor_ = -1;
  std::unique_ptr<detail::ConnectionSlot> slot_;
};

}  // namespace coppice
