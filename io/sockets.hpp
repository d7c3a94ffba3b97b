#pragma once

#include <string>

namespace coppice::detail {

/// What an error of accept() means to who called it.
enum class AcceptFault : unsigned char {
  None,
  Nobody,  // nobody waits
  Again,   // a signal came: the same once more
  Gone,    // this one connection is gone: the next
  Outage,  // no descriptors, no memory: later
  Broken,  // the listener itself is of no use
};
/// Source: accept(2); Linux hands errors of the new socket's network to who accepts.
[[nodiscard]] AcceptFault fault_of(int error) noexcept;

/// The next connection, which does not block and is closed on exec; -1, and errno: there is none.
[[nodiscard]] int accept_next(int listener) noexcept;
/// -1 is none.
void close_socket(int descriptor) noexcept;
/// What has not been sent is dropped, and the peer hears a reset.
void reset_on_close(int descriptor) noexcept;
/// "127.0.0.1:49152", "[::1]:49152"; empty if it has none.
[[nodiscard]] std::string peer_of(int descriptor);

}  // namespace coppice::detail
