#include "coppice/system/registry.hpp"

#include "base/mutex.hpp"

namespace coppice::detail {

struct RegistryBase::State {
  Mutex mutex;
  IntrusivePtr<Runtime> runtime;
};

RegistryBase::RegistryBase(Runtime& runtime) : state_{std::make_unique<State>()} {
  state_->runtime = IntrusivePtr<Runtime>::share(&runtime);
}
RegistryBase::~RegistryBase() = default;

Cell* RegistryBase::cell_of(const AnyRef& actor) const noexcept {
  Cell& cell = live_cell(RefAccess::cell(actor));
  return cell.runtime() == state_->runtime.get() ? &cell : nullptr;
}

void RegistryBase::lock() const { state_->mutex.lock(); }
void RegistryBase::unlock() const noexcept { state_->mutex.unlock(); }

}  // namespace coppice::detail
