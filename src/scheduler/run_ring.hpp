#pragma once

#include <array>
#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"
#include "coppice/scheduler/runnable.hpp"

namespace coppice::detail {

/// A worker's queue: its owner pushes and pops, others steal half of it.
///
/// Threads    push(), pop(), steal_from(): the owner. is_empty(), and being stolen from: any.
/// Order      first in, first out.
/// Failure    push() answers false when 256 wait.
class RunRing {
 public:
  static constexpr std::uint32_t kCapacity = 256;

  [[nodiscard]] bool push(Runnable& runnable) noexcept {
    const std::uint32_t tail = tail_.load(kRelaxed);
    // acquire: the slot has been read by whoever moved head
    if (tail - head_.load(kAcquire) >= kCapacity) return false;
    slots_[tail % kCapacity].store(&runnable, kRelaxed);
    tail_.store(tail + 1, kRelease);  // partner: the acquire of tail in steal_from()
    return true;
  }

  [[nodiscard]] Runnable* pop() noexcept {
    std::uint32_t head = head_.load(kAcquire);
    for (;;) {
      if (head == tail_.load(kRelaxed)) return nullptr;
      Runnable* const runnable = slots_[head % kCapacity].load(kRelaxed);
      if (head_.compare_exchange_weak(head, head + 1, kAcqRel, kAcquire)) return runnable;
    }
  }

  /// Moves half of the other's (at least one) here; answers one of them to run. This one must be empty.
  [[nodiscard]] Runnable* steal_from(RunRing& other) noexcept {
    const std::uint32_t tail = tail_.load(kRelaxed);
    std::uint32_t head = other.head_.load(kAcquire);
    for (;;) {
      const std::uint32_t waiting = other.tail_.load(kAcquire) - head;
      const std::uint32_t take = waiting - waiting / 2;
      if (waiting == 0) return nullptr;
      if (take > kCapacity / 2) {  // head and tail were read at different times
        head = other.head_.load(kAcquire);
        continue;
      }
      for (std::uint32_t i = 0; i < take; ++i) {
        slots_[(tail + i) % kCapacity].store(other.slots_[(head + i) % kCapacity].load(kRelaxed), kRelaxed);
      }
      // Only a success makes the copies ours. acq_rel: the owner sees the slots free afterwards.
      if (!other.head_.compare_exchange_weak(head, head + take, kAcqRel, kAcquire)) continue;
      if (take > 1) tail_.store(tail + take - 1, kRelease);
      return slots_[(tail + take - 1) % kCapacity].load(kRelaxed);
    }
  }

  [[nodiscard]] bool is_empty() const noexcept { return head_.load(kAcquire) == tail_.load(kAcquire); }

 private:
  alignas(kCacheLine) Atomic<std::uint32_t> head_{0};
  alignas(kCacheLine) Atomic<std::uint32_t> tail_{0};
  std::array<Atomic<Runnable*>, kCapacity> slots_{};
};

}  // namespace coppice::detail
