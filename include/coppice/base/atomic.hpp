#pragma once

#include <atomic>

/// The one spelling of atomics in coppice: an instrumented build replaces it here and nowhere else.
/// COPPICE_INTERLEAVE is the name of the header that stands in; docs/explanation/interleaving.md tells what for.
#if defined(COPPICE_INTERLEAVE)
#include COPPICE_INTERLEAVE
#endif

namespace coppice::detail {

inline constexpr auto kRelaxed = std::memory_order_relaxed;
#if !defined(COPPICE_INTERLEAVE)
inline constexpr auto kAcquire = std::memory_order_acquire;
inline constexpr auto kRelease = std::memory_order_release;
inline constexpr auto kAcqRel = std::memory_order_acq_rel;
inline constexpr auto kSeqCst = std::memory_order_seq_cst;

template <class T>
using Atomic = std::atomic<T>;

/// Orders all that this thread did before with all that it does after, among all threads that fence.
inline void full_fence() noexcept { std::atomic_thread_fence(kSeqCst); }
/// Orders what the compiler makes of it, and nothing of what the processor does.
inline void compiler_fence() noexcept { std::atomic_signal_fence(kSeqCst); }
#endif

/// A count with one writer: cheaper than a read-modify-write, readable from any thread.
///
/// Threads    add(): the one writer. value(): any thread.
template <class T>
class SingleWriterCount {
 public:
  void add(T n = 1) noexcept { value_.store(value_.load(kRelaxed) + n, kRelaxed); }
  [[nodiscard]] T value() const noexcept { return value_.load(kRelaxed); }

 private:
  // relaxed: a statistic; whoever needs the exact value has synchronised with the writer in another way (it saw it at
  // rest).
  Atomic<T> value_{0};
};

}  // namespace coppice::detail
