#pragma once

#include <cstddef>

namespace coppice::detail {

/// The next place for something of that alignment, a power of two. By a mask: the compiler divides where it does not know
/// that.
[[nodiscard]] constexpr std::size_t align_up(std::size_t at, std::size_t alignment) noexcept {
  return (at + alignment - 1) & ~(alignment - 1);
}

}  // namespace coppice::detail
