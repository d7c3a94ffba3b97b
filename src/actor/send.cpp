#include "coppice/actor/send.hpp"

#include "back_pressure.hpp"
#include "base/surely.hpp"
#include "coppice/actor/cell.hpp"
#include "mailbox/room.hpp"
#include "mailbox/shelf.hpp"

namespace coppice::detail {
namespace {

/// What came of one try to put a message into a mailbox with a bound or a shelf.
enum class Put : unsigned char { Done, Rejected, Dropped, Full, Closed };

/// False: it is closed, and the link still the caller's.
[[nodiscard]] inline bool push_and_wake(Cell& cell, Link& link) noexcept {
  switch (cell.mailbox().push(link)) {
    case Pushed::Activate: cell.activate(); return true;
    case Pushed::Queued: return true;
    case Pushed::Refused: break;
  }
  return false;
}

void evict(Cell& cell, Envelope* evicted, DeadReason reason) noexcept {
  Runtime& runtime = *cell.runtime();
  while (evicted != nullptr) {
    Envelope* const envelope = std::exchange(evicted, static_cast<Envelope*>(evicted->next.load(kRelaxed)));
    runtime.dead_letter(cell, *envelope, reason);
    runtime.count(Count::Taken);
    if (envelope->ops->abandon != nullptr) envelope->ops->abandon(*envelope, reason);
    destroy_envelope(envelope);
  }
}

/// `above`: whatever the capacity.
Put put_on_shelf(Cell& cell, Envelope& envelope, Priority priority, bool above) {
  Shelf& shelf = *cell.bound()->shelf;
  Offered offered =
      shelf.offer(envelope, {priority, above, shelf.measures() ? cell.runtime()->clock->now() : TimePoint{}});
  if (offered.evicted != nullptr) evict(cell, offered.evicted, offered.evicted_as);
  // Where it is closed meanwhile the token goes, and whoever closes clears the shelf.
  if (offered.token != nullptr && push_and_wake(cell, *offered.token)) static_cast<void>(offered.token.release());
  switch (offered.what) {
    case Offered::What::Taken: return Put::Done;
    case Offered::What::Rejected: return Put::Rejected;
    case Offered::What::Dropped: return Put::Dropped;
    case Offered::What::Full: return Put::Full;
    case Offered::What::Closed: return Put::Closed;
  }
  return Put::Closed;
}

Put put_counted(Cell& cell, Envelope& envelope, bool above) noexcept {
  Bound& bound = *cell.bound();
  const bool counts = envelope.ops->bounded;
  if (counts && above) bound.enter_above();
  if (counts && !above && !bound.try_enter()) {
    switch (bound.options.rules().overflow.overflow()) {
      case Overflow::Reject: return Put::Rejected;
      case Overflow::Block: return Put::Full;
      default: return Put::Dropped;
    }
  }
  if (push_and_wake(cell, envelope)) return Put::Done;
  if (counts) {
    bound.withdraw();
    // Somebody may wait for the room that this one seemed to take, where the place is open again.
    if (bound.room != nullptr) cell.admit_waiters();
  }
  return Put::Closed;
}

Put put(Cell& cell, Envelope& envelope, Priority priority, bool above = false) {
  if (cell.is_closed()) return Put::Closed;
  return cell.bound()->shelf != nullptr ? put_on_shelf(cell, envelope, priority, above)
                                        : put_counted(cell, envelope, above);
}

Delivery place(Cell& cell, Envelope* envelope, const How& how);

/// Says why, and sees to it that the message is nobody's any more or the caller's again.
Delivery refused(Cell& cell, Envelope* envelope, Delivery why, DeadReason reason, const How& how) {
  if (why == Delivery::Closed) {
    // A killed place goes on in a fresh cell. The count of the send stays the first cell's.
    if (Cell* const next = cell.successor()) return place(*next, envelope, how);
  }
  Runtime& runtime = *cell.runtime();
  if (how.refusal == Refusal::HandBack) {
    runtime.count(Count::HandedBack);
    runtime.count(Count::Refused);
    return why;
  }
  if (cell.bound() != nullptr) note_enqueued(cell);
  runtime.dead_letter(cell, *envelope, reason);
  runtime.count(Count::Refused);
  if (envelope->ops->abandon != nullptr) envelope->ops->abandon(*envelope, reason);
  destroy_envelope(envelope);
  return why;
}

/// A thread waits; the runtime of a test system runs its actors meanwhile.
Put wait_for_room(Cell& cell, Envelope& envelope, const How& how) {
  Runtime& runtime = *cell.runtime();
  Room& room = *cell.bound()->room;
  const Duration within = how.within.value_or(cell.bound()->options.rules().block_within);
  if (within <= Duration::zero()) return Put::Full;  // not at all: a test system would run its actors
  const TimePoint until = saturating_add(runtime.clock->now(), within);
  const ThreadWait wait{room};
  for (;;) {
    const std::uint32_t round = room.round().load(kAcquire);
    const Put came = put(cell, envelope, how.priority);
    if (came != Put::Full) return came;
    if (!runtime.wait(room.round(), round, until)) return put(cell, envelope, how.priority);
  }
}

/// At a full mailbox that blocks.
Put block(Cell& cell, Envelope& envelope, const How& how) {
  Cell* const me = this_thread.cell;
  if (me == nullptr) {
    // A worker that runs a completion handler waits for nobody, or the actor that should make room might wait for it.
    if (this_thread.worker != nullptr) return Put::Full;
    return wait_for_room(cell, envelope, how);
  }
  prepare_to_mute(*me);
  const Put came = put(cell, envelope, how.priority, true);
  if (came == Put::Done) mute(*me, cell);
  return came;
}

/// A priority for a mailbox that has none. What has ended says that first.
Delivery unsupported(Cell& cell, Envelope* envelope, const How& how) {
  if (cell.is_closed()) return refused(cell, envelope, Delivery::Closed, DeadReason::Closed, how);
  return refused(cell, envelope, Delivery::Rejected, DeadReason::Unsupported, how);
}

Delivery conclude(Cell& cell, Envelope* envelope, Put came, const How& how) {
  switch (came) {
    case Put::Done: return Delivery::Accepted;  // and nothing of the cell is touched: it may be gone
    case Put::Rejected: return refused(cell, envelope, Delivery::Rejected, DeadReason::Rejected, how);
    case Put::Dropped: return refused(cell, envelope, Delivery::Dropped, DeadReason::Dropped, how);
    case Put::Full: return refused(cell, envelope, Delivery::TimedOut, DeadReason::TimedOut, how);
    case Put::Closed: break;
  }
  return refused(cell, envelope, Delivery::Closed, DeadReason::Closed, how);
}

/// Puts it where it is to go, the send being counted.
Delivery place(Cell& cell, Envelope* envelope, const How& how) {
  if (cell.bound() == nullptr) {
    if (how.priority != Priority::Normal) return unsupported(cell, envelope, how);
    if (push_and_wake(cell, *envelope)) return Delivery::Accepted;
    return refused(cell, envelope, Delivery::Closed, DeadReason::Closed, how);
  }
  if (how.priority != Priority::Normal && cell.bound()->options.rules().order != Order::Priority)
    return unsupported(cell, envelope, how);
  Put came = put(cell, *envelope, how.priority);
  if (came == Put::Full) came = block(cell, *envelope, how);
  return conclude(cell, envelope, came, how);
}

/// Without memory it has not been sent: the caller hears that, and the count says that it was handed back.
Delivery place_or_throw(Cell& cell, Envelope* envelope, const How& how) {
  try {
    return place(cell, envelope, how);
  } catch (...) {
    Runtime& runtime = *cell.runtime();
    runtime.count(Count::HandedBack);
    runtime.count(Count::Refused);
    if (how.refusal == Refusal::DeadLetter && !how.stays_when_it_throws) destroy_envelope(envelope);
    throw;
  }
}

/// In the child of a fork(). Takes no lock, since another thread may have held it: no dead letter is kept.
Delivery refused_after_fork(Cell& cell, Envelope* envelope, Refusal refusal) noexcept {
  Runtime& runtime = *cell.runtime();
  const bool is_back = refusal == Refusal::HandBack;
  runtime.count(is_back ? Count::HandedBack : dead_count(DeadReason::Closed));
  runtime.count(Count::Refused);
  if (is_back) return Delivery::Closed;
  if (envelope->ops->abandon != nullptr) envelope->ops->abandon(*envelope, DeadReason::Closed);
  destroy_envelope(envelope);
  return Delivery::Closed;
}

}  // namespace

std::optional<Delivery> deliver_unless_full(Cell& cell, Envelope* envelope, bool above) {
  if (cell.runtime()->is_abandoned()) return refused_after_fork(cell, envelope, Refusal::DeadLetter);
  if (cell.bound() == nullptr) return place(cell, envelope, {});
  const Put came = put(cell, *envelope, Priority::Normal, above);
  if (came == Put::Full) return std::nullopt;
  return conclude(cell, envelope, came, {});
}

void refuse(Cell& cell, Envelope* envelope, Delivery why, DeadReason reason) {
  static_cast<void>(refused(cell, envelope, why, reason, {}));
}

Delivery deliver(Cell& cell, Envelope* envelope, Refusal refusal) {
  if (!cell.runtime()->count_sent()) return refused_after_fork(cell, envelope, refusal);
  return deliver_counted(cell, envelope, refusal);
}

void deliver_surely(Cell& cell, Envelope* envelope) noexcept {
  if (cell.bound() == nullptr) [[likely]] {  // which needs no memory
    static_cast<void>(deliver(cell, envelope));
    return;
  }
  surely([&] { return deliver(cell, envelope, How{.stays_when_it_throws = true}); });
}

Delivery deliver_counted(Cell& cell, Envelope* envelope, Refusal refusal) {
  if (cell.bound() == nullptr) [[likely]] {
    if (push_and_wake(cell, *envelope)) return Delivery::Accepted;
    return refused(cell, envelope, Delivery::Closed, DeadReason::Closed, {.refusal = refusal});
  }
  return place_or_throw(cell, envelope, {.refusal = refusal});
}

Delivery deliver(Cell& cell, Envelope* envelope, const How& how) {
  if (!cell.runtime()->count_sent()) return refused_after_fork(cell, envelope, how.refusal);
  return place_or_throw(cell, envelope, how);
}

}  // namespace coppice::detail
