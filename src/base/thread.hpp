#pragma once

#include <thread>

#include "coppice/base/atomic.hpp"

namespace coppice::detail {

/// The one spelling of threads in coppice, replaced with the atomics.
#if defined(COPPICE_INTERLEAVE)
using Thread = interleave::Thread;
inline void yield_thread() noexcept { interleave::yield(); }
#else
using Thread = std::thread;
/// For who waits for another thread's next step.
inline void yield_thread() noexcept { std::this_thread::yield(); }
#endif

}  // namespace coppice::detail
