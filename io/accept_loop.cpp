#include "accept_loop.hpp"

#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "descriptor_watch.hpp"
#include "sockets.hpp"

namespace coppice::detail {
namespace {

using asio::ip::tcp;

constexpr int kAcceptsATurn = 64;  // then others have theirs

/// Makes the one life of a connection.
class ConnectionFactory final : public Factory {
 public:
  ConnectionFactory(AcceptedSocket socket, std::shared_ptr<ListenerPlan> plan) noexcept
      : socket_{std::move(socket)}, plan_{std::move(plan)} {}
  void construct(void* where) override { plan_->maker->construct(where, std::move(socket_)); }
  void forget() noexcept override { socket_ = {}; }

 private:
  AcceptedSocket socket_;
  std::shared_ptr<ListenerPlan> plan_;
};

}  // namespace

/// The end of a drain, in the listener's system lane.
struct AcceptLoop::Deadline final : Timer {
  explicit Deadline(Cell& l) noexcept
      : Timer{&Deadline::fire_poke, [](Timer& t) noexcept { delete static_cast<Deadline*>(&t); }},
        listener{IntrusivePtr<Cell>::of(l)} {}
  static void fire_poke(Timer& timer) noexcept {
    auto& self = static_cast<Deadline&>(timer);
    self.has_come.store(true, kRelease);  // partner: on_poke
    self.listener->signal(make_signal(CellSignal::Kind::Poke));
  }
  IntrusivePtr<Cell> listener;
  Atomic<bool> has_come{false};
};

AcceptLoop::AcceptLoop(Cell& cell, std::shared_ptr<ListenerState> state)
    : cell_{cell}, state_{std::move(state)}, acceptor_{ActorExecutor{cell}} {
  if (options().accept_rate) rate_.emplace(*options().accept_rate);
}

AcceptLoop::~AcceptLoop() {
  state_->stop_telling();
  if (deadline_) cell_.scheduler().disarm(*deadline_);
}

void AcceptLoop::start(ActorRef<DynamicSupervisor> connections) {
  connections_ = std::move(connections);
  state_->forget_drain();
  const std::uint16_t asked = options().port;
  const std::uint16_t port = asked != 0 ? asked : state_->port.load(kRelaxed);
  const tcp::endpoint address{asio::ip::make_address(options().address), port};
  std::error_code error;
  acceptor_.open(address.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor_.bind(address, error);
  if (!error) acceptor_.listen(options().backlog, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (error) {
    throw std::system_error{error, fmt::format("cannot listen on {} port {}", options().address, port)};
  }
  state_->port.store(acceptor_.local_endpoint().port(), kRelaxed);
  DescriptorWatch::prepare(cell_);
  await();
}

TcpListenerInfo AcceptLoop::info() const {
  return {.address = options().address, .port = state_->port.load(kRelaxed), .stats = state_->stats()};
}

// ---- accepting ----

void AcceptLoop::await() {
  if (awaits_ || is_ending_) return;
  awaits_ = true;
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](const std::error_code& error) {
    awaits_ = false;
    if (is_ending_) return;
    if (error) throw std::system_error{error, "waiting for connections"};
    accept_some();
  });
}

void AcceptLoop::accept_some() {
  for (int accepted = 0; accepted < kAcceptsATurn; ++accepted) {
    if (!accept_one()) return;
  }
  await();
}

/// Whether to go on at once.
bool AcceptLoop::accept_one() {
  const bool is_at_limit = state_->open() >= options().connections_max;
  if (is_at_limit && options().when_full == WhenFull::Wait) {
    if (std::exchange(is_full_, true)) return false;
    state_->tell(cell_);
    if (state_->open() >= options().connections_max) {
      look_again_in(std::chrono::seconds{1});  // should whoever goes have no memory to say so
      return false;
    }
    is_full_ = false;
    state_->stop_telling();
  }
  const TimePoint now = turn_now(*cell_.runtime());
  if (rate_ && rate_->available(now) == 0) {
    look_again_in(saturating_between(now, rate_->ready_at(now)));
    return false;
  }
  const int descriptor = accept_next(acceptor_.native_handle());
  const int error = descriptor < 0 ? errno : 0;
  switch (fault_of(error)) {
    case AcceptFault::None: break;
    case AcceptFault::Nobody:
      is_outage_ = false;
      await();
      return false;
    case AcceptFault::Again: return true;
    case AcceptFault::Gone: state_->aborted.fetch_add(1, kRelaxed); return true;
    case AcceptFault::Outage: on_outage(error); return false;
    case AcceptFault::Broken: throw std::system_error{error, std::generic_category(), "accepting connections"};
  }
  is_outage_ = false;
  if (rate_) static_cast<void>(rate_->try_acquire(now));
  if (is_at_limit) {
    refuse(descriptor);
  } else {
    hand_over(descriptor);
  }
  return true;
}

void AcceptLoop::hand_over(int descriptor) {
  AcceptedSocket guard{descriptor, nullptr};  // from here on it is closed if anything throws
  auto slot = std::make_unique<ConnectionSlot>(state_);
  AcceptedSocket socket{guard.release(), std::move(slot)};
  const auto& o = options();
  auto factory = IntrusivePtr<Factory>::adopt(new ConnectionFactory{std::move(socket), state_->plan});
  ChildSpec spec{ChildOptions{.restart = Restart::Temporary, .shutdown = o.connection_shutdown, .mailbox = o.mailbox},
                 *state_->plan->maker->ops, factory.detach()};
  connections_.send(StartChild{std::move(spec)});  // one that does not start is closed, and counts as dropped
}

void AcceptLoop::refuse(int descriptor) {
  state_->refused.fetch_add(1, kRelaxed);
  const std::string& text = options().refusal;
  if (!text.empty()) static_cast<void>(::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL));
  close_socket(descriptor);
}

void AcceptLoop::on_outage(int error) {
  state_->failures.fetch_add(1, kRelaxed);
  if (!std::exchange(is_outage_, true)) {
    const std::error_code code{error, std::generic_category()};
    auto& told = state_->plan->options.on_accept_failure;
    if (told) {
      told(code);
    } else {
      fmt::print(stderr, "coppice: {} cannot accept connections for now: {}\n", options().id, code.message());
    }
  }
  look_again_in(options().pause_after_failure);
}

void AcceptLoop::look_again_in(Duration delay) {
  using Kind = MessageTimer<TcpListener, TcpListener::LookAgain>;
  auto timer =
      IntrusivePtr<Timer>::adopt(new Kind{cell_, Duration::zero(), Every::FixedRate, TcpListener::LookAgain{}});
  static_cast<void>(start_timer(static_cast<ActorTimer&>(*timer), delay));
  retry_ = TimerHandle{std::move(timer)};
}

void AcceptLoop::look_again() {
  if (is_ending_) return;
  is_full_ = false;
  state_->stop_telling();
  accept_some();
}

void AcceptLoop::on_poke() {
  if (!is_ending_) {
    if (is_full_) look_again();
    return;
  }
  const bool is_late = deadline_ && static_cast<Deadline&>(*deadline_).has_come.load(kAcquire);
  if (is_late || state_->open() == 0) finish_stop();
}

// ---- the end ----

void AcceptLoop::begin_stop(const ExitReason& reason) {
  if (reason.kind() == ExitReason::Kind::Killed && is_ending_) return finish_stop();
  if (std::exchange(is_ending_, true)) return;
  end_reason_ = reason;
  std::error_code ignored;
  acceptor_.close(ignored);
  // A crash is no reason for connections to end: the next life finds them there.
  if (!reason.is_normal() || options().drain_within == Duration::zero()) return finish_stop();
  state_->tell(cell_);
  state_->drain_all();
  if (state_->open() == 0) return finish_stop();
  if (options().drain_within == kForever) return;
  deadline_ = IntrusivePtr<Timer>::adopt(new Deadline{cell_});
  cell_.scheduler().arm(*deadline_, saturating_add(cell_.runtime()->clock->now(), options().drain_within));
}

void AcceptLoop::finish_stop() {
  state_->stop_telling();
  cell_.finish_stop(end_reason_);
}

}  // namespace coppice::detail
