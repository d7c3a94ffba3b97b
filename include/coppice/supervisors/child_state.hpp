#pragma once

namespace coppice {

/// How a child stands.
enum class ChildState : unsigned char {
  Down,        ///< its spec is kept, it does not run
  Running,     ///< it runs, or is being started or stopped
  Restarting,  ///< a start attempt is due
};
[[nodiscard]] const char* to_string(ChildState state) noexcept;

}  // namespace coppice
