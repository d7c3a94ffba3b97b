#include "back_pressure.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

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

[[nodiscard]] bool is_full(const Cell& cell) noexcept {
  return !cell.is_closed() && cell.bound()->depth() >= cell.bound()->capacity;
}

/// Whether `waiting` is muted by `whom`, by somebody who is muted by it, and so on. Under the lock.
[[nodiscard]] bool waits_for(const Cell& waiting, const Cell& whom) noexcept {
  for (const Cell* each = &waiting; each != nullptr;) {
    if (each == &whom) return true;
    const CellExtras* const x = each->extras_if_any();
    each = x == nullptr ? nullptr : x->muted_by.get();
  }
  return false;
}

}  // namespace

MuteWaiter::MuteWaiter(Cell& c) noexcept : RoomWaiter{&unmute}, cell{c} {}

bool begin_wait(Cell& sender, Cell& receiver) noexcept {
  if (&sender == &receiver) return false;
  CellExtras& mine = sender.extras();
  const std::lock_guard lock{muting};
  if (mine.muted_by || waits_for(receiver, sender)) return false;
  mine.muted_by = IntrusivePtr<Cell>::of(receiver);
  return true;
}

void end_wait(Cell& sender) noexcept {
  IntrusivePtr<Cell> before;  // goes after the lock, and perhaps its place with it
  const std::lock_guard lock{muting};
  std::swap(before, sender.extras().muted_by);
}

void prepare_to_mute(Cell& sender) {
  CellExtras& mine = sender.extras();
  if (mine.mute_waiter == nullptr) mine.mute_waiter = std::make_unique<MuteWaiter>(sender);
  auto& besides = mine.full_besides;
  if (besides.size() == besides.capacity()) besides.reserve(std::max<std::size_t>(4, 2 * besides.size()));
}

void mute(Cell& sender, Cell& receiver) noexcept {
  CellExtras& mine = sender.extras();
  if (mine.muted_by) {  // set and taken back on this turn only
    if (mine.muted_by.get() != &receiver && (mine.full_besides.empty() || mine.full_besides.back().get() != &receiver))
      mine.full_besides.push_back(IntrusivePtr<Cell>::of(receiver));
    return;
  }
  if (!begin_wait(sender, receiver)) return;
  sender.hold(kHeldByRoom);
  sender.add_ref();
  receiver.bound()->room->join(*mine.mute_waiter);  // [B2]
  receiver.admit_waiters();
}

void wait_for_the_next(Cell& sender) noexcept {
  CellExtras& x = sender.extras();
  while (!x.full_besides.empty() && !x.muted_by) {
    const auto receiver = std::move(x.full_besides.back());
    x.full_besides.pop_back();
    if (is_full(*receiver)) mute(sender, *receiver);
  }
}

void CellLife::on_unmute() noexcept {
  CellExtras& x = c.extras();
  end_wait(c);
  wait_for_the_next(c);
  if (x.muted_by) return;
  c.release(kHeldByRoom);
  if (x.ready != nullptr) c.attention_ = true;  // handlers that would have gone on meanwhile
}

void note_enqueued(Cell& cell) noexcept {
  Shelf* const shelf = cell.bound()->shelf;
  if (shelf != nullptr && shelf->measures()) shelf->note_enqueued();
}

}  // namespace coppice::detail
