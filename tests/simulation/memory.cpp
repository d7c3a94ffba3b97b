#include "memory.hpp"

#include <cstdlib>
#include <new>

#include "coppice/message/block_pool.hpp"
#include "support/plain_delete.hpp"
#include "testing/own_allocations.hpp"

namespace coppice::simulation {
namespace {

struct Countdown {
  std::uint64_t left = 0;  // 0: nothing fails
  bool has_failed = false;
  bool for_good = false;
};
constinit thread_local Countdown countdown{};

bool fails() noexcept {
  if (countdown.left == 0 || testing::detail::OwnAllocations::are_under_way()) return false;
  if (--countdown.left != 0) return false;
  if (countdown.for_good) countdown.left = 1;
  countdown.has_failed = true;
  return true;
}

void* allocate(std::size_t bytes) noexcept { return fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes); }
void* allocate(std::size_t bytes, std::align_val_t alignment) noexcept {
  const auto to = static_cast<std::size_t>(alignment);
  return fails() ? nullptr : std::aligned_alloc(to, (bytes + to - 1) / to * to);
}
void* or_throw(void* block) {
  if (block == nullptr) throw std::bad_alloc{};
  return block;
}

}  // namespace

FailNthAllocation::FailNthAllocation(std::uint64_t n, bool for_good) noexcept { countdown = {n, false, for_good}; }
FailNthAllocation::~FailNthAllocation() { countdown.left = 0; }
bool FailNthAllocation::has_failed() const noexcept { return countdown.has_failed; }

}  // namespace coppice::simulation

namespace coppice::detail {

// In the place of those of src/message/block_pool.cpp, as under AddressSanitizer. The magazines stay empty and their
// limits 0, so that whoever takes or gives a block comes here.
constinit thread_local ThreadMagazines thread_magazines{};
void lock_blocks() noexcept {}
void unlock_blocks() noexcept {}
void* refill_and_take(std::size_t size_class) { return ::operator new((size_class + 1) * kBlockStep); }
void put_and_spill(std::size_t, void* block) noexcept { ::operator delete(block); }

}  // namespace coppice::detail

using coppice::simulation::allocate;
using coppice::simulation::or_throw;

void* operator new(std::size_t bytes) { return or_throw(allocate(bytes)); }
void* operator new[](std::size_t bytes) { return or_throw(allocate(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return or_throw(allocate(bytes, alignment)); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return or_throw(allocate(bytes, alignment)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
