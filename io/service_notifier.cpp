#include "coppice/io/service_notifier.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "service_environment.hpp"

namespace coppice {
namespace {

[[nodiscard]] Error<std::error_code> error_of(int error) noexcept {
  return Error{std::error_code{error, std::generic_category()}};
}

}  // namespace

Result<bool, std::error_code> notify_service_manager(std::string_view state) noexcept {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return false;
  const auto address = detail::notify_address(name);
  if (!address) return error_of(EINVAL);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return error_of(errno);
  const ssize_t sent = ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address->socket), address->length);
  const int error = errno;
  ::close(socket);
  if (sent < 0) return error_of(error);
  return true;
}

Duration watchdog_interval() noexcept {
  return detail::watchdog_interval_in(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"), ::getpid());
}

ServiceNotifier::ServiceNotifier() : TickingActor{watchdog_interval() / 2} {
  if (watchdog_interval() == kForever) stop_ticking();
}
void ServiceNotifier::on_start() { static_cast<void>(notify_service_manager("READY=1")); }
void ServiceNotifier::on_tick() { static_cast<void>(notify_service_manager("WATCHDOG=1")); }
void ServiceNotifier::on_stop(const ExitReason&) { static_cast<void>(notify_service_manager("STOPPING=1")); }

}  // namespace coppice
