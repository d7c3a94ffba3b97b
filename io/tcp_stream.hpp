#pragma once

#include "coppice/asio.hpp"
// After it: asio.hpp sets Asio's switches.
#include <array>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "coppice/io/tcp_connection.hpp"
#include "coppice/io/tcp_security.hpp"

namespace coppice::detail {

/// A connection's socket, what waits to be sent, and its limits.
///
/// The kernel's first bytes come into a small buffer here, what is behind them is read into a large one of the thread's: a
/// connection that is idle holds none of that size. To be told that a socket is readable and to read it then would be a
/// call of the kernel more for each piece of input. What is queued is sent at the end of on_data(), else by a message
/// behind those that wait, which may write more of it.
///
/// Threads    the actor's turn.
/// [S1] After end() no hook is called, and nothing is under way that would touch this object: what the reactor reads or
///      waits for is cancelled by the descriptor's close, timers here, and what is in the mailbox looks at `ended` first.
struct TcpStream::Body {
  static constexpr std::size_t kFirstBytes = 128;  // many requests of many protocols are shorter

  Body(Cell& cell, AcceptedSocket&& from, const StreamHooks& hooks, void* actor);
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  bool write(std::string_view bytes);
  void flush();
  void finish();
  void resume_reading();
  void end(TcpEnd how, std::string_view text);
  void await_input();
  [[nodiscard]] bool is_open() const noexcept { return !ended && !finishing; }
  [[nodiscard]] std::size_t unsent() const noexcept { return output.size() - sent; }

  enum class Alarm : unsigned char { Idle, Stalled, Lingers, Handshake };
  struct AlarmTimer;
  void on_alarm(Alarm alarm);

  Cell& cell;
  const StreamHooks& hooks;
  void* const actor;
  AcceptedSocket accepted;  // its place among the listener's connections, and its options
  const TcpConnectionOptions& options;
  asio::basic_stream_socket<asio::ip::tcp, ActorExecutor> socket;
  std::unique_ptr<SecureLine> line;  // null: the bytes are the socket's
  std::string output;
  std::size_t sent = 0;  // of it
  TimePoint active_at;   // when a byte came or went
  TimePoint taken_at{};  // since when the peer has taken none, while some wait
  TimerHandle idle_alarm;
  TimerHandle other_alarm;           // Stalled, then Lingers
  bool awaits_input = false;         // the reactor may write into `first`, or what it wrote is on its way
  bool awaits_room = false;          // asked to be told of it
  bool output_awaits_input = false;  // with a line, which has to hear from the peer first
  bool flush_is_due = false;         // a message in the mailbox, or the end of the hook in hand
  bool in_hook = false;
  bool paused = false;
  bool input_over = false;
  bool finishing = false;
  bool output_closed = false;
  bool ended = false;
  bool holds_input = false;  // what came while reading was paused; the next two belong to it
  std::uint16_t first_size = 0;
  int first_error = 0;
  std::array<char, kFirstBytes> first;

 private:
  void await_line();
  void input_came(int error);
  void on_input();
  bool read_first(char* buffer);
  bool read_once(char* buffer, std::size_t filled);
  bool take(std::string_view bytes);
  void on_end_of_input();
  void send_queued();
  void await_room();
  [[nodiscard]] std::ptrdiff_t receive(char* to, std::size_t most);
  [[nodiscard]] std::ptrdiff_t send_some();
  void watch_stall();
  void all_sent();
  void say_goodbye();
  void fail(int error);
  void set_alarm(TimerHandle& handle, Alarm alarm, Duration after);
  [[nodiscard]] TimePoint now() const noexcept { return turn_now(*cell.runtime()); }
};

}  // namespace coppice::detail
