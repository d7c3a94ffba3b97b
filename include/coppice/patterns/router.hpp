#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/patterns/routing_strategy.hpp"
#include "coppice/system/system.hpp"

namespace coppice {

/// What a broadcast came to.
struct BroadcastResult {
  std::uint64_t delivered = 0;  ///< mailboxes that took it
  std::uint64_t dropped = 0;    ///< mailboxes that did not: a dead letter for each, and one if there was no member
};

namespace detail {

/// One member. Counted by the router's tables and by each message whose load counts.
struct RouteMember final : Counted {
  explicit RouteMember(AnyRef r) noexcept : ref{std::move(r)} {}
  const AnyRef ref;
  // relaxed: a number to choose by; who sends and who handles are ordered by the mailbox.
  Atomic<std::uint64_t> load{0};
};

/// Lowers the load of who had it and raises that of who gets it; either may be null.
void move_load(RouteMember*& from, RouteMember* to) noexcept;

/// An envelope of type E with a pointer behind it, in the same block: whose load it counts for, if anybody's.
template <class E>
struct LoadedEnvelope {
  static constexpr std::uint32_t kBytes = sizeof(E) + sizeof(RouteMember*);
  static_assert(sizeof(E) % alignof(RouteMember*) == 0);

  template <class U>
  [[nodiscard]] static E* make(const EnvelopeOps* ops, U&& message) {
    static_assert(alignof(E) <= 16,
                  "messages that need more than 16 bytes of alignment travel behind a std::unique_ptr");
    void* const block = allocate_block(kBytes);
    try {
      E* const envelope = ::new (block) E(ops, std::forward<U>(message));
      ::new (static_cast<void*>(static_cast<std::byte*>(block) + sizeof(E))) RouteMember*(nullptr);
      return envelope;
    } catch (...) {
      free_block(block, kBytes);
      throw;
    }
  }
  [[nodiscard]] static RouteMember*& member(Envelope& envelope) noexcept {
    void* const behind = reinterpret_cast<std::byte*>(static_cast<E*>(&envelope)) + sizeof(E);
    return *std::launder(static_cast<RouteMember**>(behind));
  }
  static void count_for(Envelope& envelope, RouteMember* whom) noexcept { move_load(member(envelope), whom); }
};

/// The handlers' own operations, which lower the load when the message is destroyed: it was handled, or is dead.
template <class A, class M>
struct LoadedOps {
  using Ops = HandlerOps<A, M>;
  static const EnvelopeOps& plain(const MessageEnvelope<M>*) noexcept { return Ops::kSend; }
  static const EnvelopeOps& plain(const RichEnvelope<M>*) noexcept { return Ops::kSendWith; }
  static const EnvelopeOps& plain(const AskEnvelope<M>*) noexcept { return Ops::kAsk; }
  template <class E>
  static void destroy(Envelope& envelope) {
    LoadedEnvelope<E>::count_for(envelope, nullptr);
    plain(static_cast<const E*>(nullptr)).destroy(envelope);
  }
  template <class E>
  [[nodiscard]] static constexpr EnvelopeOps counting(EnvelopeOps ops) noexcept {
    ops.destroy = &destroy<E>;
    ops.bytes = LoadedEnvelope<E>::kBytes;
    return ops;
  }
  static constexpr EnvelopeOps kSend = counting<MessageEnvelope<M>>(Ops::kSend);
  static constexpr EnvelopeOps kSendWith = counting<RichEnvelope<M>>(Ops::kSendWith);
  static constexpr EnvelopeOps kAsk = counting<AskEnvelope<M>>(Ops::kAsk);
};

/// The strategy, as the untyped half sees it.
struct Chooser {
  std::size_t (*choose)(const void* strategy, const Candidates& among) noexcept;
  const void* strategy;
};
using CountFor = void (*)(Envelope& envelope, RouteMember* whom) noexcept;  // null: loads are not counted

/// The members and how a message gets to one of them; compiled once.
///
/// Threads    any. A lock is held for some instructions, to take a count of the table.
class RouterCore : public Counted {
 public:
  RouterCore(Runtime& runtime, std::uint32_t virtual_nodes);
  ~RouterCore() override;
  /// False: it is one, or names no place.
  bool join(const AnyRef& ref);
  /// The first members, which make one table. Those that are given twice, or name no place, are left out.
  void join_all(const std::vector<AnyRef>& refs);
  /// False: it was none.
  bool leave(const AnyRef& ref);
  [[nodiscard]] std::vector<AnyRef> members() const;
  /// The same, those whose mailboxes are full at the end: who sends to all of them may have to wait there.
  [[nodiscard]] std::vector<AnyRef> members_with_room_first() const;
  [[nodiscard]] std::uint64_t load(const AnyRef& ref) const noexcept;

  /// Delivers to whom the strategy chooses, and to another when that one refuses it while others would not. Takes the
  /// envelope, but on HandBack and anything but Accepted.
  Delivery send(Envelope* envelope, const Chooser& chooser, std::uint64_t key, CountFor count_for, Refusal refusal);
  /// Whom the strategy chooses now; null: there is no member.
  [[nodiscard]] IntrusivePtr<RouteMember> pick(const Chooser& chooser, std::uint64_t key) noexcept;
  /// The same for an ask of `asker`, which is never chosen: it would wait for itself. Null: there is no other member,
  /// and `why_not` says whether there is any.
  [[nodiscard]] IntrusivePtr<RouteMember> pick_for(const Cell& asker, const Chooser& chooser, std::uint64_t key,
                                                   AskError& why_not) noexcept;
  /// A message for which there is no member.
  Delivery undeliverable(Envelope* envelope, Refusal refusal) noexcept;

  [[nodiscard]] std::uint64_t next_turn() noexcept { return turn_.fetch_add(1, kRelaxed); }
  [[nodiscard]] std::uint64_t random() noexcept { return runtime_->random(); }

 private:
  [[nodiscard]] IntrusivePtr<RouteTable> table() const noexcept;
  void replace(std::vector<IntrusivePtr<RouteMember>> members);
  struct Guarded;
  const IntrusivePtr<Runtime> runtime_;
  const std::uint32_t virtual_nodes_;
  Atomic<std::uint64_t> turn_{0};
  Guarded* guarded_;
};

template <class Strategy>
struct TypedRouterCore final : RouterCore {
  TypedRouterCore(Runtime& runtime, Strategy s) : RouterCore{runtime, nodes_of(s)}, strategy(std::move(s)) {}
  [[nodiscard]] static std::uint32_t nodes_of(const Strategy& strategy) noexcept {
    if constexpr (requires { strategy.virtual_nodes; }) {
      COPPICE_VERIFY(check_virtual_nodes(strategy.virtual_nodes), "virtual_nodes is out of its bounds: 1 to 10000");
      return strategy.virtual_nodes;
    } else {
      return 0;
    }
  }
  const Strategy strategy;
};

template <class Strategy>
inline constexpr bool kCountsLoad = false;
template <class Strategy>
  requires requires { Strategy::kCountsLoad; }
inline constexpr bool kCountsLoad<Strategy> = Strategy::kCountsLoad;

}  // namespace detail

/// One address for many actors of a class: each message goes to the member that the strategy chooses.
///
///     Router<Worker, RoundRobin> workers{system, refs};
///     workers.send(Job{7});
///
/// A member whose life is over is passed over until its next one runs, and one whose mailbox is full as long as another
/// has room. When nobody runs, the message waits in the mailbox of one that may come back; when all have ended it is a
/// dead letter, and the answer says Closed. Members are refs: who they are, and whether they are restarted, is their
/// supervisor's business; see coppice/pool.hpp. A message costs a look at each member.
///
/// Threads    any. Copies are of the same router.
/// Ownership  counted; keeps its members' addresses valid, not the members alive. May outlive its system.
/// Order      messages of one sender to one member keep their order, but for those that one member refused.
/// Failure    as ActorRef's, and what the strategy's key() throws: then nothing is sent. An attempt that one member
///            refused before another took the message is counted in the ledger as sent and handed back.
/// [O1] What send() accepted is in exactly one mailbox.
/// [O2] A load counts exactly what this router sent to a member and what has been neither handled nor declared dead.
template <class A, class Strategy = RoundRobin>
class Router {
  static_assert(RoutingStrategy<Strategy> || std::is_same_v<Strategy, Broadcast>);
  static constexpr bool kIsBroadcast = std::is_same_v<Strategy, Broadcast>;
  template <class M>
  using Plain = std::remove_cvref_t<M>;

 public:
  explicit Router(const System& system, const std::vector<ActorRef<A>>& members = {}, Strategy strategy = {})
      : core_{detail::IntrusivePtr<Core>::adopt(new Core{system.runtime(), std::move(strategy)})} {
    core_->join_all({members.begin(), members.end()});
  }

  /// From now on messages go to it as well. False: it is a member, or names no place.
  bool join(const ActorRef<A>& member) { return core_->join(member); }
  /// No message goes to it any more; those in its mailbox stay. False: it was no member.
  bool leave(const ActorRef<A>& member) { return core_->leave(member); }
  [[nodiscard]] std::vector<ActorRef<A>> members() const {
    std::vector<ActorRef<A>> refs;
    for (const AnyRef& member : core_->members()) refs.push_back(member.template as<A>());
    return refs;
  }
  /// Messages of this router that the member has still to do. Counted for strategies that ask for it (LeastLoaded).
  [[nodiscard]] std::uint64_t load(const ActorRef<A>& member) const noexcept {
    static_assert(detail::kCountsLoad<Strategy>, "this strategy counts no loads");
    return core_->load(member);
  }
  /// Whom the strategy chooses for the message now: for what is done with a ref. It takes a turn like a message, so
  /// under RoundRobin the next message goes to the next member. Names no place without members.
  template <class M>
    requires(!kIsBroadcast && Handles<A, Plain<M>>)
  [[nodiscard]] ActorRef<A> pick(const M& message) const {
    const auto member = core_->pick(chooser(), key_of(message));
    return member ? member->ref.template as<A>() : ActorRef<A>{};
  }

  /// As ActorRef::send.
  template <class M>
    requires(!kIsBroadcast && Handles<A, Plain<M>>)
  Delivery send(M&& message) const {
    const std::uint64_t key = key_of(message);
    return core_->send(make_message(std::forward<M>(message)), chooser(), key, count_message<Plain<M>>(),
                       detail::Refusal::DeadLetter);
  }
  /// To every member, a copy each. Those without room come last: a thread waits at each that blocks, one after the
  /// other, but not before the others have theirs.
  template <class M>
    requires(kIsBroadcast && Handles<A, Plain<M>> && std::is_copy_constructible_v<Plain<M>>)
  BroadcastResult send(const M& message) const {
    BroadcastResult result;
    const auto members = core_->members_with_room_first();
    for (const AnyRef& member : members) {
      const Delivery delivery =
          detail::deliver(detail::RefAccess::cell(member), make_message(message), detail::Refusal::DeadLetter);
      ++(delivery == Delivery::Accepted ? result.delivered : result.dropped);
    }
    if (members.empty()) {
      core_->undeliverable(make_message(message), detail::Refusal::DeadLetter);
      ++result.dropped;
    }
    return result;
  }
  template <class M>
    requires(!Handles<A, Plain<M>>)
  Delivery send(M&& message) const = delete;  // no handler for this message: no member's handle() takes exactly it

  /// To one member, chosen once, with what may travel with a send.
  template <class M>
    requires(!kIsBroadcast && Handles<A, Plain<M>>)
  Delivery send(M&& message, const SendOptions& options) const {
    using Rich = detail::RichEnvelope<Plain<M>>;
    const auto member = core_->pick(chooser(), key_of(message));
    if (!member) return send(std::forward<M>(message));
    Rich* const envelope = make<Rich>(&detail::HandlerOps<A, Plain<M>>::kSendWith,
                                      &detail::LoadedOps<A, Plain<M>>::kSendWith, std::forward<M>(message));
    if constexpr (detail::kCountsLoad<Strategy>) detail::LoadedEnvelope<Rich>::count_for(*envelope, member.get());
    return detail::deliver_with(detail::RefAccess::cell(member->ref), envelope, options);
  }

  /// As ActorRef::try_send: a message that no member takes stays with the caller.
  template <class M>
    requires(!kIsBroadcast && Handles<A, M> && !std::is_const_v<M>)
  [[nodiscard]] Delivery try_send(M& message) const {
    const std::uint64_t key = key_of(message);
    auto* const envelope = make_message(std::move(message));
    const auto hand_back = [&] {  // NOLINT(bugprone-use-after-move): what is left of it ends, and it comes back
      std::destroy_at(std::addressof(message));
      std::construct_at(std::addressof(message), std::move(envelope->message));
      detail::destroy_envelope(envelope);
    };
    try {
      const Delivery delivery = core_->send(envelope, chooser(), key, count_message<M>(), detail::Refusal::HandBack);
      if (delivery != Delivery::Accepted) hand_back();
      return delivery;
    } catch (...) {
      hand_back();
      throw;
    }
  }

  /// As ActorRef::ask, of one member that is chosen once: from outside an actor.
  template <class M>
    requires(!kIsBroadcast && Handles<A, Plain<M>>)
  auto ask(M&& message, Duration within) const {
    using R = ReplyOf<A, Plain<M>>;
    const auto member = core_->pick(chooser(), key_of(message));
    if (!member) return AskFuture<R>{detail::ask_nobody(detail::kReplyOps<R>)};
    return AskFuture<R>{detail::ask_from_thread(detail::RefAccess::cell(member->ref),
                                                make_question(*member, std::forward<M>(message)), detail::kReplyOps<R>,
                                                within)};
  }

  /// An ask of one member by an actor: `workers.ask(*this, Job{7}, 1s).then([this](auto done) { … });` A member that
  /// asks gets another one, whoever has the key; Rejected if it is the only one, since it would wait for itself.
  template <class Asker, class M>
    requires(!kIsBroadcast && Handles<A, Plain<M>>)
  auto ask(Actor<Asker>& asker, M&& message, Duration within) const {
    return Asking<Plain<M>>{*this, detail::ActorAccess::cell(asker), std::forward<M>(message), within};
  }

  template <class M>
  class [[nodiscard]] Asking;

 private:
  using Core = detail::TypedRouterCore<Strategy>;

  [[nodiscard]] detail::Chooser chooser() const noexcept {
    return {[](const void* strategy, const Candidates& among) noexcept {
              return static_cast<const Strategy*>(strategy)->choose(among);
            },
            &core_->strategy};
  }
  template <class M>
  [[nodiscard]] std::uint64_t key_of(const M& message) const {
    if constexpr (requires { core_->strategy.key(message); }) {
      return core_->strategy.key(message);
    } else {
      return 0;
    }
  }
  template <class E, class M>
  [[nodiscard]] static E* make(const detail::EnvelopeOps* plain, const detail::EnvelopeOps* counting, M&& message) {
    if constexpr (detail::kCountsLoad<Strategy>) {
      return detail::LoadedEnvelope<E>::make(counting, std::forward<M>(message));
    } else {
      return detail::make_envelope<E>(plain, std::forward<M>(message));
    }
  }
  template <class M>
  [[nodiscard]] static auto* make_message(M&& message) {
    return make<detail::MessageEnvelope<Plain<M>>>(&detail::HandlerOps<A, Plain<M>>::kSend,
                                                   &detail::LoadedOps<A, Plain<M>>::kSend, std::forward<M>(message));
  }
  template <class M>
  [[nodiscard]] static auto* make_question(detail::RouteMember& member, M&& message) {
    using Ask = detail::AskEnvelope<Plain<M>>;
    Ask* const question = make<Ask>(&detail::HandlerOps<A, Plain<M>>::kAsk, &detail::LoadedOps<A, Plain<M>>::kAsk,
                                    std::forward<M>(message));
    if constexpr (detail::kCountsLoad<Strategy>) detail::LoadedEnvelope<Ask>::count_for(*question, &member);
    return question;
  }
  template <class M>
  [[nodiscard]] static constexpr detail::CountFor count_message() noexcept {
    if constexpr (detail::kCountsLoad<Strategy>) {
      return &detail::LoadedEnvelope<detail::MessageEnvelope<M>>::count_for;
    } else {
      return nullptr;
    }
  }

  detail::IntrusivePtr<Core> core_;
};

/// As Actor::Asking: the member is chosen when then() sends it.
template <class A, class Strategy>
template <class M>
class Router<A, Strategy>::Asking {
 public:
  using Reply = ReplyOf<A, M>;
  void refuse(AskError why) noexcept {
    is_refused_ = true;
    why_not_ = why;
  }
  void limit(Duration most) noexcept { within_ = most < within_ ? most : within_; }
  template <class F>
    requires requires(F& continuation, Result<Reply, AskError> outcome) { continuation(std::move(outcome)); }
  void then(F&& continuation) && {
    static_cast<void>(std::move(*this).send(std::forward<F>(continuation)));
  }
  template <class F>
  detail::AskCore& send(F&& continuation) && {
    using Continuation = std::decay_t<F>;
    detail::IntrusivePtr<detail::RouteMember> member;
    if (!is_refused_) member = router_.core_->pick_for(asker_, router_.chooser(), router_.key_of(message_), why_not_);
    detail::Question* const question = member ? make_question(*member, std::move(message_)) : nullptr;
    detail::UnsentAsk unsent{asker_, question, detail::kReplyOps<Reply>, detail::kContinuationOps<Reply, Continuation>};
    ::new (unsent.continuation()) Continuation(std::forward<F>(continuation));
    return std::move(unsent).send(member ? &detail::RefAccess::cell(member->ref) : nullptr, why_not_, within_);
  }

 private:
  friend class Router;
  Asking(Router router, detail::Cell& asker, M message, Duration within)
      : router_{std::move(router)}, asker_{asker}, message_(std::move(message)), within_{within} {}
  Router router_;
  detail::Cell& asker_;
  M message_;
  Duration within_;
  AskError why_not_ = AskError::Closed;
  bool is_refused_ = false;
};

}  // namespace coppice
