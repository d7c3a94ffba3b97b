#include "supervisor_factory.hpp"

#include <utility>

#include "coppice/actor/signals.hpp"

namespace coppice::detail {

void SupervisorFactory::retire() noexcept {
  std::vector<IntrusivePtr<Cell>> children;
  {
    const Lock lock{mutex_};
    children.swap(places_);
  }
  for (const auto& cell : children) {
    if (cell) cell->signal(make_signal(CellSignal::Kind::Bury));
  }
}

Result<AnyRef, LookupError> SupervisorFactory::find(std::string_view id) const {
  const Lock lock{mutex_};
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] && spec->children()[i].id() == id) return RefAccess::make<AnyRef>(places_[i]);
  }
  return Error{LookupError::Unknown};
}

void SupervisorFactory::visit_places(void (*visit)(void* context, Cell& place), void* context) const {
  std::vector<IntrusivePtr<Cell>> children;
  {
    const Lock lock{mutex_};
    children = places_;
  }
  for (const auto& cell : children) {
    if (cell) visit(context, *cell);
  }
}

void SupervisorFactory::set(std::size_t index, IntrusivePtr<Cell> cell) {
  const Lock lock{mutex_};
  if (index < places_.size()) std::swap(places_[index], cell);  // the old count goes after the lock
}

IntrusivePtr<Cell> SupervisorFactory::get(std::size_t index) const {
  const Lock lock{mutex_};
  return index < places_.size() ? places_[index] : IntrusivePtr<Cell>{};
}

Result<AnyRef, LookupError> look_up_child(const Cell& supervisor, std::string_view id) {
  if (supervisor.factory() == nullptr) return Error{LookupError::Unknown};
  return static_cast<const SupervisorFactory*>(supervisor.factory())->find(id);
}

}  // namespace coppice::detail
