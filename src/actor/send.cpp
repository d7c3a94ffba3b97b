#include "coppice/actor/send.hpp"

#include "coppice/actor/cell.hpp"

namespace coppice::detail {
namespace {

/// Says why, and sees to it that the message is nobody's any more or the caller's again.
Delivery refused(Cell& cell, Envelope* envelope, Delivery why, Refusal refusal) noexcept {
  Runtime& runtime = *cell.runtime();
  if (why == Delivery::Closed) {
    // A killed place goes on in a fresh cell. The count of the send stays the first cell's.
    if (Cell* const next = cell.successor()) {
      if (next->bound() != nullptr && envelope->ops->bounded && !next->bound()->try_enter()) {
        return refused(*next, envelope,
                       next->bound()->overflow == Overflow::Reject ? Delivery::Rejected : Delivery::Dropped, refusal);
      }
      switch (next->mailbox().push(*envelope)) {
        case Pushed::Activate: next->activate(); return Delivery::Accepted;
        case Pushed::Queued: return Delivery::Accepted;
        case Pushed::Refused: break;
      }
      if (next->bound() != nullptr && envelope->ops->bounded) next->bound()->withdraw();
      return refused(*next, envelope, why, refusal);
    }
  }
  runtime.count(Count::Refused);
  if (refusal == Refusal::HandBack) {
    runtime.count(Count::HandedBack);
    return why;
  }
  DeadReason reason = DeadReason::Closed;
  if (why == Delivery::Rejected) reason = DeadReason::Rejected;
  if (why == Delivery::Dropped) reason = DeadReason::Dropped;
  runtime.dead_letter(cell, *envelope, reason);
  if (envelope->ops->abandon != nullptr) envelope->ops->abandon(*envelope, reason);
  destroy_envelope(envelope);
  return why;
}

Delivery deliver_bounded(Cell& cell, Envelope* envelope, Refusal refusal) noexcept {
  Bound& bound = *cell.bound();
  if (cell.is_closed()) return refused(cell, envelope, Delivery::Closed, refusal);
  const bool counts = envelope->ops->bounded;
  if (counts && !bound.try_enter()) {
    return refused(cell, envelope, bound.overflow == Overflow::Reject ? Delivery::Rejected : Delivery::Dropped,
                   refusal);
  }
  switch (cell.mailbox().push(*envelope)) {
    case Pushed::Activate: cell.activate(); return Delivery::Accepted;
    case Pushed::Queued: return Delivery::Accepted;
    case Pushed::Refused: break;
  }
  if (counts) bound.withdraw();
  return refused(cell, envelope, Delivery::Closed, refusal);
}

}  // namespace

Delivery deliver(Cell& cell, Envelope* envelope, Refusal refusal) noexcept {
  cell.runtime()->count(Count::Sent);
  return deliver_counted(cell, envelope, refusal);
}

Delivery deliver_counted(Cell& cell, Envelope* envelope, Refusal refusal) noexcept {
  if (cell.bound() != nullptr) [[unlikely]] {
    return deliver_bounded(cell, envelope, refusal);
  }
  switch (cell.mailbox().push(*envelope)) {
    case Pushed::Activate: cell.activate(); return Delivery::Accepted;
    case Pushed::Queued: return Delivery::Accepted;
    case Pushed::Refused: break;
  }
  return refused(cell, envelope, Delivery::Closed, refusal);
}

}  // namespace coppice::detail
