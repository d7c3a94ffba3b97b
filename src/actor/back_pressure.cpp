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

bool begin_wait(Cell& sender, Cell& receiver) noexcept {
  if (&sender == &receiver) return false;
  CellExtras& mine = sender.extras();
  const std::lock_guard lock{muting};
  const CellExtras* const theirs = receiver.extras_if_any();
  if (mine.is_muted || (theirs != nullptr && theirs->is_muted)) return false;
  mine.is_muted = true;
  return true;
}

void end_wait(Cell& sender) noexcept {
  const std::lock_guard lock{muting};
  sender.extras().is_muted = false;
}

void mute(Cell& sender, Cell& receiver) noexcept {
  if (!begin_wait(sender, receiver)) return;
  CellExtras& mine = sender.extras();
  if (mine.mute_waiter == nullptr) mine.mute_waiter = std::make_unique<MuteWaiter>(sender);
  sender.hold(kHeldByRoom);
  sender.add_ref();
  receiver.bound()->room->join(*mine.mute_waiter);
  heavy_fence();  // [B2]
  receiver.admit_waiters();
}

void CellLife::on_unmute() noexcept {
  end_wait(c);
  c.release(kHeldByRoom);
  if (c.extras().ready != nullptr) c.attention_ = true;  // handlers that would have gone on meanwhile
}

void note_enqueued(Cell& cell) noexcept {
  Shelf* const shelf = cell.bound()->shelf;
  if (shelf != nullptr && shelf->measures()) shelf->note_enqueued();
}

}  // namespace coppice::detail
