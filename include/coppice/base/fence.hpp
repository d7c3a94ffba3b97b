#pragma once

#include "coppice/base/atomic.hpp"

namespace coppice::detail {

/// Whether the frequent side of an asymmetric fence must fence itself: where the platform has no process-wide barrier.
/// Set once before main and never changed.
extern const bool owner_needs_fence;

/// The frequent side: nothing but an order for the compiler where the platform fences all threads at once for the rare
/// side.
inline void light_fence() noexcept {
  if (owner_needs_fence) [[unlikely]] {
    full_fence();
  } else {
    compiler_fence();
  }
}

}  // namespace coppice::detail
