#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/actor/ask.hpp"
#include "coppice/message/block_pool.hpp"

// How one message is shared by all who receive it, and how an actor of a known class handles it. What does not know the
// types stands in brokers/publication.cpp.

namespace coppice::detail {

class SubscriptionQueue;
struct Publication;

/// What came along with a publication, without the message. Only where there is something.
struct PublicationExtras : PoolAllocated {
  ~PublicationExtras();
  Cell* sender = nullptr;  // counted, as the next
  Cell* reply_to = nullptr;
  std::uint64_t correlation_id = 0;
  TimePoint sent_at{};
  TimePoint deadline = TimePoint::max();
  IntrusivePtr<AskCore> ask;  // who waits for the first answer
  // Why none came, when the last receiver lets go. relaxed: the count's release and acquire order them.
  Atomic<AskError> why_not{AskError::NoReply};
};

struct PublicationOps {
  const TypeInfo* type;
  std::uint32_t bytes;
  void (*destroy)(Publication& publication);  // the message; a hostile destructor may throw. Null: nothing to do
};

/// A message that several mailboxes share: one block with its count, made once. Nobody changes the message.
///
/// Threads    any.
/// Ownership  counted; the publisher raises the count once for all receivers.
struct Publication {
  explicit Publication(const PublicationOps* operations) noexcept : ops{operations} {}

  void add_ref() noexcept { add_shares(1); }
  void release() noexcept { release(1); }
  void release(std::uint32_t shares) noexcept {
    // acq_rel: all others' last uses happen before the destruction.
    if (count_.fetch_sub(shares, kAcqRel) == shares) destroy();
  }
  // relaxed: whoever adds has a share.
  void add_shares(std::uint32_t shares) noexcept { count_.fetch_add(shares, kRelaxed); }

  /// Whether anybody could see that the last share is given back later than its receiver was done.
  [[nodiscard]] bool may_end_late() const noexcept {
    return ops->destroy == nullptr && extras == nullptr && ops->bytes <= kBlockMax;
  }
  /// Where a worker's LateReleases look for it; 0: its shares are given back at once. Set by its publisher alone, before
  /// anybody else has a share: what is retained, and so perhaps shared before, has extras.
  void set_late_place(std::uint32_t place) noexcept { late_place_ = place; }
  [[nodiscard]] std::uint32_t late_place() const noexcept { return late_place_; }

  const PublicationOps* ops;
  std::unique_ptr<PublicationExtras> extras;  // null: the message and nothing else

 private:
  void destroy() noexcept;
  Atomic<std::uint32_t> count_{1};  // with the next so wide that the message does not stand in padding: kMessageAt
  std::uint32_t late_place_ = 0;
};

template <class M>
struct PublicationOf : Publication {
  template <class U>
    requires(!std::is_same_v<std::remove_cvref_t<U>, PublicationOf>)
  explicit PublicationOf(U&& m) : Publication{&kOps}, message(std::forward<U>(m)) {}
  ~PublicationOf() = delete;  // ops->destroy destroys the message
  union {
    M message;
  };
  static void destroy_message(Publication& publication) { static_cast<PublicationOf&>(publication).message.~M(); }
  static const PublicationOps kOps;
};
template <class M>
constexpr PublicationOps PublicationOf<M>::kOps{&kTypeInfo<M>, sizeof(PublicationOf<M>),
                                                std::is_trivially_destructible_v<M> ? nullptr : &destroy_message};

template <class M, class U>
[[nodiscard]] IntrusivePtr<Publication> make_publication(U&& message) {
  using Made = PublicationOf<M>;
  static_assert(alignof(Made) <= 16,
                "messages that need more than 16 bytes of alignment travel behind a std::unique_ptr");
  void* const block = allocate_block(sizeof(Made));
  try {
    return IntrusivePtr<Publication>::adopt(::new (block) Made(std::forward<U>(message)));
  } catch (...) {  // a copy or move of the message threw: on the publisher, who hears of it
    free_block(block, sizeof(Made));
    throw;
  }
}

/// One publication in one mailbox; or, of a subscription with a bound of its own, a token for the oldest that waits
/// there.
struct PublicationEnvelope : Envelope {
  explicit PublicationEnvelope(const EnvelopeOps* operations) noexcept : Envelope{operations} {}

  /// False: there was nothing to take. Handling begins with it.
  [[nodiscard]] bool claim() const noexcept {
    if (queue != nullptr) claim_from_queue();
    return publication != nullptr;
  }
  static void abandon_publication(Envelope& envelope, DeadReason reason) noexcept;
  static void describe_publication(const Envelope& envelope, Particulars& to) noexcept;
  static void destroy_publication(Envelope& envelope);

  // Both counted; the first one first, for mailboxes that look at the message. A token claims its publication when it is handled, or when it becomes a dead letter.
  mutable Publication* publication = nullptr;
  mutable SubscriptionQueue* queue = nullptr;

 private:
  void claim_from_queue() const noexcept;
};

/// The reply of a receiver to a publication with extras. `reply`: of that type; anything but null for void.
void answer_publication(Cell& replier, PublicationExtras& extras, const TypeInfo* type, void* reply) noexcept;

/// A receiver's own part of an ask over a topic, for who answers later: it keeps a share of the publication, and when
/// it fails that share goes with its reason. So the ask fails when all have failed. Null: the publication asks nothing of
/// that type. Throws std::bad_alloc.
[[nodiscard]] IntrusivePtr<AskCore> part_of_ask(Publication& publication, const TypeInfo* type);

/// While it lives, the message in hand is asked by that part: reply_later() finds it.
///
/// Threads    the turn that handles the publication.
class PartInHand {
 public:
  PartInHand(const Envelope& envelope, Publication& publication, const TypeInfo* type);
  PartInHand(const PartInHand&) = delete;
  PartInHand& operator=(const PartInHand&) = delete;
  ~PartInHand();

 private:
  IntrusivePtr<AskCore> part_;
};

/// An ask over a topic as a handler that is a coroutine knows it: it may take the part along.
struct PartialQuestion : Question {
  PartialQuestion(Publication& publication, const TypeInfo* type);
  ~PartialQuestion() { let_go(); }
  PartialQuestion(const PartialQuestion&) = delete;
  PartialQuestion& operator=(const PartialQuestion&) = delete;
  static void describe_part(const Envelope& envelope, Particulars& to) noexcept;
  Cell* asker;  // the publication's
};

template <class A, class M>
Outcome handle_publication(Cell& cell, Envelope& envelope) {
  using Return = decltype(std::declval<A&>().handle(std::declval<const M&>()));
  const auto& publication_envelope = static_cast<PublicationEnvelope&>(envelope);
  if (!publication_envelope.claim()) return Outcome::Stale;
  auto& publication = static_cast<PublicationOf<M>&>(*publication_envelope.publication);
  const M& message = publication.message;
  A& actor = cell.state_of<A>();
  PublicationExtras* const extras = publication.extras.get();
  if constexpr (ReplyType<Return>::is_coroutine) {
    if (extras == nullptr || !extras->ask) return call_handler(actor, cell, envelope, message);
    PartialQuestion question{publication, &kTypeInfo<typename ReplyType<Return>::type>};
    return ReplyType<Return>::template begin<A, M>(cell, question, question.ask == nullptr ? nullptr : &question,
                                                   actor.handle(message));
  } else if constexpr (ReplyType<Return>::is_later) {
    if (extras == nullptr || !extras->ask) {
      static_cast<void>(actor.handle(message));
      return Outcome::Handled;
    }
    const PartInHand part{envelope, publication, &kTypeInfo<typename ReplyType<Return>::type>};
    static_cast<void>(actor.handle(message));
  } else if constexpr (std::is_void_v<Return>) {
    actor.handle(message);
    if (extras != nullptr) answer_publication(cell, *extras, &kTypeInfo<void>, &publication);
  } else {
    auto reply = actor.handle(message);
    if (extras != nullptr) answer_publication(cell, *extras, &kTypeInfo<Return>, std::addressof(reply));
  }
  return Outcome::Handled;
}

template <class A, class M, bool Bounded>
inline constexpr EnvelopeOps kPublicationOps{&handle_publication<A, M>,
                                             &PublicationEnvelope::abandon_publication,
                                             &PublicationEnvelope::destroy_publication,
                                             &kTypeInfo<M>,
                                             &PublicationEnvelope::describe_publication,
                                             sizeof(PublicationEnvelope),
                                             Bounded,
                                             Bounded ? kMessageAt<Envelope, Publication*> : std::uint16_t{0},
                                             kMessageAt<Publication, M>};

/// What a subscriber's class does with a message type; untyped. One object a pair.
struct SubscriberOps {
  const TypeInfo* message;
  const EnvelopeOps* direct;  // counts against the mailbox's bound
  const EnvelopeOps* token;   // of a subscription with a bound of its own
};
template <class A, class M>
inline constexpr SubscriberOps kSubscriberOps{&kTypeInfo<M>, &kPublicationOps<A, M, true>,
                                              &kPublicationOps<A, M, false>};

}  // namespace coppice::detail
