#include "coppice/io/service_notifier.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace coppice {
namespace {

/// A whole number from 1, or 0.
[[nodiscard]] std::int64_t number_in(const char* variable) noexcept {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return 0;
  std::int64_t number = 0;
  const char* const end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, number);
  return error == std::errc{} && stopped == end && number > 0 ? number : 0;
}

[[nodiscard]] Error<std::error_code> error_of(int error) noexcept {
  return Error{std::error_code{error, std::generic_category()}};
}

}  // namespace

Result<bool, std::error_code> notify_service_manager(std::string_view state) noexcept {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(name);
  if (length < 2 || length >= sizeof address.sun_path || (name[0] != '/' && name[0] != '@')) return error_of(EINVAL);
  std::memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = '\0';
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return error_of(errno);
  const ssize_t sent =
      ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  const int error = errno;
  ::close(socket);
  if (sent < 0) return error_of(error);
  return true;
}

Duration watchdog_interval() noexcept {
  const std::int64_t microseconds = number_in("WATCHDOG_USEC");
  const bool is_ours = std::getenv("WATCHDOG_PID") == nullptr || number_in("WATCHDOG_PID") == ::getpid();
  if (microseconds == 0 || !is_ours) return kForever;
  return detail::saturating_cast(std::chrono::microseconds{microseconds});
}

ServiceNotifier::ServiceNotifier() : TickingActor{watchdog_interval() / 2} {
  if (watchdog_interval() == kForever) stop_ticking();
}
void ServiceNotifier::on_start() { static_cast<void>(notify_service_manager("READY=1")); }
void ServiceNotifier::on_tick() { static_cast<void>(notify_service_manager("WATCHDOG=1")); }
void ServiceNotifier::on_stop(const ExitReason&) { static_cast<void>(notify_service_manager("STOPPING=1")); }

}  // namespace coppice
