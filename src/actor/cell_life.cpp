#include "cell_life.hpp"

#include <thread>
#include <utility>

#include "coppice/actor/send.hpp"
#include "coppice/actor/spawn_options.hpp"

// [path 6 of 7] fail: from handle, when user code threw; to restart, in the supervisor

namespace coppice::detail {
namespace {

/// How long a plain child (one without a supervisor) may take to stop before it is killed.
constexpr Duration kChildStopLimit = std::chrono::seconds{5};

constexpr TypeInfo kHookType{"a hook"};
constexpr EnvelopeOps kHookOps{nullptr, nullptr, nullptr, &kHookType, nullptr, 0, false};
/// Stands in Cell::current_ while a hook runs.
constinit Envelope hook_in_hand{&kHookOps};

/// Ends the wait for a child that does not stop.
struct ChildTimer final : Timer {
  explicit ChildTimer(Cell& parent) noexcept
      : Timer{&ChildTimer::fire_late, [](Timer& t) noexcept { delete static_cast<ChildTimer*>(&t); }},
        cell{IntrusivePtr<Cell>::share(&parent)} {}
  static void fire_late(Timer& timer) noexcept {
    static_cast<ChildTimer&>(timer).cell->signal(make_signal(CellSignal::Kind::ChildLate));
  }
  IntrusivePtr<Cell> cell;
};

}  // namespace

// ---- visits ----

bool CellLife::enter() noexcept {
  for (;;) {
    auto free = Cell::Claim::Free;
    // acq_rel: what a killer that thought better of it did is before us; what we do is before the next claim.
    if (c.claim_.compare_exchange_strong(free, Cell::Claim::Owner, kAcqRel, kAcquire)) return true;
    if (free == Cell::Claim::Taken) return false;
    std::this_thread::yield();  // a killer decides this moment
  }
}

void CellLife::leave() noexcept { c.claim_.store(Cell::Claim::Free, kRelease); }

template <class F>
std::exception_ptr CellLife::hook(F&& user_code) noexcept {
  c.current_.store(&hook_in_hand, kRelease);
  leave();
  this_thread.now_known = false;
  std::exception_ptr thrown;
  try {
    user_code();
  } catch (...) {
    thrown = std::current_exception();
  }
  zombie_ = !enter();
  if (!zombie_) c.current_.store(nullptr, kRelease);
  return thrown;
}

bool CellLife::attend() noexcept {
  if (!enter()) return zombie_return();
  if (c.attention_) {
    c.attention_ = false;
    start_life();
  }
  while (!over_ && !zombie_) {
    auto* const taken = static_cast<CellSignal*>(c.mailbox().take_signals());
    if (taken == nullptr) break;
    CellExtras& x = c.extras();
    x.taken_signals = taken;
    while (!zombie_ && x.taken_signals != nullptr) {
      CellSignal* const signal = x.taken_signals;
      x.taken_signals = static_cast<CellSignal*>(signal->next_signal);
      if (over_) {
        answer_at_end(c, signal, x.reason);
      } else {
        handle(*signal);
        delete signal;
      }
    }
  }
  return settle_visit();
}

bool CellLife::drained() noexcept {
  if (!enter()) return zombie_return();
  begin_end(c.extras().reason, false);
  return settle_visit();
}

/// The end of each visit: goes on, leaves for good, or notices that somebody took the place over meanwhile.
bool CellLife::settle_visit() noexcept {
  if (zombie_) return zombie_return();
  if (!over_) {
    leave();
    return true;
  }
  while (!c.mailbox().end()) {
    for (auto* signal = static_cast<CellSignal*>(c.mailbox().take_signals()); signal != nullptr;) {
      auto* const next = static_cast<CellSignal*>(signal->next_signal);
      answer_for_ended(c, signal);
      signal = next;
    }
  }
  if (c.factory_ != nullptr) c.factory_->retire();
  if (!c.is_supervised() && c.parent_ != nullptr) tell_parent(ChildEvent::Kind::Exited, c.extras().reason);
  c.release();  // the place's own count
  return false;
}

void CellLife::set_phase(Phase phase) noexcept {
  const Phase from = c.phase_.load(kRelaxed);
  COPPICE_ASSERT(may_follow(from, phase), "a life-cycle step that does not exist");
  static_cast<void>(from);
  c.phase_.store(phase, kRelease);
}

void CellLife::emit(EventKind kind, std::string_view text) noexcept {
  EventSink* const events = c.runtime()->events;
  if (events == nullptr) return;
  const std::string path = c.path();
  events->record(Event{.kind = kind,
                       .actor = c.id_,
                       .incarnation = c.incarnation(),
                       .path = path,
                       .subject = c.ops_->type->name,
                       .text = text,
                       .time = c.runtime()->clock->now()});
}

bool CellLife::is_over() const noexcept {
  const CellExtras* const x = c.extras_if_any();
  return c.has_ended() || (x != nullptr && x->closed_place);
}

// ---- the start of a life ----

Start CellLife::construct_life(const ExitReason& last_reason) {
  Runtime& runtime = *c.runtime();
  if (runtime.faults != nullptr) runtime.faults->before_start(c);
  Construction construction{&c, c.ops_->type};
  Construction* const outer = std::exchange(this_thread.construction, &construction);
  try {
    if (c.factory_ != nullptr) {
      c.factory_->construct(c.state());
    } else {
      c.ops_->construct_default(c.state());
    }
  } catch (...) {
    this_thread.construction = outer;
    throw;
  }
  this_thread.construction = outer;
  c.state_alive_ = true;
  if (c.incarnation() > 1 && c.ops_->on_restart != nullptr) c.ops_->on_restart(c.state(), last_reason);
  return c.ops_->on_start != nullptr ? c.ops_->on_start(c.state()) : Start::Run;
}

void CellLife::start_life() noexcept {
  c.incarnation_.store(c.incarnation() + 1, kRelaxed);
  // A copy, since whoever takes the place over while the hooks run writes a reason of its own.
  const ExitReason last_reason = c.incarnation() > 1 ? c.extras().reason : ExitReason{};
  Start wish = Start::Run;
  if (const auto thrown = hook([&] { wish = construct_life(last_reason); })) {
    if (zombie_) return;
    c.extras().start_failed = true;
    begin_end(ExitReason::from_exception(thrown), c.is_supervised());
    return;
  }
  if (zombie_) return;
  if (wish == Start::Ignore) {
    c.extras().start_ignored = true;
    begin_end(ExitReason::normal(), c.is_supervised());
    return;
  }
  if (c.ops_->child_event != nullptr) {
    after_manager();  // it may have finished at once
    return;
  }
  became_running();
}

void CellLife::became_running() noexcept {
  set_phase(Phase::Running);
  c.held_ = false;
  c.mailbox().release_hold();
  if (CellExtras* const x = c.extras_if_any()) {
    if (x->start_ticket) std::exchange(x->start_ticket, {})->complete(true, {});
  }
  c.started_ = true;
  if (c.incarnation() > 1) c.runtime()->count(Count::Restart);
  emit(c.incarnation() > 1 ? EventKind::ActorRestarted : EventKind::ActorStarted, {});
  if (c.is_supervised()) tell_parent(ChildEvent::Kind::Started, {});
}

void CellLife::finish_start(const ExitReason* failure) noexcept {
  CellExtras& x = c.extras();
  x.manager_start = failure == nullptr ? CellExtras::ManagerStart::Ok : CellExtras::ManagerStart::Failed;
  if (failure != nullptr) x.manager_reason = *failure;
}

void CellLife::finish_stop(const ExitReason& reason) noexcept {
  CellExtras& x = c.extras();
  x.manager_stopped = true;
  x.manager_reason = reason;
}

/// What a manager said in finish_start() and finish_stop() while its code ran.
void CellLife::after_manager() noexcept {
  CellExtras& x = c.extras();
  const auto start = std::exchange(x.manager_start, CellExtras::ManagerStart::Open);
  if (start == CellExtras::ManagerStart::Ok && !x.ending) became_running();
  if (start == CellExtras::ManagerStart::Failed) {
    x.start_failed = true;
    x.manager_stopped = true;  // it has rolled its children back
  }
  if (!x.manager_stopped) return;
  if (!x.ending) {
    begin_end(x.manager_reason, c.is_supervised());
  } else {
    x.manager_stopped = false;
    end_life();
  }
}

// ---- the end of a life ----

void CellLife::failed_in_hand(Envelope& envelope, bool was_handled, const std::exception* known) noexcept {
  Runtime& runtime = *c.runtime();
  const ExitReason reason = ExitReason::from_exception(std::current_exception(), known);
  if (!was_handled) {
    runtime.count(Count::Taken);
    runtime.dead_letter(c, envelope, DeadReason::InHand);
    if (envelope.ops->abandon != nullptr) envelope.ops->abandon(envelope, DeadReason::InHand);
    try {
      envelope.ops->destroy(envelope);
    } catch (...) {  // one crash is enough
    }
  }
  OnError verdict = OnError::Supervise;
  if (c.ops_->on_error != nullptr) {
    try {
      verdict = c.ops_->on_error(c.state(), reason);
    } catch (...) {  // a decision that throws is no decision
    }
  }
  if (verdict == OnError::Resume) {
    emit(EventKind::ActorFailed, reason.text());
    return;
  }
  CellSignal* const crash = make_signal(CellSignal::Kind::Stop);
  crash->reason = reason;
  crash->verdict = verdict;
  crash->keep_place = c.is_supervised();
  c.signal(crash);  // taken before the next message
}

void CellLife::begin_end(const ExitReason& reason, bool keep_place) noexcept {
  CellExtras& x = c.extras();
  x.ending = true;
  x.reason = reason;
  x.keep_place = keep_place;
  c.held_ = true;
  c.draining_ = false;
  const Phase to = reason.is_normal() ? Phase::Stopping : Phase::Failed;
  if (c.phase() != to) set_phase(to);
  if (!keep_place) c.mailbox().close();
  if (c.ops_->begin_stop == nullptr || !c.state_alive_) {
    stop_next_child();
    return;
  }
  if (!x.manager_stopped) {
    try {
      c.ops_->begin_stop(c.state(), reason);
    } catch (...) {
      x.manager_stopped = true;
    }
  }
  if (x.manager_stopped) {
    x.manager_stopped = false;
    end_life();
  }
}

void CellLife::stop_next_child() noexcept {
  CellExtras& x = c.extras();
  if (x.newest_child == nullptr) {
    end_life();
    return;
  }
  if (x.was_killed) return on_child_late();
  CellSignal* const stop = make_signal(CellSignal::Kind::Stop);
  stop->reason = ExitReason::shutdown();
  x.newest_child->signal(stop);
  arm_child_timer(kChildStopLimit);
}

void CellLife::end_life() noexcept {
  CellExtras& x = c.extras();
  disarm_child_timer();
  const ExitReason reason = x.reason;
  if (c.started_ && !x.was_killed && c.ops_->on_stop != nullptr && c.state_alive_) {
    if (const auto thrown = hook([&] { c.ops_->on_stop(c.state(), reason); })) {
      if (!zombie_) emit(EventKind::ActorFailed, "on_stop threw");
    }
    if (zombie_) return;
  }
  withdraw_items();
  fire_links(reason);
  if (c.state_alive_) {
    c.state_alive_ = false;
    if (const auto thrown = hook([this] { c.ops_->destroy(c.state()); })) {
      if (!zombie_) emit(EventKind::ActorFailed, "the destructor threw");
    }
    if (zombie_) return;
    withdraw_items();  // what the destructor made
    fire_links(reason);
  }
  // A constructor or hook may have left children behind when it threw: they are gone by now (stop_next_child).
  x.ending = false;
  c.started_ = false;
  const bool start_failed = std::exchange(x.start_failed, false);
  const bool start_ignored = std::exchange(x.start_ignored, false);
  if (c.phase() == Phase::Stopping) set_phase(Phase::Stopped);
  const auto start_ticket = std::exchange(x.start_ticket, {});
  if (!reason.is_normal() && !x.was_killed) c.runtime()->count(Count::Failure);
  if (start_failed) {
    emit(EventKind::ActorStartFailed, reason.text());
  } else if (x.was_killed) {
    emit(EventKind::ActorKilled, reason.text());
  } else {
    emit(reason.is_normal() ? EventKind::ActorStopped : EventKind::ActorFailed, reason.text());
  }
  if (!c.is_supervised()) {
    // A tree's top that gave up ends with shutdown, as OTP's does; its cause tells it from an ordered end. Whoever
    // waits for the start is told by that, and only when nothing of the place is left.
    if (!start_ticket && (!reason.is_normal() || reason.cause() != nullptr)) c.runtime()->unhandled_failure(c, reason);
    close_place(reason);
    if (start_ticket) start_ticket->complete(false, reason);
    over_ = true;
    return;
  }
  if (!x.keep_place) {
    close_place(reason);
    x.closed_place = true;
  } else if (x.told_to_keep) {
    send_downs(reason);
  } else {
    x.downs_due = true;  // [C2] the verdict decides what comes before the Downs
  }
  x.told_to_keep = false;
  x.was_killed = false;
  // The place goes on; whoever waits for this actor's end waits for this life's.
  for (const auto& ticket : std::exchange(x.end_tickets, {})) ticket->complete(true, reason);
  tell_parent(start_failed    ? ChildEvent::Kind::StartFailed
              : start_ignored ? ChildEvent::Kind::StartIgnored
                              : ChildEvent::Kind::Exited,
              reason);
}

void CellLife::withdraw_items() noexcept {
  CellExtras& x = c.extras();
  while (LifeItem* const item = x.items) {
    static_cast<void>(delist(c, *item));
    item->withdraw(*item);
  }
  x.timers = 0;
}

void CellLife::fire_links(const ExitReason& reason) noexcept {
  for (IntrusivePtr<Cell>& other : std::exchange(c.extras().links, {})) {
    CellSignal* const exit = make_signal(CellSignal::Kind::LinkExit);
    exit->reason = reason;
    exit->other = IntrusivePtr<Cell>::share(&c);
    other->signal(exit);
  }
}

void CellLife::send_downs(const ExitReason& reason) noexcept {
  CellExtras& x = c.extras();
  x.downs_due = false;
  WatchNode* oldest = x.watchers;
  while (oldest != nullptr && oldest->next_watch != nullptr) oldest = oldest->next_watch;
  x.watchers = nullptr;
  while (oldest != nullptr) {
    auto node = IntrusivePtr<WatchNode>::adopt(oldest);  // the list's count
    oldest = node->previous_watch;
    node->at_target = false;
    Cell& watcher = *node->watcher;
    const EnvelopeOps* const ops = node->down_ops;
    Down down{RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(&c)), c.incarnation(), reason};
    deliver(watcher, make_envelope<DownEnvelope>(ops, std::move(down), std::move(node)));
  }
}

/// [C3] Closes the mailbox and turns what waits into dead letters, releases the name; then the watchers and waiters
/// hear of it.
void CellLife::close_place(const ExitReason& reason) noexcept {
  CellExtras& x = c.extras();
  Runtime& runtime = *c.runtime();
  c.mailbox().close();
  drain_to_dead_letters(x.pinned);
  if (x.registered) runtime.release_name(c);
  for (const auto& item : std::exchange(x.place_items, {})) item->place_ended();
  send_downs(reason);
  if (c.phase() == Phase::Failed) set_phase(Phase::Stopped);
  c.place_over_.store(!c.is_supervised(), kRelease);
  runtime.place_ended(c, reason);
  for (const auto& ticket : std::exchange(x.end_tickets, {})) ticket->complete(true, reason);
}

/// `pinned`: a link that a stuck handler still holds; it is not freed here.
void CellLife::drain_to_dead_letters(const Link* pinned) noexcept {
  Runtime& runtime = *c.runtime();
  const auto free_link = [pinned](Link* link) {
    if (link != nullptr && link != pinned) free_block(link, static_cast<Envelope*>(link)->ops->bytes);
  };
  for (;;) {
    while (Link* const link = c.mailbox().next()) {
      free_link(c.mailbox().take(link));
      auto& envelope = *static_cast<Envelope*>(link);
      if (c.bound_ != nullptr && envelope.ops->bounded) c.bound_->leave();
      runtime.count(Count::Taken);
      runtime.dead_letter(c, envelope, DeadReason::Stopped);
      if (envelope.ops->abandon != nullptr) envelope.ops->abandon(envelope, DeadReason::Stopped);
      try {
        envelope.ops->destroy(envelope);
      } catch (...) {
      }
    }
    if (c.mailbox().is_drained()) break;
    std::this_thread::yield();  // a sender that was accepted before the close is about to link
  }
  free_link(c.mailbox().strip());
}

void CellLife::tell_parent(ChildEvent::Kind kind, const ExitReason& reason) noexcept {
  CellSignal* const event = make_signal(CellSignal::Kind::ChildEvent);
  event->child_kind = kind;
  event->reason = reason;
  event->incarnation = c.incarnation();
  event->verdict = std::exchange(c.extras().verdict, OnError::Supervise);
  event->other = IntrusivePtr<Cell>::share(&c);
  c.parent_->signal(event);
}

void CellLife::arm_child_timer(Duration after) noexcept {
  CellExtras& x = c.extras();
  disarm_child_timer();
  x.child_timer = new ChildTimer{c};
  c.scheduler_->arm(*x.child_timer, saturating_add(c.runtime()->clock->now(), after));
}

void CellLife::disarm_child_timer() noexcept {
  if (Timer* const timer = std::exchange(c.extras().child_timer, nullptr)) {
    c.scheduler_->disarm(*timer);
    timer->release();
  }
}

void CellLife::forget_child(Cell& child) noexcept {
  CellExtras& x = c.extras();
  SiblingList::remove(x.newest_child, child);
  child.release();
}

}  // namespace coppice::detail
