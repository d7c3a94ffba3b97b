#pragma once

#include "coppice/asio.hpp"
// After it: asio.hpp sets Asio's switches.
#include <asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <system_error>

#include "coppice/actor/timers.hpp"
#include "coppice/io/tcp_listener.hpp"
#include "coppice/patterns/token_bucket.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "listener_state.hpp"

namespace coppice::detail {

/// A listener's work: accepts while it may, waits while it may not, and sees to the end of it all.
///
/// Threads    the listener's turn.
class AcceptLoop {
 public:
  AcceptLoop(Cell& cell, std::shared_ptr<ListenerState> state);
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;
  ~AcceptLoop();

  /// Throws when the address cannot be had.
  void start(ActorRef<DynamicSupervisor> connections);
  void look_again();
  void on_poke();
  void begin_stop(const ExitReason& reason);
  [[nodiscard]] TcpListenerInfo info() const;

 private:
  struct Deadline;
  [[nodiscard]] const TcpListenerOptions& options() const noexcept { return state_->plan->options; }
  void await();
  void accept_some();
  bool accept_one();
  void hand_over(int descriptor);
  void refuse(int descriptor);
  void on_outage(int error);
  void look_again_in(Duration delay);
  void finish_stop();

  Cell& cell_;
  std::shared_ptr<ListenerState> state_;
  ActorRef<DynamicSupervisor> connections_;
  asio::basic_socket_acceptor<asio::ip::tcp, ActorExecutor> acceptor_;
  std::optional<TokenBucket> rate_;
  TimerHandle retry_;
  IntrusivePtr<Timer> deadline_;  // of the drain
  bool awaits_ = false;
  bool is_full_ = false;    // it waits until a connection goes
  bool is_outage_ = false;  // the last accept failed for want of something
  bool is_ending_ = false;
  ExitReason end_reason_{};
};

}  // namespace coppice::detail
