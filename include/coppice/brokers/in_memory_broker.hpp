#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/actor/send.hpp"
#include "coppice/brokers/broker.hpp"
#include "coppice/brokers/publication.hpp"
#include "coppice/brokers/retained.hpp"
#include "coppice/system/dead_letter.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

struct BrokerOptions {
  bool needs_subscriber = false;         ///< publications without a subscriber are dead letters
  std::uint64_t retained_max = 100'000;  ///< topics that retain a value; one more is refused: Full. Zero: none
  /// The topic on which the system's dead letters are published, each as a DeadLetter, to who can keep up. Empty: they
  /// are not. The dead letter of such a publication is counted, and not published.
  std::string dead_letters = {};
};

/// What an ask over a topic is answered with, where the message says so: `struct GetPrice { using Reply = int; … };`
template <class M>
concept NamesReply = requires { typename M::Reply; };

namespace detail {

class BrokerCore;
struct Receivers;

/// Who gets one publication: what matched its topic at one moment. Lives on the publisher's stack.
class Route {
 public:
  Route() noexcept;
  Route(const Route&) = delete;
  Route& operator=(const Route&) = delete;
  ~Route();
  [[nodiscard]] bool is_empty() const noexcept { return used_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return used_; }
  void add(const IntrusivePtr<Receivers>& receivers);
  void clear() noexcept;
  [[nodiscard]] const Receivers& operator[](std::size_t index) const noexcept;

 private:
  static constexpr std::size_t kFew = 4;
  IntrusivePtr<Receivers> few_[kFew];  // hardly ever do more patterns match
  std::vector<IntrusivePtr<Receivers>> more_;
  std::size_t used_ = 0;
};

/// Stands for M::Reply.
struct ReplyOfMessage {};

template <class M, class R>
struct NamedReply {
  using type = R;
};
template <class M>
struct NamedReply<M, ReplyOfMessage> {
  static_assert(NamesReply<M>, "what is the reply's type? Say it: ask<int>(…), or in the message: using Reply = int;");
  using type = typename M::Reply;
};

}  // namespace detail

/// The embedded broker: topics in a tree of words, so that a publication costs what it matches. Publishing runs in the
/// caller's thread; a subscription is effective when subscribe() returns.
///
/// Threads    every function: any. Publishers do not wait for each other, only for who subscribes at that moment. A
///            thread waits at a subscriber's mailbox that blocks, when all the others have been served; a handler does
///            not.
/// Ownership  may end before its subscriptions and its system, and after them.
/// Order      publications of one thread reach each subscriber in their order, and in order with its other messages.
/// Failure    a bad topic or type is an error in the result; nothing throws but std::bad_alloc and what moving the
///            message throws.
/// [Q1] A publication reaches everybody who was subscribed during the whole of it.
/// [Q2] One topic carries one message type as long as it has subscribers or retains a value.
/// [Q3] Of a group one member receives each publication, unless all refuse.
/// [Q4] A subscriber first gets the newest value of each topic that retains one, then all that is published after it:
///      none of that comes twice or is left out.
class InMemoryBroker {
 public:
  explicit InMemoryBroker(System& system, BrokerOptions options = {});
  InMemoryBroker(const InMemoryBroker&) = delete;
  InMemoryBroker& operator=(const InMemoryBroker&) = delete;
  ~InMemoryBroker();

  /// BadTopic: BrokerOptions::dead_letters is no topic, and dead letters are not published.
  [[nodiscard]] Result<void, BrokerError> status() const noexcept;

  /// Publications on topics that match `pattern` come to the actor's `handle(const M&)`. On the actor's own turn the
  /// subscription belongs to its life (the next life subscribes anew), from outside to its place.
  template <class M, class A>
  Subscription subscribe(std::string_view pattern, const ActorRef<A>& ref, const SubscribeOptions& options = {}) {
    static_assert(!detail::kIsProtocol<A>,
                  "a ref of a Protocol does not know the actor's class: subscribe with the ActorRef of the class");
    constexpr bool kTakesShared = requires(A& actor, const M& message) { actor.handle(message); };
    static_assert(kTakesShared,
                  "the subscriber needs `handle(const M&)` for the topic's message type: the message is shared, it "
                  "cannot be moved from");
    if constexpr (kTakesShared) {  // else the compiler would go on and complain a screenful
      return subscribe_untyped(pattern, detail::kSubscriberOps<A, M>, detail::RefAccess::share(ref), options);
    } else {
      return Subscription{};
    }
  }

  /// Delivers one shared copy to every subscription that matches. `topic` is without wildcards.
  template <class M>
  Published publish(std::string_view topic, M&& message) {
    using Plain = std::remove_cvref_t<M>;
    detail::Route route;
    Published result{.status = match(topic, &detail::kTypeInfo<Plain>, route)};
    if (!result.status) return result;
    if (route.is_empty()) return publish_to_nobody(topic, &detail::kTypeInfo<Plain>, false);
    return deliver(topic, route, detail::make_publication<Plain>(std::forward<M>(message)));
  }
  template <class M>
  Published publish(std::string_view topic, M&& message, const PublishOptions& options) {
    using Plain = std::remove_cvref_t<M>;
    return publish_with(topic, detail::make_publication<Plain>(std::forward<M>(message)), options);
  }

  /// Asks over a topic, from outside an actor: subscribers whose handler returns an R answer, the first one counts, the
  /// others only hear of it. Who promises a reply, or is a coroutine, may answer later. Closed: nobody is subscribed.
  /// NoReply: all have handled it, and nobody answered. Rejected: a bad topic or type.
  /// `ask<int>("price.tea", GetPrice{}, 1s).get()`, or without <int> where M::Reply says it.
  template <class R = detail::ReplyOfMessage, class M>
  auto ask(std::string_view topic, M&& message, Duration within) {
    using Plain = std::remove_cvref_t<M>;
    using Reply = typename detail::NamedReply<Plain, R>::type;
    auto ask = detail::open_ask(system_runtime(), detail::kReplyOps<Reply>, within);
    publish_question(topic, detail::make_publication<Plain>(std::forward<M>(message)), ask, within);
    return AskFuture<Reply>{std::move(ask)};
  }

  /// The same on an actor's turn: `broker.ask<int>(self(), topic, GetPrice{}, 1s).then([this](auto price) { … });`
  template <class R, class M>
  class [[nodiscard]] Asking {
   public:
    /// As Actor::ask: runs once, as a message of the actor; not at all when its life ends first.
    template <class F>
      requires requires(F& continuation, Result<R, AskError> outcome) { continuation(std::move(outcome)); }
    void then(F&& continuation) && {
      using Continuation = std::decay_t<F>;
      auto publication = detail::make_publication<M>(std::move(message_));
      detail::UnsentAsk unsent{*asker_, nullptr, detail::kReplyOps<R>, detail::kContinuationOps<R, Continuation>};
      ::new (unsent.continuation()) Continuation(std::forward<F>(continuation));
      broker_->publish_question(topic_, std::move(publication), std::move(unsent).open(within_), within_);
    }

   private:
    friend class InMemoryBroker;
    Asking(InMemoryBroker& broker, detail::Cell& asker, std::string_view topic, M message, Duration within)
        : broker_{&broker}, asker_{&asker}, topic_{topic}, message_(std::move(message)), within_{within} {}
    InMemoryBroker* broker_;
    detail::Cell* asker_;
    std::string topic_;
    M message_;
    Duration within_;
  };
  template <class R = detail::ReplyOfMessage, class A, class M>
  auto ask(const ActorRef<A>& asker, std::string_view topic, M&& message, Duration within) {
    using Plain = std::remove_cvref_t<M>;
    detail::Cell& cell = detail::RefAccess::cell(asker);
    COPPICE_VERIFY(detail::this_thread.cell == &cell, "an actor asks over a topic on its own turn");
    return Asking<typename detail::NamedReply<Plain, R>::type, Plain>{*this, cell, topic, std::forward<M>(message),
                                                                      within};
  }

  /// What the topic retains, or nothing: also where that is of another type.
  template <class M>
  [[nodiscard]] Retained<M> retained(std::string_view topic) const {
    std::uint64_t sequence = 0;
    auto value = retained_untyped(topic, &detail::kTypeInfo<M>, sequence);
    return Retained<M>{std::move(value), sequence};
  }
  /// The topic retains nothing any more. False: it did not.
  bool forget(std::string_view topic);

  /// Live subscriptions. Exact.
  [[nodiscard]] std::uint64_t subscriptions() const noexcept;
  /// Topics that retain a value. Exact.
  [[nodiscard]] std::uint64_t retained_topics() const noexcept;

 private:
  [[nodiscard]] detail::Runtime& system_runtime() const noexcept;
  [[nodiscard]] Subscription subscribe_untyped(std::string_view pattern, const detail::SubscriberOps& ops,
                                               const detail::IntrusivePtr<detail::Cell>& cell,
                                               const SubscribeOptions& options);
  [[nodiscard]] Result<void, BrokerError> match(std::string_view topic, const detail::TypeInfo* type,
                                                detail::Route& route) const;
  Published publish_to_nobody(std::string_view topic, const detail::TypeInfo* type, bool needs_subscriber);
  Published deliver(std::string_view topic, detail::Route& route,
                    detail::IntrusivePtr<detail::Publication> publication);
  Published publish_with(std::string_view topic, detail::IntrusivePtr<detail::Publication> publication,
                         const PublishOptions& options);
  void publish_question(std::string_view topic, detail::IntrusivePtr<detail::Publication> publication,
                        const detail::IntrusivePtr<detail::AskCore>& ask, Duration within);
  [[nodiscard]] detail::IntrusivePtr<detail::Publication> retained_untyped(std::string_view topic,
                                                                           const detail::TypeInfo* type,
                                                                           std::uint64_t& sequence) const;

  detail::IntrusivePtr<detail::BrokerCore> core_;
  detail::IntrusivePtr<detail::DeadLetterSink> dead_letters_;  // null: they are not published
};

}  // namespace coppice
