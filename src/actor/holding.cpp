#include "coppice/actor/holding.hpp"

#include <mutex>
#include <utility>

#include "cell_extras.hpp"
#include "coppice/actor/cell.hpp"

namespace coppice::detail {

void HoldingList::push(Holding& holding, HoldFor until) noexcept {
  holding.add_ref();
  holding.until_ = until;
  holding.is_held_ = true;
  holding.newer_ = nullptr;
  Holding* const older = newest.load(kRelaxed);
  holding.older_ = older;
  if (older != nullptr) older->newer_ = &holding;
  newest.store(&holding, kRelaxed);
}

bool HoldingList::remove(Holding& holding) noexcept {
  if (!std::exchange(holding.is_held_, false)) return false;
  if (holding.older_ != nullptr) holding.older_->newer_ = holding.newer_;
  if (holding.newer_ != nullptr) holding.newer_->older_ = holding.older_;
  if (newest.load(kRelaxed) == &holding) newest.store(holding.older_, kRelaxed);
  holding.older_ = holding.newer_ = nullptr;
  return true;
}

Holding* HoldingList::take(HoldFor until) noexcept {
  Holding* taken = nullptr;  // oldest first
  for (Holding* each = newest.load(kRelaxed); each != nullptr;) {
    Holding* const older = each->older_;
    if (until == HoldFor::Place || each->until_ == HoldFor::Life) {
      static_cast<void>(remove(*each));
      each->older_ = taken;
      taken = each;
    }
    each = older;
  }
  return taken;
}

Holding* HoldingList::after(Holding& taken) noexcept { return std::exchange(taken.older_, nullptr); }

bool hold(Holding& holding, HoldFor until) {
  if (holding.holder->runtime()->is_abandoned()) return false;  // the lock may be another thread's for ever
  CellExtras& x = holding.holder->extras();
  const std::lock_guard lock{x.outside};
  // Closed before the list is taken: what we put in after that would stay.
  if (holding.holder->is_closed()) return false;
  x.holdings.push(holding, until);
  return true;
}

void let_go(Holding& holding) noexcept {
  if (holding.holder->runtime()->is_abandoned()) return;
  CellExtras& x = holding.holder->extras();
  {
    const std::lock_guard lock{x.outside};
    if (!x.holdings.remove(holding)) return;
  }
  holding.release();
}

void give_up_holdings(Cell& cell, HoldFor until) noexcept {
  CellExtras* const x = cell.extras_if_any();
  if (x == nullptr) return;
  Holding* next = nullptr;
  {
    const std::lock_guard lock{x->outside};
    next = x->holdings.take(until);
  }
  while (next != nullptr) {
    Holding* const after = HoldingList::after(*next);
    next->given_up();
    next->release();
    next = after;
  }
}

Cell& live_cell(Cell& cell) noexcept {
  if (this_thread.cell == &cell)
    return cell;  // of a handler that was left behind: what it makes is not the next life's
  Cell* live = &cell;
  while (Cell* const next = live->successor()) live = next;
  return *live;
}

HoldFor held_until(const Cell& holder) noexcept { return this_thread.cell == &holder ? HoldFor::Life : HoldFor::Place; }

}  // namespace coppice::detail
