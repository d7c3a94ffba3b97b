#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/platform.hpp"
#include "cell_life.hpp"
#include "coppice/actor/send.hpp"

namespace coppice::detail {

namespace {

void send_down_at_once(Cell& ended, WatchNode& watch, std::uint32_t incarnation, ExitReason reason) noexcept {
  Down down{RefAccess::make<AnyRef>(IntrusivePtr<Cell>::share(&ended)), incarnation, std::move(reason)};
  Cell& watcher = *watch.watcher;
  deliver(watcher,
          make_envelope<DownEnvelope>(watch.down_ops, std::move(down), IntrusivePtr<WatchNode>::share(&watch)));
}

/// The answer to a link that came too late.
void refuse_link(Cell& ended, const CellSignal& link, const ExitReason& reason) noexcept {
  CellSignal* const exit = make_signal(CellSignal::Kind::LinkExit);
  exit->reason = reason;
  exit->other = IntrusivePtr<Cell>::share(&ended);
  exit->link_mine = 0;
  exit->link_theirs = link.link_mine;
  link.other->signal(exit);
}

/// All link numbers there are, of all systems: actors of two may be linked.
std::uint64_t new_link_number() noexcept {
  static constinit Atomic<std::uint64_t> last{0};
  return last.fetch_add(1, kRelaxed) + 1;
}

bool is_same_place(Cell& a, Cell& b) noexcept { return &live_cell(a) == &live_cell(b); }

/// For their owner to let go of after the lock: a count may be a cell's last, and behind that is user code.
template <class F>
[[nodiscard]] std::vector<LinkEnd> take_links(std::vector<LinkEnd>& links, F&& unwanted) {
  std::vector<LinkEnd> taken;
  std::vector<LinkEnd> kept;
  for (LinkEnd& link : links) (unwanted(link) ? taken : kept).push_back(std::move(link));
  links.swap(kept);
  return taken;
}

/// The link to `other` that is on, or the end.
auto find_link(std::vector<LinkEnd>& links, Cell& other) noexcept {
  return std::find_if(links.begin(), links.end(),
                      [&](const LinkEnd& link) { return !link.spent && is_same_place(*link.other, other); });
}

}  // namespace

void CellLife::handle(CellSignal& signal) noexcept {
  using Kind = CellSignal::Kind;
  switch (signal.kind) {
    case Kind::Stop: return on_stop_signal(signal);
    case Kind::Kill:
      if (signal.ticket && (is_over() || is_between_lives()))
        return signal.ticket->complete(false, ExitReason::no_proc());
      if (signal.ticket) c.extras().end_tickets.push_back(std::move(signal.ticket));
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
    case Kind::Link: return on_link(signal);
    case Kind::Unlink: return on_unlink(signal);
    case Kind::LinkExit: return on_link_exit(signal);
    case Kind::Exit: return on_exit(signal);
    case Kind::Attach:
      if (is_over()) return signal.item->place_ended();
      c.extras().place_items.push_back(std::move(signal.item));
      return;
    case Kind::Detach: std::erase(c.extras().place_items, signal.item); return;
    case Kind::Measure: return signal.sink->depth_is(signal.incarnation, c.mailbox().depth(kDepthMost));
  }
}

bool CellLife::is_between_lives() const noexcept {
  const CellExtras* const x = c.extras_if_any();
  return (x == nullptr || !x->ending) && (c.phase() == Phase::Failed || c.phase() == Phase::Stopped);
}

void CellLife::on_stop_signal(CellSignal& signal) noexcept {
  CellExtras& x = c.extras();
  if (is_over()) {
    if (signal.ticket) signal.ticket->complete(false, x.reason);
    return;
  }
  if (signal.ticket) x.end_tickets.push_back(std::move(signal.ticket));
  const bool between_lives = !x.ending && (c.phase() == Phase::Failed || c.phase() == Phase::Stopped);
  if (x.ending || between_lives) {
    // An end is under way, or waits for the supervisor: a stop of the place outranks keeping it.
    if (!signal.keep_place) x.keep_place = false;
    return;
  }
  if (signal.mode == StopMode::Drain && !c.is_supervised() && c.phase() == Phase::Running) {
    if (c.draining_) return;
    x.reason = signal.reason;
    c.draining_ = true;
    c.mailbox().close();
    set_phase(Phase::Stopping);
    return;
  }
  x.verdict = signal.verdict;
  x.handling = signal.handling;
  x.told_to_keep = signal.told_to_keep;
  begin_end(signal.reason, signal.keep_place);
}

void CellLife::on_kill(const ExitReason& why) noexcept {
  CellExtras& x = c.extras();
  const bool between_lives = !x.ending && (c.phase() == Phase::Failed || c.phase() == Phase::Stopped);
  if (is_over() || between_lives) return;
  const ExitReason reason = why.is_normal() ? ExitReason::killed() : why;
  x.was_killed = true;
  if (x.ending) {
    x.reason = reason;
    x.keep_place = false;
    if (c.ops_->begin_stop == nullptr) {
      on_child_late();  // the one it waits for gets no more time either
    } else if (x.newest_child != nullptr) {
      x.newest_child->signal(make_signal(CellSignal::Kind::Kill));
    }
    if (c.ops_->begin_stop != nullptr && c.state_alive_) {
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
  CellExtras& x = c.extras();
  if (x.ending || !may_follow(c.phase(), Phase::Restarting)) return;
  if (x.downs_due) send_downs(x.reason);
  if (x.closed_place) {
    if (!c.runtime()->admit()) {
      tell_parent(ChildEvent::Kind::StartFailed, ExitReason::error("the system is full or shutting down"));
      return;
    }
    c.mailbox().reopen();
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
  if (c.extras().downs_due) send_downs(c.extras().reason);
}

void CellLife::on_close() noexcept {
  CellExtras& x = c.extras();
  if (x.ending || x.closed_place) return;
  close_place(x.reason);
  x.closed_place = true;
}

void CellLife::on_bury() noexcept {
  CellExtras& x = c.extras();
  if (x.closed_place) {
    c.place_over_.store(true, kRelease);
    over_ = true;
    return;
  }
  const bool between_lives = !x.ending && (c.phase() == Phase::Failed || c.phase() == Phase::Stopped);
  if (between_lives) {
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
  CellExtras& x = c.extras();
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
  CellExtras& x = c.extras();
  if (!x.ending || x.newest_child == nullptr) return;
  if (!try_kill(*x.newest_child)) arm_child_timer(std::chrono::milliseconds{1});
}

void CellLife::on_watch(CellSignal& signal) noexcept {
  WatchNode& watch = *signal.watch;
  if (is_over()) return send_down_at_once(c, watch, 0, ExitReason::no_proc());
  CellExtras& x = c.extras();
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
  if (c.extras().watchers == &watch) c.extras().watchers = watch.next_watch;
  watch.release();
}

void CellLife::on_link(CellSignal& signal) noexcept {
  if (is_over()) return refuse_link(c, signal, ExitReason::no_proc());
  CellExtras& x = c.extras();
  const std::lock_guard lock{x.outside};
  if (const auto known = find_link(x.links, *signal.other); known != x.links.end()) {
    known->theirs = signal.link_mine;
  } else {
    x.links.push_back({.other = signal.other, .theirs = signal.link_mine});
  }
}

/// What the other one had not heard of when it unlinked stays.
void CellLife::on_unlink(CellSignal& signal) noexcept {
  CellExtras& x = c.extras();
  std::vector<LinkEnd> gone;
  const std::lock_guard lock{x.outside};
  for (LinkEnd& link : x.links) {
    if (link.spent) continue;
    if (link.theirs == signal.link_mine) link.theirs = 0;
    if (link.mine == signal.link_theirs) link.mine = 0;
  }
  gone = take_links(x.links, [](const LinkEnd& link) { return link.key() == 0; });
}

void CellLife::on_link_exit(CellSignal& signal) noexcept {
  CellExtras& x = c.extras();
  const bool is_trapped = x.exit_ops != nullptr && !x.ending && !is_over();
  LinkEnd carrier;
  {
    const std::lock_guard lock{x.outside};
    const auto found = std::find_if(x.links.begin(), x.links.end(), [&](const LinkEnd& link) {
      const bool one_of_ours = link.mine != 0 && link.mine == signal.link_theirs;
      const bool one_of_theirs = link.theirs != 0 && link.theirs == signal.link_mine;
      return !link.spent && (one_of_ours || one_of_theirs);
    });
    if (found == x.links.end()) return;  // a link that is no longer there does not carry anything
    carrier = *found;
    if (is_trapped) {
      found->spent = true;
    } else {
      x.links.erase(found);
    }
  }
  // Both had linked and it ended before it heard of ours, which may come to its next life: that one is not linked.
  if (carrier.mine != 0 && carrier.mine != signal.link_theirs) {
    CellSignal* const unlink = make_signal(CellSignal::Kind::Unlink);
    unlink->other = IntrusivePtr<Cell>::share(&c);
    unlink->link_mine = carrier.mine;
    carrier.other->signal(unlink);
  }
  if (x.ending || is_over()) return;
  if (is_trapped) {
    ExitSignal exit{RefAccess::make<AnyRef>(signal.other), signal.reason};
    deliver(c, make_envelope<ExitEnvelope>(x.exit_ops, std::move(exit), carrier.key(), c.incarnation()));
    return;
  }
  if (signal.reason.kind() == ExitReason::Kind::Normal || !c.state_alive_) return;
  begin_end(signal.reason, c.is_supervised());
}

void CellLife::on_exit(CellSignal& signal) noexcept {
  CellExtras& x = c.extras();
  if (x.ending || is_over() || !c.state_alive_) return;
  if (x.exit_ops != nullptr) {
    ExitSignal exit{RefAccess::make<AnyRef>(signal.other), signal.reason};
    deliver(c, make_envelope<ExitEnvelope>(x.exit_ops, std::move(exit), std::uint64_t{0}, c.incarnation()));
    return;
  }
  const bool is_own = signal.other && is_same_place(*signal.other, c);
  if (signal.reason.kind() == ExitReason::Kind::Normal && !is_own) return;
  begin_end(signal.reason, c.is_supervised());
}

// ---- links, from the actor's side ----

void link_cells(Cell& self, Cell& other) {
  if (is_same_place(self, other)) return;
  CellExtras& x = self.extras();
  const std::uint64_t number = new_link_number();
  {
    const std::lock_guard lock{x.outside};
    if (find_link(x.links, other) != x.links.end()) return;
    x.links.push_back({.other = IntrusivePtr<Cell>::share(&other), .mine = number});
  }
  CellSignal* const link = make_signal(CellSignal::Kind::Link);
  link->other = IntrusivePtr<Cell>::share(&self);
  link->link_mine = number;
  other.signal(link);
}

void link_from_start(Cell& parent, Cell& child) {
  const std::uint64_t number = new_link_number();
  child.extras().links.push_back({.other = IntrusivePtr<Cell>::share(&parent), .theirs = number});
  CellExtras& x = parent.extras();
  const std::lock_guard lock{x.outside};
  x.links.push_back({.other = IntrusivePtr<Cell>::share(&child), .mine = number});
}

void unlink_cells(Cell& self, Cell& other) noexcept {
  CellExtras& x = self.extras();
  std::vector<LinkEnd> gone;
  {
    const std::lock_guard lock{x.outside};
    // Those that are spent as well: what they carried is not handled any more.
    gone = take_links(x.links, [&](const LinkEnd& each) { return is_same_place(*each.other, other); });
  }
  for (const LinkEnd& link : gone) {
    if (link.spent) continue;
    CellSignal* const unlink = make_signal(CellSignal::Kind::Unlink);
    unlink->other = IntrusivePtr<Cell>::share(&self);
    unlink->link_mine = link.mine;
    unlink->link_theirs = link.theirs;
    other.signal(unlink);
  }
}

bool ExitEnvelope::spend(Cell& cell) noexcept {
  if (incarnation != cell.incarnation()) return false;
  if (link == 0) return true;
  CellExtras& x = cell.extras();
  std::vector<LinkEnd> gone;
  const std::lock_guard lock{x.outside};
  gone = take_links(x.links, [this](const LinkEnd& each) { return each.spent && each.key() == link; });
  return !gone.empty();
}

void trap_exits(Cell& self, const EnvelopeOps* exit_ops) { self.extras().exit_ops = exit_ops; }

void send_exit(Cell& self, Cell& to, const ExitReason& reason) noexcept {
  if (reason.kind() == ExitReason::Kind::Killed) {
    // (Oneself is not taken over: this handler is about to return.)
    if (is_same_place(self, to)) return self.signal(make_signal(CellSignal::Kind::Kill));
    Cell& target = live_cell(to);
    Runtime& runtime = *target.runtime();
    const auto ticket = IntrusivePtr<Ticket>::adopt(new Ticket{runtime});
    ticket->late = IntrusivePtr<Cell>::share(&target);
    // It may stand between two handlers when we look, and in one that hangs a moment later: so look again.
    if (!try_kill(target, ExitReason::killed(), ticket))
      ticket->kill_at(saturating_add(runtime.clock->now(), std::chrono::milliseconds{1}));
    return;
  }
  CellSignal* const exit = make_signal(CellSignal::Kind::Exit);
  exit->reason = reason;
  exit->other = IntrusivePtr<Cell>::share(&self);
  to.signal(exit);
}

void CellLife::answer_for_ended(Cell& cell, CellSignal* signal) noexcept {
  using Kind = CellSignal::Kind;
  if (signal->by_itself) {  // of a handler that was left behind
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
    case Kind::Link: refuse_link(cell, *signal, ExitReason::no_proc()); break;
    case Kind::Attach: signal->item->place_ended(); break;
    case Kind::ChildEvent:
      // Its supervisor has ended: nobody will decide any more.
      if (signal->other->is_supervised()) signal->other->signal(make_signal(Kind::Bury));
      break;
    case Kind::Stop:
      if (signal->ticket) signal->ticket->complete(false, ExitReason::no_proc());
      break;
    case Kind::Measure: signal->sink->depth_is(signal->incarnation, 0); break;
    default: break;
  }
  delete signal;
}

/// What came before the end is answered with the end, not with "there is nobody".
void CellLife::answer_at_end(Cell& cell, CellSignal* signal, const ExitReason& reason) noexcept {
  using Kind = CellSignal::Kind;
  switch (signal->kind) {
    case Kind::Stop:
      if (signal->ticket) signal->ticket->complete(true, reason);
      break;
    case Kind::Watch: send_down_at_once(cell, *signal->watch, cell.incarnation(), reason); break;
    case Kind::Link: refuse_link(cell, *signal, reason); break;
    default: return answer_for_ended(cell, signal);
  }
  delete signal;
}

void attach(Cell& cell, IntrusivePtr<PlaceItem> item) {
  CellSignal* const signal = make_signal(CellSignal::Kind::Attach);
  signal->item = std::move(item);
  cell.signal(signal);
}

void detach(Cell& cell, IntrusivePtr<PlaceItem> item) noexcept {
  CellSignal* const signal = make_signal(CellSignal::Kind::Detach);
  signal->item = std::move(item);
  cell.signal(signal);
}

// ---- how many wait ----

void ask_depth(Cell& cell, IntrusivePtr<DepthSink> sink, std::uint32_t which) {
  if (cell.mailbox().is_idle()) return sink->depth_is(which, 0);
  CellSignal* const measure = make_signal(CellSignal::Kind::Measure);
  measure->incarnation = which;
  measure->sink = sink;
  cell.signal(measure);
  CellLife::look_for_depth(cell, *sink, which);
}

void look_for_depth(Cell& cell, DepthSink& sink, std::uint32_t which) noexcept {
  CellLife::look_for_depth(cell, sink, which);
}

/// Why another thread may read the mailbox here: as in take_over() below. The claim is ours and the Measure has not
/// been answered, so it is in the lane still (or behind the hook that is in hand). After heavy_fence() an owner whose
/// current_ we see set will look for signals before it touches the mailbox again, will find it, and must enter() first:
/// which it cannot before we leave.
void CellLife::look_for_depth(Cell& cell, DepthSink& sink, std::uint32_t which) noexcept {
  if (cell.current_.load(kAcquire) == nullptr) return;  // it will answer in a moment
  auto free = Cell::Claim::Free;
  if (!cell.claim_.compare_exchange_strong(free, Cell::Claim::Killer, kAcqRel, kRelaxed)) return;
  if (sink.wants(which)) {
    heavy_fence();
    if (cell.current_.load(kAcquire) != nullptr) sink.depth_is(which, cell.mailbox().depth(kDepthMost));
  }
  cell.claim_.store(Cell::Claim::Free, kRelease);
}

// ---- kill ----

bool try_kill(Cell& cell, const ExitReason& why, IntrusivePtr<Ticket> ticket) noexcept {
  CellSignal* const kill = make_signal(CellSignal::Kind::Kill);
  kill->reason = why;
  kill->ticket = std::move(ticket);
  cell.signal(kill);
  return CellLife::take_over(cell, why);
}

namespace {

/// What the end of a handler that was left behind says.
ExitReason reason_of_taking(const ExitReason& why, const Envelope& in_hand) {
  if (why.kind() != ExitReason::Kind::Error) return ExitReason::killed();
  const std::string where = &in_hand == &hook_in_hand ? ", in " : ", while handling ";
  const std::string text = std::string{why.text()} + where + std::string{in_hand.ops->message->name};
  return why.cause() == nullptr ? ExitReason::error(text) : ExitReason::error(text, *why.cause());
}

}  // namespace

/// A handler, or a hook, that does not return is left behind with the state it works on; everything else of the place
/// is ended here.
///
/// Why this is safe: the owner stores current_ (release), runs user code, stores null, light_fence, looks for signals;
/// the Kill is in the lane already. After heavy_fence() an owner whose current_ we see set will look for signals before
/// it touches the mailbox or the life-cycle again, will find ours, and must enter() first: which the claim below
/// decides, once.
bool CellLife::take_over(Cell& cell, const ExitReason& why) noexcept {
  heavy_fence();
  if (cell.current_.load(kAcquire) == nullptr) return false;
  auto free = Cell::Claim::Free;
  if (!cell.claim_.compare_exchange_strong(free, Cell::Claim::Killer, kAcqRel, kRelaxed)) return false;
  Envelope* const in_hand = cell.current_.load(kAcquire);
  // Null: it came back between the two looks. And a manager that has a message in hand is not stuck, for it runs no
  // code of users then; it will find the Kill, and end after its children.
  if (in_hand == nullptr || (cell.ops_->child_event != nullptr && in_hand != &hook_in_hand)) {
    cell.claim_.store(Cell::Claim::Free, kRelease);
    return false;
  }
  CellLife life{cell};
  CellExtras& x = cell.extras();
  const TypeInfo* const handling = in_hand->ops->message;
  const ExitReason reason = reason_of_taking(why, *in_hand);
  x.pinned = cell.mailbox().last_taken();
  cell.phase_.store(Phase::Failed, kRelease);
  x.reason = reason;
  life.note_error(reason);
  // Before anybody hears of the end: who does finds the zombie counted.
  life.emit(EventKind::ActorKilled, "its handler did not return in time; it is left behind until it does");
  cell.runtime()->zombie_left(cell, handling);
  life.fire_links(reason);
  life.close_place(reason);
  cell.place_over_.store(true, kRelease);
  while (CellSignal* const signal = x.taken_signals) {  // those that the owner has in hand
    x.taken_signals = static_cast<CellSignal*>(signal->next_signal);
    answer_at_end(cell, signal, reason);
  }
  // In one step: the owner that comes back must find the lane marked, or it would go on with the mailbox.
  for (auto* signal = static_cast<CellSignal*>(cell.mailbox().end_now()); signal != nullptr;) {
    auto* const next = static_cast<CellSignal*>(signal->next_signal);
    answer_at_end(cell, signal, reason);
    signal = next;
  }
  if (cell.factory_ != nullptr) cell.factory_->retire();
  if (cell.parent_ != nullptr) life.tell_parent(ChildEvent::Kind::Exited, reason, handling, true);
  cell.claim_.store(Cell::Claim::Taken, kRelease);
  return true;
}

/// The user code that was left behind has returned: what belongs to its life ends now, without on_stop.
bool CellLife::zombie_return() noexcept {
  CellExtras& x = c.extras();
  zombie_ = true;
  withdraw_items();
  fire_links(ExitReason::killed());
  disarm_child_timer();
  while (Cell* const child = x.newest_child) {
    CellSignal* const stop = make_signal(CellSignal::Kind::Stop);
    stop->reason = ExitReason::shutdown();
    child->signal(stop);
    forget_child(*child);
  }
  if (std::exchange(c.state_alive_, false)) {
    try {
      c.ops_->destroy(c.state());
    } catch (...) {  // nobody is left to tell
    }
    withdraw_items();  // what the destructor made
    fire_links(ExitReason::killed());
  }
  if (x.pinned != nullptr) free_block(x.pinned, static_cast<Envelope*>(x.pinned)->ops->bytes);
  x.pinned = nullptr;
  c.runtime()->zombie_returned(c);
  c.release();  // the place's own count
  return false;
}

}  // namespace coppice::detail
