#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/io/accepted_socket.hpp"

namespace coppice {

namespace detail {

/// What a stream calls, on its actor's turn.
struct StreamHooks {
  void (*data)(void* actor, std::string_view bytes);
  void (*end_of_input)(void* actor);
  void (*all_sent)(void* actor);
  void (*closed)(void* actor, TcpEnd end);
  const EnvelopeOps* drain_ops;
};

/// The untyped part of a TcpConnection, and all that knows of Asio and sockets. A pointer to its body alone, so that no
/// user compiles either.
class TcpStream {
 public:
  TcpStream(Cell& cell, AcceptedSocket socket, const StreamHooks& hooks, void* actor);
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream();

  bool write(std::string_view bytes);
  void flush();
  void finish();
  void close();
  void pause_reading() noexcept;
  void resume_reading();
  [[nodiscard]] bool is_open() const noexcept;
  [[nodiscard]] std::size_t unsent() const noexcept;
  [[nodiscard]] std::string peer() const;

 private:
  struct Body;
  Body* body_;
};

/// The listener's word to a connection that it shall come to its end.
struct DrainEnvelope : Envelope {
  explicit DrainEnvelope(const EnvelopeOps* operations) noexcept : Envelope{operations} {}
};

}  // namespace detail

/// The base of an actor that is one connection of a TcpListener, and owns it:
///
///     struct Echo : TcpConnection<Echo> {
///       explicit Echo(AcceptedSocket socket) : TcpConnection{std::move(socket)} {}
///       void on_data(std::string_view bytes) { write(bytes); }
///     };
///
/// Public functions of Self are called where they are there; all but the first are optional:
///
///     void on_data(std::string_view bytes)   what has come, as it came; valid during the call
///     void on_end_of_input()                 the peer sends no more (half-close). Without it: finish()
///     void on_all_sent()                     nothing waits to be sent any more
///     void on_drain()                        a shutdown wants it to come to its end: finish(), soon. Without it: at once
///     void on_close(TcpEnd end)              the connection is over, by the peer or a limit; its actor ends after it
///
/// A peer that does not read is no burden to others: with write_bytes_pause unsent nothing more is read from it, with
/// write_bytes_max or after write_within without a byte it is closed. What is written in a handler goes out when the
/// handler is over, in one piece with what the messages behind it write. An idle connection has no buffer.
///
/// Threads    the actor's turn, all of it.
/// Ownership  the socket is the life's: it is closed when the life ends, however it does.
/// Failure    what one of these throws is the actor's crash, and ends this connection alone. An end of the connection
///            is no crash: the actor stops with Normal (Finished) or Shutdown and a text.
template <class Self>
class TcpConnection : public Actor<Self> {
 protected:
  explicit TcpConnection(AcceptedSocket socket)
      : stream_{this->cell(), std::move(socket), kHooks, static_cast<Self*>(this)} {}
  ~TcpConnection() = default;

  /// Queues the bytes, which are copied. False: the connection is over, or finishing, or was too slow and now is over.
  bool write(std::string_view bytes) { return stream_.write(bytes); }
  /// Sends what is queued as far as the kernel takes it, now: for a handler that goes on for a while.
  void flush() { stream_.flush(); }
  /// Sends what is queued, says so to the peer, and ends when it has its end, or linger_within is over. Nothing that it
  /// sends is read any more.
  void finish() { stream_.finish(); }
  /// Ends at once; what is queued is lost.
  void close() { stream_.close(); }
  /// No on_data() until resume_reading(). The peer is slowed down by TCP; its end may go unseen meanwhile.
  void pause_reading() noexcept { stream_.pause_reading(); }
  void resume_reading() { stream_.resume_reading(); }
  /// Not finished, not closed.
  [[nodiscard]] bool is_open() const noexcept { return stream_.is_open(); }
  /// Bytes queued.
  [[nodiscard]] std::size_t unsent() const noexcept { return stream_.unsent(); }
  /// Who is at the other end, "127.0.0.1:49152"; empty when the connection is over.
  [[nodiscard]] std::string peer() const { return stream_.peer(); }

 private:
  static Self& of(void* actor) noexcept { return *static_cast<Self*>(actor); }
  static void data(void* actor, std::string_view bytes) { of(actor).on_data(bytes); }
  static void end_of_input(void* actor) {
    if constexpr (requires { of(actor).on_end_of_input(); }) {
      of(actor).on_end_of_input();
    } else {
      of(actor).stream_.finish();
    }
  }
  static void all_sent(void* actor) {
    if constexpr (requires { of(actor).on_all_sent(); }) of(actor).on_all_sent();
  }
  static void closed(void* actor, TcpEnd end) {
    if constexpr (requires { of(actor).on_close(end); }) of(actor).on_close(end);
  }
  static void drain(void* actor) {
    if constexpr (requires { of(actor).on_drain(); }) {
      of(actor).on_drain();
    } else {
      of(actor).stream_.finish();
    }
  }
  static detail::Outcome handle_drain(detail::Cell& cell, detail::Envelope&) {
    drain(cell.state());
    return detail::Outcome::Handled;
  }
  static void destroy_drain(detail::Envelope&) {}
  struct Drain {};

  static constexpr detail::EnvelopeOps kDrainOps{
      &handle_drain, nullptr, &destroy_drain, &detail::kTypeInfo<Drain>, nullptr, sizeof(detail::DrainEnvelope), false};
  static constexpr detail::StreamHooks kHooks{&data, &end_of_input, &all_sent, &closed, &kDrainOps};

  detail::TcpStream stream_;
};

}  // namespace coppice
