#pragma once

#include <cstdint>

namespace coppice::simulation {

/// While it lives the n-th allocation of this thread fails, from 1, and all behind it do as well where `for_good`; 0:
/// none does. An allocation is a block of the pool's or what operator new gives; the test system's own do not count. One
/// at a time.
///
/// In this program the pool takes each block from operator new (memory.cpp has its functions), so that what a block
/// costs does not depend on what was freed before, in this run or in others.
class FailNthAllocation {
 public:
  explicit FailNthAllocation(std::uint64_t n, bool for_good = false) noexcept;
  FailNthAllocation(const FailNthAllocation&) = delete;
  FailNthAllocation& operator=(const FailNthAllocation&) = delete;
  ~FailNthAllocation();
  /// Whether there was an n-th one.
  [[nodiscard]] bool has_failed() const noexcept;
};

}  // namespace coppice::simulation
