#include "coppice/actor/suspension.hpp"

#include <coroutine>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "back_pressure.hpp"
#include "cell_extras.hpp"
#include "cell_life.hpp"
#include "coppice/actor/actor_ref.hpp"
#include "coppice/actor/stash.hpp"
#include "coppice/base/align_up.hpp"
#include "mailbox/shelf.hpp"

namespace coppice::detail {

// ---- one call ----

HandlerRun::HandlerRun(Cell& c, const EnvelopeOps& suspended, TaskFrame& handler, bool reentrant) noexcept
    : Envelope{&suspended},
      LifeItem{&HandlerRun::withdraw_run},
      cell{&c},
      root{&handler},
      leaf{&handler},
      is_reentrant{reentrant} {
  handler.run = this;
}

HandlerRun::~HandlerRun() {
  if (came.ask != nullptr) {
    came.ask->release();
    return;
  }
  if (came.sender != nullptr) came.sender->release();
  if (came.reply_to != nullptr) came.reply_to->release();
}

void HandlerRun::keep(const Envelope& envelope, Question* question) noexcept {
  if (envelope.ops->describe != nullptr) envelope.ops->describe(envelope, came);
  if (question != nullptr) {
    question->ask = nullptr;  // its count is ours now
    return;
  }
  if (came.sender != nullptr) came.sender->add_ref();
  if (came.reply_to != nullptr) came.reply_to->add_ref();
}

/// From one coroutine to another by returning here, since a chain of resumptions that call each other would grow the
/// stack.
bool HandlerRun::go_on() {
  do {
    moves_on = false;
    std::coroutine_handle<>::from_address(leaf->frame).resume();
  } while (moves_on);
  if (!is_over) return false;
  if (root->error) std::rethrow_exception(std::exchange(root->error, {}));
  return true;
}

Particulars* came_with_run(const Cell& cell) noexcept {
  Envelope* const in_hand = cell.current();
  if (in_hand == nullptr || in_hand->ops->describe != &HandlerRun::describe_run) return nullptr;
  return &static_cast<HandlerRun*>(in_hand)->came;
}

void destroy_frame(TaskFrame& frame) { std::coroutine_handle<>::from_address(frame.frame).destroy(); }

/// The innermost first, one after the other: a handler may have called itself very often. What a destructor throws goes
/// on when all are destroyed.
void HandlerRun::unwind() {
  std::exception_ptr thrown;
  while (leaf != nullptr) {
    TaskFrame& frame = *std::exchange(leaf, leaf->parent);
    if (frame.held_by != nullptr) *frame.held_by = nullptr;
    try {
      destroy_frame(frame);
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

void HandlerRun::abandon_run(Envelope& envelope, DeadReason reason) noexcept {
  AskCore* const ask = static_cast<HandlerRun&>(envelope).came.ask;
  if (ask != nullptr) ask->fail(reason == DeadReason::InHand ? AskError::Crashed : AskError::Closed);
}

void HandlerRun::describe_run(const Envelope& envelope, Particulars& to) noexcept {
  to = static_cast<const HandlerRun&>(envelope).came;
}

void HandlerRun::destroy_run(Envelope& envelope) { static_cast<HandlerRun&>(envelope).unwind(); }

namespace {

/// As AskCore::settle, for a count that is ours.
void answer_run(HandlerRun& run) noexcept {
  if (run.came.ask == nullptr) return;
  if (run.came.ask->settle(run.root->result, true)) {
    run.came = Particulars{};
  } else {
    run.cell->runtime()->count(Count::LateReply);
  }
}

/// It waits for nothing any more.
void resign(HandlerRun& run) noexcept {
  Cell& cell = *run.cell;
  if (delist(cell, run)) --cell.extras().suspended;
}

}  // namespace

Outcome start_handler(Cell& cell, Envelope& envelope, Question* question, TaskFrame& root, const EnvelopeOps& suspended,
                      bool reentrant) {
  HandlerRun* run = nullptr;
  try {
    static_cast<void>(cell.extras());  // now, since nothing may fail once it is suspended
    run = new HandlerRun{cell, suspended, root, reentrant};
  } catch (...) {
    destroy_frame(root);
    throw;
  }
  try {
    if (!run->go_on()) {
      run->keep(envelope, question);
      enlist(cell, *run);
      ++cell.extras().suspended;
      if (!reentrant) cell.hold(kHeldByHandler);
      return Outcome::Suspended;
    }
    if (question != nullptr && question->ask != nullptr) answer(cell, *question, root.result);
    run->unwind();
  } catch (...) {
    try {
      run->unwind();
    } catch (...) {  // one crash is enough
    }
    delete run;
    throw;
  }
  delete run;
  return Outcome::Handled;
}

// ---- going on, and the end ----

namespace {

/// True: it is over, one way or the other. The run goes when no killer can be looking at it: it is the message in hand.
bool take_further(HandlerRun& run, CellLife& life) noexcept {
  bool handled = false;
  try {
    if (!run.go_on()) return false;
    resign(run);
    answer_run(run);
    handled = true;
    life.count_handled(*run.ops->message);
    run.unwind();
  } catch (const std::exception& known) {
    resign(run);
    life.failed_in_hand(run, handled, &known);
  } catch (...) {
    resign(run);
    life.failed_in_hand(run, handled, nullptr);
  }
  return true;
}

void remove_ready(CellExtras& x, HandlerRun& run) noexcept {
  if (!std::exchange(run.is_ready, false)) return;
  HandlerRun** at = &x.ready;
  while (*at != &run) at = &(*at)->next_ready;
  *at = run.next_ready;
}

}  // namespace

void CellLife::count_handled(const TypeInfo& message) noexcept {
  Runtime& runtime = *c.runtime();
  runtime.count_handled();
  c.handled_.store(c.handled_.load(kRelaxed) + 1, kRelaxed);
  if (c.bound_ != nullptr && c.bound_->shelf != nullptr && c.bound_->shelf->measures()) c.bound_->shelf->note_handled();
  if (const CellExtras* const x = c.extras_if_any(); x != nullptr && x->silence != nullptr)
    note_message(*x->silence, turn_now(runtime));
  if (runtime.events == nullptr) return;
  runtime.events->record(Event{.kind = EventKind::MessageHandled,
                               .actor = c.id_,
                               .incarnation = c.incarnation(),
                               .path = {},
                               .subject = message.name,
                               .text = {},
                               .time = {}});
}

/// Who goes on, or null. Takes the wakeup's count.
HandlerRun* CellLife::woken(Wakeup& wakeup) noexcept {
  const bool is_enough = wakeup.is_enough == nullptr || wakeup.is_enough(wakeup, *this);
  HandlerRun* const run = wakeup.run;
  const bool goes_on = is_enough && run != nullptr;
  if (goes_on) wakeup.run = nullptr;
  wakeup.let_go(wakeup);
  return goes_on ? run : nullptr;
}

/// When its life ends it is unwound with it; while the cell is muted or paused it waits.
bool CellLife::may_go_on(HandlerRun& run) noexcept {
  // Of several asks a second one may be enough as well, while the first has not been seen to.
  if (run.is_ready || c.is_held(kHeldByLife)) return false;
  if (!c.is_held(kHeldByRoom) && !c.is_held(kHeldByOrder)) return true;
  make_ready(c, run);
  return false;
}

void CellLife::on_wakeup(Wakeup& wakeup) noexcept {
  if (HandlerRun* const run = woken(wakeup)) resume(*run);
}

/// Without entering, as the run loop handles a message, and for its reason: nobody can take the place over before
/// current_ is set. A Kill that came before would have been in the lane with the wakeup, which would not have been alone.
void CellLife::wake_lightly(Wakeup& wakeup) noexcept {
  HandlerRun* const run = woken(wakeup);
  if (run == nullptr || !may_go_on(*run)) return;
  if (WorkerSlot* const worker = this_thread.worker; worker != nullptr && worker->next != nullptr) flush_slot(*worker);
  c.current_.store(run, kRelease);  // partner: take_over()
  this_thread.now_known = false;
  const bool over = take_further(*run, *this);
  if (over && !run->is_reentrant) c.release(kHeldByHandler);
  c.current_.store(nullptr, kRelease);
  light_fence();  // partner: the heavy fence in take_over(), before it looks at current_
  if (!over) return;
  const OwnerGuard guard{c};  // a killer that has seen it in hand looks at it no more
  delete run;
}

/// As a hook, with the handler's message in hand: a killer may take the place from it.
void CellLife::resume(HandlerRun& run) noexcept {
  if (!may_go_on(run)) return;
  if (WorkerSlot* const worker = this_thread.worker; worker != nullptr && worker->next != nullptr) flush_slot(*worker);
  c.current_.store(&run, kRelease);  // partner: take_over()
  leave();
  this_thread.now_known = false;
  const bool reentrant = run.is_reentrant;
  const bool over = take_further(run, *this);
  zombie_ = !enter();
  if (over) delete &run;
  if (zombie_) return;
  c.current_.store(nullptr, kRelease);
  if (over && !reentrant) c.release(kHeldByHandler);
}

void CellLife::make_ready(Cell& cell, HandlerRun& run) noexcept {
  run.is_ready = true;
  run.next_ready = nullptr;
  HandlerRun** last = &cell.extras().ready;
  while (*last != nullptr) last = &(*last)->next_ready;
  *last = &run;
}

/// Those that are ready now; who gets ready meanwhile comes next time.
void CellLife::resume_ready() noexcept {
  CellExtras* const x = c.extras_if_any();
  if (x == nullptr || x->ready == nullptr) return;
  unsigned count = 0;
  for (const HandlerRun* run = x->ready; run != nullptr; run = run->next_ready) ++count;
  for (; count != 0 && x->ready != nullptr && !zombie_; --count) {
    HandlerRun& run = *x->ready;
    remove_ready(*x, run);
    resume(run);
  }
}

void HandlerRun::withdraw_run(LifeItem& item) noexcept {
  auto& run = static_cast<HandlerRun&>(item);
  CellLife::give_up(run);
}

void CellLife::give_up(HandlerRun& run) noexcept {
  Cell& cell = *run.cell;
  CellExtras& x = cell.extras();
  --x.suspended;
  remove_ready(x, run);
  if (!run.is_reentrant) cell.holds_ = static_cast<unsigned char>(cell.holds_ & ~kHeldByHandler);
  const DeadReason reason = x.of_suspended;
  Runtime& runtime = *cell.runtime();
  runtime.dead_letter(cell, run, reason);
  runtime.count(Count::Taken);
  HandlerRun::abandon_run(run, reason);
  try {
    run.unwind();
  } catch (...) {  // what ends here ends anyway
  }
  delete &run;
}

// ---- asks ----

struct CoroutineAsk final : AskCore, Wakeup {
  CoroutineAsk(Cell& a, const ReplyOps& reply, std::uint32_t slot_offset, std::uint32_t all) noexcept
      : AskCore{&CoroutineAsk::destroy_block, &CoroutineAsk::send_wakeup, &a, reply, slot_offset, all},
        Wakeup{&CoroutineAsk::drop_count, true} {}
  static void destroy_block(Timer& timer) noexcept {
    auto& self = static_cast<CoroutineAsk&>(timer);
    const std::uint32_t bytes = self.bytes;
    self.~CoroutineAsk();
    free_block(&self, bytes);
  }
  static void drop_count(Wakeup& wakeup) noexcept { static_cast<CoroutineAsk&>(wakeup).AskCore::release(); }
  static void send_wakeup(AskCore& core, bool hand_over) noexcept {
    auto& self = static_cast<CoroutineAsk&>(core);
    core.progress.store(kDone, kRelease);
    if (this_thread.cell == self.asker && self.given_up) {
      if (hand_over) core.release();
      return;
    }
    if (!hand_over) core.add_ref();
    // Once it can be seen the asker may take it, go on, and end; the push has one more step to do there.
    const auto keep = IntrusivePtr<Cell>::of(*self.asker);
    keep->wake(self);
  }
  static bool enough(Wakeup& wakeup, CellLife&) noexcept {
    auto& self = static_cast<CoroutineAsk&>(wakeup);
    if (self.run == nullptr) return false;
    Gathering& several = *self.gathering;
    return --several.left == 0 || (several.one_is_enough && self.replied);
  }
  Gathering* gathering = nullptr;  // asker's turn only, as the next
  bool given_up = false;
  // In builds with assertions, under `asking`:
  IntrusivePtr<Cell> target;
  CoroutineAsk* next_awaited = nullptr;
};

// ---- asks in a circle ----

constinit Atomic<AskCycleHook> ask_cycle_hook{nullptr};

#if !defined(NDEBUG) || defined(COPPICE_ASSERTIONS)
namespace {

constexpr bool kFindsCycles = true;
constexpr int kLooksMax = 1'000;        // so much is looked at, not more
constexpr std::size_t kCycleMax = 100;  // actors

/// Guards who waits for whom, of all systems.
constinit BriefLock asking;

/// From `first`, which its asker waits for now, back to its asker; empty: there is no way. Under the lock.
std::vector<const CoroutineAsk*> find_cycle(const CoroutineAsk& first) {
  std::vector<const CoroutineAsk*> path{&first};
  for (int looks = 0; !path.empty() && looks < kLooksMax; ++looks) {
    const CoroutineAsk& ask = *path.back();
    const CoroutineAsk* next = nullptr;
    if (!ask.is_done()) {
      if (ask.target.get() == first.asker) return path;
      const CellExtras* const x = ask.target->extras_if_any();
      if (x != nullptr && path.size() < kCycleMax) next = x->awaited;
    }
    while (next == nullptr && !path.empty()) {
      next = path.size() == 1 ? nullptr : path.back()->next_awaited;
      path.pop_back();
    }
    if (next != nullptr) path.push_back(next);
  }
  return {};
}

void begin_waiting(CoroutineAsk& ask) {
  if (!ask.target) return;
  CellExtras& x = ask.asker->extras();
  std::string told;
  {
    const std::lock_guard lock{asking};
    ask.next_awaited = std::exchange(x.awaited, &ask);
    if (x.is_in_cycle) return;
    for (const CoroutineAsk* each : find_cycle(ask)) {
      each->asker->extras().is_in_cycle = true;
      told += each->asker->path() + " -> ";
    }
  }
  if (told.empty()) return;
  told += ask.asker->path();
  if (const AskCycleHook hook = ask_cycle_hook.load(kAcquire)) return hook(told);
  std::fprintf(stderr, "coppice: ask cycle: %s\n", told.c_str());
}

void end_waiting(CoroutineAsk& ask) noexcept {
  if (!ask.target) return;
  const std::lock_guard lock{asking};
  CellExtras* const x = ask.asker->extras_if_any();
  CoroutineAsk** at = x == nullptr ? nullptr : &x->awaited;
  while (at != nullptr && *at != nullptr && *at != &ask) at = &(*at)->next_awaited;
  if (at != nullptr && *at == &ask) *at = ask.next_awaited;
}

}  // namespace
#else
namespace {
constexpr bool kFindsCycles = false;
void begin_waiting(CoroutineAsk&) {}
void end_waiting(CoroutineAsk&) noexcept {}
}  // namespace
#endif

void give_up_ask(AskCore& core) noexcept;

AskCore* start_ask(Cell* target, Question* question, AskError why_not, Duration within, const ReplyOps& reply) {
  Cell& asker = *this_thread.cell;
  constexpr std::uint32_t kSize = sizeof(CoroutineAsk);
  const auto slot = static_cast<std::uint32_t>(align_up(kSize, reply.alignment));
  const std::uint32_t bytes = slot + reply.bytes;
  CoroutineAsk* ask = nullptr;
  try {
    ask = ::new (allocate_block(bytes)) CoroutineAsk{asker, reply, slot, bytes};
  } catch (...) {
    if (question != nullptr) destroy_envelope(question);
    throw;
  }
  if (kFindsCycles) ask->target = IntrusivePtr<Cell>::share(target);
  try {
    send_ask(*ask, target, question, why_not, within);
  } catch (...) {
    give_up_ask(*ask);
    throw;
  }
  return ask;
}

void await_ask(AskCore& core, HandlerRun& run, Gathering* several) noexcept {
  auto& ask = static_cast<CoroutineAsk&>(core);
  ask.run = &run;
  ask.gathering = several;
  ask.is_enough = several == nullptr ? nullptr : &CoroutineAsk::enough;
  if (kFindsCycles && !run.is_reentrant) begin_waiting(ask);
}

void give_up_ask(AskCore& core) noexcept {
  auto& ask = static_cast<CoroutineAsk&>(core);
  if (kFindsCycles) end_waiting(ask);
  ask.run = nullptr;
  ask.given_up = true;
  if (!ask.is_done()) ask.fail(AskError::Cancelled);  // whatever comes later finds it settled
  ask.asker->scheduler().disarm(ask);
  core.release();
}

// ---- sleeping ----

namespace {

struct SleepTimer final : Timer, Wakeup {
  explicit SleepTimer(Cell& c) noexcept
      : Timer{&SleepTimer::fire_wakeup, [](Timer& t) noexcept { delete static_cast<SleepTimer*>(&t); }},
        Wakeup{[](Wakeup& w) noexcept { static_cast<SleepTimer&>(w).Timer::release(); }, true},
        cell{IntrusivePtr<Cell>::of(c)} {}
  static void fire_wakeup(Timer& timer) noexcept {
    auto& self = static_cast<SleepTimer&>(timer);
    self.add_ref();
    self.cell->wake(self);
  }
  IntrusivePtr<Cell> cell;
};

}  // namespace

Timer* start_sleep(HandlerRun& run, TimePoint until) {
  auto* const timer = new SleepTimer{*run.cell};
  timer->run = &run;
  run.cell->scheduler().arm(*timer, until);
  return timer;
}

void give_up_sleep(Timer& timer) noexcept {
  auto& self = static_cast<SleepTimer&>(timer);
  self.run = nullptr;
  self.cell->scheduler().disarm(timer);
  timer.release();
}

// ---- yielding ----

struct YieldPause final : Wakeup, PoolAllocated {
  YieldPause() noexcept : Wakeup{&YieldPause::drop_count, false} { is_enough = &YieldPause::comes; }
  static void drop_count(Wakeup& wakeup) noexcept {
    auto& self = static_cast<YieldPause&>(wakeup);
    if (self.refs.drop()) delete &self;
  }
  /// The activation ends here; the next one begins with the handler. One that is reentrant is behind the actor's next
  /// message as well.
  static bool comes(Wakeup& wakeup, CellLife& life) noexcept {
    auto& self = static_cast<YieldPause&>(wakeup);
    if (self.run == nullptr) return false;
    if (!std::exchange(self.was_late, true) && life.let_one_through(wakeup)) {
      self.refs.add();
    } else {
      CellLife::go_to_the_back(*std::exchange(wakeup.run, nullptr));
    }
    return false;
  }
  RefCount refs;
  bool was_late = false;
};

bool CellLife::let_one_through(Wakeup& wakeup) noexcept {
  if (c.holds_ != 0 || c.mailbox().next() == nullptr) return false;
  wakeup.next_signal = std::exchange(again_, &wakeup);
  return true;
}

/// Only when the signals have been taken: one of them may be the end.
void CellLife::put_back() noexcept {
  while (again_ != nullptr) {
    Wakeup& wakeup = *std::exchange(again_, static_cast<Wakeup*>(again_->next_signal));
    c.wake(wakeup);
  }
}

void CellLife::go_to_the_back(HandlerRun& run) noexcept {
  make_ready(*run.cell, run);
  run.cell->attention_ = true;
}

YieldPause* start_yield(HandlerRun& run) {
  auto* const pause = new YieldPause;
  pause->run = &run;
  pause->refs.add();
  run.cell->wake(*pause);
  return pause;
}

void give_up_yield(YieldPause& pause) noexcept {
  pause.run = nullptr;
  YieldPause::drop_count(pause);
}

// ---- sending to a mailbox that blocks ----

struct RoomPause final : Wakeup, RoomWaiter, PoolAllocated {
  RoomPause(Cell& me, Cell& to, Envelope* message) noexcept
      : Wakeup{&RoomPause::drop_count, false},
        RoomWaiter{&RoomPause::there_is_room},
        sender{IntrusivePtr<Cell>::of(me)},
        target{IntrusivePtr<Cell>::of(to)},
        envelope{message} {
    is_enough = &RoomPause::try_again;
  }
  static void drop_count(Wakeup& wakeup) noexcept {
    auto& self = static_cast<RoomPause&>(wakeup);
    if (self.refs.drop()) delete &self;
  }
  static void there_is_room(RoomWaiter& waiter) noexcept {
    auto& self = static_cast<RoomPause&>(waiter);
    const auto keep = self.sender;  // the room's count goes with the wakeup, and perhaps the last one of the actor
    keep->wake(self);
  }
  void join() noexcept {
    refs.add();
    target->bound()->room->join(*this);  // [B2]
    target->admit_waiters();
  }
  [[nodiscard]] bool try_to(bool above) noexcept {
    const auto came = deliver_unless_full(*target, envelope, above);
    if (!came) return false;
    delivery = *came;
    envelope = nullptr;
    return true;
  }
  static bool try_again(Wakeup& wakeup, CellLife&) noexcept {
    auto& self = static_cast<RoomPause&>(wakeup);
    if (self.run == nullptr) return false;
    if (self.try_to(false)) return true;
    self.join();
    return false;
  }

  IntrusivePtr<Cell> sender;
  IntrusivePtr<Cell> target;
  Envelope* envelope;  // null: it has gone
  Delivery delivery = Delivery::Accepted;
  bool is_waiting = false;  // and its actor with it
  RefCount refs;
};

RoomPause* start_send(Cell& target, Envelope* envelope, Delivery& delivery) {
  Cell* const me = this_thread.cell;
  COPPICE_VERIFY(me != nullptr, "send<M>() is for the actor's own turn");
  target.runtime()->count(Count::Sent);
  try {
    if (const auto came = deliver_unless_full(target, envelope, false)) {
      delivery = *came;
      return nullptr;
    }
    return new RoomPause{*me, target, envelope};
  } catch (...) {
    refuse(target, envelope, Delivery::TimedOut, DeadReason::TimedOut);
    throw;
  }
}

bool await_room(RoomPause& pause, HandlerRun& run) noexcept {
  if (!run.is_reentrant) {
    pause.is_waiting = begin_wait(*pause.sender, *pause.target);
    if (!pause.is_waiting && pause.try_to(true)) return false;
  }
  pause.run = &run;
  pause.join();
  return true;
}

Delivery delivery_of(const RoomPause& pause) noexcept { return pause.delivery; }

void give_up_send(RoomPause& pause) noexcept {
  pause.run = nullptr;
  if (pause.target->bound()->room->leave(pause)) RoomPause::drop_count(pause);
  if (pause.is_waiting) {
    end_wait(*pause.sender);
    wait_for_the_next(*pause.sender);
  }
  if (pause.envelope != nullptr) refuse(*pause.target, pause.envelope, Delivery::TimedOut, DeadReason::Cancelled);
  RoomPause::drop_count(pause);
}

}  // namespace coppice::detail
