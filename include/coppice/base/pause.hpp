#pragma once

namespace coppice::detail {

/// Tells the processor that this thread waits for another one's store.
inline void pause_cpu() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// After a lost race for a word that many write. Whoever won may then take some more steps before the line moves. What it
/// brought, and where it did not: BENCHMARKING.md, "8 producers".
inline void back_off() noexcept {
  for (int i = 0; i < 16; ++i) pause_cpu();
}

}  // namespace coppice::detail
