#include "coppice/io/tcp_options.hpp"

#include <asio/ip/address.hpp>
#include <limits>
#include <string>

namespace coppice {
namespace {

[[nodiscard]] Error<OptionError> wrong(const std::string& text) { return Error{OptionError{text}}; }

}  // namespace

const char* to_string(TcpEnd end) noexcept {
  switch (end) {
    case TcpEnd::Finished: return "finished";
    case TcpEnd::Reset: return "reset";
    case TcpEnd::Idle: return "idle";
    case TcpEnd::Slow: return "slow";
    case TcpEnd::Dropped: return "dropped";
  }
  return "unknown";
}

Result<void, OptionError> check(const TcpConnectionOptions& o) {
  if (o.read_bytes_max < 1 || o.read_bytes_max > 65'536)
    return wrong("read_bytes_max is " + std::to_string(o.read_bytes_max) + "; it may be 1 to 65536");
  if (o.write_bytes_max < 1) return wrong("write_bytes_max is 0; it may be 1 or more");
  if (o.write_within <= Duration::zero()) return wrong("write_within is not longer than zero");
  if (o.idle_within <= Duration::zero()) return wrong("idle_within is not longer than zero");
  if (o.linger_within < Duration::zero()) return wrong("linger_within is negative");
  return {};
}

Result<void, OptionError> check(const TcpListenerOptions& o) {
  std::error_code bad;
  asio::ip::make_address(o.address, bad);
  if (bad) return wrong("address is \"" + o.address + "\"; it may be an address of IPv4 or IPv6, in numbers");
  if (o.backlog < 1) return wrong("backlog is " + std::to_string(o.backlog) + "; it may be 1 or more");
  if (o.connections_max < 1) return wrong("connections_max is 0; it may be 1 or more");
  if (o.pause_after_failure <= Duration::zero()) return wrong("pause_after_failure is not longer than zero");
  if (o.drain_within < Duration::zero()) return wrong("drain_within is negative");
  if (o.accept_rate) {
    if (const auto rate = check(*o.accept_rate); !rate) return wrong("accept_rate: " + rate.error().text);
  }
  return check(o.connection);
}

}  // namespace coppice
