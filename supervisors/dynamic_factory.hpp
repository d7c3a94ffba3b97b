#pragma once

#include <memory>
#include <utility>

#include "base/mutex.hpp"
#include "coppice/supervisors/dynamic_supervisor.hpp"

namespace coppice::detail {

/// Makes a dynamic supervisor's lives, and lists the places below it for whoever looks from outside.
///
/// Threads    add(), drop(), newest(): the supervisor's turn. visit_places(): any. construct(), retire(): as Factory.
/// Ownership  the list holds a count of each place.
class DynamicFactory : public Factory {
 public:
  explicit DynamicFactory(std::shared_ptr<const DynamicSupervisorOptions> o) noexcept : options{std::move(o)} {}
  ~DynamicFactory() override { retire(); }
  [[nodiscard]] IntrusivePtr<Factory> for_place() override {
    return IntrusivePtr<Factory>::adopt(new DynamicFactory{options});
  }
  void construct(void* where) override { ::new (where) DynamicSupervisor(*this); }
  /// The supervisor's place is over: so are its children's.
  void retire() noexcept override;
  void visit_places(void (*visit)(void* context, Cell& place), void* context) const override;

  void add(Cell& place) noexcept;
  void drop(Cell& place) noexcept;
  /// The head of the list, linked by Cell::older_sibling().
  [[nodiscard]] Cell* newest() const noexcept { return newest_; }

  const std::shared_ptr<const DynamicSupervisorOptions> options;

 private:
  mutable BriefLock lock_;  // held to change the list, and to read it from outside
  Cell* newest_ = nullptr;
};

/// Null: it is no dynamic supervisor.
[[nodiscard]] const DynamicSupervisorOptions* dynamic_options(const ChildSpec& spec) noexcept;

}  // namespace coppice::detail
