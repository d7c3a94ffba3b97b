#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace coppice::detail {

/// Blocks for envelopes, cells, timers and asks: sizes in steps of 32 bytes up to 512, from per-thread magazines; full
/// and empty magazines are exchanged through a locked list once in kMagazine operations, so a block may be freed on
/// another thread than the one that took it without meeting it there. Larger blocks come from operator new. Memory of
/// the pool is kept for the life of the process. Under AddressSanitizer every block is its own allocation.
///
/// Threads    any.
/// Ownership  a block belongs to its taker until free_block() with the same size.
/// Failure    allocate_block() throws std::bad_alloc when the system has no memory; free_block() cannot fail.
inline constexpr std::size_t kBlockStep = 32;
inline constexpr std::size_t kBlockMax = 512;
inline constexpr std::size_t kBlockClasses = kBlockMax / kBlockStep;
inline constexpr std::uint32_t kMagazine = 64;

struct FreeBlock {
  FreeBlock* next;
};

struct Magazine {
  FreeBlock* top;
  std::uint32_t count;
  std::uint32_t limit;  // 0 until this thread first meets the class, so that the first free takes the slow path
};

struct ThreadMagazines {
  Magazine classes[kBlockClasses];
};
extern constinit thread_local ThreadMagazines thread_magazines;

[[nodiscard]] void* refill_and_take(std::size_t size_class);
/// While a fork() is under way nobody holds one of its locks, which the child could not take any more.
void lock_blocks() noexcept;
void unlock_blocks() noexcept;
void put_and_spill(std::size_t size_class, void* block) noexcept;

[[nodiscard]] inline void* allocate_block(std::size_t bytes) {
  if (bytes > kBlockMax) return ::operator new(bytes);
  const std::size_t size_class = (bytes - 1) / kBlockStep;
  Magazine& magazine = thread_magazines.classes[size_class];
  if (FreeBlock* block = magazine.top) {
    magazine.top = block->next;
    __builtin_prefetch(magazine.top, 1);  // the next taker's: another processor may have freed it
    --magazine.count;
    return block;
  }
  return refill_and_take(size_class);
}

inline void free_block(void* memory, std::size_t bytes) noexcept {
  if (bytes > kBlockMax) return ::operator delete(memory);
  const std::size_t size_class = (bytes - 1) / kBlockStep;
  Magazine& magazine = thread_magazines.classes[size_class];
  if (magazine.count >= magazine.limit) return put_and_spill(size_class, memory);
  magazine.top = ::new (memory) FreeBlock{magazine.top};
  ++magazine.count;
}

/// Gives a class its allocation functions: `struct Timer : PoolAllocated {…}`. Not for over-aligned types.
struct PoolAllocated {
  static void* operator new(std::size_t bytes) { return allocate_block(bytes); }
  static void* operator new(std::size_t, void* where) noexcept { return where; }
  static void operator delete(void* memory, std::size_t bytes) noexcept { free_block(memory, bytes); }
};

}  // namespace coppice::detail
