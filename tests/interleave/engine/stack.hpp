#pragma once

#include <cstddef>

namespace coppice::interleave {

/// A stack of its own, and where it stands. Kept for the next fiber when this one ends.
class Stack {
 public:
  using Entry = void (*)();
  Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack();
  /// The next switch to it calls `entry`, which must never return.
  void prepare(Entry entry) noexcept;
  /// Leaves `from`, which goes on where it was when somebody switches to it.
  static void leave(Stack& from, Stack& to) noexcept;

  struct OfThread {};
  /// The stack that the thread has anyway.
  explicit Stack(OfThread) noexcept {}

 private:
  void* memory_ = nullptr;
  void* at_ = nullptr;  // the stack pointer; without our assembly, a ucontext_t
};

}  // namespace coppice::interleave
