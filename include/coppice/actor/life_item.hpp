#pragma once

#include <cstdint>

#include "coppice/base/intrusive_ptr.hpp"
#include "coppice/message/block_pool.hpp"

namespace coppice::detail {

class Cell;

/// Something that a life made and that ends with it: a timer, an ask, a watch. The list holds one count.
///
/// Threads    the owner of the life's turn.
/// [I1] A life's end withdraws every item of it, before the state is destroyed.
struct LifeItem {
  explicit LifeItem(void (*w)(LifeItem&) noexcept) noexcept : withdraw{w} {}
  void (*withdraw)(
      LifeItem& item) noexcept;  // cancels it and drops the list's count; the item is no longer in the list
  LifeItem* previous_item = nullptr;
  LifeItem* next_item = nullptr;
  bool enlisted = false;
};

void enlist(Cell& cell, LifeItem& item);
/// Takes it out if it is in; true if it was. The list's count is then the caller's.
[[nodiscard]] bool delist(Cell& cell, LifeItem& item) noexcept;

}  // namespace coppice::detail
