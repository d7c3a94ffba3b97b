#include <mutex>
#include <utility>
#include <vector>

#include "base/thread.hpp"
#include "cell_life.hpp"
#include "coppice/actor/send.hpp"
#include "mailbox/shelf.hpp"

// [path 6 of 7] fail: from handle, when user code threw; to restart, in the supervisor

namespace coppice::detail {
namespace {

/// How long a plain child (one without a supervisor) may take to stop before it is killed.
constexpr Duration kChildStopLimit = std::chrono::seconds{5};

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

// ---- the end of a life ----

void CellLife::failed_in_hand(Envelope& envelope, bool was_handled, const std::exception* known) noexcept {
  Runtime& runtime = *c.runtime();
  const ExitReason reason = ExitReason::from_exception(std::current_exception(), known);
  if (!was_handled) {
    runtime.dead_letter(c, envelope, DeadReason::InHand);
    runtime.count(Count::Taken);
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
  crash->handling = envelope.ops->message;
  crash->by_itself = true;
  crash->keep_place = c.is_supervised();
  c.signal(crash);  // taken before the next message
}

void CellLife::begin_end(const ExitReason& reason, bool keep_place) noexcept {
  CellExtras& x = extras();
  x.ending = true;
  x.reason = reason;
  x.keep_place = keep_place;
  c.hold(kHeldByLife);
  c.draining_ = false;
  const Phase to = reason.is_normal() ? Phase::Stopping : Phase::Failed;
  if (c.phase() != to) set_phase(to);
  if (!keep_place) {
    c.mailbox().close();
    if (c.bound_ != nullptr && c.bound_->room != nullptr) c.admit_waiters();  // they find it closed, now
  }
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

/// An actor that stops by itself and has never needed more than its cell: no child, watcher, timer or name to see to, and
/// nobody who decides what comes.
bool CellLife::ends_bare(const CellSignal& stop) const noexcept {
  return c.extras_if_any() == nullptr && stop.by_itself && stop.reason.kind() == ExitReason::Kind::Normal &&
         c.phase() == Phase::Running && !c.is_supervised() && c.ops_->on_stop == nullptr &&
         c.ops_->begin_stop == nullptr;
}

/// What begin_end(), end_life() and close_place() come to then, in their order, without making the extras: blocks that
/// another core would have to fetch in order to free them.
void CellLife::end_bare() noexcept {
  c.hold(kHeldByLife);
  set_phase(Phase::Stopping);
  c.mailbox().close();
  if (c.bound_ != nullptr && c.bound_->room != nullptr) c.admit_waiters();
  destroy_state(ExitReason::normal());
  if (zombie_) return;
  if (!c.has_no_extras()) {  // somebody outside has given it something to hold, or its destructor has made something
    extras().ending = true;
    return end_life();
  }
  c.started_ = false;
  set_phase(Phase::Stopped);
  emit(EventKind::ActorStopped, {});
  drain_to_dead_letters(nullptr);
  c.place_over_.store(true, kRelease);
  c.runtime()->place_ended(c, ExitReason::normal());
  over_ = true;
}

void CellLife::stop_next_child() noexcept {
  CellExtras& x = extras();
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
  CellExtras& x = extras();
  disarm_child_timer();
  const ExitReason reason = x.reason;
  if (c.started_ && !x.was_killed && c.ops_->on_stop != nullptr && c.state_alive_) {
    if (const auto thrown = hook([&] { c.ops_->on_stop(c.state(), reason); })) {
      if (!zombie_) emit(EventKind::ActorFailed, "on_stop threw");
    }
    if (zombie_) return;
  }
  note_end_of_suspended();
  if (x.suspended != 0) {  // frames to unwind: user code
    static_cast<void>(hook([this] { withdraw_items(); }));
    if (zombie_) return;
  }
  withdraw_items();
  if (!x.links.empty()) fire_links(reason);
  if (c.state_alive_) destroy_state(reason);
  if (zombie_) return;
  if (x.holdings.may_have_any())
    give_up_holdings(c, HoldFor::Life);  // now: whoever has the name next finds no other alive
  x.exit_ops = nullptr;
  // A constructor or hook may have left children behind when it threw: they are gone by now (stop_next_child).
  x.ending = false;
  c.started_ = false;
  const bool start_failed = std::exchange(x.start_failed, false);
  const bool start_ignored = std::exchange(x.start_ignored, false);
  const TypeInfo* const handling = std::exchange(x.handling, nullptr);
  if (c.phase() == Phase::Stopping) set_phase(Phase::Stopped);
  const auto start_ticket = std::exchange(x.start_ticket, {});
  if (!reason.is_normal() && !x.was_killed) c.runtime()->count(Count::Failure);
  const bool is_failure = !reason.is_normal() || reason.cause() != nullptr;
  if (is_failure) note_error(reason);
  emit_end(reason, start_failed);
  if (!c.is_supervised() || !x.keep_place) bury_stash();
  if (!c.is_supervised()) {
    // A tree's top that gave up ends with shutdown, as OTP's does; its cause tells it from an ordered end. Whoever
    // waits for the start is told by that, and only when nothing of the place is left.
    if (!start_ticket && is_failure) c.runtime()->unhandled_failure(c, reason, handling);
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
              reason, handling);
}

void CellLife::destroy_state(const ExitReason& reason) noexcept {
  c.state_alive_ = false;
  if (const auto thrown = hook([this] { c.ops_->destroy(c.state()); })) {
    if (!zombie_) emit(EventKind::ActorFailed, "the destructor threw");
  }
  CellExtras* const x = c.extras_if_any();
  if (zombie_ || x == nullptr) return;
  withdraw_items();  // what the destructor made
  if (!x->links.empty()) fire_links(reason);
}

void CellLife::emit_end(const ExitReason& reason, bool start_failed) noexcept {
  const EventKind what = start_failed          ? EventKind::ActorStartFailed
                         : extras().was_killed ? EventKind::ActorKilled
                         : reason.is_normal()  ? EventKind::ActorStopped
                                               : EventKind::ActorFailed;
  emit(what, reason.text());
}

/// While the reason is ours to read: the frames are unwound as a hook, and a killer may give another meanwhile.
void CellLife::note_end_of_suspended() noexcept {
  CellExtras& x = extras();
  const bool crashed = x.reason.kind() == ExitReason::Kind::Error;
  x.of_suspended = crashed ? DeadReason::InHand : DeadReason::Stopped;
}

void CellLife::withdraw_items() noexcept {
  CellExtras& x = extras();
  while (LifeItem* const item = x.items) {
    static_cast<void>(delist(c, *item));
    item->withdraw(*item);
  }
  x.timers = 0;
}

void CellLife::fire_links(const ExitReason& reason) noexcept {
  CellExtras& x = extras();
  std::vector<LinkEnd> links;
  {
    const std::lock_guard lock{x.outside};
    links.swap(x.links);
  }
  for (const LinkEnd& link : links) {
    if (link.spent) continue;
    CellSignal* const exit = surely([] { return make_signal(CellSignal::Kind::LinkExit); });
    exit->reason = reason;
    exit->other = IntrusivePtr<Cell>::share(&c);
    exit->link_mine = link.mine;
    exit->link_theirs = link.theirs;
    link.other->signal(exit);
  }
}

void CellLife::send_downs(const ExitReason& reason) noexcept {
  CellExtras& x = extras();
  x.downs_due = false;
  WatchNode* oldest = x.watchers;
  while (oldest != nullptr && oldest->next_watch != nullptr) oldest = oldest->next_watch;
  x.watchers = nullptr;
  while (oldest != nullptr) {
    auto node = IntrusivePtr<WatchNode>::adopt(oldest);  // the list's count
    oldest = node->previous_watch;
    node->at_target = false;
    Cell& watcher = *node->watcher;
    const auto keep = IntrusivePtr<Cell>::share(watcher.bound() == nullptr ? nullptr : &watcher);
    Down down{RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(&c)), c.incarnation(), reason};
    deliver_surely(watcher, DownEnvelope::make(std::move(node), std::move(down)));
  }
}

/// [C3] Closes the mailbox and turns what waits into dead letters, gives up names and whatever else the place holds;
/// then the watchers and waiters hear of it.
void CellLife::close_place(const ExitReason& reason) noexcept {
  CellExtras& x = extras();
  Runtime& runtime = *c.runtime();
  c.mailbox().close();
  drain_to_dead_letters(x.pinned);
  give_up_holdings(c, HoldFor::Place);
  // Two that have filled each other's mailboxes would keep each other. A handler that is left behind may be at it.
  if (c.claim_.load(kRelaxed) != Cell::Claim::Killer) x.full_besides.clear();
  for (const auto& item : std::exchange(x.place_items, {})) item->place_ended();
  if (c.is_supervised()) fire_links(reason);  // those that were made while it waited for its next life
  send_downs(reason);
  if (c.phase() == Phase::Failed) set_phase(Phase::Stopped);
  c.place_over_.store(!c.is_supervised(), kRelease);
  // Before the system hears of it: a complete shutdown has run what the burials submit.
  if (!c.is_supervised() && c.factory_ != nullptr) c.factory_->retire();
  runtime.place_ended(c, reason);
  for (const auto& ticket : std::exchange(x.end_tickets, {})) ticket->complete(true, reason);
}

void CellLife::never_starts(Cell& cell) noexcept {
  cell.mailbox().close();
  CellLife{cell}.drain_to_dead_letters(nullptr);
  give_up_holdings(cell, HoldFor::Place);
  cell.place_over_.store(true, kRelease);
  for (auto* signal = static_cast<LaneSignal*>(cell.mailbox().end_now()); signal != nullptr;) {
    auto* const next = static_cast<LaneSignal*>(signal->next_signal);
    answer_for_ended(cell, signal);
    signal = next;
  }
  cell.release();
}

void dies_waiting(Cell& cell, Envelope& envelope) noexcept {
  Runtime& runtime = *cell.runtime();
  runtime.dead_letter(cell, envelope, DeadReason::Stopped);
  runtime.count(Count::Taken);
  if (envelope.ops->abandon != nullptr) envelope.ops->abandon(envelope, DeadReason::Stopped);
  try {
    envelope.ops->destroy(envelope);
  } catch (...) {
  }
}

/// `pinned`: a link that a stuck handler still holds; it is not freed here.
void CellLife::drain_to_dead_letters(const Link* pinned) noexcept {
  const auto free_link = [pinned](Link* link) {
    if (link != nullptr && link != pinned) free_block(link, static_cast<Envelope*>(link)->ops->bytes);
  };
  Shelf* const shelf = c.bound_ == nullptr ? nullptr : c.bound_->shelf;
  for (;;) {
    while (Link* const link = c.mailbox().next()) {
      free_link(c.mailbox().take(link));
      if (shelf != nullptr) continue;  // a token
      auto& envelope = *static_cast<Envelope*>(link);
      if (c.bound_ != nullptr && envelope.ops->bounded) c.bound_->leave();
      dies_waiting(c, envelope);
    }
    if (c.mailbox().is_drained()) break;
    yield_thread();  // a sender that was accepted before the close is about to link
  }
  free_link(c.mailbox().strip());
  if (shelf != nullptr) {
    for (Envelope* next = shelf->close(); next != nullptr;) {
      Envelope& envelope = *std::exchange(next, static_cast<Envelope*>(next->next.load(kRelaxed)));
      dies_waiting(c, envelope);
      free_block(&envelope, envelope.ops->bytes);
    }
  }
  if (c.bound_ != nullptr && c.bound_->room != nullptr) c.admit_waiters();  // they find it closed
}

void CellLife::tell_parent(ChildEvent::Kind kind, const ExitReason& reason, const TypeInfo* handling,
                           bool left_behind) noexcept {
  CellSignal* const event = make_signal(CellSignal::Kind::ChildEvent);
  event->child_kind = kind;
  event->reason = reason;
  event->handling = handling;
  event->left_behind = left_behind;
  event->incarnation = c.incarnation();
  if (CellExtras* const x = c.extras_if_any()) event->verdict = std::exchange(x->verdict, OnError::Supervise);
  event->other = IntrusivePtr<Cell>::share(&c);
  // With one worker's cache at hand, no other should be drawn from its sleep for what this one comes to at once.
  WokenBy by = WokenBy::OneThatEnds;
  if (kind == ChildEvent::Kind::Started) by = c.incarnation() > 1 ? WokenBy::OneThatStarts : WokenBy::Anybody;
  if (left_behind) by = WokenBy::Anybody;
  c.parent_->signal(event, by);
}

/// The one before goes after the lock: what was thrown may be the last to hold something of a user's.
void CellLife::note_error(const ExitReason& reason) noexcept {
  CellExtras& x = extras();
  ExitReason error = reason;
  const std::lock_guard lock{x.error_lock};  // released before `error` goes
  std::swap(x.last_error, error);
}

void CellLife::arm_child_timer(Duration after) noexcept {
  CellExtras& x = extras();
  disarm_child_timer();
  x.child_timer = new ChildTimer{c};
  c.scheduler_->arm(*x.child_timer, saturating_add(c.runtime()->clock->now(), after));
}

void CellLife::disarm_child_timer() noexcept {
  if (Timer* const timer = std::exchange(extras().child_timer, nullptr)) {
    c.scheduler_->disarm(*timer);
    timer->release();
  }
}

void CellLife::forget_child(Cell& child) noexcept {
  CellExtras& x = extras();
  SiblingList::remove(x.newest_child, child);
  child.release();
}

}  // namespace coppice::detail
