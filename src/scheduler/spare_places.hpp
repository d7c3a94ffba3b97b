#pragma once

#include <array>
#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/scheduler/runnable.hpp"

namespace coppice::detail {

/// Where activations wait for which the pool's queue finds no memory. Hardly ever used, and never larger.
///
/// Threads    any.
/// Order      none.
/// Failure    nothing throws or allocates. try_push() answers false when all places are taken.
class SparePlaces {
 public:
  [[nodiscard]] bool try_push(Runnable& runnable) noexcept {
    // First the count, so that whoever looks before it parks looks into the places; partner: is_empty().
    count_.fetch_add(1, kSeqCst);
    for (auto& place : places_) {
      Runnable* none = nullptr;
      // release: partner of pop(). What the submitter did before is seen by whoever runs it.
      if (place.load(kRelaxed) == nullptr && place.compare_exchange_strong(none, &runnable, kRelease, kRelaxed))
        return true;
    }
    count_.fetch_sub(1, kRelaxed);
    return false;
  }
  [[nodiscard]] Runnable* pop() noexcept {
    if (is_empty()) return nullptr;
    for (auto& place : places_) {
      if (place.load(kRelaxed) == nullptr) continue;
      if (Runnable* const runnable = place.exchange(nullptr, kAcquire)) {
        count_.fetch_sub(1, kRelaxed);
        return runnable;
      }
    }
    return nullptr;
  }
  [[nodiscard]] bool is_empty() const noexcept { return count_.load(kRelaxed) == 0; }

 private:
  std::array<Atomic<Runnable*>, 64> places_{};
  Atomic<std::uint32_t> count_{0};  // at least as many as there are
};

}  // namespace coppice::detail
