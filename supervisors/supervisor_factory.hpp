#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.hpp"
#include "coppice/supervisors/supervisor.hpp"

namespace coppice::detail {

/// How the reason of a failed start begins; the child's id follows, its own reason is the cause.
inline constexpr std::string_view kFailedToStart = "failed to start child ";

/// Makes a supervisor's lives, and keeps the places of its children between them: refs of children survive their
/// supervisor's restart.
///
/// Threads    places: under the mutex, any. construct(): the supervisor's turn.
class SupervisorFactory final : public Factory {
 public:
  explicit SupervisorFactory(std::shared_ptr<const SupervisorSpec> s) : spec{std::move(s)} {}
  /// The supervisor's place is over: so are its children's. (They hold their parent, and it holds this: the circle ends
  /// here.)
  void retire() noexcept override;
  void visit_places(void (*visit)(void* context, Cell& place), void* context) const override;
  void construct(void* where) override { ::new (where) Supervisor(*this); }

  /// Null: forgets the place.
  void set(const std::string& id, IntrusivePtr<Cell> cell);
  [[nodiscard]] IntrusivePtr<Cell> get(std::string_view id) const;

  const std::shared_ptr<const SupervisorSpec> spec;

 private:
  mutable Mutex mutex_;
  std::map<std::string, IntrusivePtr<Cell>, std::less<>> places_;  // by the child's id
};

/// The place of the child with that id, or a ref of none. Outlives the supervisor's lives.
[[nodiscard]] AnyRef look_up_child(const Cell& supervisor, std::string_view id);

}  // namespace coppice::detail
