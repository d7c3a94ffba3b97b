#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/life_item.hpp"
#include "coppice/actor/send.hpp"
#include "coppice/base/result.hpp"

namespace coppice {

/// Why an ask got no reply.
enum class AskError : unsigned char {
  Timeout,    ///< the deadline came first
  Closed,     ///< the place has ended, or ended before it came to this message
  Rejected,   ///< the mailbox was full; or a blocking get() on an actor's turn, or an ask to oneself
  Crashed,    ///< the handler threw
  Cancelled,  ///< the asker's life ended (nobody sees this one), or the ask was given up
  NoReply,    ///< a later reply was promised and the promise dropped
};
[[nodiscard]] const char* to_string(AskError error) noexcept;

namespace detail {

// What an ask does is the same for every reply type, and is compiled once, in src/actor/ask.cpp. Here stands what must
// know the types: how a reply is moved, destroyed and handed on.

/// How the reply to an actor's ask comes back: as a message of the asker.
Outcome handle_answer(Cell& asker, Envelope& envelope);
void destroy_answer(Envelope& envelope);
inline constexpr std::uint32_t kAnswerBytes = sizeof(Envelope) + sizeof(void*);

/// A reply's type, as the untyped half sees it. One object a type.
struct ReplyOps {
  const TypeInfo* type;
  std::uint32_t bytes;  // 0: void
  std::uint32_t alignment;
  void (*move)(void* from, void* to);  // may throw; null for void
  void (*destroy)(void* reply);        // null: nothing to do
  EnvelopeOps answer;
};

template <class R>
struct ReplyThunks {
  static_assert(alignof(R) <= 16, "replies that need more than 16 bytes of alignment travel behind a std::unique_ptr");
  static void move(void* from, void* to) { ::new (to) R(static_cast<R&&>(*static_cast<R*>(from))); }
  static void destroy(void* reply) { static_cast<R*>(reply)->~R(); }
};
template <class R>
inline constexpr EnvelopeOps kAnswerOps{
    &handle_answer, nullptr, &destroy_answer, &kTypeInfo<Result<R, AskError>>, nullptr, kAnswerBytes, false};
template <class R>
inline constexpr ReplyOps kReplyOps{&kTypeInfo<R>,
                                    sizeof(R),
                                    alignof(R),
                                    &ReplyThunks<R>::move,
                                    std::is_trivially_destructible_v<R> ? nullptr : &ReplyThunks<R>::destroy,
                                    kAnswerOps<R>};
template <>
inline constexpr ReplyOps kReplyOps<void>{&kTypeInfo<void>, 0, 1, nullptr, nullptr, kAnswerOps<void>};

/// One question under way. It is also its own deadline's timer, and counts itself with the timer's count. The reply
/// stands behind it in the same block.
///
/// Threads    settle(), fail(): any, with a count of it. The outcome: whoever saw Done.
/// [A1] Exactly one of them wins, whatever races: reply, time-out, crash, close, cancel. The others answer false.
struct AskCore : Timer {
  enum : std::uint32_t { kPending = 0, kWriting = 1, kDone = 2, kAwaited = 4 };  // the last: with any of the others
  /// Tells the asker, after the outcome is in place. `hand_over`: one of the caller's counts goes with it.
  using Announce = void (*)(AskCore&, bool hand_over) noexcept;

  AskCore(Act destroy_act, Announce tell, Cell* asker, const ReplyOps& of, std::uint32_t slot_offset,
          std::uint32_t all) noexcept;
  ~AskCore();

  /// Takes `reply` (of the ask's own type; anything but null for void) for the outcome.
  /// `hand_over`: if it wins, one of the caller's counts is gone.
  bool settle(void* reply, bool hand_over = false) noexcept;
  bool fail(AskError why) noexcept;
  /// settle() for a promise: a reply that comes too late is counted.
  bool reply(void* reply) noexcept;
  [[nodiscard]] bool is_done() const noexcept { return (progress.load(kAcquire) & kDone) != 0; }
  [[nodiscard]] void* slot() noexcept { return reinterpret_cast<std::byte*>(this) + slot_at; }

  Atomic<std::uint32_t> progress{kPending};
  std::uint32_t slot_at;
  std::uint32_t bytes;  // of the whole block
  bool replied = false;
  AskError error = AskError::Timeout;
  const ReplyOps* reply_ops;
  Announce announce;
  Cell* const asker;  // counted; null: a thread

 private:
  [[nodiscard]] bool claim() noexcept;
};

/// What a settled ask came to. Moves the reply out.
template <class R>
[[nodiscard]] Result<R, AskError> take_outcome(AskCore& ask) {
  if (!ask.replied) return Error{ask.error};
  if constexpr (std::is_void_v<R>) {
    return {};
  } else {
    return static_cast<R&&>(*static_cast<R*>(ask.slot()));
  }
}

/// How an ask fails whose message is dead.
[[nodiscard]] AskError error_for(DeadReason reason) noexcept;

/// A message that somebody waits for the answer to, without the message.
struct Question : Envelope {
  explicit Question(const EnvelopeOps* operations) noexcept : Envelope{operations} {}
  AskCore* ask = nullptr;  // counted; set when the message has been made, since that may throw; gone when answered
  TimePoint sent_at{};
  TimePoint deadline = TimePoint::max();

  /// Whoever waits for the answer waits for this one's from now on; the other answers nobody.
  void take_over(Question& other) noexcept;
  void take_over(Particulars& came) noexcept;  // whose counts are the caller's
  static void abandon_ask(Envelope& envelope, DeadReason reason) noexcept;
  static void describe_ask(const Envelope& envelope, Particulars& to) noexcept;
  void let_go() noexcept;
};

/// Answers, and counts the answer if nobody waits for it any more. `reply` as AskCore::settle. The last thing that is done
/// with the question.
void answer(Cell& replier, Question& question, void* reply) noexcept;

template <class M>
struct AskEnvelope : Question {
  template <class U>
  AskEnvelope(const EnvelopeOps* operations, U&& m) : Question{operations}, message(std::forward<U>(m)) {}
  ~AskEnvelope() = delete;
  union {
    M message;
  };
  static void destroy_ask(Envelope& envelope) {
    auto& self = static_cast<AskEnvelope&>(envelope);
    self.let_go();
    self.message.~M();
  }
};

/// An ask from a thread that is not an actor's turn, sent. Takes the question; throws std::bad_alloc.
[[nodiscard]] IntrusivePtr<AskCore> ask_from_thread(Cell& target, Question* question, const ReplyOps& reply,
                                                    Duration within);
/// The same, and waits for the outcome; on the calling thread, where the target is idle and may run there. On an actor's
/// turn it is refused.
[[nodiscard]] IntrusivePtr<AskCore> call_from_thread(Cell& target, Question* question, const ReplyOps& reply,
                                                     Duration within);
/// One that whoever calls this sends by another way: a topic, and not one place, may answer.
[[nodiscard]] IntrusivePtr<AskCore> open_ask(Runtime& runtime, const ReplyOps& reply, Duration within);
/// One that names no place: closed from the beginning.
[[nodiscard]] IntrusivePtr<AskCore> ask_nobody(const ReplyOps& reply);
/// Blocks until the ask of a thread has its outcome. False: on an actor's turn, which must not block; given up then.
[[nodiscard]] bool await(AskCore& ask) noexcept;

/// What an actor's ask calls with its outcome. One object a type.
struct ContinuationOps {
  std::uint32_t bytes;
  std::uint32_t alignment;
  void (*run)(void* continuation, AskCore& ask);
  void (*destroy)(void* continuation) noexcept;
};

template <class R, class F>
struct ContinuationThunks {
  static_assert(alignof(F) <= 16, "a continuation cannot need more than 16 bytes of alignment");
  static void run(void* continuation, AskCore& ask) { (*static_cast<F*>(continuation))(take_outcome<R>(ask)); }
  static void destroy(void* continuation) noexcept { static_cast<F*>(continuation)->~F(); }
};
template <class R, class F>
inline constexpr ContinuationOps kContinuationOps{sizeof(F), alignof(F), &ContinuationThunks<R, F>::run,
                                                  &ContinuationThunks<R, F>::destroy};

struct ActorAsk;

/// An ask from an actor that has not been sent yet, with room for a continuation that the caller constructs. Whatever
/// throws on the way, nothing of it is left.
class UnsentAsk {
 public:
  /// Takes the question; null: the ask is going to fail. Throws std::bad_alloc.
  UnsentAsk(Cell& asker, Question* question, const ReplyOps& reply, const ContinuationOps& then);
  UnsentAsk(const UnsentAsk&) = delete;
  UnsentAsk& operator=(const UnsentAsk&) = delete;
  ~UnsentAsk();
  [[nodiscard]] void* continuation() noexcept;
  /// The continuation has been constructed. `target` null: there is no question, and `why_not` says how the ask fails,
  /// on the asker's next turn. Throws std::bad_alloc. Answers the ask, which is there until its continuation runs.
  AskCore& send(Cell* target, AskError why_not, Duration within) &&;
  /// As open_ask(): nothing is sent here, and the ask waits until somebody settles it. Throws std::bad_alloc.
  [[nodiscard]] IntrusivePtr<AskCore> open(Duration within) &&;

 private:
  ActorAsk* ask_ = nullptr;  // counted
  Question* question_;
};

/// Answers the question in hand, if there is one of that type.
void answer_in_hand(Cell& cell, const TypeInfo* type, void* reply) noexcept;
void fail_in_hand(Cell& cell, AskError why) noexcept;

/// Sends the question that is in hand on, with another message.
void delegate(Cell& from, Cell& to, Question* question, const TypeInfo* reply);
/// Gives up an ask whose continuation has not run, and never will then. The asker's turn.
void withdraw_ask(AskCore& sent) noexcept;

/// Arms the deadline of an actor's ask, whose maker holds the one count, and sends the question. Without a target it fails
/// at once: `why_not`.
/// Throws std::bad_alloc: the question is gone, and the ask still its owner's to give up.
void send_ask(AskCore& ask, Cell* target, Question* question, AskError why_not, Duration within);

/// Fails the ask, if there is one, when the place ends.
void close_with(Cell& place, const IntrusivePtr<AskCore>& ask);

/// The asker's end of a later reply, without the type.
class PromiseBase {
 public:
  PromiseBase(PromiseBase&&) noexcept = default;
  PromiseBase& operator=(PromiseBase&& other) noexcept;
  ~PromiseBase();

 protected:
  explicit PromiseBase(IntrusivePtr<AskCore> ask) noexcept : ask_{std::move(ask)} {}
  IntrusivePtr<AskCore> ask_;
};

}  // namespace detail

/// The answer to an ask from outside an actor.
///
/// Threads    one: the thread that asked, or the one it was moved to.
/// Failure    get() on an actor's turn answers Rejected: a worker must not block.
template <class R>
class [[nodiscard]] AskFuture {
 public:
  explicit AskFuture(detail::IntrusivePtr<detail::AskCore> ask) noexcept : ask_{std::move(ask)} {}

  /// Whether get() would return at once.
  [[nodiscard]] bool is_ready() const noexcept { return ask_->is_done(); }

  /// Blocks until the answer or the deadline. Once.
  [[nodiscard]] Result<R, AskError> get() {
    COPPICE_VERIFY(ask_, "get() of an AskFuture a second time");
    const auto ask = std::move(ask_);
    if (!detail::await(*ask)) return Error{AskError::Rejected};
    return detail::take_outcome<R>(*ask);
  }

 private:
  detail::IntrusivePtr<detail::AskCore> ask_;
};

/// The asker's end of a later reply. Whoever holds it answers once, from any thread; dropping it answers NoReply.
template <class R>
class ReplyPromise : private detail::PromiseBase {
 public:
  explicit ReplyPromise(detail::IntrusivePtr<detail::AskCore> ask) noexcept : PromiseBase{std::move(ask)} {}

  /// False when nobody waits any more, or when it was answered before.
  template <class... V>
  bool set(V&&... value) {
    const auto ask = std::move(ask_);
    if (!ask) return false;
    if constexpr (std::is_void_v<R>) {
      return ask->reply(ask->slot());
    } else {
      try {
        R reply(std::forward<V>(value)...);
        return ask->reply(std::addressof(reply));  // NOLINT(bugprone-multi-level-*): R may be a pointer
      } catch (...) {                              // making the reply threw: the caller hears of it, and the asker too
        ask->fail(AskError::Crashed);
        throw;
      }
    }
  }
  /// Answers Closed when the place ends, however that comes about; a killed one's state may live on for a while.
  void close_with(detail::Cell& place) const { detail::close_with(place, ask_); }
  /// Answers with an error. False as set().
  bool fail(AskError why) noexcept {
    const auto ask = std::move(ask_);
    return ask && ask->fail(why);
  }
};

/// What a handler returns that answers later. Made by Actor::reply_later only.
template <class R>
class Later {
 public:
  Later(Later&&) noexcept = default;

 private:
  template <class A>
  friend class Actor;
  Later() noexcept = default;
};

}  // namespace coppice
