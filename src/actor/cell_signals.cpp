#include <memory>
#include <utility>
#include <vector>

#include "back_pressure.hpp"
#include "cell_life.hpp"
#include "coppice/actor/send.hpp"
#include "mailbox/shelf.hpp"

namespace coppice::detail {

namespace {

void send_down_at_once(Cell& ended, WatchNode& watch, std::uint32_t incarnation, ExitReason reason) noexcept {
  Down down{RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(&ended)), incarnation, std::move(reason)};
  Cell& watcher = *watch.watcher;
  deliver_surely(watcher, DownEnvelope::make(IntrusivePtr<WatchNode>::share(&watch), std::move(down)));
}

}  // namespace

void CellLife::handle(LaneSignal* signal) noexcept {
  if (signal->kind == LaneSignal::Kind::Wakeup) return on_wakeup(static_cast<Wakeup&>(*signal));
  std::unique_ptr<CellSignal> full{static_cast<CellSignal*>(signal)};
  if (full->kind == CellSignal::Kind::Link) return on_link(std::move(full));  // it may go back to its sender
  handle(*full);
}

void CellLife::handle(CellSignal& signal) noexcept {
  using Kind = CellSignal::Kind;
  switch (signal.kind) {
    case Kind::Stop: return on_stop_signal(signal);
    case Kind::Kill:
      if (signal.ticket && (is_over() || is_between_lives()))
        return signal.ticket->complete(false, ExitReason::no_proc());
      if (signal.ticket) extras().end_tickets.push_back(std::move(signal.ticket));
      return on_kill(signal.reason);
    case Kind::Restart: return on_restart_signal();
    case Kind::Retain: return on_retain();
    case Kind::Close: return on_close();
    case Kind::Bury: return on_bury();
    case Kind::ChildEvent:
    case Kind::Poke: return on_child_event(signal);
    case Kind::ChildLate: return on_child_late();
    case Kind::Watch: return on_watch(signal);
    case Kind::Unwatch: return on_unwatch(signal);
    case Kind::Unlink: return on_unlink(signal);
    case Kind::LinkExit: return on_link_exit(signal);
    case Kind::Exit: return on_exit(signal);
    case Kind::Attach:
      if (is_over()) return signal.item->place_ended();
      extras().place_items.push_back(std::move(signal.item));
      return;
    case Kind::Unmute: return on_unmute();
    case Kind::Yield: c.attention_ = true; return;  // attend() ends the activation for it
    case Kind::Pause: return on_pause();
    case Kind::Resume: return on_resume(signal.incarnation);
    case Kind::Measure: return signal.sink->depth_is(signal.incarnation, c.depth(kDepthMost));
    case Kind::Link:
    case Kind::Wakeup: return;  // not here
  }
}

bool CellLife::is_between_lives() const noexcept {
  const CellExtras* const x = c.extras_if_any();
  return (x == nullptr || !x->ending) && (c.phase() == Phase::Failed || c.phase() == Phase::Stopped);
}

void CellLife::on_stop_signal(CellSignal& signal) noexcept {
  if (ends_bare(signal)) return end_bare();
  CellExtras& x = extras();
  if (is_over()) {
    if (signal.ticket) signal.ticket->complete(false, x.reason);
    return;
  }
  if (signal.ticket) x.end_tickets.push_back(std::move(signal.ticket));
  if (x.ending || is_between_lives()) {
    // An end is under way, or waits for the supervisor: a stop of the place outranks keeping it.
    if (!signal.keep_place) x.keep_place = false;
    return;
  }
  if (signal.mode == StopMode::Drain && !c.is_supervised() && c.phase() == Phase::Running) {
    if (c.draining_) return;
    x.reason = signal.reason;
    c.draining_ = true;
    c.mailbox().close();
    if (c.bound_ != nullptr && c.bound_->room != nullptr) c.admit_waiters();
    set_phase(Phase::Stopping);
    return;
  }
  x.verdict = signal.verdict;
  x.handling = signal.handling;
  x.told_to_keep = signal.told_to_keep;
  begin_end(signal.reason, signal.keep_place);
}

void CellLife::on_kill(const ExitReason& why) noexcept {
  CellExtras& x = extras();
  if (is_over() || is_between_lives()) return;
  const ExitReason reason = why.is_normal() ? ExitReason::killed() : why;
  x.was_killed = true;
  if (x.ending) {
    x.reason = reason;
    x.keep_place = false;
    if (c.ops_->begin_stop == nullptr) {
      on_child_late();  // the one it waits for gets no more time either
    } else if (c.state_alive_) {
      // A manager is waiting for its children: they get no more time.
      try {
        c.ops_->begin_stop(c.state(), x.reason);
      } catch (...) {
        x.manager_stopped = true;
      }
      after_manager();
    }
    return;
  }
  begin_end(reason, false);
}

void CellLife::on_restart_signal() noexcept {
  CellExtras& x = extras();
  if (x.ending || !may_follow(c.phase(), Phase::Restarting)) return;
  if (x.downs_due) send_downs(x.reason);
  if (x.closed_place) {
    if (!c.runtime()->admit()) {
      tell_parent(ChildEvent::Kind::StartFailed, ExitReason::error("the system is full or shutting down"));
      return;
    }
    c.mailbox().reopen();  // before the shelf: what is accepted there needs a token here
    if (c.bound_ != nullptr && c.bound_->shelf != nullptr) c.bound_->shelf->reopen();
    if (ExitReason why_not; !c.claim_own_name(why_not)) {
      c.mailbox().close();
      drain_to_dead_letters(nullptr);
      give_up_holdings(c, HoldFor::Place);
      c.runtime()->unadmit();
      tell_parent(ChildEvent::Kind::StartFailed, why_not);
      return;
    }
    x.closed_place = false;
  }
  set_phase(Phase::Restarting);
  start_life();
}

void CellLife::on_retain() noexcept {
  if (extras().downs_due) send_downs(extras().reason);
}

void CellLife::on_close() noexcept {
  CellExtras& x = extras();
  if (x.ending || x.closed_place) return;
  bury_stash();
  close_place(x.reason);
  x.closed_place = true;
}

void CellLife::on_bury() noexcept {
  CellExtras& x = extras();
  if (x.closed_place) {
    c.place_over_.store(true, kRelease);
    over_ = true;
    return;
  }
  if (is_between_lives()) {
    bury_stash();
    close_place(x.reason);
    c.place_over_.store(true, kRelease);
    over_ = true;
    return;
  }
  // Its supervisor went away over its head: it ends like anybody without one.
  c.supervised_.store(false, kRelaxed);
  x.keep_place = false;
  if (!x.ending) begin_end(ExitReason::shutdown(), false);
}

void CellLife::on_child_event(CellSignal& signal) noexcept {
  CellExtras& x = extras();
  if (c.ops_->child_event != nullptr) {
    const bool poke = signal.kind == CellSignal::Kind::Poke;
    const ChildEvent event{poke ? ChildEvent::Kind::Poke : signal.child_kind,
                           signal.other.get(),
                           signal.incarnation,
                           signal.reason,
                           signal.verdict,
                           signal.handling,
                           signal.left_behind};
    if (!c.state_alive_) return;
    try {
      c.ops_->child_event(c.state(), event);
    } catch (...) {
      if (!x.ending) begin_end(ExitReason::from_exception(std::current_exception()), c.is_supervised());
    }
    after_manager();
    return;
  }
  if (signal.child_kind != ChildEvent::Kind::Exited || signal.kind == CellSignal::Kind::Poke) return;
  forget_child(*signal.other);
  if (x.ending) stop_next_child();
}

void CellLife::on_child_late() noexcept {
  CellExtras& x = extras();
  if (!x.ending || x.newest_child == nullptr) return;
  if (!try_kill(*x.newest_child)) arm_child_timer(std::chrono::milliseconds{1});
}

void CellLife::on_pause() noexcept {
  if (is_over()) return;
  extras().steps = 0;
  c.hold(kHeldByOrder);
}

void CellLife::on_resume(std::uint32_t messages) noexcept {
  CellExtras& x = extras();
  if (!c.is_held(kHeldByOrder) && x.steps == 0) return;
  if (messages == 0) {
    x.steps = 0;
  } else {
    x.steps += messages;
    c.watch_steps();
  }
  c.release(kHeldByOrder);
  if (x.ready != nullptr) c.attention_ = true;  // handlers that would have gone on meanwhile
}

void CellLife::on_watch(CellSignal& signal) noexcept {
  WatchNode& watch = *signal.watch;
  if (is_over()) return send_down_at_once(c, watch, 0, ExitReason::no_proc());
  CellExtras& x = extras();
  watch.add_ref();
  watch.at_target = true;
  watch.previous_watch = nullptr;
  watch.next_watch = x.watchers;
  if (x.watchers != nullptr) x.watchers->previous_watch = &watch;
  x.watchers = &watch;
}

void CellLife::on_unwatch(CellSignal& signal) noexcept {
  WatchNode& watch = *signal.watch;
  if (!watch.at_target) return;
  watch.at_target = false;
  if (watch.previous_watch != nullptr) watch.previous_watch->next_watch = watch.next_watch;
  if (watch.next_watch != nullptr) watch.next_watch->previous_watch = watch.previous_watch;
  if (extras().watchers == &watch) extras().watchers = watch.next_watch;
  watch.release();
}

void CellLife::answer_for_ended(Cell& cell, LaneSignal* any) noexcept {
  using Kind = CellSignal::Kind;
  if (any->kind == Kind::Wakeup) {  // its handler has been unwound, or was left behind
    auto& wakeup = static_cast<Wakeup&>(*any);
    return wakeup.let_go(wakeup);
  }
  auto* const signal = static_cast<CellSignal*>(any);
  if (signal->by_itself || signal->kind == Kind::Unmute) {  // of a handler that was left behind
    if (signal->kind == Kind::Unmute) end_wait(cell);
    delete signal;
    return;
  }
  if (signal->kind == Kind::Kill && signal->ticket) {  // of the life that is over
    signal->ticket->complete(false, ExitReason::no_proc());
    delete signal;
    return;
  }
  // A killed place goes on in a fresh cell: that one answers.
  if (Cell* const next = cell.successor()) {
    if (signal->kind != Kind::ChildEvent && signal->kind != Kind::Bury) return next->signal(signal);
  }
  switch (signal->kind) {
    case Kind::Watch: send_down_at_once(cell, *signal->watch, 0, ExitReason::no_proc()); break;
    case Kind::Link: return refuse_link(signal, cell, ExitReason::no_proc());
    case Kind::Attach: signal->item->place_ended(); break;
    case Kind::ChildEvent: {
      // Its supervisor has ended: nobody will decide any more. The very signal says so, as there may be no memory for
      // another.
      const IntrusivePtr<Cell> child = std::move(signal->other);
      if (!child->is_supervised()) break;
      signal->kind = Kind::Bury;
      return child->signal(signal);
    }
    case Kind::Stop:
      if (signal->ticket) signal->ticket->complete(false, ExitReason::no_proc());
      break;
    case Kind::Measure: signal->sink->depth_is(signal->incarnation, 0); break;
    default: break;
  }
  delete signal;
}

/// What came before the end is answered with the end, not with "there is nobody".
void CellLife::answer_at_end(Cell& cell, LaneSignal* any, const ExitReason& reason) noexcept {
  using Kind = CellSignal::Kind;
  if (any->kind == Kind::Wakeup) return answer_for_ended(cell, any);
  auto* const signal = static_cast<CellSignal*>(any);
  switch (signal->kind) {
    case Kind::Stop:
      if (signal->ticket) signal->ticket->complete(true, reason);
      break;
    case Kind::Watch: send_down_at_once(cell, *signal->watch, cell.incarnation(), reason); break;
    case Kind::Link: return refuse_link(signal, cell, reason);
    default: return answer_for_ended(cell, signal);
  }
  delete signal;
}

void attach(Cell& cell, IntrusivePtr<PlaceItem> item) {
  CellSignal* const signal = make_signal(CellSignal::Kind::Attach);
  signal->item = std::move(item);
  cell.signal(signal);
}

}  // namespace coppice::detail
