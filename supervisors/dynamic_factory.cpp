#include "dynamic_factory.hpp"

#include <vector>

#include "coppice/actor/signals.hpp"
#include "coppice/supervisors/task_supervisor.hpp"

namespace coppice::detail {

void DynamicFactory::retire() noexcept {
  for (;;) {
    IntrusivePtr<Cell> place;
    {
      const std::lock_guard lock{lock_};
      if (newest_ == nullptr) return;
      place = IntrusivePtr<Cell>::adopt(newest_);
      SiblingList::remove(newest_, *newest_);
    }
    place->signal(make_signal(CellSignal::Kind::Bury));
  }
}

void DynamicFactory::visit_places(void (*visit)(void* context, Cell& place), void* context) const {
  std::vector<IntrusivePtr<Cell>> places;
  {
    const std::lock_guard lock{lock_};
    for (Cell* cell = newest_; cell != nullptr; cell = cell->older_sibling())
      places.push_back(IntrusivePtr<Cell>::share(cell));
  }
  for (const auto& place : places) visit(context, *place);
}

void DynamicFactory::add(Cell& place) noexcept {
  place.add_ref();
  const std::lock_guard lock{lock_};
  SiblingList::push(newest_, place);
}

void DynamicFactory::drop(Cell& place) noexcept {
  {
    const std::lock_guard lock{lock_};
    SiblingList::remove(newest_, place);
  }
  place.release();
}

const DynamicSupervisorOptions* dynamic_options(const ChildSpec& spec) noexcept {
  const bool is_dynamic = same_type(spec.ops().type, &kTypeInfo<DynamicSupervisor>) ||
                          same_type(spec.ops().type, &kTypeInfo<TaskSupervisor>);
  if (!is_dynamic) return nullptr;
  return static_cast<const DynamicFactory*>(spec.shared_factory())->options.get();
}

}  // namespace coppice::detail

namespace coppice {

ChildSpec::ChildSpec(const DynamicSupervisorSpec& spec)
    : options_{.id = spec.options().id,
               .restart = spec.options().restart,
               .shutdown = spec.options().shutdown,
               .significant = spec.options().significant},
      ops_{&detail::kActorOps<DynamicSupervisor>},
      factory_{detail::IntrusivePtr<detail::Factory>::adopt(
          new detail::DynamicFactory{std::make_shared<const DynamicSupervisorOptions>(spec.options())})} {}

}  // namespace coppice
