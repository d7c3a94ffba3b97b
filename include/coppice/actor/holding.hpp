#pragma once

#include "coppice/base/intrusive_ptr.hpp"

namespace coppice::detail {

class Cell;

/// How long an actor has what it holds.
enum class HoldFor : unsigned char {
  Place,  // until its place is closed: what was made from outside
  Life,   // until the life that is on ends: what it made for itself
};

/// Something that an actor has outside of itself and that is gone when it is: a name, a key, a membership.
///
/// Threads    given_up(): the holder's turn, or the killer that took the place over; no lock of the holder is held. It
///            must not wait for the holder. The rest: any.
/// Ownership  the holder's list has a count, from hold() until let_go() or given_up().
/// [H1] What hold() accepted is given up before the first Down of the end it was held until, and hold() accepts nothing
///      for a place that is closed: whoever has got the Down finds nothing of that actor any more.
struct Holding : Counted {
  virtual void given_up() noexcept = 0;
  IntrusivePtr<Cell> holder;  // set by its maker, before hold()

 private:
  friend struct HoldingList;
  Holding* older_ = nullptr;  // in the holder's list, under its lock, as the rest
  Holding* newer_ = nullptr;
  HoldFor until_ = HoldFor::Place;
  bool is_held_ = false;
};

/// False: the place is closed. May be called under a lock that given_up() takes. Throws std::bad_alloc.
[[nodiscard]] bool hold(Holding& holding, HoldFor until);
/// Takes it from its holder, without given_up(). Does nothing when that is over.
void let_go(Holding& holding) noexcept;

/// The cell that the place lives in now: a killed one goes on in another.
[[nodiscard]] Cell& live_cell(Cell& cell) noexcept;
/// On its own turn an actor makes something for its life, and anybody else for its place.
[[nodiscard]] HoldFor held_until(const Cell& holder) noexcept;

}  // namespace coppice::detail
