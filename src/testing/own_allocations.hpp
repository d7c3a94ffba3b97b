#pragma once

namespace coppice::testing::detail {

/// While one lives, what this thread allocates is the test system's own, and nothing that a program in its place would
/// allocate: its log, and who is ready. Whoever makes allocations fail leaves these alone; then a run whose log is kept
/// fails where the same run without one does.
class OwnAllocations {
 public:
  OwnAllocations() noexcept { ++depth; }
  OwnAllocations(const OwnAllocations&) = delete;
  OwnAllocations& operator=(const OwnAllocations&) = delete;
  ~OwnAllocations() { --depth; }
  [[nodiscard]] static bool are_under_way() noexcept { return depth != 0; }

 private:
  static inline thread_local unsigned depth = 0;
};

}  // namespace coppice::testing::detail
