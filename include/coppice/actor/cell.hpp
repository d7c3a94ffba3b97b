#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "coppice/actor/exit_reason.hpp"
#include "coppice/actor/phase.hpp"
#include "coppice/actor/runtime.hpp"
#include "coppice/base/align_up.hpp"
#include "coppice/base/config.hpp"
#include "coppice/base/fence.hpp"
#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/mailbox/bound.hpp"
#include "coppice/mailbox/mailbox.hpp"
#include "coppice/mailbox/mailbox_stats.hpp"
#include "coppice/mailbox/overflow.hpp"
#include "coppice/scheduler/scheduler.hpp"

// [path 4 of 7] run: from a scheduler, on a worker; to handle, once for each message of the activation

namespace coppice {
/// What an actor answers when it threw: the decision before its state is destroyed.
enum class OnError : unsigned char {
  Supervise,  ///< end the life; the supervisor decides by its restart type and strategy (the default)
  Resume,     ///< the message is consumed, the life goes on with its state as it is
  Stop,       ///< end the life for good, whatever the restart type says
  Restart,    ///< start a new life, whatever the restart type says (it counts against the limit); without a supervisor:
              ///< Stop
  Escalate,   ///< the supervisor fails at once, with this reason as its cause, and its own parent decides
};
/// What an on_start() may return instead of nothing.
enum class Start : unsigned char {
  Run,     ///< go on
  Ignore,  ///< no life, and no failure: its supervisor keeps the spec and starts the next child. Source: OTP's ignore
};
/// How an actor is: what its on_health_check() answers, and what its supervisor makes of several checks. See HealthCheck.
enum class Health : unsigned char {
  Healthy,   ///< all is well
  Degraded,  ///< it works, but worse than it should: reported, never restarted for it
  Failed,    ///< it does not work; as often in a row as HealthCheck::failures says: it is restarted
};
}  // namespace coppice

namespace coppice::detail {

class CellExtras;
struct CellSignal;
struct HandlerRun;
struct LifeItem;
struct Ticket;
struct Wakeup;

/// How a place's actor is made, life after life. Counted: the place holds it, and a child spec may.
///
/// Threads    construct(): the owner of the place's turn.
struct Factory : PoolAllocated {
  // Not inline, as the others: users' programs need not compile them again for each actor.
  virtual ~Factory();
  virtual void construct(void* where) = 0;  // may throw: the life's start fails
  /// For one more place. (Only who keeps something for its place makes another.)
  [[nodiscard]] virtual IntrusivePtr<Factory> for_place();
  /// The place has ended for good: what it kept from life to life may go.
  virtual void retire() noexcept;
  /// No life is on and none will come: the arguments of the one there was may go. (Refs may keep the place for long.)
  virtual void forget() noexcept;
  /// Calls visit(context, place) for each place that it keeps. For introspection.
  virtual void visit_places(void (*visit)(void* context, Cell& place), void* context) const;
  void add_ref() noexcept { refs.add(); }
  void release() noexcept {
    if (refs.drop()) delete this;
  }
  RefCount refs;
};

/// What a parent hears of a child, in its system lane.
struct ChildEvent {
  // StartIgnored: it did not want to run. Poke: a manager's own timer.
  enum class Kind : unsigned char { Started, StartFailed, StartIgnored, Exited, Poke };
  Kind kind;
  Cell* child;
  std::uint32_t incarnation;
  ExitReason reason;
  OnError verdict = OnError::Supervise;
  const TypeInfo* handling = nullptr;  // the message in hand when it crashed or was left behind; null: none
  bool left_behind = false;            // its handler still runs
};

/// How the state of an actor lies behind its cell.
template <class A>
inline constexpr std::size_t kStateAlignment = alignof(A) < alignof(void*) ? alignof(void*) : alignof(A);

/// What can be done with an actor whose type only its maker knows. One object a type.
struct ActorOps {
  const TypeInfo* type;
  std::uint32_t bytes;
  std::uint32_t alignment;
  void (*construct_default)(void* where);  // null: the actor needs its factory
  void (*destroy)(void* actor);
  // Hooks; null when the actor does not declare them. Each may throw.
  Start (*on_start)(void* actor);
  void (*on_stop)(void* actor, const ExitReason& reason);
  void (*on_restart)(void* actor, const ExitReason& reason);
  OnError (*on_error)(void* actor, const ExitReason& reason);
  Health (*on_health_check)(void* actor);
  // Actors that manage children themselves (supervisors): null for all others. They report the end of their start with
  // finish_start() and the end of their stop with finish_stop().
  void (*child_event)(void* actor, const ChildEvent& event);
  void (*begin_stop)(void* actor, const ExitReason& reason);
};

/// Who signals, as far as it says when the one that is woken should run.
enum class WokenBy : unsigned char {
  Anybody,
  OneThatEnds,    // no user code runs in its activation any more: the worker may have it next
  OneThatStarts,  // a next life: its messages come now, but the news of it is not urgent
};

/// Why a cell runs no messages, though signals; a bit each, of Cell::holds_.
enum Hold : unsigned char {
  kHeldByLife = 1,     // no life is on, or it is ending
  kHeldByRoom = 2,     // muted: it has filled a mailbox that blocks
  kHeldByHandler = 4,  // a handler that is a coroutine is suspended
  kHeldByOrder = 8,    // paused, or stepped by hand
};

/// A place: its mailbox, its life-cycle, and behind it in the same block the state of the life that is on.
///
/// Threads    send(), signal(), the counts and the getters: any. All else: the owner, which is whoever runs the
///            activation.
/// Ownership  counted by refs, by its parent, by what refers to it; a place that has not ended holds one count on
///            itself.
/// Order      signals before the next message; messages as the mailbox gives them. Of both a limited number in a row.
/// Failure    what user code throws is caught in step() and in CellLife::hook(), and nowhere else; but for on_error()
///            and on_health_check(), which throw into the decision that they are asked for.
///
/// [C1] Exclusivity: hooks and handlers of one place never overlap (Mailbox [M1]).
/// [C2] A life's end, in this order: its children have ended; on_stop; what it made (timers, asks, watches) is
///      withdrawn; the state is destroyed; then each watcher gets one Down; only then may the next life be constructed.
/// [C3] A place's end, before the Downs: the mailbox is closed, and what waited in it is a dead letter; names and
///      whatever else it holds outside are given up ([H1]).
/// [C4] A held cell runs no messages, but signals.
class Cell : public Runnable {
 public:
  /// A new place whose first activation constructs the actor. The caller gets the first count and must submit it.
  [[nodiscard]] static Cell* make(Runtime& runtime, Scheduler& scheduler, const ActorOps& ops, Factory* factory,
                                  Cell* parent);

  void add_ref() noexcept { refs_.add(); }
  void release() noexcept {
    if (refs_.drop()) destroy();
  }

  // ---- any thread ----
  // By a reference, which is never null: casting the pointer would test it each time.
  [[nodiscard]] Runtime* runtime() const noexcept { return &static_cast<Runtime&>(*table); }
  [[nodiscard]] Scheduler& scheduler() const noexcept { return *scheduler_; }
  [[nodiscard]] const ActorOps& ops() const noexcept { return *ops_; }
  [[nodiscard]] Cell* parent() const noexcept { return parent_; }
  [[nodiscard]] Factory* factory() const noexcept { return factory_; }
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] Phase phase() const noexcept { return phase_.load(kAcquire); }
  [[nodiscard]] std::uint32_t incarnation() const noexcept { return incarnation_.load(kRelaxed); }
  [[nodiscard]] std::uint64_t handled() const noexcept { return handled_.load(kRelaxed); }
  [[nodiscard]] bool is_closed() const noexcept { return mailbox().is_closed(); }
  /// How the last of its lives that failed ended; normal: none did.
  [[nodiscard]] ExitReason last_error() const;
  [[nodiscard]] std::string name() const;  // what it was spawned as, or the child's id; empty if it has none
  [[nodiscard]] std::string path() const;  // "app/workers/worker-3", "#17" for the nameless
  void signal(CellSignal* signal, WokenBy by = WokenBy::Anybody) noexcept;  // takes it
  void wake(Wakeup& wakeup) noexcept;                                       // takes a count of it
  /// After a push that answered Activate. A manager never waits in a worker's slot while a handler may run there that
  /// does not return: it may be the one who has to end that.
  void activate() noexcept {
    if (ops_->child_event != nullptr) [[unlikely]]
      return scheduler_->submit_back(*this);
    submit(*scheduler_, *this);
  }
  /// The cell that took this place over after a kill, or null.
  [[nodiscard]] Cell* successor() const noexcept;
  void set_successor(Cell& next) noexcept;
  /// Messages that wait, at most `most` of them counted. The owner, or while it cannot take any.
  [[nodiscard]] std::uint64_t depth(std::uint64_t most = ~std::uint64_t{0}) const noexcept;
  /// Those that wait and those that suspended handlers have in hand.
  [[nodiscard]] std::uint64_t depth_at_rest() const noexcept;
  /// What the mailbox has measured; false where that was not asked for.
  [[nodiscard]] bool measured(MailboxStats& stats) const noexcept;
  /// A message of this place is dead: for what its mailbox measures.
  void note_dead(DeadReason reason) noexcept;
  [[nodiscard]] Cell* newest_child_at_rest() const noexcept;
  [[nodiscard]] Cell* older_sibling() const noexcept { return older_; }

  // ---- before the first activation: its maker ----
  void set_name(std::string_view name);
  /// The name that a supervised place claims whenever it opens.
  void set_own_name(std::string_view name);
  [[nodiscard]] std::string own_name() const;
  void set_mailbox(const MailboxOptions& options);
  void set_supervised() noexcept { supervised_.store(true, kRelaxed); }
  /// What its manager knows it by: read and changed on the manager's turn only.
  void set_record(void* record);
  [[nodiscard]] void* record() const noexcept;
  void own_scheduler() noexcept { owns_scheduler_ = true; }
  /// Goes on where a killed cell of the same place left off: its id, its count of lives. Before anybody can find it;
  /// the killed one's set_successor() comes last.
  void continue_from(Cell& killed);
  void set_start_ticket(IntrusivePtr<Ticket> ticket);
  /// There will be no first activation after all. What others sent meanwhile is answered; the place's own count goes.
  void never_starts() noexcept;

  // ---- the owner ----
  [[nodiscard]] void* state() noexcept { return reinterpret_cast<std::byte*>(this) + state_offset(*ops_); }
  /// The same, for who knows the type: it reads nothing of the cell, for each message.
  template <class A>
  [[nodiscard]] A& state_of() noexcept {
    void* const actor = reinterpret_cast<std::byte*>(this) + align_up(sizeof(Cell), kStateAlignment<A>);
    COPPICE_ASSERT(actor == state(), "an actor of another type");
    return *static_cast<A*>(actor);
  }
  [[nodiscard]] CellExtras& extras();
  [[nodiscard]] CellExtras* extras_if_any() const noexcept { return extras_.load(kAcquire); }
  /// Not even such as another thread is just making. Whoever makes them later sees what was done before this.
  [[nodiscard]] bool has_no_extras() noexcept;
  [[nodiscard]] Envelope* current() const noexcept { return current_.load(kRelaxed); }
  void adopt_child(Cell& child) noexcept;
  /// Its children have been told to stop, or it has ended: it gets no more of them.
  [[nodiscard]] bool is_ending() const noexcept;
  void stop_self(const ExitReason& reason) noexcept;
  void finish_start(const ExitReason* failure) noexcept;  // managers only
  void finish_stop(const ExitReason& reason) noexcept;    // managers only
  /// Claims what set_own_name() said. False, with a reason that says who has it: another actor does.
  [[nodiscard]] bool claim_own_name(ExitReason& why_not);
  [[nodiscard]] bool is_supervised() const noexcept { return supervised_.load(kRelaxed); }
  /// For good: no life will come in this cell.
  [[nodiscard]] bool has_ended() const noexcept { return place_over_.load(kAcquire); }
  /// From now on no message is handled, until release(); signals still are.
  void hold(Hold why) noexcept { holds_ = static_cast<unsigned char>(holds_ | why); }
  void release(Hold why) noexcept;
  [[nodiscard]] bool is_held(Hold why) const noexcept { return (holds_ & why) != 0; }
  /// From now on each message is looked at before and after its handler.
  void watch_steps() noexcept { steps_more_ = true; }
  /// Lets those go who wait for room in its mailbox, where there is much. After something has left.
  void admit_waiters() noexcept;

  /// The run loop. One is made for each monitor, and one more for an activation of at most one message.
  template <class Monitor, bool kOne = false>
  static void run_with(Runnable& runnable) noexcept;

  // ---- sending; see send.hpp ----
  [[nodiscard]] MailboxRef mailbox() const noexcept { return MailboxRef{inlet_, lane_, outlet_}; }
  [[nodiscard]] Bound* bound() const noexcept { return bound_; }

 private:
  friend struct CellLife;
  friend struct SiblingList;
  enum class Next : unsigned char { GoOn, Later, Over };
  /// So many signals an activation takes; then others get their turn. A supervisor in a storm is as polite as anybody.
  static constexpr unsigned kSignalsInARow = 64;
  enum class Claim : unsigned char { Free, Owner, Killer, Taken };

  Cell(Runtime& runtime, Scheduler& scheduler, const ActorOps& ops, Factory* factory, Cell* parent) noexcept;
  ~Cell();
  void destroy() noexcept;
  void destroy_this_one() noexcept;
  [[nodiscard]] static std::size_t state_offset(const ActorOps& ops) noexcept {
    return align_up(sizeof(Cell), ops.alignment);
  }

  // Into the run loop, all of it but step_more(): a call each would be 18 instructions a message.
  template <class Monitor>
  [[gnu::always_inline]] inline void step(Runtime& runtime, Link* link) noexcept;
  template <class Monitor>
  [[gnu::noinline]] void step_more(Runtime& runtime, Envelope& envelope) noexcept;
  template <class Monitor>
  [[gnu::always_inline]] inline void in_hand(Runtime& runtime, Envelope& envelope) noexcept;
  [[nodiscard]] Envelope* before_step(Envelope& envelope) noexcept;
  void after_step(Envelope& taken, Envelope& handled, std::uint64_t handled_before) noexcept;
  template <class Monitor>
  void record_handled(const TypeInfo& message) noexcept;
  [[nodiscard]] Next attend(unsigned& signals_left) noexcept;  // signals, and what they set off
  [[nodiscard]] Next rest() noexcept;                          // no message to run: rest, or find out why not
  [[nodiscard]] bool has_suspended() const noexcept;           // a handler of it waits for something
  /// Inside a catch block.
  void failed_in_hand(Envelope& envelope, bool was_handled, const std::exception* known) noexcept;
  void not_handled(Envelope& envelope, Outcome outcome) noexcept;
  void yield_back() noexcept;

  // What senders touch, and write for each message; the owner touches none of it per message.
  RefCount refs_;
  Atomic<std::uint32_t> incarnation_{0};
  mutable MailboxInlet inlet_;
  Scheduler* scheduler_;
  Bound* bound_ = nullptr;

  // Cold: at least a cache line between what senders write and what the owner reads, and between what senders read and
  // what the owner writes, wherever the block lies.
  const ActorOps* ops_;
  Cell* parent_;           // counted
  Cell* older_ = nullptr;  // siblings, in the parent's list; the parent's (or the system's lock holder's)
  Cell* newer_ = nullptr;
  Atomic<CellExtras*> extras_{nullptr};
  Factory* factory_;  // counted; null for actors that are made by default
  std::uint64_t id_;

  // What the owner reads for each message.
  mutable MailboxLane lane_;
  Atomic<Phase> phase_{Phase::Starting};
  Atomic<Claim> claim_{Claim::Free};  // who may touch the life-cycle: settles a take-over against a returning handler
  Atomic<bool> place_over_{false};    // no life will come any more
  Atomic<bool> supervised_{false};    // relaxed: who asks from outside wants a moment's answer
  bool state_alive_ = false;   // a life's state is constructed; alone in its byte: user code runs while a killer looks
  bool attention_ : 1 = true;  // the next activation has something to do before messages
  bool unborn_ : 1 = true;     // which is, at first, to start a life
  bool draining_ : 1 = false;
  bool owns_scheduler_ : 1 = false;  // a foreign executor's, made for this place
  bool started_ : 1 = false;         // the life that is on got through its start: its end runs on_stop
  bool steps_more_ : 1 = false;  // a message is more than its handler: step_more(); here, where the owner looks anyway
  unsigned char holds_ = kHeldByLife;  // of Hold

  // What the owner writes for each message.
  mutable MailboxOutlet outlet_;
  Atomic<Envelope*> current_{nullptr};  // in hand; a marker while a hook runs
  Atomic<std::uint64_t> handled_{0};
  Bound* own_bound_ = nullptr;  // bound_ again: for each message the owner reads nothing of a line that senders write
};

/// A parent's children, or (under a lock) the actors without a parent; newest first.
struct SiblingList {
  static void push(Cell*& newest, Cell& cell) noexcept {
    cell.older_ = newest;
    if (newest != nullptr) newest->newer_ = &cell;
    newest = &cell;
  }
  static void remove(Cell*& newest, Cell& cell) noexcept {
    if (cell.older_ != nullptr) cell.older_->newer_ = cell.newer_;
    if (cell.newer_ != nullptr) cell.newer_->older_ = cell.older_;
    if (newest == &cell) newest = cell.older_;
    cell.older_ = cell.newer_ = nullptr;
  }
};

/// Takes a message out of the mailbox and runs its handler.
template <class Monitor>
inline void Cell::step(Runtime& runtime, Link* link) noexcept {
  if (Link* const before = mailbox().take(link)) free_block(before, static_cast<Envelope*>(before)->ops->bytes);
  auto& envelope = *static_cast<Envelope*>(link);
  if (steps_more_) [[unlikely]] {
    return step_more<Monitor>(runtime, envelope);
  }
  in_hand<Monitor>(runtime, envelope);
}

/// With a bound, a shelf, or anything else that has to know of each message.
template <class Monitor>
void Cell::step_more(Runtime& runtime, Envelope& envelope) noexcept {
  const std::uint64_t before = handled_.load(kRelaxed);
  Envelope* const next = before_step(envelope);
  if (next == nullptr) return;
  in_hand<Monitor>(runtime, *next);
  after_step(envelope, *next, before);
}

/// Runs one message's handler, catching whatever user code throws. The one place where handlers are called.
template <class Monitor>
inline void Cell::in_hand(Runtime& runtime, Envelope& envelope) noexcept {
  current_.store(&envelope, kRelease);  // partner: CellLife::take_over
  this_thread.now_known = false;
  bool handled = false;
  try {
    if (runtime.faults != nullptr) [[unlikely]] {
      runtime.faults->before_message(*this);
    }
    // [path 5 of 7] handle: from run; to the user's handler, or to fail when it throws
    if (const Outcome outcome = envelope.ops->handle(*this, envelope); outcome == Outcome::Handled) [[likely]] {
      handled = true;
      runtime.count_handled();
      handled_.store(handled_.load(kRelaxed) + 1, kRelaxed);
#if !defined(COPPICE_BENCH_NO_HOOKS)  // benchmarks/callgrind_noop.py compares the loop with and without it
      if constexpr (Monitor::kRecords) record_handled<Monitor>(*envelope.ops->message);
#endif
    } else {
      not_handled(envelope, outcome);
      handled = true;
    }
    envelope.ops->destroy(envelope);
  } catch (const std::exception& known) {
    // Told apart here, where it costs nothing: another throw would cost a microsecond.
    failed_in_hand(envelope, handled, &known);
  } catch (...) {
    failed_in_hand(envelope, handled, nullptr);
  }
  current_.store(nullptr, kRelease);
  light_fence();  // partner: the heavy fence in CellLife::take_over, before it looks at current_
}

/// Only made for monitors that record. A monitor that throws hurts nobody.
template <class Monitor>
void Cell::record_handled(const TypeInfo& message) noexcept {
  try {
    static_cast<Monitor*>(runtime()->monitor)
        ->record(typename Monitor::Event{.kind = EventKind::MessageHandled,
                                         .actor = id_,
                                         .incarnation = incarnation_.load(kRelaxed),
                                         .path = {},
                                         .subject = message.name,
                                         .text = {},
                                         .time = {}});
  } catch (...) {
  }
}

/// The thread's view of whose turn it is, for the length of an activation.
struct TurnScope {
  explicit TurnScope(Cell& cell) noexcept : outer{std::exchange(this_thread.cell, &cell)} {
    this_thread.now_known = false;
  }
  ~TurnScope() { this_thread.cell = outer; }
  TurnScope(const TurnScope&) = delete;
  TurnScope& operator=(const TurnScope&) = delete;
  Cell* outer;
};

template <class Monitor, bool kOne>
void Cell::run_with(Runnable& runnable) noexcept {
  Cell& cell = static_cast<Cell&>(runnable);
  const TurnScope turn{cell};
  Runtime& runtime = *cell.runtime();  // read once: it stands where senders write
  unsigned left = kOne ? 1 : runtime.batch.load(kRelaxed);
  bool attention = cell.attention_;
  bool first = true;
  unsigned signals_left = kSignalsInARow;
  for (;;) {
    if (attention || cell.mailbox().has_signals()) [[unlikely]] {
      attention = false;
      if (const Next next = cell.attend(signals_left); next != Next::GoOn) {
        if (next == Next::Later) cell.yield_back();
        return;
      }
    }
    Link* const link = cell.holds_ != 0 ? nullptr : cell.mailbox().next();
    if (link == nullptr) {
      if (cell.holds_ == 0 && !cell.draining_) [[likely]] {
        if (Link* freed = nullptr; cell.mailbox().rest_quickly(freed)) {
          // From here the cell may run elsewhere, or be gone.
          free_block(freed, static_cast<Envelope*>(freed)->ops->bytes);
          return;
        }
      }
      if (cell.rest() == Next::Over) return;
      continue;
    }
    if (left-- == 0) {
      cell.yield_back();
      return;
    }
    if (!first) {
      if (WorkerSlot* const worker = this_thread.worker; worker != nullptr && worker->next != nullptr)
        flush_slot(*worker);
    }
    first = false;
    cell.step<Monitor>(runtime, link);
  }
}

}  // namespace coppice::detail
