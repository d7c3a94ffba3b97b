#include "coppice/actor/ask.hpp"

#include <algorithm>

#include "base/spin_budget.hpp"
#include "coppice/actor/actor_ref.hpp"
#include "coppice/actor/signals.hpp"
#include "coppice/base/align_up.hpp"
#include "coppice/base/pause.hpp"

namespace coppice {

const char* to_string(AskError error) noexcept {
  switch (error) {
    case AskError::Timeout: return "timeout";
    case AskError::Closed: return "closed";
    case AskError::Rejected: return "rejected";
    case AskError::Crashed: return "crashed";
    case AskError::Cancelled: return "cancelled";
    case AskError::NoReply: return "no reply";
  }
  return "unknown";
}

namespace detail {

// ---- one question, whoever asks ----

namespace {

void fire_timeout(Timer& timer) noexcept { static_cast<AskCore&>(timer).fail(AskError::Timeout); }

template <class Ask>
void destroy_ask_block(Timer& timer) noexcept {
  auto& self = static_cast<Ask&>(timer);
  const std::uint32_t bytes = self.bytes;
  self.~Ask();
  free_block(&self, bytes);
}

}  // namespace

AskCore::AskCore(Act destroy_act, Announce tell, Cell* a, const ReplyOps& of, std::uint32_t slot_offset,
                 std::uint32_t all) noexcept
    : Timer{&fire_timeout, destroy_act}, slot_at{slot_offset}, bytes{all}, reply_ops{&of}, announce{tell}, asker{a} {
  if (asker != nullptr) asker->add_ref();
}

AskCore::~AskCore() {
  if (asker != nullptr) asker->release();
  if (!replied || reply_ops->destroy == nullptr) return;
  try {
    reply_ops->destroy(slot());
  } catch (...) {  // a hostile destructor: nobody's handler, there is no life to end
  }
}

bool AskCore::claim() noexcept {
  std::uint32_t seen = progress.load(kRelaxed);
  do {
    if ((seen & ~kAwaited) != kPending) return false;
    // acquire: the outcome is written after the claim. Exactly one wins.
  } while (!progress.compare_exchange_weak(seen, kWriting | (seen & kAwaited), kAcqRel, kRelaxed));
  return true;
}

bool AskCore::settle(void* reply, bool hand_over) noexcept {
  if (!claim()) return false;
  try {
    if (reply_ops->move != nullptr) reply_ops->move(reply, slot());
    replied = true;
  } catch (...) {  // moving the reply threw
    error = AskError::Crashed;
  }
  announce(*this, hand_over);
  return true;
}

bool AskCore::fail(AskError why) noexcept {
  if (!claim()) return false;
  error = why;
  announce(*this, false);
  return true;
}

void answer(Cell& replier, Question& question, void* reply) noexcept {
  if (question.ask->settle(reply, true)) {
    question.ask = nullptr;
  } else {
    replier.runtime()->count(Count::LateReply);
  }
}

AskError error_for(DeadReason reason) noexcept {
  switch (reason) {
    case DeadReason::Rejected:
    case DeadReason::Dropped:
    case DeadReason::DroppedOldest:
    case DeadReason::Replaced: return AskError::Rejected;  // there was no room for it, or there is none any more
    case DeadReason::TimedOut: return AskError::Timeout;
    case DeadReason::InHand: return AskError::Crashed;
    default: return AskError::Closed;
  }
}

void Question::abandon_ask(Envelope& envelope, DeadReason reason) noexcept {
  if (AskCore* const ask = static_cast<Question&>(envelope).ask) ask->fail(error_for(reason));
}

void Question::take_over(Particulars& came) noexcept {
  ask = std::exchange(came.ask, nullptr);
  sent_at = came.sent_at;
  deadline = came.deadline;
  came = Particulars{};
}

void Question::take_over(Question& other) noexcept {
  ask = std::exchange(other.ask, nullptr);
  sent_at = other.sent_at;
  deadline = other.deadline;
}

void Question::describe_ask(const Envelope& envelope, Particulars& to) noexcept {
  const auto& self = static_cast<const Question&>(envelope);
  if (self.ask != nullptr) to.sender = to.reply_to = self.ask->asker;
  to.ask = self.ask;
  to.sent_at = self.sent_at;
  to.deadline = self.deadline;
}

void Question::let_go() noexcept {
  if (ask != nullptr) ask->release();
}

namespace {

/// From here on the question keeps the ask, and so its asker. Takes over a count.
void address(Question& question, AskCore& ask, TimePoint now, TimePoint deadline) noexcept {
  question.ask = &ask;
  question.sent_at = now;
  question.deadline = deadline;
}

// ---- from a thread ----

/// The thread blocks on `progress`.
struct ThreadAsk final : AskCore {
  ThreadAsk(Runtime* r, const ReplyOps& reply, TimePoint last_moment, std::uint32_t slot_offset,
            std::uint32_t all) noexcept
      : AskCore{&destroy_ask_block<ThreadAsk>, &ThreadAsk::wake_thread, this_thread.cell, reply, slot_offset, all},
        runtime{IntrusivePtr<Runtime>::share(r)},
        until{last_moment} {}

  static void wake_thread(AskCore& core, bool hand_over) noexcept {
    // release: partner of the acquire in is_done() and await(). Who waits says so on the word before it sleeps.
    const std::uint32_t before = core.progress.exchange(kDone, kAcqRel);
    if ((before & kAwaited) != 0) static_cast<ThreadAsk&>(core).runtime->wake(core.progress);
    if (hand_over) core.release();
  }

  IntrusivePtr<Runtime> runtime;
  TimePoint until;
};

}  // namespace

bool AskCore::reply(void* reply) noexcept {
  if (settle(reply)) return true;
  if (announce == &ThreadAsk::wake_thread) {
    static_cast<ThreadAsk&>(*this).runtime->count(Count::LateReply);
  } else if (asker != nullptr) {
    asker->runtime()->count(Count::LateReply);
  }
  return false;
}

namespace {

IntrusivePtr<AskCore> make_thread_ask(Runtime* runtime, const ReplyOps& reply, TimePoint until) {
  const auto slot = static_cast<std::uint32_t>(align_up(sizeof(ThreadAsk), reply.alignment));
  const std::uint32_t bytes = slot + reply.bytes;
  return IntrusivePtr<AskCore>::adopt(::new (allocate_block(bytes)) ThreadAsk{runtime, reply, until, slot, bytes});
}

}  // namespace

IntrusivePtr<AskCore> ask_from_thread(Cell& target, Question* question, const ReplyOps& reply, Duration within) {
  Runtime* const runtime = target.runtime();
  const TimePoint now = runtime->clock->now();
  const TimePoint deadline = saturating_add(now, within);
  IntrusivePtr<AskCore> ask;
  try {
    ask = make_thread_ask(runtime, reply, deadline);
  } catch (...) {
    destroy_envelope(question);
    throw;
  }
  ask->add_ref();
  address(*question, *ask, now, deadline);
  How how;
  // A mailbox that blocks must not hold the asker beyond its deadline.
  if (const Bound* const bound = target.bound()) how.within = std::min(within, bound->options.rules().block_within);
  deliver(target, question, how);
  return ask;
}

namespace {

/// While it lives the thread keeps that activation for itself, if it is the one that wakes it.
struct RunHere {
  explicit RunHere(Runnable* runnable) noexcept { this_thread.run_here = runnable; }
  ~RunHere() { this_thread.run_here = nullptr; }
  RunHere(const RunHere&) = delete;
  RunHere& operator=(const RunHere&) = delete;
};

}  // namespace

IntrusivePtr<AskCore> call_from_thread(Cell& target, Question* question, const ReplyOps& reply, Duration within) {
  if (this_thread.cell != nullptr) {
    destroy_envelope(question);
    auto refused = make_thread_ask(target.runtime(), reply, TimePoint::min());
    refused->fail(AskError::Rejected);
    return refused;
  }
  const Runtime& runtime = *target.runtime();
  const bool may_run_here = runtime.callers_run && this_thread.worker == nullptr && within > Duration::zero() &&
                            &target.scheduler() == runtime.default_scheduler;
  IntrusivePtr<AskCore> ask;
  bool is_ours = false;
  {
    const RunHere offer{may_run_here ? &target : nullptr};
    ask = ask_from_thread(target, question, reply, within);
    is_ours = may_run_here && this_thread.run_here == nullptr;
  }
  // The message woke it, and it was left to us: the activation is ours alone then, as a worker's would be.
  if (is_ours) runtime.run_one(target);
  static_cast<void>(await(*ask));
  return ask;
}

IntrusivePtr<AskCore> open_ask(Runtime& runtime, const ReplyOps& reply, Duration within) {
  return make_thread_ask(&runtime, reply, saturating_add(runtime.clock->now(), within));
}

IntrusivePtr<AskCore> ask_nobody(const ReplyOps& reply) {
  auto ask = make_thread_ask(dead_cell().runtime(), reply, TimePoint::min());
  ask->fail(AskError::Closed);
  return ask;
}

namespace {

/// For an answer that takes less than to sleep and to be woken. Who waits has not said so yet, so that whoever answers
/// need not wake anybody.
void look_for(const ThreadAsk& ask) noexcept {
  const Duration most = ask.runtime->callers_spin;
  if (most <= Duration::zero()) return;
  static thread_local SpinBudget budget;
  const SteadyClock wall;
  const TimePoint until = std::min(ask.until, saturating_add(wall.now(), budget.next(most)));
  while (!ask.is_done()) {
    if (wall.now() >= until) return budget.in_vain();
    for (int i = 0; i < 8; ++i) pause_cpu();
  }
  budget.found(most);
}

}  // namespace

bool await(AskCore& ask) noexcept {
  auto& self = static_cast<ThreadAsk&>(ask);
  if (this_thread.cell != nullptr && !self.is_done()) {
    self.fail(AskError::Cancelled);
    return false;
  }
  if (!self.is_done()) look_for(self);
  while (!self.is_done()) {
    const std::uint32_t seen = self.progress.fetch_or(AskCore::kAwaited, kAcqRel) | AskCore::kAwaited;
    if ((seen & AskCore::kDone) != 0) break;
    const TimePoint until = (seen & AskCore::kWriting) != 0 ? TimePoint::max() : self.until;
    if (self.runtime->wait(self.progress, seen, until)) continue;
    if (!self.runtime->is_abandoned()) {
      self.fail(AskError::Timeout);
    } else if (!self.fail(AskError::Closed) && !self.is_done()) {
      // Another thread was writing the answer at the moment of the fork(), and will not go on here.
      self.replied = false;
      self.error = AskError::Closed;
      self.progress.store(AskCore::kDone, kRelaxed);
    }
  }
  return true;
}

// ---- from an actor ----

/// Its answer comes back as a message and runs the continuation on the asker's turn.
struct ActorAsk final : AskCore, LifeItem {
  ActorAsk(Cell& a, const ReplyOps& reply, const ContinuationOps& t, std::uint32_t slot_offset,
           std::uint32_t then_offset, std::uint32_t all) noexcept
      : AskCore{&destroy_ask_block<ActorAsk>, &ActorAsk::send_answer, &a, reply, slot_offset, all},
        LifeItem{&ActorAsk::withdraw_ask},
        then_ops{&t},
        then_at{then_offset},
        incarnation{a.incarnation()} {}
  ~ActorAsk() {
    drop_continuation();
    if (reserved != nullptr) free_block(reserved, kAnswerBytes);
  }

  /// What it captured belongs to the asker's life, so it goes on the asker's turn.
  void drop_continuation() noexcept {
    if (std::exchange(then_alive, false)) then_ops->destroy(then());
  }
  [[nodiscard]] void* then() noexcept { return reinterpret_cast<std::byte*>(this) + then_at; }

  static void withdraw_ask(LifeItem& item) noexcept {
    auto& self = static_cast<ActorAsk&>(item);
    self.withdrawn = true;
    self.fail(AskError::Cancelled);  // whatever comes later finds it settled
    self.asker->scheduler().disarm(self);
    self.drop_continuation();
    self.release();
  }
  static void send_answer(AskCore& core, bool hand_over) noexcept;

  void* reserved = nullptr;  // for the answer's envelope: whoever settles the ask needs no memory
  const ContinuationOps* then_ops;
  std::uint32_t then_at;
  std::uint32_t incarnation;
  bool then_alive = false;
  bool withdrawn = false;   // asker's turn only, as the next
  bool was_listed = false;  // the list's count goes with the answer's
};

namespace {

struct AnswerEnvelope : Envelope {
  explicit AnswerEnvelope(const EnvelopeOps* operations, ActorAsk& a) noexcept : Envelope{operations}, ask{&a} {}
  ActorAsk* ask;  // counted; the maker's count
};
static_assert(sizeof(AnswerEnvelope) == kAnswerBytes);

}  // namespace

void ActorAsk::send_answer(AskCore& core, bool hand_over) noexcept {
  auto& self = static_cast<ActorAsk&>(core);
  core.progress.store(kDone, kRelease);
  // Settled by the asker's own end: there is no life to answer.
  if (self.asker->incarnation() != self.incarnation || (this_thread.cell == self.asker && self.withdrawn)) {
    if (hand_over) core.release();
    return;
  }
  if (!hand_over) core.add_ref();
  // With the answer its count of the asker goes as well; a mailbox with a shelf is touched once more after that.
  const auto keep = IntrusivePtr<Cell>::share(self.asker->bound() == nullptr ? nullptr : &*self.asker);
  void* const block = std::exchange(self.reserved, nullptr);
  deliver_surely(*self.asker, ::new (block) AnswerEnvelope(&core.reply_ops->answer, self));
}

Outcome handle_answer(Cell& asker, Envelope& envelope) {
  ActorAsk& ask = *static_cast<AnswerEnvelope&>(envelope).ask;
  if (ask.incarnation != asker.incarnation() || ask.withdrawn) return Outcome::Stale;
  ask.was_listed = delist(asker, ask);
  asker.scheduler().disarm(ask);
  struct Drop {
    ~Drop() { ask.drop_continuation(); }
    ActorAsk& ask;
  } const drop{ask};
  ask.then_ops->run(ask.then(), ask);
  return Outcome::Handled;
}

void destroy_answer(Envelope& envelope) {
  ActorAsk& ask = *static_cast<AnswerEnvelope&>(envelope).ask;
  ask.release(ask.was_listed ? 2 : 1);
}

namespace {

/// What is due sooner is watched closely.
constexpr Duration kSoon = std::chrono::milliseconds{10};

/// Takes over a count.
void arm_deadline(Cell& asker, AskCore& ask, TimePoint deadline, Duration within) noexcept {
  if (within >= kSoon) return asker.scheduler().arm_unlikely(ask, deadline);
  asker.scheduler().arm(ask, deadline);
  ask.release();
}

}  // namespace

UnsentAsk::UnsentAsk(Cell& asker, Question* question, const ReplyOps& reply, const ContinuationOps& then)
    : question_{question} {
  const auto slot = static_cast<std::uint32_t>(align_up(sizeof(ActorAsk), reply.alignment));
  const auto then_at = static_cast<std::uint32_t>(align_up(slot + reply.bytes, then.alignment));
  const std::uint32_t bytes = then_at + then.bytes;
  try {
    ask_ = ::new (allocate_block(bytes)) ActorAsk{asker, reply, then, slot, then_at, bytes};
    ask_->reserved = allocate_block(kAnswerBytes);
  } catch (...) {
    if (ask_ != nullptr) ask_->release();
    if (question != nullptr) destroy_envelope(question);
    throw;
  }
}

UnsentAsk::~UnsentAsk() {
  if (question_ != nullptr) destroy_envelope(question_);
  if (ask_ != nullptr) ask_->release();
}

void* UnsentAsk::continuation() noexcept { return ask_->then(); }

IntrusivePtr<AskCore> UnsentAsk::open(Duration within) && {
  enlist(*ask_->asker, *ask_);
  ActorAsk& ask = *std::exchange(ask_, nullptr);  // the count is the list's from here on
  ask.then_alive = true;
  auto shared = IntrusivePtr<AskCore>::of(ask);
  Cell& asker = *ask.asker;
  const TimePoint deadline = saturating_add(turn_now(*asker.runtime()), within);
  if (deadline != TimePoint::max()) {
    ask.add_ref();
    arm_deadline(asker, ask, deadline, within);
  }
  return shared;
}

AskCore& UnsentAsk::send(Cell* target, AskError why_not, Duration within) && {
  // Registered before the send: from here on every path ends in exactly one outcome.
  enlist(*ask_->asker, *ask_);
  ActorAsk& ask = *std::exchange(ask_, nullptr);  // the count is the list's from here on
  ask.then_alive = true;
  try {
    send_ask(ask, target, target == nullptr ? nullptr : std::exchange(question_, nullptr), why_not, within);
  } catch (...) {
    withdraw_ask(ask);
    throw;
  }
  return ask;
}

void withdraw_ask(AskCore& sent) noexcept {
  auto& ask = static_cast<ActorAsk&>(sent);
  if (delist(*ask.asker, ask)) ask.withdraw(ask);
}

void send_ask(AskCore& ask, Cell* target, Question* question, AskError why_not, Duration within) {
  Cell& asker = *ask.asker;
  const TimePoint now = turn_now(*asker.runtime());
  const TimePoint deadline = saturating_add(now, within);
  const bool has_deadline = deadline != TimePoint::max();
  ask.refs.add_unshared((has_deadline ? 1U : 0U) + (target != nullptr ? 1U : 0U));
  if (has_deadline) arm_deadline(asker, ask, deadline, within);
  if (target == nullptr) {
    ask.fail(why_not);
    return;
  }
  address(*question, ask, now, deadline);
  deliver(*target, question);
}

// ---- later replies ----

void fail_in_hand(Cell& cell, AskError why) noexcept {
  const Envelope* const envelope = cell.current();
  if (envelope == nullptr || envelope->ops->abandon != &Question::abandon_ask) return;
  if (AskCore* const ask = static_cast<const Question*>(envelope)->ask) ask->fail(why);
}

void delegate(Cell& from, Cell& to, Question* question, const TypeInfo* reply) {
  Envelope* const in_hand = from.current();
  const bool is_asked = in_hand != nullptr && in_hand->ops->abandon == &Question::abandon_ask;
  if (is_asked) question->take_over(static_cast<Question&>(*in_hand));
  if (question->ask != nullptr && !same_type(question->ask->reply_ops->type, reply)) {
    question->ask->fail(AskError::NoReply);
    question->ask->release();
    question->ask = nullptr;
  }
  const auto asked = IntrusivePtr<AskCore>::share(question->ask);
  try {
    deliver(to, question);
  } catch (...) {  // this handler ends with it, and nobody has the question any more
    if (asked) asked->fail(AskError::Crashed);
    throw;
  }
}

PromiseBase& PromiseBase::operator=(PromiseBase&& other) noexcept {
  if (this != &other) {
    if (const auto ask = std::move(ask_)) ask->fail(AskError::NoReply);
    ask_ = std::move(other.ask_);
  }
  return *this;
}

namespace {

/// Ends an ask with the place that was to answer it.
struct AskEnd final : PlaceItem {
  explicit AskEnd(const IntrusivePtr<AskCore>& a) noexcept : ask{a} {}
  void place_ended() noexcept override { ask->fail(AskError::Closed); }
  IntrusivePtr<AskCore> ask;
};

}  // namespace

void close_with(Cell& place, const IntrusivePtr<AskCore>& ask) {
  if (ask) attach(place, IntrusivePtr<PlaceItem>::adopt(new AskEnd{ask}));
}

PromiseBase::~PromiseBase() {
  if (const auto ask = std::move(ask_)) ask->fail(AskError::NoReply);
}

}  // namespace detail
}  // namespace coppice
