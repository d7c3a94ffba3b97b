#include "coppice/actor/actor.hpp"

#include <cstdio>
#include <memory>
#include <utility>

#include "cell_extras.hpp"
#include "coppice/actor/holding.hpp"
#include "coppice/actor/signals.hpp"

namespace coppice {

const char* to_string(SpawnError error) noexcept {
  switch (error) {
    case SpawnError::DuplicateName: return "a live actor has this name";
    case SpawnError::LimitReached: return "the system has as many live actors as SystemOptions::actors_max allows";
    case SpawnError::Closing: return "the system is shutting down";
    case SpawnError::BadOption: return "an option is out of its bounds: a mailbox's, or no name";
    case SpawnError::WrongType: return "a live actor of another class has this name";
  }
  return "unknown";
}

namespace detail {

void RefBase::pause() const noexcept {
  if (cell_) cell_->signal(make_signal(CellSignal::Kind::Pause));
}

void RefBase::resume() const noexcept {
  if (cell_) cell_->signal(make_signal(CellSignal::Kind::Resume));
}

void RefBase::step(std::uint32_t messages) const noexcept {
  if (!cell_ || messages == 0) return;
  CellSignal* const step = make_signal(CellSignal::Kind::Resume);
  step->incarnation = messages;
  cell_->signal(step);
}

void yield_turn(Cell& cell) noexcept { cell.signal(make_signal(CellSignal::Kind::Yield)); }

constinit thread_local ThreadContext this_thread{};

void number_this_thread() noexcept {
  static constinit Atomic<unsigned> last{0};
  do {
    this_thread.shard = last.fetch_add(1, kRelaxed) + 1;
  } while (this_thread.shard == 0);  // the count has gone round
}

namespace {

/// The runtime of the place that was never there. Counts nothing: what is sent to no place was sent by no system.
class NullRuntime final : public Runtime {
 public:
  NullRuntime() { clock = &steady_; }
  void dead_letter(Cell&, const Envelope&, DeadReason) noexcept override {}
  void place_ended(Cell&, const ExitReason&) noexcept override {}
  void unhandled_failure(Cell&, const ExitReason&, const TypeInfo*) noexcept override {}
  void report(const SupervisorReport&) noexcept override {}
  void zombie_left(Cell&, const TypeInfo*) noexcept override {}
  void zombie_returned(Cell&) noexcept override {}
  bool wait(const Atomic<std::uint32_t>&, std::uint32_t, TimePoint) noexcept override { return false; }
  void wake(Atomic<std::uint32_t>&) noexcept override {}
  std::uint64_t random() noexcept override { return 0; }
  bool admit() noexcept override { return false; }
  bool claim_name(std::string_view, Cell&, HoldFor, IntrusivePtr<Cell>&) override { return false; }
  IntrusivePtr<Cell> find_name(std::string_view) override { return {}; }
  bool free_name(std::string_view) override { return false; }
  void dead_letter_to(std::string_view, const Envelope&) noexcept override {}
  bool adopt_top_level(Cell&) override { return false; }
  void unadmit() noexcept override {}
  bool is_closing() const noexcept override { return true; }
  void* io_context() override { return nullptr; }

 private:
  SteadyClock steady_;
};

class NullScheduler final : public Scheduler {
 public:
  using Scheduler::Scheduler;
  void submit(Runnable&) noexcept override {}
  void submit_back(Runnable&) noexcept override {}
  void arm(Timer&, TimePoint) noexcept override {}
  bool disarm(Timer&) noexcept override { return false; }
};

Cell* make_dead_cell() {
  static constexpr TypeInfo kType{"no actor"};
  static constexpr ActorOps kOps{&kType,  0,       8,       nullptr, nullptr, nullptr,
                                 nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
  auto* const runtime = new NullRuntime;
  auto* const scheduler = new NullScheduler{runtime};
  Cell* const cell = Cell::make(*runtime, *scheduler, kOps, nullptr, nullptr);
  cell->mailbox().close();
  static_cast<void>(cell->mailbox().end());
  return cell;
}

}  // namespace

Cell& dead_cell() noexcept {
  static Cell* const cell = make_dead_cell();  // never destroyed: refs may outlive everything
  return *cell;
}

Cell* take_construction(const TypeInfo* type) noexcept {
  Construction* const construction = this_thread.construction;
  // Matched by type: a message or a member that happens to be an actor class must not take its host's place.
  if (construction == nullptr || construction->cell == nullptr || !same_type(construction->type, type))
    return &dead_cell();
  return std::exchange(construction->cell, nullptr);
}

void Companions::describe_rich(const Envelope& envelope, Particulars& to) noexcept {
  const auto& self = static_cast<const Companions&>(envelope);
  to.sender = self.sender;
  to.reply_to = self.reply_to;
  to.correlation_id = self.correlation_id;
  to.sent_at = self.sent_at;
  to.deadline = self.expires;
  to.priority = static_cast<unsigned char>(self.priority);
}

bool Companions::is_late(const Cell& cell) const noexcept {
  return expires != TimePoint::max() && turn_now(*cell.runtime()) > expires;
}

void Companions::take_over(Particulars& came) noexcept {
  sender = std::exchange(came.sender, nullptr);
  reply_to = std::exchange(came.reply_to, nullptr);
  correlation_id = came.correlation_id;
  sent_at = came.sent_at;
  expires = came.deadline;
  priority = static_cast<Priority>(came.priority);
  came = Particulars{};
}

void Companions::take_over(Companions& other) noexcept {
  sender = std::exchange(other.sender, nullptr);
  reply_to = std::exchange(other.reply_to, nullptr);
  correlation_id = other.correlation_id;
  sent_at = other.sent_at;
  expires = other.expires;
  priority = other.priority;
}

void Companions::let_go() noexcept {
  if (sender != nullptr) sender->release();
  if (reply_to != nullptr) reply_to->release();
}

Delivery deliver_with(Cell& cell, Companions* envelope, const SendOptions& options) {
  envelope->sender = IntrusivePtr<Cell>::share(this_thread.cell).detach();
  envelope->reply_to = RefAccess::share(options.reply_to).detach();
  envelope->correlation_id = options.correlation_id;
  envelope->sent_at = turn_now(*cell.runtime());
  if (options.expires_after != kForever) envelope->expires = saturating_add(envelope->sent_at, options.expires_after);
  envelope->priority = options.priority;
  return deliver(cell, envelope, How{.priority = options.priority, .within = options.within});
}

TimePoint turn_now(const Runtime& runtime) noexcept {
  ThreadContext& context = this_thread;
  if (context.cell == nullptr) return runtime.clock->now();
  if (!context.now_known) {
    context.now = runtime.clock->now();
    context.now_known = true;
  }
  return context.now;
}

namespace {

Particulars particulars_of(const Cell& cell) noexcept {
  Particulars particulars;
  const Envelope* const envelope = cell.current();
  if (envelope != nullptr && envelope->ops->describe != nullptr) envelope->ops->describe(*envelope, particulars);
  return particulars;
}

}  // namespace

IntrusivePtr<Cell> sender_of(const Cell& cell) noexcept {
  return IntrusivePtr<Cell>::share(particulars_of(cell).sender);
}

MessageInfo info_of(const Cell& cell) {
  const Particulars p = particulars_of(cell);
  return MessageInfo{RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(p.sender)),
                     RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(p.reply_to)),
                     p.correlation_id,
                     p.sent_at,
                     p.deadline,
                     static_cast<Priority>(p.priority)};
}

AskCore* ask_in_hand(const Cell& cell, const TypeInfo* reply) noexcept {
  AskCore* const ask = particulars_of(cell).ask;
  return ask != nullptr && same_type(ask->reply_ops->type, reply) ? ask : nullptr;
}

void answer_in_hand(Cell& cell, const TypeInfo* type, void* reply) noexcept {
  AskCore* const ask = ask_in_hand(cell, type);
  if (ask == nullptr) return;
  Envelope& in_hand = *cell.current();
  if (in_hand.ops->abandon == &Question::abandon_ask) return answer(cell, static_cast<Question&>(in_hand), reply);
  static_cast<void>(ask->settle(reply));  // of a publication, for example
}

System& system_of(const Runtime& runtime) noexcept {
  COPPICE_VERIFY(runtime.system != nullptr, "system() of an actor that was not made by a system");
  return *runtime.system;
}

// ---- what a life made ----

void enlist(Cell& cell, LifeItem& item) {
  CellExtras& x = cell.extras();
  item.previous_item = nullptr;
  item.next_item = x.items;
  if (x.items != nullptr) x.items->previous_item = &item;
  x.items = &item;
  item.enlisted = true;
}

bool delist(Cell& cell, LifeItem& item) noexcept {
  if (!item.enlisted) return false;
  item.enlisted = false;
  if (item.previous_item != nullptr) item.previous_item->next_item = item.next_item;
  if (item.next_item != nullptr) item.next_item->previous_item = item.previous_item;
  CellExtras& x = cell.extras();
  if (x.items == &item) x.items = item.next_item;
  return true;
}

// ---- timers ----

namespace {

void send_tick(ActorTimer& tick) { deliver(*tick.target, make_envelope<TickEnvelope>(tick.tick_ops, tick)); }

void fire_tick(Timer& timer) noexcept {
  auto& tick = static_cast<ActorTimer&>(timer);
  Cell& target = *tick.target;
  if (tick.withdrawn.load(kSeqCst)) return;
  if (tick.period > Duration::zero() && tick.mode == Every::FixedRate) {
    // At start + n·period, whatever happens: what was missed is left out, nothing is made up for in a burst.
    const TimePoint now = target.runtime()->clock->now();
    TimePoint next = saturating_add(tick.deadline, tick.period);
    if (next <= now) next = saturating_add(next, tick.period * ((now - next) / tick.period + 1));
    target.scheduler().arm(tick, next);
    // Whoever withdraws says so first and disarms second; we arm first and look second. One of the two sees the other.
    if (tick.withdrawn.load(kSeqCst)) {
      target.scheduler().disarm(tick);
      return;
    }
  }
  if (tick.waiting.exchange(true, kAcqRel)) return;  // the tick before still waits
  send_tick(tick);
}

void withdraw_timer(LifeItem& item) noexcept {
  auto& timer = static_cast<ActorTimer&>(item);
  timer.withdrawn.store(true, kSeqCst);
  timer.target->scheduler().disarm(timer);
  timer.release();
}

}  // namespace

ActorTimer::ActorTimer(Cell& cell, const EnvelopeOps* ops, Duration every, Every how, Act destroy_act) noexcept
    : Timer{&fire_tick, destroy_act},
      LifeItem{&withdraw_timer},
      target{IntrusivePtr<Cell>::share(&cell)},
      incarnation{cell.incarnation()},
      period{every},
      mode{how},
      tick_ops{ops} {}

bool TickEnvelope::spend(Cell& cell) noexcept {
  ActorTimer& t = actor_timer();
  t.waiting.store(false, kRelease);
  if (t.withdrawn.load(kAcquire) || t.incarnation != cell.incarnation()) return false;
  if (t.period == Duration::zero()) {
    if (delist(cell, t)) {
      --cell.extras().timers;
      t.release();
    }
  } else if (t.mode == Every::FixedDelay) {
    cell.scheduler().arm(t, saturating_add(turn_now(*cell.runtime()), t.period));
  }
  return true;
}

bool start_timer(ActorTimer& timer, Duration first) {
  Cell& cell = *timer.target;
  CellExtras& x = cell.extras();
  if (x.timers >= cell.runtime()->timers_max) {
    cell.runtime()->count(Count::TimerRefused);
    timer.withdrawn.store(true, kRelease);
    return false;
  }
  // Due already: behind what waits, and before what comes. First, since it may find no memory.
  if (first <= Duration::zero()) {
    timer.waiting.store(true, kRelaxed);
    send_tick(timer);
  }
  ++x.timers;
  timer.add_ref();
  enlist(cell, timer);
  if (first > Duration::zero()) cell.scheduler().arm(timer, saturating_add(turn_now(*cell.runtime()), first));
  return true;
}

void cancel_timer(ActorTimer& timer) noexcept {
  if (timer.withdrawn.exchange(true, kSeqCst)) return;
  Cell& cell = *timer.target;
  cell.scheduler().disarm(timer);
  // The list belongs to the actor's turn; a handle that was carried elsewhere only stops the timer.
  if (this_thread.cell == &cell && delist(cell, timer)) {
    --cell.extras().timers;
    timer.release();
  }
}

}  // namespace detail

bool TimerHandle::is_active() const noexcept {
  if (!timer_) return false;
  const auto& timer = static_cast<const detail::ActorTimer&>(*timer_);
  return !timer.withdrawn.load(detail::kAcquire) && timer.enlisted;
}

namespace detail {

// ---- watches and links ----

namespace {

void end_watch(WatchNode& node, CellSignal* unwatch) noexcept {
  node.withdrawn = true;
  unwatch->watch = IntrusivePtr<WatchNode>::adopt(&node);  // the list's count
  node.target->signal(unwatch);
}

void withdraw_watch(LifeItem& item) noexcept {
  end_watch(static_cast<WatchNode&>(item), make_signal(CellSignal::Kind::Unwatch));
}

}  // namespace

WatchNode::WatchNode(Cell& from, Cell& to, const EnvelopeOps* down)
    : LifeItem{&withdraw_watch},
      watcher{IntrusivePtr<Cell>::share(&from)},
      target{IntrusivePtr<Cell>::share(&to)},
      watcher_incarnation{from.incarnation()},
      down_ops{down},
      reserved{allocate_block(sizeof(DownEnvelope))} {}

WatchNode::~WatchNode() {
  if (reserved != nullptr) free_block(reserved, sizeof(DownEnvelope));
}

DownEnvelope* DownEnvelope::make(IntrusivePtr<WatchNode> watch, Down down) {
  void* const block = std::exchange(watch->reserved, nullptr);
  COPPICE_ASSERT(block != nullptr, "a watch has one Down");
  const EnvelopeOps* const ops = watch->down_ops;
  return ::new (block) DownEnvelope(ops, std::move(down), std::move(watch));
}

bool DownEnvelope::spend(Cell& cell) noexcept {
  if (watch->withdrawn || watch->watcher_incarnation != cell.incarnation()) return false;
  watch->withdrawn = true;
  if (delist(cell, *watch)) watch->release();
  return true;
}

void DownEnvelope::destroy_down(Envelope& envelope) {
  auto& self = static_cast<DownEnvelope&>(envelope);
  std::destroy_at(&self.down);
  std::destroy_at(&self.watch);
}

IntrusivePtr<WatchNode> watch_cell(Cell& watcher, Cell& target, const EnvelopeOps* down_ops) {
  // What needs memory comes first: then all of it happens.
  static_cast<void>(watcher.extras());
  std::unique_ptr<CellSignal> watch{make_signal(CellSignal::Kind::Watch)};
  auto node = IntrusivePtr<WatchNode>::adopt(new WatchNode{watcher, target, down_ops});
  node->add_ref();
  enlist(watcher, *node);
  watch->watch = node;
  target.signal(watch.release());
  return node;
}

void unwatch_node(Cell& watcher, WatchNode& node) {
  if (!node.enlisted) return;
  std::unique_ptr<CellSignal> unwatch{make_signal(CellSignal::Kind::Unwatch)};  // first: without memory it is watched
  static_cast<void>(delist(watcher, node));
  end_watch(node, unwatch.release());
}

// ---- tickets ----

void Ticket::complete(bool success, const ExitReason& why) noexcept {
  if (claimed.exchange(1, kAcqRel) != 0) return;
  const auto keep = IntrusivePtr<Ticket>::share(this);
  ok = success;
  reason = why;
  progress.store(kDone, kSeqCst);  // partner: fire_late() arms, then looks
  if (late && runtime->default_scheduler != nullptr) runtime->default_scheduler->disarm(*this);  // null: of no system
  runtime->wake(progress);
}

void Ticket::kill_at(TimePoint when) noexcept {
  if (progress.load(kSeqCst) == kDone) return;
  // The pool's, wherever the actor runs: a handler that hangs on a thread of its own would keep that one's timers.
  Scheduler& scheduler = *runtime->default_scheduler;
  scheduler.arm(*this, when);
  if (progress.load(kSeqCst) == kDone) scheduler.disarm(*this);  // complete() may have looked before it was armed
}

void Ticket::fire_late(Timer& timer) noexcept {
  auto& self = static_cast<Ticket&>(timer);
  if (self.progress.load(kSeqCst) == kDone || try_kill(live_cell(*self.late))) return;
  // It stands between two handlers, or is ending: once more in a moment.
  Scheduler& scheduler = *self.runtime->default_scheduler;
  scheduler.arm(self, saturating_add(self.runtime->clock->now(), std::chrono::milliseconds{1}));
  if (self.progress.load(kSeqCst) == kDone) scheduler.disarm(self);
}

// ---- spawn ----

Result<IntrusivePtr<Cell>, SpawnError> spawn_cell(Runtime& runtime, Cell* parent, const ActorOps& ops, Factory* factory,
                                                  const SpawnOptions& options, Linked linked) {
  const auto made_by = IntrusivePtr<Factory>::adopt(factory);
  const MailboxOptions& mailbox = options.mailbox.or_else(runtime.mailbox_default);
  if (mailbox.fault() != nullptr) return Error{SpawnError::BadOption};
  if (parent != nullptr && parent->is_ending())
    return Error{SpawnError::Closing};  // in on_stop or the destructor: nobody would stop it
  if (!runtime.admit()) return Error{runtime.is_closing() ? SpawnError::Closing : SpawnError::LimitReached};
  Unborn unborn{runtime};
  Scheduler* scheduler = options.on.resolve(runtime);
  std::unique_ptr<Scheduler> own{options.on.is_foreign() ? scheduler : nullptr};
  if (scheduler == nullptr) scheduler = runtime.default_scheduler;
  COPPICE_VERIFY(
      !runtime.is_simulated || scheduler == runtime.default_scheduler,
      "in a test system an actor cannot be on a pinned thread or a foreign executor: they have no virtual time");
  // Another system's thread: it would end while this actor is on it.
  if (scheduler->runtime() != &runtime) return Error{SpawnError::BadOption};
  Cell& cell = *(unborn.cell = IntrusivePtr<Cell>::adopt(Cell::make(runtime, *scheduler, ops, factory, parent)));
  if (own.release() != nullptr) cell.own_scheduler();
  cell.set_mailbox(mailbox);
  if (options.paused) cell.hold(kHeldByOrder);
  if (!options.name.empty()) {
    cell.set_name(options.name);  // first: whoever finds it may ask
    IntrusivePtr<Cell> taken_by;
    if (!runtime.claim_name(options.name, cell, HoldFor::Place, taken_by)) return Error{SpawnError::DuplicateName};
  }
  if (parent != nullptr) {
    static_cast<void>(parent->extras());  // before the link, since that must not be left alone: what adopts needs it
    if (linked == Linked::Yes) link_from_start(*parent, cell);
    parent->adopt_child(cell);
  } else if (!runtime.adopt_top_level(cell)) {
    return Error{SpawnError::Closing};
  }
  submit(*scheduler, cell);
  return unborn.lives();
}

Result<IntrusivePtr<Cell>, SpawnError> get_or_spawn_cell(Runtime& runtime, const ActorOps& ops, Factory* factory,
                                                         const SpawnOptions& options) {
  const auto made_by = IntrusivePtr<Factory>::adopt(factory);
  if (options.name.empty()) return Error{SpawnError::BadOption};
  auto spawned = Result<IntrusivePtr<Cell>, SpawnError>{Error{SpawnError::DuplicateName}};
  for (bool was_full = false;;) {
    if (auto known = runtime.find_name(options.name)) {
      if (!same_type(known->ops().type, ops.type)) return Error{SpawnError::WrongType};
      return known;
    }
    if (was_full) return spawned;
    spawned = spawn_cell(runtime, nullptr, ops, IntrusivePtr<Factory>{made_by}.detach(), options);
    if (spawned) return spawned;
    // Full, perhaps with the one that we want: then it is there now. Taken: by one that was not there a moment ago, and
    // may be gone again, so this goes round as often as others come and go in between.
    was_full = spawned.error() == SpawnError::LimitReached;
    if (!was_full && spawned.error() != SpawnError::DuplicateName) return spawned;
  }
}

Cell* spawn_or_abort(Runtime& runtime, Cell* parent, const ActorOps& ops, Factory* factory, const SpawnOptions& options,
                     Linked linked) {
  auto spawned = spawn_cell(runtime, parent, ops, factory, options, linked);
  if (spawned) return std::move(spawned).value().detach();
#if !defined(NDEBUG) || defined(COPPICE_ASSERTIONS)
  // A shutdown may come at any moment: that one is nobody's mistake.
  if (spawned.error() != SpawnError::Closing) {
    std::fprintf(stderr, "coppice: cannot spawn \"%s\": %s. Use try_spawn where that may happen.\n",
                 options.name.c_str(), to_string(spawned.error()));
    std::abort();
  }
#endif
  return nullptr;
}

Cell* spawn_or_abort(Runtime& runtime, Cell* parent, const ActorOps& ops, Factory* factory) {
  return spawn_or_abort(runtime, parent, ops, factory, SpawnOptions{});
}

}  // namespace detail
}  // namespace coppice
