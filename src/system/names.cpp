#include "names.hpp"

#include <utility>

#include "coppice/actor/holding.hpp"

namespace coppice::detail {

/// A name from its holder's side. The names outlive it: each cell counts its system's core.
struct NameHolding final : Holding {
  NameHolding(Names& n, std::string_view text, Cell& cell) : names{n}, name{text} {
    holder = IntrusivePtr<Cell>::of(cell);
  }
  void given_up() noexcept override { names.remove(*this); }
  Names& names;
  const std::string name;
};

Names::Names() = default;
Names::~Names() = default;

bool Names::claim(std::string_view name, Cell& cell, HoldFor until, IntrusivePtr<Cell>& taken_by) {
  auto holding = IntrusivePtr<NameHolding>::adopt(new NameHolding{*this, name, cell});
  std::string key{name};
  static_cast<void>(cell.extras());  // hold() needs them, and must not have to look for memory
  const Lock lock{mutex_};
  const auto [place, is_new] = holders_.try_emplace(std::move(key));
  if (!is_new) {
    taken_by = place->second->holder;
    return false;
  }
  if (!hold(*holding, until)) {
    holders_.erase(place);
    return false;
  }
  place->second = std::move(holding);
  return true;
}

IntrusivePtr<Cell> Names::find(std::string_view name) const {
  const Lock lock{mutex_};
  const auto found = holders_.find(name);
  return found == holders_.end() ? IntrusivePtr<Cell>{} : found->second->holder;
}

bool Names::free(std::string_view name) {
  IntrusivePtr<NameHolding> freed;  // its count goes after the lock
  {
    const Lock lock{mutex_};
    const auto found = holders_.find(name);
    if (found == holders_.end()) return false;
    freed = std::move(found->second);
    holders_.erase(found);
  }
  let_go(*freed);
  return true;
}

void Names::remove(NameHolding& holding) noexcept {
  IntrusivePtr<NameHolding> gone;
  const Lock lock{mutex_};
  const auto found = holders_.find(holding.name);
  if (found == holders_.end() || found->second.get() != &holding) return;  // freed, and perhaps another's by now
  gone = std::move(found->second);
  holders_.erase(found);
}

}  // namespace coppice::detail
