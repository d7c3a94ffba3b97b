#include "coppice/actor/stash.hpp"

#include <utility>

#include "base/surely.hpp"
#include "base/thread.hpp"
#include "cell_extras.hpp"
#include "cell_life.hpp"
#include "mailbox/shelf.hpp"

namespace coppice::detail {
namespace {

Priority priority_of(const Envelope& envelope) noexcept {
  Particulars particulars;
  if (envelope.ops->describe != nullptr) envelope.ops->describe(envelope, particulars);
  return static_cast<Priority>(particulars.priority);
}

/// Takes the oldest, `most` at most, out of the stash, chained. How many: at least one.
std::size_t take_some(CellExtras& x, std::size_t most, Envelope*& first, Envelope*& last) noexcept {
  first = last = x.stash_oldest;
  std::size_t count = 1;
  for (; count < most && last != x.stash_newest; ++count) last = static_cast<Envelope*>(last->next.load(kRelaxed));
  x.stash_oldest = static_cast<Envelope*>(last->next.load(kRelaxed));
  if (x.stash_oldest == nullptr) x.stash_newest = nullptr;
  last->next.store(nullptr, kRelaxed);
  x.stashed -= count;
  return count;
}

void append(CellExtras& x, Envelope& envelope) noexcept {
  envelope.next.store(nullptr, kRelaxed);
  if (x.stash_newest == nullptr) {
    x.stash_oldest = &envelope;
  } else {
    x.stash_newest->next.store(&envelope, kRelaxed);
  }
  x.stash_newest = &envelope;
  ++x.stashed;
}

}  // namespace

Delivery put_aside(Cell& cell, Envelope* envelope) noexcept {
  Runtime& runtime = *cell.runtime();
  CellExtras& x = cell.extras();
  runtime.count(Count::Sent);
  if (x.stashed >= runtime.stash_max) {
    refuse(cell, envelope, Delivery::Rejected, DeadReason::Rejected);
    return Delivery::Rejected;
  }
  if (cell.bound() != nullptr) note_enqueued(cell);
  append(x, *envelope);
  return Delivery::Accepted;
}

std::size_t put_aside_count(const Cell& cell) noexcept {
  const CellExtras* const x = cell.extras_if_any();
  return x == nullptr ? 0 : x->stashed;
}

namespace {

/// The newest first, so that the oldest comes to stand in front.
void put_back_on_shelf(Cell& cell, Envelope* oldest) {
  Shelf& shelf = *cell.bound()->shelf;
  Envelope* newest = nullptr;
  std::size_t count = 0;
  const auto reverse = [](Envelope* first) {
    Envelope* reversed = nullptr;
    while (first != nullptr) {
      auto* const next = static_cast<Envelope*>(first->next.load(kRelaxed));
      first->next.store(reversed, kRelaxed);
      reversed = std::exchange(first, next);
    }
    return reversed;
  };
  for (const Link* each = oldest; each != nullptr; each = each->next.load(kRelaxed)) ++count;
  newest = reverse(oldest);
  try {
    const TimePoint now = shelf.measures() ? cell.runtime()->clock->now() : TimePoint{};
    TokenOwner token = shelf.put_back(newest, count, now, &priority_of);
    if (token != nullptr) cell.mailbox().push_own(*token.release());
  } catch (...) {
    static_cast<void>(reverse(newest));
    throw;
  }
}

/// A chain of messages, before all that wait. Above a bound.
void put_before_all(Cell& cell, Envelope& first, Envelope& last) {
  Bound* const bound = cell.bound();
  if (bound != nullptr && bound->shelf != nullptr) return put_back_on_shelf(cell, &first);
  for (const Link* each = &first; bound != nullptr && each != nullptr; each = each->next.load(kRelaxed)) {
    if (static_cast<const Envelope*>(each)->ops->bounded) bound->enter_above();
  }
  while (!cell.mailbox().prepend(first, last)) yield_thread();  // a sender is about to link
}

std::size_t bring_back_some(Cell& cell, std::size_t most) {
  CellExtras& x = cell.extras();
  if (x.stashed == 0 || most == 0) return 0;
  Envelope* first = nullptr;
  Envelope* last = nullptr;
  const std::size_t count = take_some(x, most, first, last);
  try {
    put_before_all(cell, *first, *last);
  } catch (...) {  // they stay where they were
    last->next.store(x.stash_oldest, kRelaxed);
    if (x.stash_oldest == nullptr) x.stash_newest = last;
    x.stash_oldest = first;
    x.stashed += count;
    throw;
  }
  return count;
}

/// Whether user code of the cell runs on this thread, which a killer may take the place from. If not, the life-cycle is
/// ours already.
[[nodiscard]] bool is_in_user_code(const Cell& cell) noexcept { return cell.current() != nullptr; }

}  // namespace

/// A killer walks the mailbox that a handler puts something into the front of: one of the two has the place.
std::size_t bring_back(Cell& cell, std::size_t most) {
  if (!is_in_user_code(cell)) return bring_back_some(cell, most);
  const OwnerGuard guard{cell};
  return guard ? bring_back_some(cell, most) : 0;  // it has been left behind: what is stashed is buried when it returns
}

void put_in_front(Cell& cell, Envelope* envelope) noexcept {
  cell.runtime()->count(Count::Sent);
  if (cell.bound() != nullptr) note_enqueued(cell);
  envelope->next.store(nullptr, kRelaxed);
  const auto put = [&] { put_before_all(cell, *envelope, *envelope); };
  if (!is_in_user_code(cell)) return surely(put);
  const OwnerGuard guard{cell};
  if (guard) return surely(put);
  append(cell.extras(), *envelope);
}

/// No life will come to what the stash keeps. Not for a killer: the handler that was left behind may be putting something
/// there.
void CellLife::bury_stash() noexcept {
  CellExtras* const x = c.extras_if_any();
  if (x == nullptr || x->stashed == 0) return;
  Envelope* next = nullptr;
  Envelope* last = nullptr;
  static_cast<void>(take_some(*x, x->stashed, next, last));
  while (next != nullptr) {
    Envelope& envelope = *std::exchange(next, static_cast<Envelope*>(next->next.load(kRelaxed)));
    dies_waiting(c, envelope);
    free_block(&envelope, envelope.ops->bytes);
  }
}

}  // namespace coppice::detail
