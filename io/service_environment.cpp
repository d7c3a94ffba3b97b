#include "service_environment.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstring>

namespace coppice::detail {
namespace {

/// A whole number from 1, or 0.
[[nodiscard]] std::int64_t number_in(const char* text) noexcept {
  std::int64_t number = 0;
  const char* const end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, number);
  return error == std::errc{} && stopped == end && number > 0 ? number : 0;
}

}  // namespace

std::optional<NotifyAddress> notify_address(std::string_view name) noexcept {
  NotifyAddress address{};
  address.socket.sun_family = AF_UNIX;
  if (name.size() < 2 || (name[0] != '/' && name[0] != '@')) return std::nullopt;
  // A path ends with a zero; an abstract name may fill all of it.
  const std::size_t end = name[0] == '/' ? 1 : 0;
  if (name.size() + end > sizeof address.socket.sun_path) return std::nullopt;
  std::memcpy(address.socket.sun_path, name.data(), name.size());
  if (name[0] == '@') address.socket.sun_path[0] = '\0';
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return address;
}

Duration watchdog_interval_in(const char* microseconds, const char* process, std::int64_t self) noexcept {
  if (microseconds == nullptr || (process != nullptr && number_in(process) != self)) return kForever;
  const std::int64_t number = number_in(microseconds);
  return number == 0 ? kForever : saturating_cast(std::chrono::microseconds{number});
}

}  // namespace coppice::detail
