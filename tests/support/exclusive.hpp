#pragma once

#include <atomic>

namespace coppice::testing {

/// Detects two handlers of one actor at once. The plain count is for ThreadSanitizer, the flag for every other build.
///
///     struct Some : Actor<Some> { Exclusive exclusive; void handle(M) { const auto turn = exclusive.enter(); … } };
class Exclusive {
 public:
  class [[nodiscard]] Turn {
   public:
    explicit Turn(Exclusive& e) : exclusive_{e} {
      if (exclusive_.busy_.exchange(true, std::memory_order_relaxed))
        exclusive_.violated_.store(true, std::memory_order_relaxed);
      ++exclusive_.count_;
    }
    ~Turn() { exclusive_.busy_.store(false, std::memory_order_relaxed); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Exclusive& exclusive_;
  };
  Turn enter() { return Turn{*this}; }
  /// At rest.
  [[nodiscard]] bool held() const { return !violated_.load(); }
  [[nodiscard]] unsigned long count() const { return count_; }

 private:
  // relaxed: the flags must not order what they watch.
  std::atomic<bool> busy_{false};
  std::atomic<bool> violated_{false};
  unsigned long count_ = 0;
};

}  // namespace coppice::testing
