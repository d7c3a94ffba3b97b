#include "back_pressure.hpp"

#include <mutex>

#include "cell_extras.hpp"
#include "cell_life.hpp"
#include "mailbox/shelf.hpp"

namespace coppice::detail {
namespace {

/// Of all systems, since actors of one may send to those of another. Met only by who finds a mailbox full.
constinit BriefLock muting;

void unmute(RoomWaiter& waiter) noexcept {
  Cell& cell = static_cast<MuteWaiter&>(waiter).cell;
  cell.signal(make_signal(CellSignal::Kind::Unmute));
  cell.release();  // perhaps the last count
}

}  // namespace

MuteWaiter::MuteWaiter(Cell& c) noexcept : RoomWaiter{&unmute}, cell{c} {}

void mute(Cell& sender, Cell& receiver) noexcept {
  if (&sender == &receiver) return;
  CellExtras& mine = sender.extras();
  {
    const std::lock_guard lock{muting};
    const CellExtras* const theirs = receiver.extras_if_any();
    if (mine.is_muted || (theirs != nullptr && theirs->is_muted)) return;
    mine.is_muted = true;
  }
  if (mine.mute_waiter == nullptr) mine.mute_waiter = std::make_unique<MuteWaiter>(sender);
  sender.hold(kHeldByRoom);
  sender.add_ref();
  receiver.bound()->room->join(*mine.mute_waiter);
  heavy_fence();  // [B2]
  receiver.admit_waiters();
}

void CellLife::on_unmute() noexcept {
  {
    const std::lock_guard lock{muting};
    c.extras().is_muted = false;
  }
  c.release(kHeldByRoom);
}

void note_enqueued(Cell& cell) noexcept {
  Shelf* const shelf = cell.bound()->shelf;
  if (shelf != nullptr && shelf->measures()) shelf->note_enqueued();
}

}  // namespace coppice::detail
