#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "coppice/actor/ask.hpp"
#include "coppice/actor/cell.hpp"
#include "coppice/actor/handles.hpp"
#include "coppice/actor/send.hpp"

namespace coppice {

template <class A>
class ActorRef;
class AnyRef;

namespace detail {

/// The place that was never there: what a default-constructed ref names. Closed for ever.
[[nodiscard]] Cell& dead_cell() noexcept;
struct RefAccess;

/// What all refs share: one counted pointer to a place.
class RefBase {
 public:
  /// Unique in its system, in the order of creation, from 1; 0 for a ref that names no place.
  [[nodiscard]] std::uint64_t id() const noexcept { return cell_ ? live().id() : 0; }
  /// "app/workers/worker-3"; "#17" for an actor without a name.
  [[nodiscard]] std::string path() const { return live().path(); }
  [[nodiscard]] std::string name() const { return live().name(); }
  /// A moment's view: it may be over when you read it. Sends answer for themselves.
  [[nodiscard]] Phase phase() const noexcept { return live().phase(); }
  [[nodiscard]] bool is_closed() const noexcept { return live().is_closed(); }

  /// The actor handles no more messages, after the one in hand, until resume(); whatever its mailbox takes waits, within
  /// its bound. Stop, kill, watches and a restart are seen to all the same, and a next life is paused as well.
  void pause() const noexcept;
  void resume() const noexcept;
  /// Lets a paused actor handle so many messages more, then it is paused again: an actor that is spawned with
  /// SpawnOptions::paused is stepped by hand. Zero: none.
  void step(std::uint32_t messages = 1) const noexcept;
  /// Which of the place's lives is on, from 1.
  [[nodiscard]] std::uint32_t incarnation() const noexcept { return live().incarnation(); }
  /// Messages that the place has handled, over all its lives.
  [[nodiscard]] std::uint64_t message_count() const noexcept { return live().handled(); }
  /// What the mailbox has seen, where it was spawned with `measured`.
  [[nodiscard]] std::optional<MailboxStats> mailbox_stats() const noexcept {
    MailboxStats stats;
    return live().measured(stats) ? std::optional{stats} : std::nullopt;
  }

  friend bool operator==(const RefBase& a, const RefBase& b) noexcept { return &a.live() == &b.live(); }
  friend std::strong_ordering operator<=>(const RefBase& a, const RefBase& b) noexcept {
    if (const auto order = a.id() <=> b.id(); order != 0) return order;
    return std::compare_three_way{}(&a.live(), &b.live());  // actors of two systems
  }

 protected:
  friend struct RefAccess;
  RefBase() noexcept = default;
  explicit RefBase(IntrusivePtr<Cell> cell) noexcept : cell_{std::move(cell)} {}
  [[nodiscard]] Cell& cell() const noexcept { return cell_ ? *cell_ : dead_cell(); }
  /// The cell that the place lives in now: a killed one goes on in another.
  [[nodiscard]] const Cell& live() const noexcept {
    const Cell* found = &cell();
    while (const Cell* const next = found->successor()) found = next;
    return *found;
  }
  IntrusivePtr<Cell> cell_;
};

/// The runtime's way into and out of refs.
struct RefAccess {
  [[nodiscard]] static Cell& cell(const RefBase& ref) noexcept { return ref.cell(); }
  [[nodiscard]] static IntrusivePtr<Cell> share(const RefBase& ref) noexcept { return ref.cell_; }
  template <class Ref>
  [[nodiscard]] static Ref make(IntrusivePtr<Cell> cell) noexcept {
    return Ref{std::move(cell)};
  }
  /// Takes over a count; null: of no place.
  template <class Ref>
  [[nodiscard]] static Ref adopt(Cell* cell) noexcept {
    return Ref{IntrusivePtr<Cell>::adopt(cell)};
  }
};

/// What one message type does with one actor type; untyped, so that a Protocol ref can hold it.
struct HandlerEntry {
  const TypeInfo* message;
  const TypeInfo* reply;
  const EnvelopeOps* send;
  const EnvelopeOps* send_with;
  const EnvelopeOps* ask;
};

/// What came along with a message, without the message.
struct Companions : Envelope {
  explicit Companions(const EnvelopeOps* operations) noexcept : Envelope{operations} {}
  Cell* sender = nullptr;  // counted, as the next; set when the message has been made, since that may throw
  Cell* reply_to = nullptr;
  Priority priority = Priority::Normal;  // not last: see kMessageAt
  std::uint64_t correlation_id = 0;
  TimePoint sent_at{};
  TimePoint expires = TimePoint::max();  // handled at that moment still, but not after it

  [[nodiscard]] bool is_late(const Cell& cell) const noexcept;
  /// What came along with the other one comes along with this one.
  void take_over(Companions& other) noexcept;
  void take_over(Particulars& came) noexcept;  // whose counts are the caller's
  static void describe_rich(const Envelope& envelope, Particulars& to) noexcept;
  void let_go() noexcept;
};

template <class M>
struct RichEnvelope : Companions {
  template <class U>
  RichEnvelope(const EnvelopeOps* operations, U&& m) : Companions{operations}, message(std::forward<U>(m)) {}
  ~RichEnvelope() = delete;
  union {
    M message;
  };
};

/// Where the handlers of an actor type are called.
template <class A>
struct HandlerAccess {
  static A& of(Cell& cell) noexcept { return cell.state_of<A>(); }
};

template <class A, class M>
struct HandlerOps {
  using Return = typename HandlerTrait<A, M>::Return;
  using Reply = typename ReplyType<Return>::type;

  static decltype(auto) actor(Cell& cell) noexcept { return HandlerAccess<A>::of(cell); }
  static Outcome handle_plain(Cell& cell, Envelope& envelope) {
    auto&& to = actor(cell);
    return call_handler(to, cell, envelope, std::move(static_cast<MessageEnvelope<M>&>(envelope).message));
  }
  static Outcome handle_rich(Cell& cell, Envelope& envelope) {
    auto& self = static_cast<RichEnvelope<M>&>(envelope);
    if (self.is_late(cell)) return Outcome::Expired;
    auto&& to = actor(cell);
    return call_handler(to, cell, envelope, std::move(self.message));
  }
  static Outcome handle_ask(Cell& cell, Envelope& envelope) {
    auto& question = static_cast<AskEnvelope<M>&>(envelope);
    if constexpr (ReplyType<Return>::is_coroutine) {
      return ReplyType<Return>::template begin<A, M>(cell, envelope, &question,
                                                     actor(cell).handle(std::move(question.message)));
    } else if constexpr (ReplyType<Return>::is_later) {
      static_cast<void>(actor(cell).handle(std::move(question.message)));
    } else if constexpr (std::is_void_v<Return>) {
      actor(cell).handle(std::move(question.message));
      if (question.ask != nullptr) answer(cell, question, &question);
    } else {
      auto reply = actor(cell).handle(std::move(question.message));
      if (question.ask != nullptr) answer(cell, question, std::addressof(reply));  // null: stashed, or passed on
    }
    return Outcome::Handled;
  }
  static void destroy_plain(Envelope& envelope) { static_cast<MessageEnvelope<M>&>(envelope).message.~M(); }
  static void destroy_rich(Envelope& envelope) {
    auto& self = static_cast<RichEnvelope<M>&>(envelope);
    self.let_go();
    self.message.~M();
  }
  static constexpr EnvelopeOps kSend{
      &handle_plain,          nullptr, &destroy_plain, &kTypeInfo<M>, nullptr, sizeof(MessageEnvelope<M>), true,
      kMessageAt<Envelope, M>};
  static constexpr EnvelopeOps kSendWith{&handle_rich,
                                         nullptr,
                                         &destroy_rich,
                                         &kTypeInfo<M>,
                                         &Companions::describe_rich,
                                         sizeof(RichEnvelope<M>),
                                         true,
                                         kMessageAt<Companions, M>};
  static constexpr EnvelopeOps kAsk{&handle_ask,   &Question::abandon_ask,  &AskEnvelope<M>::destroy_ask,
                                    &kTypeInfo<M>, &Question::describe_ask, sizeof(AskEnvelope<M>),
                                    true,          kMessageAt<Question, M>};
};

template <class A, class M>
inline constexpr HandlerEntry kHandler{&kTypeInfo<M>, &kTypeInfo<ReplyOf<A, M>>, &HandlerOps<A, M>::kSend,
                                       &HandlerOps<A, M>::kSendWith, &HandlerOps<A, M>::kAsk};

template <class T>
inline constexpr bool kIsProtocol = false;
template <class... S>
inline constexpr bool kIsProtocol<Protocol<S...>> = true;

template <class Signature, class... Signatures>
consteval bool has_signature() {
  return (std::is_same_v<Signature, Signatures> || ...);
}

[[nodiscard]] TimePoint turn_now(const Runtime& runtime) noexcept;

/// try_send: on a refusal the message goes back to where it came from.
template <class M>
[[nodiscard]] Delivery try_deliver(Cell& cell, const EnvelopeOps* ops, M& message,
                                   std::optional<Duration> within = {}) {
  auto* const envelope = make_envelope<MessageEnvelope<M>>(ops, std::move(message));
  const auto hand_back = [&] {  // NOLINT(bugprone-use-after-move): what is left of it ends, and it comes back
    std::destroy_at(std::addressof(message));
    std::construct_at(std::addressof(message), std::move(envelope->message));
    destroy_envelope(envelope);
  };
  try {
    const Delivery delivery = deliver(cell, envelope, How{.refusal = Refusal::HandBack, .within = within});
    if (delivery != Delivery::Accepted) hand_back();
    return delivery;
  } catch (...) {
    hand_back();
    throw;
  }
}

}  // namespace detail

/// What may travel with a send.
struct SendOptions;

/// A ref of any actor. Knows nothing of its messages until it is asked.
///
/// Threads    as ActorRef.
class AnyRef : public detail::RefBase {
 public:
  AnyRef() noexcept = default;
  template <class A>
  AnyRef(const ActorRef<A>& ref) noexcept;
  /// The typed ref, or one that names no place when the actor is of another type. A supervised place keeps its type.
  template <class A>
  [[nodiscard]] ActorRef<A> as() const noexcept;
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(cell_); }

 private:
  friend struct detail::RefAccess;
  explicit AnyRef(detail::IntrusivePtr<detail::Cell> cell) noexcept : RefBase{std::move(cell)} {}
};

struct SendOptions {
  AnyRef reply_to = {};              ///< whom the receiver should answer; nobody by default
  std::uint64_t correlation_id = 0;  ///< the sender's own mark, handed to the receiver as it is
  Priority priority =
      Priority::Normal;  ///< for mailboxes of Order::Priority; others refuse another than Normal: Rejected,
                         ///< and a dead letter (Unsupported)
  Duration expires_after = kForever;    ///< handled within that time or not at all: then a dead letter (Expired). At
                                        ///< that very moment it still is; a negative time has passed
  std::optional<Duration> within = {};  ///< how long a thread waits at a full mailbox that blocks; as Bounded says by
                                        ///< default, zero or less: not at all
};

namespace detail {

/// Takes the envelope. The sender is whoever's turn it is.
Delivery deliver_with(Cell& cell, Companions* envelope, const SendOptions& options);

/// What a ref of one particular class can do besides; see supervisors/supervisor.hpp.
template <class A, class Ref>
struct RefExtension {};

}  // namespace detail

/// The only way to an actor: names a place in the tree, whichever life it is on.
///
/// Threads    sends, asks and getters: any. One ref object: as a plain value.
/// Ownership  keeps the place's address valid, not the actor alive. Safe after the actor and after the system.
/// Order      messages of one thread of control arrive in the order in which they were sent.
/// Failure    a send to a place that has ended answers Closed and makes a dead letter.
template <class A>
class ActorRef : public detail::RefBase, public detail::RefExtension<A, ActorRef<A>> {
 public:
  ActorRef() noexcept = default;

  /// Sends exactly an M (nothing is converted). What the answer is not Accepted for is a dead letter, so it may be
  /// ignored. Throws what copying or moving the message throws, and std::bad_alloc; nothing is sent then.
  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  Delivery send(M&& message) const {
    using Plain = std::remove_cvref_t<M>;
    return detail::deliver(this->cell(), detail::make_envelope<detail::MessageEnvelope<Plain>>(
                                             &detail::HandlerOps<A, Plain>::kSend, std::forward<M>(message)));
  }
  template <class M>
    requires(!Handles<A, std::remove_cvref_t<M>>)
  Delivery send(M&& message) const = delete;  // no handler for this message: no handle() of this actor takes exactly it

  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  Delivery send(M&& message, const SendOptions& options) const {
    using Plain = std::remove_cvref_t<M>;
    return detail::deliver_with(this->cell(),
                                detail::make_envelope<detail::RichEnvelope<Plain>>(
                                    &detail::HandlerOps<A, Plain>::kSendWith, std::forward<M>(message)),
                                options);
  }

  /// As send, but a refused message stays with the caller: no dead letter. `within`: as SendOptions::within.
  template <class M>
    requires(Handles<A, M> && !std::is_const_v<M>)
  [[nodiscard]] Delivery try_send(M& message, std::optional<Duration> within = {}) const {
    return detail::try_deliver(this->cell(), &detail::HandlerOps<A, M>::kSend, message, within);
  }

  /// Asks from outside an actor; an actor uses its own ask(). The deadline starts now. An AskFuture<ReplyOf<A, M>>
  /// (not spelled out, since clang 19 would form that type before it looks at the constraint).
  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  auto ask(M&& message, Duration within) const {
    using Plain = std::remove_cvref_t<M>;
    using R = ReplyOf<A, Plain>;
    return AskFuture<R>{detail::ask_from_thread(this->cell(),
                                                detail::make_envelope<detail::AskEnvelope<Plain>>(
                                                    &detail::HandlerOps<A, Plain>::kAsk, std::forward<M>(message)),
                                                detail::kReplyOps<R>, within)};
  }
  template <class M>
    requires(!Handles<A, std::remove_cvref_t<M>>)
  void ask(M&& message, Duration within) const = delete;  // no handler for this message: handle() must take exactly it

  /// Asks from outside an actor and waits: a Result<ReplyOf<A, M>, AskError>. An actor that is idle is run on the calling
  /// thread, unless SystemOptions::callers_run says no: then a handler that takes longer than `within` keeps the caller
  /// that long, and one that needs a lock which the caller holds never returns. On an actor's turn: Rejected. Source:
  /// Erlang's gen_server:call.
  template <class M>
    requires Handles<A, std::remove_cvref_t<M>>
  [[nodiscard]] auto call(M&& message, Duration within) const {
    using Plain = std::remove_cvref_t<M>;
    using R = ReplyOf<A, Plain>;
    return detail::take_outcome<R>(
        *detail::call_from_thread(this->cell(),
                                  detail::make_envelope<detail::AskEnvelope<Plain>>(&detail::HandlerOps<A, Plain>::kAsk,
                                                                                    std::forward<M>(message)),
                                  detail::kReplyOps<R>, within));
  }
  template <class M>
    requires(!Handles<A, std::remove_cvref_t<M>>)
  void call(M&& message, Duration within) const = delete;  // no handler for this message: handle() must take exactly it

 private:
  friend struct detail::RefAccess;
  explicit ActorRef(detail::IntrusivePtr<detail::Cell> cell) noexcept : RefBase{std::move(cell)} {}
};

/// A ref that knows only the messages, not the actor's class: `ActorRef<Protocol<int(Add), void(Reset)>>`. Made
/// implicitly from the ref of any actor that handles them, and from any wider protocol's.
template <class... Rs, class... Ms>
class ActorRef<Protocol<Rs(Ms)...>> : public detail::RefBase {
 public:
  ActorRef() noexcept = default;
  template <class A>
    requires(!detail::kIsProtocol<A> && (Handles<A, Ms> && ...) && (std::is_same_v<ReplyOf<A, Ms>, Rs> && ...))
  ActorRef(const ActorRef<A>& ref) noexcept
      : RefBase{detail::RefAccess::share(ref)}, table_{kTableOf<A>}, entries_{sizeof...(Ms)} {}

  template <class... R2, class... M2>
    requires(!std::is_same_v<Protocol<R2(M2)...>, Protocol<Rs(Ms)...>> &&
             (detail::has_signature<Rs(Ms), R2(M2)...>() && ...))
  ActorRef(const ActorRef<Protocol<R2(M2)...>>& wider) noexcept
      : RefBase{detail::RefAccess::share(wider)}, table_{wider.table_}, entries_{wider.entries_} {}

  template <class M>
    requires(std::is_same_v<std::remove_cvref_t<M>, Ms> || ...)
  Delivery send(M&& message) const {
    using Plain = std::remove_cvref_t<M>;
    const detail::HandlerEntry* const entry = find<Plain>();
    if (entry == nullptr) return Delivery::Closed;  // names no place
    return detail::deliver(
        this->cell(), detail::make_envelope<detail::MessageEnvelope<Plain>>(entry->send, std::forward<M>(message)));
  }
  template <class M>
    requires(!(std::is_same_v<std::remove_cvref_t<M>, Ms> || ...))
  Delivery send(M&& message) const = delete;  // no handler for this message: the protocol does not list it

  template <class M>
    requires(std::is_same_v<std::remove_cvref_t<M>, Ms> || ...)
  Delivery send(M&& message, const SendOptions& options) const {
    using Plain = std::remove_cvref_t<M>;
    const detail::HandlerEntry* const entry = find<Plain>();
    if (entry == nullptr) return Delivery::Closed;
    return detail::deliver_with(
        this->cell(), detail::make_envelope<detail::RichEnvelope<Plain>>(entry->send_with, std::forward<M>(message)),
        options);
  }

  template <class M>
    requires(std::is_same_v<M, Ms> || ...)
  [[nodiscard]] Delivery try_send(M& message, std::optional<Duration> within = {}) const {
    const detail::HandlerEntry* const entry = find<M>();
    if (entry == nullptr) return Delivery::Closed;
    return detail::try_deliver(this->cell(), entry->send, message, within);
  }

  template <class M>
    requires(std::is_same_v<std::remove_cvref_t<M>, Ms> || ...)
  auto ask(M&& message, Duration within) const {
    using Plain = std::remove_cvref_t<M>;
    using R = typename ReplyFor<Plain, Protocol<Rs(Ms)...>>::type;
    const detail::HandlerEntry* const entry = find<Plain>();
    if (entry == nullptr) return AskFuture<R>{detail::ask_nobody(detail::kReplyOps<R>)};
    return AskFuture<R>{detail::ask_from_thread(
        this->cell(), detail::make_envelope<detail::AskEnvelope<Plain>>(entry->ask, std::forward<M>(message)),
        detail::kReplyOps<R>, within)};
  }

  template <class M>
    requires(std::is_same_v<std::remove_cvref_t<M>, Ms> || ...)
  [[nodiscard]] auto call(M&& message, Duration within) const {
    using Plain = std::remove_cvref_t<M>;
    using R = typename ReplyFor<Plain, Protocol<Rs(Ms)...>>::type;
    const detail::HandlerEntry* const entry = find<Plain>();
    if (entry == nullptr) return Result<R, AskError>{Error{AskError::Closed}};
    return detail::take_outcome<R>(*detail::call_from_thread(
        this->cell(), detail::make_envelope<detail::AskEnvelope<Plain>>(entry->ask, std::forward<M>(message)),
        detail::kReplyOps<R>, within));
  }

 private:
  template <class T>
  friend class ActorRef;
  friend struct detail::RefAccess;
  template <class T>
  friend class Actor;

  // By overload: a class that derives from each std::type_identity<R(M)> is one of them for exactly one R. (Partial
  // specialisations over R(M), R2(M2)... are ambiguous to GCC.)
  template <class... Signatures>
  struct Listed : std::type_identity<Signatures>... {};
  template <class M, class R>
  static std::type_identity<R> reply_for(std::type_identity<R(M)>);
  template <class M, class P>
  struct ReplyFor : decltype(reply_for<M>(Listed<Rs(Ms)...>{})) {};

  template <class A>
  static constexpr const detail::HandlerEntry* kTableOf[sizeof...(Ms)]{&detail::kHandler<A, Ms>...};

  /// The own index first; a narrowed ref keeps the wider table and scans it.
  template <class M>
  [[nodiscard]] const detail::HandlerEntry* find() const noexcept {
    constexpr std::size_t kIndex = index_of<M>();
    if (kIndex < entries_ && detail::same_type(table_[kIndex]->message, &detail::kTypeInfo<M>)) return table_[kIndex];
    for (std::size_t i = 0; i < entries_; ++i) {
      if (detail::same_type(table_[i]->message, &detail::kTypeInfo<M>)) return table_[i];
    }
    return nullptr;
  }
  template <class M>
  static consteval std::size_t index_of() {
    std::size_t index = 0;
    std::size_t i = 0;
    ((std::is_same_v<M, Ms> ? index = i++ : i++), ...);
    return index;
  }

  /// An adapter.
  ActorRef(detail::IntrusivePtr<detail::Cell> cell, const detail::HandlerEntry* const* table) noexcept
      : RefBase{std::move(cell)}, table_{table}, entries_{sizeof...(Ms)} {}

  const detail::HandlerEntry* const* table_ = nullptr;
  std::size_t entries_ = 0;
};

template <class A>
AnyRef::AnyRef(const ActorRef<A>& ref) noexcept : RefBase{detail::RefAccess::share(ref)} {}

template <class A>
ActorRef<A> AnyRef::as() const noexcept {
  if (!cell_ || !detail::same_type(cell_->ops().type, &detail::kTypeInfo<A>)) return {};
  return detail::RefAccess::make<ActorRef<A>>(cell_);
}

}  // namespace coppice

template <class A>
struct std::hash<coppice::ActorRef<A>> {
  std::size_t operator()(const coppice::ActorRef<A>& ref) const noexcept {
    return std::hash<std::uint64_t>{}(ref.id());
  }
};
template <>
struct std::hash<coppice::AnyRef> {
  std::size_t operator()(const coppice::AnyRef& ref) const noexcept { return std::hash<std::uint64_t>{}(ref.id()); }
};
