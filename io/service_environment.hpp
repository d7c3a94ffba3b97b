#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "coppice/base/clock.hpp"

namespace coppice::detail {

// What the service manager says to a process, in variables of its environment. A null text: the variable is not set.

struct NotifyAddress {
  sockaddr_un socket;
  socklen_t length;
};
/// Of NOTIFY_SOCKET: a path from the root, or '@' and an abstract name. Nothing: it is neither, or too long for one.
[[nodiscard]] std::optional<NotifyAddress> notify_address(std::string_view name) noexcept;

/// Of WATCHDOG_USEC and WATCHDOG_PID, to the process with this id. kForever: nobody waits for it to say that it lives.
[[nodiscard]] Duration watchdog_interval_in(const char* microseconds, const char* process, std::int64_t self) noexcept;

}  // namespace coppice::detail
