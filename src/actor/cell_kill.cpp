#include <string>
#include <utility>

#include "back_pressure.hpp"
#include "base/platform.hpp"
#include "cell_life.hpp"

// What another thread does to a cell whose owner stands in user code: reads its mailbox, or takes its place.

namespace coppice::detail {

// ---- how many wait ----

void ask_depth(Cell& cell, const IntrusivePtr<DepthSink>& sink, std::uint32_t which) {
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
    if (cell.current_.load(kAcquire) != nullptr) sink.depth_is(which, cell.depth(kDepthMost));
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
  CellExtras& x = life.extras();
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
  while (LaneSignal* const signal = x.taken_signals) {  // those that the owner has in hand
    x.taken_signals = static_cast<LaneSignal*>(signal->next_signal);
    answer_at_end(cell, signal, reason);
  }
  // In one step: the owner that comes back must find the lane marked, or it would go on with the mailbox.
  for (auto* signal = static_cast<LaneSignal*>(cell.mailbox().end_now()); signal != nullptr;) {
    auto* const next = static_cast<LaneSignal*>(signal->next_signal);
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
  note_end_of_suspended();
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
  bury_stash();
  end_wait(c);  // or it and whom it waits for would keep each other
  x.full_besides.clear();
  if (x.pinned != nullptr) free_block(x.pinned, static_cast<Envelope*>(x.pinned)->ops->bytes);
  x.pinned = nullptr;
  c.runtime()->zombie_returned(c);
  c.release();  // the place's own count
  return false;
}

}  // namespace coppice::detail
