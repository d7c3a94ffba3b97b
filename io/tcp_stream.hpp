#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "coppice/asio.hpp"
#include "coppice/io/tcp_connection.hpp"
#include "coppice/io/tcp_security.hpp"
#include "descriptor_watch.hpp"

namespace coppice::detail {

/// A connection's socket, what waits to be sent, and its limits.
///
/// It reads when it is told that there is input, and into a large buffer of the thread's: a connection that is idle holds
/// none of that size. A read that does not fill the buffer has taken all there was, and what comes next is told again:
/// one call of the kernel for a piece of input. What is queued is sent at the end of on_data(), else by a message behind
/// those that wait, which may write more of it.
///
/// Threads    the actor's turn.
/// [S1] After end() no hook is called, and nothing is under way that would touch this object: the descriptor is no longer
///      watched, timers are cancelled, and what is in the mailbox looks at `ended` first.
struct TcpStream::Body {
  Body(Cell& cell, AcceptedSocket&& from, const StreamHooks& hooks, void* actor);
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  bool write(std::string_view bytes);
  void flush();
  void finish();
  void resume_reading();
  void end(TcpEnd how, std::string_view text);
  [[nodiscard]] bool is_open() const noexcept { return !ended && !finishing; }
  [[nodiscard]] std::size_t unsent() const noexcept { return output.size() - sent; }

  enum class Alarm : unsigned char { Idle, Stalled, Lingers, Handshake };
  struct AlarmTimer;
  void on_alarm(Alarm alarm);

  Cell& cell;
  const StreamHooks& hooks;
  void* const actor;
  AcceptedSocket accepted;  // the descriptor, its place among the listener's connections, and its options
  const TcpConnectionOptions& options;
  std::unique_ptr<DescriptorWatch> watch;
  std::unique_ptr<SecureLine> line;  // null: the bytes are the socket's
  std::string output;
  std::size_t sent = 0;  // of it
  TimePoint active_at;   // when a byte came or went
  TimePoint taken_at{};  // since when the peer has taken none, while some wait
  TimerHandle idle_alarm;
  TimerHandle other_alarm;           // Stalled, then Lingers
  bool may_have_input = false;       // that the kernel has
  bool reads_later = false;          // a message in the mailbox
  bool peer_is_over = false;         // it sends no more than what is there: a short read is not the end
  bool awaits_room = false;          // asked to be told of it
  bool output_awaits_input = false;  // with a line, which has to hear from the peer first
  bool flush_is_due = false;         // a message in the mailbox, or the end of the hook in hand
  bool in_hook = false;
  bool paused = false;
  bool input_over = false;
  bool finishing = false;
  bool output_closed = false;
  bool ended = false;

 private:
  void on_ready();
  void go_on_reading();
  void on_input();
  bool read_once(char* buffer);
  [[nodiscard]] bool wants_input() const noexcept;
  void on_end_of_input();
  void send_queued();
  void await_room();
  [[nodiscard]] std::ptrdiff_t receive(char* to, std::size_t most);
  [[nodiscard]] std::ptrdiff_t send_some();
  void watch_stall();
  void all_sent();
  void say_goodbye();
  void fail(int error);
  template <class F>
  void later(F&& act) {
    ActorExecutor{cell}.require(asio::execution::blocking.never).execute(std::forward<F>(act));
  }
  void set_alarm(TimerHandle& handle, Alarm alarm, Duration after);
  [[nodiscard]] TimePoint now() const noexcept { return turn_now(*cell.runtime()); }
};

}  // namespace coppice::detail
