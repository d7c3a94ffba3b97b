#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/input.hpp"
#include "io/service_environment.hpp"

// What a service manager says in NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, against a second reading. An input is a
// byte that says which of the last two are set and how long this process's id is; the id; and the texts, with a byte that
// is zero between them, as none of them can have one.

namespace coppice {
namespace {

using fuzz::expect;

/// The number that digits stand for, if they do and it is from 1 to 2^63 - 1: leading zeros are none of its digits.
std::optional<std::int64_t> number_of(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(std::min(text.find_first_not_of('0'), text.size()));
  constexpr std::string_view kMost = "9223372036854775807";
  if (digits.empty() || digits.size() > kMost.size() || (digits.size() == kMost.size() && digits > kMost))
    return std::nullopt;
  return std::stoll(std::string{digits});
}

void check_address(const std::string& name) {
  const auto address = detail::notify_address(name);
  const bool is_path = name.starts_with('/');
  const std::size_t most = sizeof(sockaddr_un::sun_path) - (is_path ? 1 : 0);
  const bool is_one = (is_path || name.starts_with('@')) && name.size() >= 2 && name.size() <= most;
  expect(address.has_value() == is_one, "an address is refused, or something else is taken for one");
  if (!address) return;
  expect(address->socket.sun_family == AF_UNIX, "an address of another family");
  expect(address->length == offsetof(sockaddr_un, sun_path) + name.size(), "another length");
  std::string wanted = name;
  if (!is_path) wanted[0] = '\0';
  expect(std::memcmp(address->socket.sun_path, wanted.data(), wanted.size()) == 0, "another name");
  expect(!is_path || ::strnlen(address->socket.sun_path, sizeof address->socket.sun_path) == name.size(),
         "a path without an end");
}

void check_watchdog(const std::optional<std::string>& microseconds, const std::optional<std::string>& process,
                    std::int64_t self) {
  const Duration interval = detail::watchdog_interval_in(microseconds ? microseconds->c_str() : nullptr,
                                                         process ? process->c_str() : nullptr, self);
  const auto number = microseconds ? number_of(*microseconds) : std::nullopt;
  const bool is_ours = !process || number_of(*process) == self;
  if (!number || !is_ours) return expect(interval == kForever, "a watchdog that nobody has asked for");
  expect(interval > Duration::zero(), "a watchdog without an interval");
  constexpr std::int64_t kMost = std::chrono::floor<std::chrono::microseconds>(kForever).count();
  expect(interval == (*number > kMost ? kForever : Duration{std::chrono::microseconds{*number}}), "another interval");
}

}  // namespace
}  // namespace coppice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  coppice::fuzz::Input input{data, size};
  const std::uint8_t how = input.byte();
  const auto self = static_cast<std::int64_t>(1 + (input.number() >> 1 >> (how >> 2)) % (std::uint64_t{1} << 62));
  const auto text = [&] { return std::string{input.until('\0')}; };
  const std::string name = text();
  const std::string microseconds = text();
  const std::string process = text();
  coppice::check_address(name);
  const auto set = [&](unsigned bit, const std::string& value) {
    return (how & bit) != 0 ? std::optional{value} : std::nullopt;
  };
  coppice::check_watchdog(set(1, microseconds), set(2, process), self);
  coppice::check_watchdog(set(1, microseconds), set(2, std::to_string(self)), self);
  return 0;
}
