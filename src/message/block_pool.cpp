#include "coppice/message/block_pool.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "../base/mutex.hpp"
#include "../base/platform.hpp"
#include "coppice/base/config.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define COPPICE_POOL_PASSES_THROUGH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COPPICE_POOL_PASSES_THROUGH 1
#endif
#endif

namespace coppice::detail {

constinit thread_local ThreadMagazines thread_magazines{};

#if defined(COPPICE_POOL_PASSES_THROUGH)

void lock_blocks() noexcept {}
void unlock_blocks() noexcept {}
void* refill_and_take(std::size_t size_class) { return ::operator new((size_class + 1) * kBlockStep); }
// The limit stays 0: every free comes here.
void put_and_spill(std::size_t, void* block) noexcept { ::operator delete(block); }

#else
namespace {

/// A chain of blocks that left one thread whole, waiting for another. The chain's first block carries the list of
/// chains.
struct Chain {
  FreeBlock* next_block;
  Chain* next_chain;
  std::uint32_t count;
};
static_assert(sizeof(Chain) <= kBlockStep);

struct alignas(kCacheLine) Depot {
  Mutex mutex;
  Chain* chains = nullptr;
  // Of the newest chunk, what has not been a block yet: memory that nobody has touched.
  std::byte* fresh = nullptr;
  std::size_t fresh_bytes = 0;
  std::size_t chunk_bytes = 0;  // of all chunks
};

constexpr std::size_t kChunkLeast = std::size_t{64} * 1024;
constexpr std::size_t kChunkMost = 16 * kLargePage;

/// As much as there is already, so that few blocks take little and many take few page faults: each of those costs as much
/// as some dozens of messages. Under the depot's lock. Throws std::bad_alloc.
void add_chunk(Depot& depot) {
  const std::size_t bytes = std::bit_floor(std::clamp(depot.chunk_bytes, kChunkLeast, kChunkMost));
  const bool is_large = bytes >= kLargePage;
  const std::align_val_t alignment{is_large ? kLargePage : kCacheLine};
  depot.fresh = static_cast<std::byte*>(::operator new(bytes, alignment));
  depot.fresh_bytes = bytes;
  depot.chunk_bytes += bytes;
  if (is_large) prefer_large_pages(depot.fresh, bytes);
}

// Never destroyed: threads may free blocks until the very end of the process.
std::array<Depot, kBlockClasses>& depots() {
  static auto* const all = new std::array<Depot, kBlockClasses>;
  return *all;
}

void give_chain(std::size_t size_class, FreeBlock* first, std::uint32_t count) noexcept {
  FreeBlock* const rest = first->next;
  auto* const chain = ::new (static_cast<void*>(first)) Chain{rest, nullptr, count};
  Depot& depot = depots()[size_class];
  const Lock lock{depot.mutex};
  chain->next_chain = depot.chains;
  depot.chains = chain;
}

// A second magazine for each class, full or null: so a thread at the edge of one does not go to the depot at every step,
// and magazines change hands whole, since to cut one in two would be a walk through memory that is no longer near.
constinit thread_local std::array<FreeBlock*, kBlockClasses> full_magazines{};

/// Returns what a thread still holds when it ends.
struct ThreadGuard {
  ~ThreadGuard() {
    for (std::size_t c = 0; c < kBlockClasses; ++c) {
      if (FreeBlock* const full = std::exchange(full_magazines[c], nullptr)) give_chain(c, full, kMagazine);
      Magazine& magazine = thread_magazines.classes[c];
      if (magazine.top != nullptr) give_chain(c, magazine.top, magazine.count);
      magazine = Magazine{nullptr, 0, 0};
    }
    ended = true;
  }
  bool ended = false;
  void touch() noexcept {}
};
thread_local ThreadGuard thread_guard;

void meet(Magazine& magazine) noexcept {
  thread_guard.touch();
  magazine.limit = thread_guard.ended ? 0 : kMagazine;  // a thread that is ending keeps none
}

/// A chain's first block for the caller, the rest for its magazine.
void* take_of(Chain& chain, std::size_t size_class, Magazine& magazine) noexcept {
  FreeBlock* const rest = chain.next_block;
  const std::uint32_t count = chain.count - 1;
  if (magazine.limit != 0) {
    magazine.top = rest;
    magazine.count = count;
  } else if (rest != nullptr) {
    give_chain(size_class, rest, count);
  }
  return &chain;
}

}  // namespace

void lock_blocks() noexcept {
  for (Depot& depot : depots()) depot.mutex.lock();
}
void unlock_blocks() noexcept {
  for (Depot& depot : depots()) depot.mutex.unlock();
}

void* refill_and_take(std::size_t size_class) {
  Magazine& magazine = thread_magazines.classes[size_class];
  meet(magazine);
  if (FreeBlock* const full = std::exchange(full_magazines[size_class], nullptr)) {
    magazine.top = full->next;
    magazine.count = kMagazine - 1;
    return full;
  }
  const std::size_t bytes = (size_class + 1) * kBlockStep;
  Depot& depot = depots()[size_class];
  Chain* chain = nullptr;
  std::byte* fresh = nullptr;
  std::size_t count = 0;
  {
    const Lock lock{depot.mutex};
    chain = depot.chains;
    if (chain != nullptr) {
      depot.chains = chain->next_chain;
    } else {
      if (depot.fresh_bytes < bytes) add_chunk(depot);  // less than a block of the one before is left for ever
      count = std::min<std::size_t>(magazine.limit == 0 ? 1 : kMagazine, depot.fresh_bytes / bytes);
      fresh = std::exchange(depot.fresh, depot.fresh + count * bytes);
      depot.fresh_bytes -= count * bytes;
    }
  }
  if (chain != nullptr) return take_of(*chain, size_class, magazine);
  // The first for the caller, those behind it in their order.
  FreeBlock* rest = nullptr;
  for (std::size_t i = count; i-- > 1;) rest = ::new (static_cast<void*>(fresh + i * bytes)) FreeBlock{rest};
  magazine.top = rest;
  magazine.count = static_cast<std::uint32_t>(count - 1);
  return fresh;
}

void put_and_spill(std::size_t size_class, void* block) noexcept {
  Magazine& magazine = thread_magazines.classes[size_class];
  if (magazine.limit == 0) meet(magazine);
  if (magazine.limit == 0) {
    give_chain(size_class, ::new (block) FreeBlock{nullptr}, 1);
    return;
  }
  if (magazine.count >= magazine.limit) {
    FreeBlock* const full = std::exchange(full_magazines[size_class], magazine.top);
    if (full != nullptr) give_chain(size_class, full, kMagazine);
    magazine.top = nullptr;
    magazine.count = 0;
  }
  magazine.top = ::new (block) FreeBlock{magazine.top};
  ++magazine.count;
}

#endif

}  // namespace coppice::detail
