#pragma once

#include "base/thread.hpp"

namespace coppice::detail {

/// Does what must be done and may find no memory, again and again until it does not throw: for what would be lost without
/// a trace, such as an activation that is not queued or an answer that somebody waits for. Where there is no memory just
/// now, there will be.
///
/// Threads    any. Yields its processor between two tries.
template <class F>
auto surely(const F& what) noexcept {
  for (;;) {
    try {
      return what();
    } catch (...) {
      yield_thread();
    }
  }
}

}  // namespace coppice::detail
