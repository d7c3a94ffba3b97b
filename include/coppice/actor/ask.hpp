#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/life_item.hpp"
#include "coppice/actor/send.hpp"
#include "coppice/base/result.hpp"
#include "coppice/base/unique_function.hpp"

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

/// One question under way. It is also its own deadline's timer, and counts itself with the timer's count.
///
/// Threads    settle(): any. The outcome: whoever saw Done.
/// [A1] Exactly one settle() wins, whatever races: reply, time-out, crash, close, cancel. The others answer false.
struct AskCore : Timer {
  enum : std::uint32_t { kPending = 0, kWriting = 1, kDone = 2 };

  AskCore(Act fire_act, Act destroy_act, const TypeInfo* reply) noexcept
      : Timer{fire_act, destroy_act}, reply_type{reply} {}
  [[nodiscard]] bool claim() noexcept {
    std::uint32_t pending = kPending;
    // acquire: the outcome is written after the claim. Exactly one wins.
    return progress.compare_exchange_strong(pending, kWriting, kAcqRel, kRelaxed);
  }
  [[nodiscard]] bool is_done() const noexcept { return progress.load(kAcquire) == kDone; }

  Atomic<std::uint32_t> progress{kPending};
  const TypeInfo* reply_type;
  void (*announce)(AskCore&) noexcept = nullptr;  // tells the asker, after the outcome is in place
};

template <class R>
struct AskState : AskCore {
  using Answer = Result<R, AskError>;
  AskState(Act fire_act, Act destroy_act) noexcept : AskCore{fire_act, destroy_act, &kTypeInfo<R>} {}

  bool settle(Answer&& answer) noexcept {
    if (!claim()) return false;
    try {
      outcome.emplace(std::move(answer));
    } catch (...) {  // moving the reply threw
      outcome.emplace(Error{AskError::Crashed});
    }
    announce(*this);
    return true;
  }
  static void fire_timeout(Timer& timer) noexcept { static_cast<AskState&>(timer).settle(Error{AskError::Timeout}); }

  std::optional<Answer> outcome;
};

/// An ask from a thread that is not an actor's turn: the thread blocks on `progress`.
template <class R>
struct ThreadAsk final : AskState<R> {
  explicit ThreadAsk(Runtime* r) noexcept
      : AskState<R>{&AskState<R>::fire_timeout, [](Timer& t) noexcept { delete static_cast<ThreadAsk*>(&t); }},
        runtime{IntrusivePtr<Runtime>::share(r)} {
    this->announce = [](AskCore& core) noexcept {
      // The asker may let go the moment it sees Done; this count keeps the word for the wake-up.
      const auto keep = IntrusivePtr<Timer>::of(core);
      core.progress.store(AskCore::kDone, kRelease);  // partner: the acquire in is_done() and wait()
      static_cast<ThreadAsk&>(core).runtime->wake(core.progress);
    };
  }
  IntrusivePtr<Runtime> runtime;
};

/// An ask from an actor: its answer comes back as a message and runs the continuation on the asker's turn.
struct ActorAskTie : LifeItem {
  ActorAskTie(Cell& a, void (*w)(LifeItem&) noexcept) noexcept
      : LifeItem{w}, asker{IntrusivePtr<Cell>::of(a)}, incarnation{a.incarnation()} {}
  IntrusivePtr<Cell> asker;
  std::uint32_t incarnation;
  bool withdrawn = false;  // asker's turn only
};

template <class R>
struct ActorAsk final : AskState<R>, ActorAskTie {
  template <class F>
  ActorAsk(Cell& a, F&& continuation)
      : AskState<R>{&AskState<R>::fire_timeout, [](Timer& t) noexcept { delete static_cast<ActorAsk*>(&t); }},
        ActorAskTie{a, &ActorAsk::withdraw_ask},
        then(std::forward<F>(continuation)) {
    this->announce = &ActorAsk::send_answer;
  }
  static void withdraw_ask(LifeItem& item) noexcept {
    auto& self = static_cast<ActorAsk&>(static_cast<ActorAskTie&>(item));
    self.withdrawn = true;
    self.settle(Error{AskError::Cancelled});  // whatever comes later finds it settled
    self.asker->scheduler().disarm(self);
    self.then = nullptr;  // what it captured belongs to the life that ends
    self.Timer::release();
  }
  static void send_answer(AskCore& core) noexcept;

  UniqueFunction<void(Result<R, AskError>)> then;
};

template <class R>
struct AnswerEnvelope : Envelope {
  explicit AnswerEnvelope(ActorAsk<R>& a) noexcept : Envelope{&kOps}, ask{IntrusivePtr<ActorAsk<R>>::of(a)} {}
  ~AnswerEnvelope() = delete;

  static Outcome handle_answer(Cell& cell, Envelope& envelope) {
    ActorAsk<R>& ask = *static_cast<AnswerEnvelope&>(envelope).ask;
    if (ask.withdrawn || ask.incarnation != cell.incarnation()) return Outcome::Stale;
    if (delist(cell, ask)) ask.Timer::release();
    cell.scheduler().disarm(ask);
    auto then = std::move(ask.then);
    then(std::move(*ask.outcome));
    return Outcome::Handled;
  }
  static void destroy_answer(Envelope& envelope) { std::destroy_at(&static_cast<AnswerEnvelope&>(envelope).ask); }
  static constexpr EnvelopeOps kOps{&handle_answer,
                                    nullptr,
                                    &destroy_answer,
                                    &kTypeInfo<Result<R, AskError>>,
                                    nullptr,
                                    sizeof(Envelope) + sizeof(void*),
                                    false};
  union {
    IntrusivePtr<ActorAsk<R>> ask;
  };
};

template <class R>
void ActorAsk<R>::send_answer(AskCore& core) noexcept {
  auto& self = static_cast<ActorAsk&>(core);
  core.progress.store(AskCore::kDone, kRelease);
  // Settled by the asker's own end: there is no life to answer.
  if (self.asker->incarnation() != self.incarnation || (this_thread.cell == self.asker.get() && self.withdrawn)) return;
  static_assert(AnswerEnvelope<R>::kOps.bytes == sizeof(AnswerEnvelope<R>));
  deliver(*self.asker, make_envelope<AnswerEnvelope<R>>(self));
}

/// A message that somebody waits for the answer to.
template <class M, class R>
struct AskEnvelope : Envelope {
  template <class U>
  AskEnvelope(const EnvelopeOps* operations, U&& m, AskState<R>& a, Cell* from, TimePoint sent, TimePoint until)
      : Envelope{operations},
        message(std::forward<U>(m)),
        ask{IntrusivePtr<AskState<R>>::of(a)},
        asker{IntrusivePtr<Cell>::share(from)},
        sent_at{sent},
        deadline{until} {}
  ~AskEnvelope() = delete;
  union {
    M message;
  };
  union {
    IntrusivePtr<AskState<R>> ask;
  };
  union {
    IntrusivePtr<Cell> asker;
  };
  TimePoint sent_at;
  TimePoint deadline;

  static void abandon_ask(Envelope& envelope, DeadReason reason) noexcept {
    AskError error = AskError::Closed;
    if (reason == DeadReason::Rejected || reason == DeadReason::Dropped) error = AskError::Rejected;
    if (reason == DeadReason::InHand) error = AskError::Crashed;
    static_cast<AskEnvelope&>(envelope).ask->settle(Error{error});
  }
  static void destroy_ask(Envelope& envelope) {
    auto& self = static_cast<AskEnvelope&>(envelope);
    std::destroy_at(&self.ask);
    std::destroy_at(&self.asker);
    std::destroy_at(&self.message);
  }
  static void describe_ask(const Envelope& envelope, Particulars& to) noexcept {
    const auto& self = static_cast<const AskEnvelope&>(envelope);
    to.sender = to.reply_to = self.asker.get();
    to.ask = self.ask.get();
    to.sent_at = self.sent_at;
    to.deadline = self.deadline;
  }
};

/// Answers, and counts the answer if nobody waits for it any more.
template <class R>
void settle_from(Cell& replier, AskState<R>& ask, Result<R, AskError>&& answer) noexcept {
  if (!ask.settle(std::move(answer))) replier.runtime()->count(Count::LateReply);
}

}  // namespace detail

/// The answer to an ask from outside an actor.
///
/// Threads    one: the thread that asked, or the one it was moved to.
/// Failure    get() on an actor's turn answers Rejected: a worker must not block.
template <class R>
class [[nodiscard]] AskFuture {
 public:
  AskFuture(detail::IntrusivePtr<detail::ThreadAsk<R>> ask, TimePoint deadline) noexcept
      : ask_{std::move(ask)}, deadline_{deadline} {}

  /// Whether get() would return at once.
  [[nodiscard]] bool is_ready() const noexcept { return ask_->is_done(); }

  /// Blocks until the answer or the deadline. Once.
  [[nodiscard]] Result<R, AskError> get() {
    COPPICE_VERIFY(ask_, "get() of an AskFuture a second time");
    const auto ask = std::move(ask_);
    if (detail::this_thread.cell != nullptr && !ask->is_done()) {
      ask->settle(Error{AskError::Cancelled});
      return Error{AskError::Rejected};
    }
    while (!ask->is_done()) {
      const std::uint32_t seen = ask->progress.load(detail::kAcquire);
      if (seen == detail::AskCore::kDone) break;
      if (!ask->runtime->wait(ask->progress, seen, seen == detail::AskCore::kWriting ? TimePoint::max() : deadline_)) {
        ask->settle(Error{AskError::Timeout});
      }
    }
    return std::move(*ask->outcome);
  }

 private:
  detail::IntrusivePtr<detail::ThreadAsk<R>> ask_;
  TimePoint deadline_;
};

/// The asker's end of a later reply. Whoever holds it answers once, from any thread; dropping it answers NoReply.
template <class R>
class ReplyPromise {
 public:
  explicit ReplyPromise(detail::IntrusivePtr<detail::AskState<R>> ask) noexcept : ask_{std::move(ask)} {}
  ReplyPromise(ReplyPromise&&) noexcept = default;
  ReplyPromise& operator=(ReplyPromise&& other) noexcept {
    if (this != &other) {
      drop();
      ask_ = std::move(other.ask_);
    }
    return *this;
  }
  ~ReplyPromise() { drop(); }

  /// False when nobody waits any more, or when it was answered before.
  template <class... V>
  bool set(V&&... value) {
    const auto ask = std::move(ask_);
    if (!ask) return false;
    if constexpr (std::is_void_v<R>) {
      return ask->settle({});
    } else {
      try {
        return ask->settle(R(std::forward<V>(value)...));
      } catch (...) {  // making the reply threw: the caller hears of it, and the asker too
        ask->settle(Error{AskError::Crashed});
        throw;
      }
    }
  }

 private:
  void drop() noexcept {
    if (const auto ask = std::move(ask_)) ask->settle(Error{AskError::NoReply});
  }
  detail::IntrusivePtr<detail::AskState<R>> ask_;
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
