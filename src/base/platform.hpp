#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/base/result.hpp"

/// What the operating system is asked for. linux/ and portable/ each implement all of it; CMake's COPPICE_PORTABLE
/// chooses.
namespace coppice::detail {

/// Blocks while `word` holds `expected`, at most for `timeout`. False: the time was up. May return early without a
/// reason. Threads: any. The word is read with acquire.
bool wait_on(const Atomic<std::uint32_t>& word, std::uint32_t expected, Duration timeout) noexcept;
/// Wakes one or all threads that wait on `word`; the caller has changed the word before (with release).
void wake_one(Atomic<std::uint32_t>& word) noexcept;
void wake_all(Atomic<std::uint32_t>& word) noexcept;

/// What fork() calls: before it, and after it on either side. False: it will not.
bool on_fork(void (*before)() noexcept, void (*in_parent)() noexcept, void (*in_child)() noexcept) noexcept;
/// Processors that this process may use; at least one.
[[nodiscard]] unsigned usable_cpus() noexcept;
/// Whether processors of this machine have memories of their own (NUMA), as far as the platform can tell.
[[nodiscard]] bool has_memory_nodes() noexcept;
/// The memory node of the processor that the calling thread runs on just now; 0 where the platform cannot tell.
[[nodiscard]] unsigned memory_node_of_this_thread() noexcept;
/// Binds the calling thread to one processor; the error says why not.
[[nodiscard]] Result<void, std::string> pin_this_thread(unsigned cpu);
/// The processors that the calling thread may run on; empty where the platform cannot tell.
[[nodiscard]] std::vector<unsigned> affinity_of_this_thread();

/// Asks that this memory come in pages of kLargePage bytes, each of which is one page fault. A hint. `memory` is a multiple
/// of kLargePage.
inline constexpr std::size_t kLargePage = std::size_t{2} * 1024 * 1024;
void prefer_large_pages(void* memory, std::size_t bytes) noexcept;

/// Asks that sleeps of the calling thread end when their time is up, not up to 50 µs later, as a kernel may let them so
/// that it wakes for several at once.
void wake_on_time() noexcept;

/// An asymmetric fence: the side that runs rarely pays for both. After heavy_fence() every other thread of the process
/// has passed a full fence, unless owner_needs_fence() is true: then the frequent side must fence for itself.
void heavy_fence() noexcept;

}  // namespace coppice::detail
