#include "tcp_stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/error.hpp>
#include <cerrno>
#include <memory>
#include <utility>

#include "listener_state.hpp"
#include "sockets.hpp"

namespace coppice::detail {
namespace {

constexpr std::size_t kBufferBytes = 65'536;
constexpr int kReadsATurn = 4;                           // then others have theirs
constexpr std::size_t kSendAt = std::size_t{64} * 1024;  // queued in one hook: it is sent before its end
constexpr std::size_t kKeptOutput = 256;                 // of the queue's memory, when it is empty

/// One for each thread that reads: nothing of it outlives a hook.
[[nodiscard]] char* read_buffer() {
  static thread_local const std::unique_ptr<char[]> buffer{new char[kBufferBytes]};
  return buffer.get();
}

}  // namespace

/// A deadline of a stream's, as a message.
struct TcpStream::Body::AlarmTimer final : ActorTimer {
  AlarmTimer(Cell& c, Body& b, Alarm a) noexcept
      : ActorTimer{c, &kOps, Duration::zero(), Every::FixedRate,
                   [](Timer& t) noexcept { delete static_cast<AlarmTimer*>(&t); }},
        body{b},
        alarm{a} {}
  static Outcome handle_alarm(Cell& cell, Envelope& envelope) {
    auto& tick = static_cast<TickEnvelope&>(envelope);
    if (!tick.spend(cell)) return Outcome::Stale;
    auto& self = static_cast<AlarmTimer&>(tick.actor_timer());
    self.body.on_alarm(self.alarm);
    return Outcome::Handled;
  }
  struct ConnectionAlarm {};
  static constexpr EnvelopeOps kOps{
      &handle_alarm,        nullptr, &TickEnvelope::destroy_tick, &kTypeInfo<ConnectionAlarm>, nullptr,
      sizeof(TickEnvelope), false};
  Body& body;  // its handle is there, or this is withdrawn
  Alarm alarm;
};

TcpStream::Body::Body(Cell& c, AcceptedSocket&& from, const StreamHooks& h, void* a)
    : cell{c},
      hooks{h},
      actor{a},
      accepted{std::move(from)},
      options{accepted.options()},
      socket{ActorExecutor{c}},
      active_at{now()} {
  COPPICE_VERIFY(accepted.descriptor() >= 0, "a TcpConnection needs an AcceptedSocket that nobody has taken");
  // Throws if the kernel cannot watch it; then it is still accepted's. Nobody asks for the protocol.
  socket.assign(asio::ip::tcp::v4(), accepted.descriptor());
  static_cast<void>(accepted.release());
  accepted.slot()->bind(cell, *hooks.drain_ops);
  if (options.idle_within != kForever) set_alarm(idle_alarm, Alarm::Idle, options.idle_within);
  if (const auto& security = accepted.slot()->plan().options.security) {
    line = security->open(socket.native_handle());
    if (!line) throw std::bad_alloc{};
    set_alarm(other_alarm, Alarm::Handshake, security->handshake_within());
  }
  await_input();
}

// ---- input ----

void TcpStream::Body::await_input() {
  if (ended || awaits_input || input_over) return;
  if (holds_input) {
    // Finishing it goes to nobody, but it may be the peer's end; and what is written may wait for it.
    if ((finishing || output_awaits_input) && std::exchange(holds_input, false)) on_input();
    return;
  }
  const bool is_wanted = finishing || output_awaits_input || (!paused && unsent() <= options.write_bytes_pause);
  if (!is_wanted) return;
  awaits_input = true;
  if (line) return await_line();
  const std::size_t most = std::min(first.size(), options.read_bytes_max);
  socket.async_read_some(asio::buffer(first, most), [this](const std::error_code& error, std::size_t count) {
    first_size = static_cast<std::uint16_t>(count);
    input_came(error == asio::error::eof ? 0 : error.value());
  });
}

/// What a line has decrypted already, or what makes it decrypt more: nothing comes into `first`.
void TcpStream::Body::await_line() {
  if (line->has_input()) {  // the socket would not tell
    return socket.get_executor().require(asio::execution::blocking.never).execute([this] { input_came(0); });
  }
  socket.async_wait(asio::socket_base::wait_read, [this](const std::error_code& error) { input_came(error.value()); });
}

void TcpStream::Body::input_came(int error) {
  awaits_input = false;
  first_error = error;
  if (ended) return;
  holds_input = paused && !finishing && !output_awaits_input;  // since it was asked for
  if (!holds_input) on_input();
}

void TcpStream::Body::resume_reading() {
  if (!std::exchange(paused, false) || ended) return;
  if (!holds_input) return await_input();
  // Not from within whatever the user does just now.
  socket.get_executor().require(asio::execution::blocking.never).execute([this] {
    if (ended || paused || !std::exchange(holds_input, false)) return;
    on_input();
  });
}

/// What has come, and what is behind it.
void TcpStream::Body::on_input() {
  if (first_error != 0) return fail(first_error);
  char* const buffer = read_buffer();
  in_hook = true;
  bool may_be_more = line ? read_once(buffer, 0) : read_first(buffer);
  for (int reads = 1; may_be_more && reads < kReadsATurn; ++reads) may_be_more = read_once(buffer, 0);
  in_hook = false;
  if (ended) return;
  send_queued();
  await_input();
}

/// What is in `first`. Whether there may be more, as the next two.
bool TcpStream::Body::read_first(char* buffer) {
  if (first_size == 0) {
    on_end_of_input();
    return false;
  }
  if (first_size < first.size() || first_size == options.read_bytes_max) return take({first.data(), first_size});
  std::copy(first.begin(), first.end(), buffer);
  return read_once(buffer, first.size());
}

/// With `filled` bytes in the buffer already, which go along.
bool TcpStream::Body::read_once(char* buffer, std::size_t filled) {
  std::ptrdiff_t count = 0;
  do {
    count = receive(buffer + filled, options.read_bytes_max - filled);
  } while (count < 0 && errno == EINTR);
  if (count > 0) return take({buffer, filled + static_cast<std::size_t>(count)});
  const int error = count == 0 ? 0 : errno;
  if (filled != 0 && !take({buffer, filled})) return false;
  if (count == 0) {
    on_end_of_input();
  } else if (error != EAGAIN && error != EWOULDBLOCK) {
    fail(error);
  } else if (line && line->wants_room()) {
    await_room();
  }
  return false;
}

std::ptrdiff_t TcpStream::Body::receive(char* to, std::size_t most) {
  return line ? line->receive(to, most) : ::recv(socket.native_handle(), to, most, 0);
}

bool TcpStream::Body::take(std::string_view bytes) {
  active_at = now();
  if (!finishing) hooks.data(actor, bytes);
  if (ended || (!finishing && (paused || unsent() > options.write_bytes_pause))) return false;
  return line || bytes.size() == options.read_bytes_max;  // a line gives a record at a time
}

void TcpStream::Body::on_end_of_input() {
  input_over = true;
  if (output_closed) return end(TcpEnd::Finished, {});
  if (!finishing) hooks.end_of_input(actor);
}

// ---- output ----

bool TcpStream::Body::write(std::string_view bytes) {
  if (!is_open()) return false;
  if (unsent() != 0 && bytes.size() > options.write_bytes_max - std::min(unsent(), options.write_bytes_max)) {
    send_queued();
    if (!is_open()) return false;
    if (unsent() != 0 && bytes.size() > options.write_bytes_max - std::min(unsent(), options.write_bytes_max)) {
      end(TcpEnd::Slow, "the peer does not take what is written");
      return false;
    }
  }
  output.append(bytes);
  if (in_hook) {
    if (unsent() >= kSendAt && !awaits_room) send_queued();
    return !ended;
  }
  if (flush_is_due) return true;
  flush_is_due = true;
  socket.get_executor().require(asio::execution::blocking.never).execute([this] {
    flush_is_due = false;
    flush();
  });
  return true;
}

void TcpStream::Body::flush() {
  if (ended) return;
  send_queued();
  await_input();
}

void TcpStream::Body::send_queued() {
  while (!ended && unsent() != 0) {
    const std::ptrdiff_t count = send_some();
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return fail(errno);
      output_awaits_input = line && !line->wants_room();
      return output_awaits_input ? watch_stall() : await_room();
    }
    output_awaits_input = false;
    sent += static_cast<std::size_t>(count);
    active_at = taken_at = now();
  }
  if (!ended) all_sent();
}

std::ptrdiff_t TcpStream::Body::send_some() {
  const char* const bytes = output.data() + sent;
  return line ? line->send(bytes, unsent()) : ::send(socket.native_handle(), bytes, unsent(), MSG_NOSIGNAL);
}

void TcpStream::Body::watch_stall() {
  if (other_alarm.is_active()) return;
  taken_at = now();
  set_alarm(other_alarm, Alarm::Stalled, options.write_within);
}

/// The kernel takes no more for this peer.
void TcpStream::Body::await_room() {
  if (sent > output.size() / 2) {  // so that what has gone is not kept as long as the peer is slow
    output.erase(0, sent);
    sent = 0;
  }
  if (awaits_room) return;
  awaits_room = true;
  watch_stall();
  socket.async_wait(asio::socket_base::wait_write, [this](const std::error_code& error) {
    awaits_room = false;
    if (ended) return;
    if (error) return fail(error.value());
    if (line && !line->is_open()) on_input();  // which waited for room, to come to terms
    flush();
  });
}

void TcpStream::Body::all_sent() {
  const bool had_some = sent != 0;
  sent = 0;
  output.clear();
  if (output.capacity() > kKeptOutput) std::string{}.swap(output);  // assigned, it would keep its memory
  if (!finishing) {
    if (had_some) hooks.all_sent(actor);
    return;
  }
  if (!output_closed) say_goodbye();
}

// ---- the end ----

void TcpStream::Body::finish() {
  if (!is_open()) return;
  finishing = true;
  if (in_hook) return;  // at its end
  flush();
}

/// All has been sent, and the peer is told so. It is closed when the peer has its end as well: closed before, with input
/// that nobody has read, it would be reset, and what was sent last be lost on its way.
void TcpStream::Body::say_goodbye() {
  output_closed = true;
  if (line) line->finish();
  if (input_over || options.linger_within == Duration::zero()) return end(TcpEnd::Finished, {});
  ::shutdown(socket.native_handle(), SHUT_WR);
  set_alarm(other_alarm, Alarm::Lingers, options.linger_within);
  await_input();
}

void TcpStream::Body::fail(int error) { end(TcpEnd::Reset, std::error_code{error, std::generic_category()}.message()); }

void TcpStream::Body::end(TcpEnd how, std::string_view text) {
  if (std::exchange(ended, true)) return;
  if (how == TcpEnd::Slow) reset_on_close(socket.native_handle());
  std::error_code ignored;
  socket.close(ignored);
  idle_alarm.cancel();
  other_alarm.cancel();
  std::string{}.swap(output);
  sent = 0;
  accepted.slot()->ends(how);
  accepted = {};
  cell.stop_self(text.empty() ? ExitReason::normal()
                              : ExitReason::shutdown(std::string{to_string(how)} + ": " + std::string{text}));
  hooks.closed(actor, how);
}

// ---- deadlines ----

void TcpStream::Body::set_alarm(TimerHandle& handle, Alarm alarm, Duration after) {
  auto timer = IntrusivePtr<Timer>::adopt(new AlarmTimer{cell, *this, alarm});
  static_cast<void>(start_timer(static_cast<ActorTimer&>(*timer), after));
  handle = TimerHandle{std::move(timer)};
}

void TcpStream::Body::on_alarm(Alarm alarm) {
  if (ended) return;
  switch (alarm) {
    case Alarm::Lingers: return end(TcpEnd::Finished, {});
    case Alarm::Handshake:
      if (!line->is_open()) return end(TcpEnd::Idle, "it has not come to terms in time");
      if (unsent() != 0) watch_stall();
      return;
    case Alarm::Idle: {
      const Duration idle = saturating_between(active_at, now());
      if (idle >= options.idle_within) return end(TcpEnd::Idle, "nothing came and nothing went");
      return set_alarm(idle_alarm, Alarm::Idle, options.idle_within - idle);
    }
    case Alarm::Stalled: {
      if (unsent() == 0) return;
      const Duration stalled = saturating_between(taken_at, now());
      if (stalled >= options.write_within) return end(TcpEnd::Slow, "the peer takes nothing of what is written");
      return set_alarm(other_alarm, Alarm::Stalled, options.write_within - stalled);
    }
  }
}

// ---- the face ----

TcpStream::TcpStream(Cell& cell, AcceptedSocket socket, const StreamHooks& hooks, void* actor)
    : body_{new Body{cell, std::move(socket), hooks, actor}} {}
TcpStream::~TcpStream() { delete body_; }
bool TcpStream::write(std::string_view bytes) { return body_->write(bytes); }
void TcpStream::flush() { body_->flush(); }
void TcpStream::finish() { body_->finish(); }
void TcpStream::close() noexcept { body_->end(TcpEnd::Dropped, {}); }
void TcpStream::pause_reading() noexcept { body_->paused = true; }
void TcpStream::resume_reading() { body_->resume_reading(); }
bool TcpStream::is_open() const noexcept { return body_->is_open(); }
std::size_t TcpStream::unsent() const noexcept { return body_->unsent(); }
std::string TcpStream::peer() const { return body_->ended ? std::string{} : peer_of(body_->socket.native_handle()); }

}  // namespace coppice::detail
