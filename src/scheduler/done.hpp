#pragma once

#include <cstdint>

namespace coppice::detail {

/// What a worker has done so far, in messages.
struct Done {
  std::uint64_t sent = 0;
  std::uint64_t handled = 0;
  [[nodiscard]] std::uint64_t all() const noexcept { return sent + handled; }
};

}  // namespace coppice::detail
