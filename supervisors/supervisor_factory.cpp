#include "supervisor_factory.hpp"

#include <utility>

#include "coppice/actor/signals.hpp"

namespace coppice::detail {

void SupervisorFactory::retire() noexcept {
  decltype(places_) children;
  {
    const Lock lock{mutex_};
    children.swap(places_);
  }
  for (const auto& [id, cell] : children) cell->signal(make_signal(CellSignal::Kind::Bury));
}

void SupervisorFactory::visit_places(void (*visit)(void* context, Cell& place), void* context) const {
  decltype(places_) children;
  {
    const Lock lock{mutex_};
    children = places_;
  }
  for (const auto& [id, cell] : children) visit(context, *cell);
}

void SupervisorFactory::set(const std::string& id, IntrusivePtr<Cell> cell) {
  const Lock lock{mutex_};
  if (cell) {
    std::swap(places_[id], cell);  // the old count goes after the lock
  } else if (const auto found = places_.find(id); found != places_.end()) {
    std::swap(found->second, cell);
    places_.erase(found);
  }
}

IntrusivePtr<Cell> SupervisorFactory::get(std::string_view id) const {
  const Lock lock{mutex_};
  const auto found = places_.find(id);
  return found == places_.end() ? IntrusivePtr<Cell>{} : found->second;
}

AnyRef look_up_child(const Cell& supervisor, std::string_view id) {
  if (supervisor.factory() == nullptr) return {};
  return RefAccess::make<AnyRef>(static_cast<const SupervisorFactory*>(supervisor.factory())->get(id));
}

}  // namespace coppice::detail
