#include "coppice/io/tcp_listener.hpp"

#include <stdexcept>
#include <utility>

#include "accept_loop.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"
#include "listener_state.hpp"

namespace coppice {

using detail::ConnectionMaker;
using detail::IntrusivePtr;
using detail::ListenerPlan;
using detail::ListenerState;

namespace {

constexpr const char* kConnections = "connections";
constexpr const char* kListener = "listener";

/// Makes a listener's lives; what they have in common is its place's.
class ListenerFactory final : public detail::Factory {
 public:
  explicit ListenerFactory(std::shared_ptr<ListenerPlan> plan)
      : state_{std::make_shared<ListenerState>(std::move(plan))} {}
  [[nodiscard]] IntrusivePtr<Factory> for_place() override {
    return IntrusivePtr<Factory>::adopt(new ListenerFactory{state_->plan});
  }
  void construct(void* where) override { ::new (where) TcpListener(state_); }

 private:
  std::shared_ptr<ListenerState> state_;
};

}  // namespace

namespace detail {

ConnectionMaker::~ConnectionMaker() = default;

SupervisorSpec make_listener(TcpListenerOptions options, std::unique_ptr<ConnectionMaker> maker) {
  const auto wrong = check(options);
  const Duration slack = std::chrono::seconds{1};
  const Duration patience = options.drain_within >= kForever - slack ? kForever : options.drain_within + slack;
  auto plan = std::make_shared<ListenerPlan>(ListenerPlan{std::move(options), std::move(maker)});
  const TcpListenerOptions& o = plan->options;
  ChildSpec listener{ChildOptions{.id = kListener, .shutdown = patience}, kActorOps<TcpListener>,
                     new ListenerFactory{plan}};
  SupervisorSpec tree =
      supervisor({.id = o.id, .strategy = RestForOne{}, .intensity = o.intensity, .restart = o.restart},
                 dynamic_supervisor({.id = kConnections}), std::move(listener));
  if (!wrong) tree.find_fault_with(wrong.error().text);
  return tree;
}

}  // namespace detail

/// A pointer to it alone stands in the header, so that no user compiles Asio.
struct TcpListener::Body : detail::AcceptLoop {
  using AcceptLoop::AcceptLoop;
};

TcpListener::TcpListener(const std::shared_ptr<ListenerState>& state) : body_{new Body{cell(), state}} {}
TcpListener::~TcpListener() { delete body_; }

void TcpListener::on_start() {
  const auto supervisor = parent().as<Supervisor>();
  const auto connections = supervisor.child<DynamicSupervisor>(kConnections);
  if (!connections) throw std::runtime_error{"a TcpListener stands in a tree that tcp_listener() makes"};
  body_->start(connections.value());
  cell().finish_start(nullptr);
}

void TcpListener::handle(LookAgain) { body_->look_again(); }

TcpListenerInfo TcpListener::handle(GetTcpListener) const { return body_->info(); }

void TcpListener::child_event(const detail::ChildEvent& event) {
  if (event.kind == detail::ChildEvent::Kind::Poke) body_->on_poke();
}

void TcpListener::begin_stop(const ExitReason& reason) { body_->begin_stop(reason); }

Result<ActorRef<TcpListener>, LookupError> listener_of(const ActorRef<Supervisor>& tree) {
  return tree.child<TcpListener>(kListener);
}

}  // namespace coppice
