#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor.hpp"
#include "coppice/io/accepted_socket.hpp"
#include "coppice/supervisors/supervisor.hpp"

namespace coppice {

namespace detail {

class ListenerState;

/// How a listener makes the actors of its connections: all that its template knows.
struct ConnectionMaker {
  explicit ConnectionMaker(const ActorOps& o) noexcept : ops{&o} {}
  virtual ~ConnectionMaker();
  virtual void construct(void* where, AcceptedSocket socket) const = 0;
  const ActorOps* ops;
};

template <class A, class... Args>
struct MakerOf final : ConnectionMaker {
  explicit MakerOf(Args... each) : ConnectionMaker{kActorOps<A>}, args{std::move(each)...} {}
  void construct(void* where, AcceptedSocket socket) const override {
    std::apply([&](const Args&... each) { ::new (where) A(std::move(socket), each...); }, args);
  }
  std::tuple<Args...> args;
};

[[nodiscard]] SupervisorSpec make_listener(TcpListenerOptions options, std::unique_ptr<ConnectionMaker> maker);

}  // namespace detail

/// What a TcpListener answers: `ask(listener, GetTcpListener{}, 1s)`.
struct GetTcpListener {};
struct TcpListenerInfo {
  std::string address;
  std::uint16_t port = 0;  ///< which one it is, where zero was asked for
  TcpListenerStats stats = {};
};

/// Accepts connections and has an actor started for each. Made by tcp_listener(), as a part of a tree:
///
///     id                  RestForOne
///     ├── connections     a DynamicSupervisor: each connection's actor, Temporary
///     └── listener        a TcpListener
///
/// No failure of one connection is felt by another. One that is gone before it is accepted is counted and passed over.
/// When there are no descriptors left, or no memory, the listener waits for pause_after_failure and tries again; those
/// that are there go on.
///
/// In a shutdown the listener goes first: nobody is accepted any more, each connection is told to drain, and those that
/// have not ended after drain_within are stopped.
///
/// Threads    its own turn. Refs: any.
/// Failure    an address that cannot be had is a failed start. A crash of its restarts it on the same port.
/// Source     OTP's ranch and Elixir's ThousandIsland: acceptors beside a supervisor of connections.
class TcpListener final : public Actor<TcpListener> {
 public:
  static constexpr bool kManagesChildren = true;  // its end takes time: see begin_stop()

  explicit TcpListener(const std::shared_ptr<detail::ListenerState>& state);
  ~TcpListener();

  struct LookAgain {};
  void handle(LookAgain);
  [[nodiscard]] TcpListenerInfo handle(GetTcpListener) const;

  // ---- called by the runtime ----
  void on_start();
  void child_event(const detail::ChildEvent& event);
  void begin_stop(const ExitReason& reason);

 private:
  struct Body;
  Body* body_;
};

/// A listener as a tree of its own, or a child of another: `supervisor({.id = "app"}, child<Store>({.id = "store"}),
/// tcp_listener<Session>({.id = "front", .port = 7000}, store))`. Each connection is an A, made from its AcceptedSocket
/// and the arguments as const references. A derives from TcpConnection<A>, or is any other actor: that one is not told
/// to drain.
template <class A, class... Args>
[[nodiscard]] SupervisorSpec tcp_listener(TcpListenerOptions options, Args&&... args) {
  static_assert(std::is_constructible_v<A, AcceptedSocket, const std::decay_t<Args>&...>,
                "this actor cannot be constructed from an AcceptedSocket and these arguments as const references");
  return detail::make_listener(
      std::move(options), std::make_unique<detail::MakerOf<A, std::decay_t<Args>...>>(std::forward<Args>(args)...));
}

/// The listener in a tree that tcp_listener() made: for its port, and its figures.
[[nodiscard]] Result<ActorRef<TcpListener>, LookupError> listener_of(const ActorRef<Supervisor>& tree);

}  // namespace coppice
