#pragma once

#include <utility>

#include "coppice/system/system.hpp"

namespace coppice {

/// A system on a work-stealing pool, watched by M. The run loop is made for M, so a monitor that does not record leaves
/// nothing in it.
template <Monitor M>
class BasicActorSystem final : public System {
 public:
  BasicActorSystem();
  explicit BasicActorSystem(SystemOptions options);
  ~BasicActorSystem() override;

  [[nodiscard]] M& monitor() noexcept { return holder_->monitor; }
  [[nodiscard]] const M& monitor() const noexcept { return holder_->monitor; }

 private:
  using Holder = detail::IntrusivePtr<detail::MonitorHolder<M>>;
  BasicActorSystem(Holder holder, SystemOptions&& options);
  Holder holder_;
};

// Not inline, so that who uses the default monitor does not compile them.
template <Monitor M>
BasicActorSystem<M>::BasicActorSystem() : BasicActorSystem{SystemOptions{}} {}
template <Monitor M>
BasicActorSystem<M>::BasicActorSystem(SystemOptions options)
    : BasicActorSystem{detail::make_monitor<M>(options), std::move(options)} {}
template <Monitor M>
BasicActorSystem<M>::BasicActorSystem(Holder holder, SystemOptions&& options)
    : System{detail::make_pool_core(std::move(options), detail::bind_monitor<M>(holder))}, holder_{std::move(holder)} {}
template <Monitor M>
BasicActorSystem<M>::~BasicActorSystem() {
  shut_down_now();
}

using ActorSystem = BasicActorSystem<NoopMonitor>;

// The default's run loop is compiled once, in the library, and so is its system.
extern template void detail::Cell::run_with<NoopMonitor>(detail::Runnable&) noexcept;
extern template class BasicActorSystem<NoopMonitor>;

}  // namespace coppice
