#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "coppice/base/clock.hpp"
#include "coppice/base/result.hpp"
#include "coppice/base/unique_function.hpp"
#include "coppice/patterns/token_bucket.hpp"
#include "coppice/supervisors/child_spec.hpp"

namespace coppice {

class TcpSecurity;

/// What one connection may cost; see TcpConnection.
struct TcpConnectionOptions {
  std::size_t read_bytes_max = std::size_t{16} * 1024;      ///< handed to one on_data(), 1 to 65,536
  std::size_t write_bytes_pause = std::size_t{256} * 1024;  ///< with more waiting to be sent nothing more is read
  /// A write that finds more than fits here ends it; from 1.
  std::size_t write_bytes_max = std::size_t{64} * 1024 * 1024;
  Duration write_within = std::chrono::seconds{30};  ///< so long without a byte taken by a peer that has some to take
  Duration idle_within = kForever;                   ///< so long without a byte either way
  Duration linger_within = std::chrono::seconds{1};  ///< for the peer's end, after ours, before the socket is closed
};

/// What a listener does with more connections than it may have.
enum class WhenFull : unsigned char {
  Wait,    ///< they wait in the kernel's backlog until another ends
  Refuse,  ///< they get TcpListenerOptions::refusal and are closed
};

struct TcpListenerOptions {
  std::string id;
  std::string address = "127.0.0.1";       ///< in numbers; "::" or "0.0.0.0": all of the machine's
  std::uint16_t port = 0;                  ///< zero: one that is free; a next life of the listener gets the same
  int backlog = 1'024;                     ///< connections that wait in the kernel, from 1; it may allow fewer
  std::uint64_t connections_max = 10'000;  ///< at once, from 1
  WhenFull when_full = WhenFull::Wait;
  std::string refusal = {};                   ///< what those hear that are refused
  std::optional<RateLimit> accept_rate = {};  ///< none by default; more than that waits in the kernel
  /// After a failure that is not of one connection (no descriptors left, no memory) nothing is accepted for so long;
  /// longer than zero.
  Duration pause_after_failure = std::chrono::milliseconds{100};
  /// Told of each outage's first such failure, on the listener's turn: it must not block. Without one, a line on stderr.
  UniqueFunction<void(const std::error_code&)> on_accept_failure = nullptr;
  /// A shutdown waits so long for connections to end by themselves, then stops them. Zero: not at all.
  Duration drain_within = std::chrono::seconds{2};
  Shutdown connection_shutdown = std::chrono::seconds{1};  ///< of each connection's actor
  MailboxOptions mailbox = Unbounded{};                    ///< of each connection's actor
  TcpConnectionOptions connection = {};
  std::shared_ptr<const TcpSecurity> security = nullptr;  ///< TLS, by load_tls(); none: bytes as they are
  Intensity intensity = {};                               ///< of the supervisor of it all
  Restart restart = Restart::Permanent;                   ///< as a child of another supervisor
};

/// What is out of its bounds, if anything. A listener with such options does not start, and says the same.
[[nodiscard]] Result<void, OptionError> check(const TcpConnectionOptions& options);
[[nodiscard]] Result<void, OptionError> check(const TcpListenerOptions& options);

/// How a connection ended.
enum class TcpEnd : unsigned char {
  Finished,  ///< by finish(): all that was written has gone to the kernel
  Reset,     ///< by the peer or the network, with an error
  Idle,      ///< idle_within
  Slow,      ///< the peer did not take what was written: write_within, write_bytes_max
  Dropped,   ///< its actor ended: it crashed, was stopped, or did not want it any more
};
inline constexpr int kTcpEnds = 5;
[[nodiscard]] const char* to_string(TcpEnd end) noexcept;

/// A listener and its connections, counted since the tree was started.
struct TcpListenerStats {
  std::uint64_t open = 0;              ///< connections that are there now
  std::uint64_t accepted = 0;          ///< those that got an actor
  std::uint64_t refused = 0;           ///< WhenFull::Refuse
  std::uint64_t aborted = 0;           ///< gone before they were accepted
  std::uint64_t failures = 0;          ///< accepts that failed for want of descriptors, memory and the like
  std::uint64_t ended[kTcpEnds] = {};  ///< by TcpEnd
};

}  // namespace coppice
