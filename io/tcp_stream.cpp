#include "tcp_stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <system_error>
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
    : cell{c}, hooks{h}, actor{a}, accepted{std::move(from)}, options{accepted.options()}, active_at{now()} {
  COPPICE_VERIFY(accepted.descriptor() >= 0, "a TcpConnection needs an AcceptedSocket that nobody has taken");
  watch =
      DescriptorWatch::make(c, accepted.descriptor(), [](void* body) { static_cast<Body*>(body)->on_ready(); }, this);
  accepted.slot()->bind(cell, *hooks.drain_ops);
  if (options.idle_within != kForever) set_alarm(idle_alarm, Alarm::Idle, options.idle_within);
  if (const auto& security = accepted.slot()->plan().options.security) {
    line = security->open(accepted.descriptor());
    if (!line) throw std::bad_alloc{};
    set_alarm(other_alarm, Alarm::Handshake, security->handshake_within());
  }
  watch->await_input();
}

// ---- input ----

void TcpStream::Body::on_ready() {
  if (ended) return;
  const Readiness ready = watch->take();
  may_have_input = may_have_input || ready.input;
  peer_is_over = peer_is_over || ready.is_over;
  if (ready.room && std::exchange(awaits_room, false)) {
    if (line && !line->is_open()) on_input();  // which waited for room, to come to terms
    if (!ended) send_queued();
  }
  if (!ended && may_have_input && wants_input()) return on_input();
  go_on_reading();
}

/// Finishing it goes to nobody, but it may be the peer's end; and what is written may wait for it.
bool TcpStream::Body::wants_input() const noexcept {
  if (ended || input_over) return false;
  return finishing || output_awaits_input || (!paused && unsent() <= options.write_bytes_pause);
}

/// What is there already by a message: others have their turn, and it is not from within whatever the user does just now.
void TcpStream::Body::go_on_reading() {
  if (!wants_input() || reads_later) return;
  may_have_input = may_have_input || (line && line->has_input());  // of that no socket would tell
  if (!may_have_input) return watch->await_input();
  reads_later = true;
  later([this] {
    reads_later = false;
    if (may_have_input && wants_input()) on_input();
  });
}

void TcpStream::Body::resume_reading() {
  if (std::exchange(paused, false)) go_on_reading();
}

void TcpStream::Body::on_input() {
  char* const buffer = read_buffer();
  in_hook = true;
  bool goes_on = true;
  for (int reads = 0; goes_on && reads < kReadsATurn; ++reads) goes_on = read_once(buffer);
  in_hook = false;
  if (ended) return;
  send_queued();
  go_on_reading();
}

/// Whether there may be more that is wanted.
bool TcpStream::Body::read_once(char* buffer) {
  std::ptrdiff_t count = 0;
  do {
    count = receive(buffer, options.read_bytes_max);
  } while (count < 0 && errno == EINTR);
  const int error = count < 0 ? errno : 0;
  if (count > 0) {
    const auto length = static_cast<std::size_t>(count);
    // A line gives a record at a time, and there may be another one.
    if (!line && length < options.read_bytes_max && !peer_is_over) may_have_input = false;
    active_at = now();
    if (!finishing) hooks.data(actor, {buffer, length});
    return may_have_input && wants_input();
  }
  may_have_input = false;
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
  return line ? line->receive(to, most) : ::recv(accepted.descriptor(), to, most, 0);
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
  later([this] {
    flush_is_due = false;
    flush();
  });
  return true;
}

void TcpStream::Body::flush() {
  if (ended) return;
  send_queued();
  go_on_reading();
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
  return line ? line->send(bytes, unsent()) : ::send(accepted.descriptor(), bytes, unsent(), MSG_NOSIGNAL);
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
  watch->await_room();
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
  ::shutdown(accepted.descriptor(), SHUT_WR);
  set_alarm(other_alarm, Alarm::Lingers, options.linger_within);
  go_on_reading();
}

void TcpStream::Body::fail(int error) { end(TcpEnd::Reset, std::error_code{error, std::generic_category()}.message()); }

void TcpStream::Body::end(TcpEnd how, std::string_view text) {
  if (std::exchange(ended, true)) return;
  if (how == TcpEnd::Slow) reset_on_close(accepted.descriptor());
  watch.reset();
  idle_alarm.cancel();
  other_alarm.cancel();
  std::string{}.swap(output);
  sent = 0;
  accepted.slot()->ends(how);
  accepted = {};  // closes it
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
void TcpStream::close() { body_->end(TcpEnd::Dropped, {}); }
void TcpStream::pause_reading() noexcept { body_->paused = true; }
void TcpStream::resume_reading() { body_->resume_reading(); }
bool TcpStream::is_open() const noexcept { return body_->is_open(); }
std::size_t TcpStream::unsent() const noexcept { return body_->unsent(); }
std::string TcpStream::peer() const { return body_->ended ? std::string{} : peer_of(body_->accepted.descriptor()); }

}  // namespace coppice::detail
