#pragma once

#include <string_view>
#include <system_error>

#include "coppice/actor/ticking_actor.hpp"
#include "coppice/base/result.hpp"

namespace coppice {

/// Tells the service manager that started this process how it stands: "READY=1", "STATUS=loading". False: nobody has
/// asked for it, since NOTIFY_SOCKET is not set. Does not block.
///
/// Source     sd_notify(3): one datagram to the socket that NOTIFY_SOCKET names; "@" in front: an abstract one.
[[nodiscard]] Result<bool, std::error_code> notify_service_manager(std::string_view state) noexcept;

/// How often the service manager wants to hear that this process is alive; kForever: it does not. Source:
/// sd_watchdog_enabled(3).
[[nodiscard]] Duration watchdog_interval() noexcept;

/// A program's word to systemd, for a unit of Type=notify. Put it last in the tree: it starts when all before it run, and
/// says READY=1 then; it stops first, and says STOPPING=1. Between them it says WATCHDOG=1 twice in each WatchdogSec, on
/// its own turn: when no worker comes to run it any more, systemd hears nothing and restarts the service.
///
///     supervisor({.id = "app"}, child<Store>({.id = "store"}), child<ServiceNotifier>({.id = "systemd"}))
///
/// Without NOTIFY_SOCKET it does nothing.
///
/// Threads    its own turn.
/// Failure    a socket that cannot be written to is passed over: there is nobody to tell.
class ServiceNotifier final : public TickingActor<ServiceNotifier> {
 public:
  ServiceNotifier();
  void on_start();
  void on_tick();
  void on_stop(const ExitReason& reason);
};

}  // namespace coppice
