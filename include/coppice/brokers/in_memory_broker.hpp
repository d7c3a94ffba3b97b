#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/actor/send.hpp"
#include "coppice/brokers/broker.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

namespace detail {

class BrokerCore;

/// One publication in one mailbox; the message itself is shared.
template <class M>
struct PublicationEnvelope : Envelope {
  PublicationEnvelope(const EnvelopeOps* operations, std::shared_ptr<const M> m) noexcept
      : Envelope{operations}, message{std::move(m)} {}
  ~PublicationEnvelope() = delete;
  union {
    std::shared_ptr<const M> message;
  };
  static void destroy_publication(Envelope& envelope) {
    std::destroy_at(&static_cast<PublicationEnvelope&>(envelope).message);
  }
};

template <class A, class M>
Outcome handle_publication(Cell& cell, Envelope& envelope) {
  return call_handler(*static_cast<A*>(cell.state()), cell, envelope,
                      *static_cast<PublicationEnvelope<M>&>(envelope).message);
}
template <class A, class M>
inline constexpr EnvelopeOps kPublicationOps{
    &handle_publication<A, M>,      nullptr, &PublicationEnvelope<M>::destroy_publication, &kTypeInfo<M>, nullptr,
    sizeof(PublicationEnvelope<M>), true};

/// Where one publication goes.
struct Receiver {
  IntrusivePtr<Cell> cell;
  const EnvelopeOps* ops;
};

}  // namespace detail

/// The embedded broker: topics in a tree of words, so that a publication costs what it matches. Publishing runs in the
/// caller's thread; a subscription is effective when subscribe() returns.
///
/// Threads    every function: any.
/// Ownership  may end before its subscriptions and its system, and after them.
/// Order      publications of one thread reach each subscriber in their order.
/// Failure    a bad topic or type is an error in the result; nothing throws but std::bad_alloc and what moving the
///            message throws.
/// [Q1] A publication reaches everybody who was subscribed during the whole of it.
/// [Q2] One topic carries one message type as long as it has subscribers.
class InMemoryBroker {
 public:
  explicit InMemoryBroker(System& system);
  InMemoryBroker(const InMemoryBroker&) = delete;
  InMemoryBroker& operator=(const InMemoryBroker&) = delete;
  ~InMemoryBroker();

  /// Publications on topics that match `pattern` come to the actor's `handle(const M&)`, bounded by its own mailbox. On
  /// the actor's own turn the subscription belongs to its life (the next life subscribes anew), from outside to its
  /// place.
  template <class M, class A>
  Subscription subscribe(std::string_view pattern, const ActorRef<A>& ref) {
    static_assert(
        requires(A& actor, const M& message) { actor.handle(message); },
        "the subscriber needs `handle(const M&)` for the topic's message type: the message is shared, it cannot be "
        "moved from");
    return subscribe_untyped(pattern, &detail::kTypeInfo<M>, &detail::kPublicationOps<A, M>,
                             detail::RefAccess::share(ref));
  }

  /// Delivers one shared copy to every subscription that matches. `topic` is without wildcards.
  template <class M>
  Published publish(std::string_view topic, M&& message) {
    using Plain = std::remove_cvref_t<M>;
    Published result;
    std::vector<detail::Receiver> receivers;
    result.status = match(topic, &detail::kTypeInfo<Plain>, receivers);
    if (!result.status) return result;
    if (!receivers.empty()) {
      const auto shared = std::make_shared<const Plain>(std::forward<M>(message));
      for (const detail::Receiver& receiver : receivers) {
        auto* const envelope = detail::make_envelope<detail::PublicationEnvelope<Plain>>(receiver.ops, shared);
        ++(detail::deliver(*receiver.cell, envelope) == Delivery::Accepted ? result.delivered : result.dropped);
      }
    }
    report_published(topic);
    return result;
  }

  /// Live subscriptions. Exact.
  [[nodiscard]] std::uint64_t subscriptions() const noexcept;

 private:
  [[nodiscard]] Subscription subscribe_untyped(std::string_view pattern, const detail::TypeInfo* type,
                                               const detail::EnvelopeOps* ops,
                                               const detail::IntrusivePtr<detail::Cell>& cell);
  [[nodiscard]] Result<void, BrokerError> match(std::string_view topic, const detail::TypeInfo* type,
                                                std::vector<detail::Receiver>& receivers) const;
  void report_published(std::string_view topic) const;

  std::shared_ptr<detail::BrokerCore> core_;
};

}  // namespace coppice
