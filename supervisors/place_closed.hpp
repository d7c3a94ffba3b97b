#pragma once

#include <utility>

#include "coppice/actor/cell.hpp"
#include "coppice/actor/signals.hpp"

namespace coppice::detail {

/// How a place that was told to close says that it has: a poke of its supervisor with this code, and the place.
inline constexpr std::uint32_t kClosedCode = ~std::uint32_t{0};

/// Attached to a place, it pokes the supervisor when the place is closed.
struct ClosedNotice final : PlaceItem {
  ClosedNotice(Cell& s, Cell& p) noexcept
      : supervisor{IntrusivePtr<Cell>::share(&s)}, place{IntrusivePtr<Cell>::share(&p)} {}
  void place_ended() noexcept override {
    CellSignal* const poke = make_signal(CellSignal::Kind::Poke);
    poke->incarnation = kClosedCode;
    poke->other = std::move(place);
    supervisor->signal(poke);
  }
  IntrusivePtr<Cell> supervisor;
  IntrusivePtr<Cell> place;  // which holds this until it ends
};

}  // namespace coppice::detail
