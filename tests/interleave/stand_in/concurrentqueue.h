#pragma once

#include <cstddef>
#include <deque>
#include <mutex>

#include "coppice/base/atomic.hpp"

/// What stands in for moodycamel's queue in an instrumented build: a deque whose every use is one step. It keeps what
/// the real one promises and no more: what was enqueued is found by who knows of it; who does not may miss it.
namespace moodycamel {

template <class T>
class ConcurrentQueue;

struct ConsumerToken {
  template <class T>
  explicit ConsumerToken(ConcurrentQueue<T>&) noexcept {}
};

template <class T>
class ConcurrentQueue {
 public:
  bool enqueue(T value) {
    const std::lock_guard held{lock_};
    waiting_.push_back(value);
    // release: as the real one publishes its tail
    enqueued_.store(enqueued_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return true;
  }
  bool try_dequeue(T& value) { return try_dequeue_bulk(&value, 1) == 1; }
  bool try_dequeue(ConsumerToken&, T& value) { return try_dequeue(value); }
  std::size_t try_dequeue_bulk(ConsumerToken&, T* values, std::size_t most) { return try_dequeue_bulk(values, most); }
  std::size_t try_dequeue_bulk(T* values, std::size_t most) {
    if (size_approx() == 0) return 0;
    const std::lock_guard held{lock_};
    std::size_t count = 0;
    for (; count < most && !waiting_.empty(); ++count) {
      values[count] = waiting_.front();
      waiting_.pop_front();
    }
    dequeued_.store(dequeued_.load(std::memory_order_relaxed) + count, std::memory_order_release);
    return count;
  }
  /// Relaxed, as the real one's: an order comes from the fences around it.
  [[nodiscard]] std::size_t size_approx() const {
    const std::size_t in = enqueued_.load(std::memory_order_relaxed);
    const std::size_t out = dequeued_.load(std::memory_order_relaxed);
    return in > out ? in - out : 0;
  }

 private:
  coppice::interleave::Mutex lock_;
  std::deque<T> waiting_;
  coppice::detail::Atomic<std::size_t> enqueued_{0};
  coppice::detail::Atomic<std::size_t> dequeued_{0};
};

}  // namespace moodycamel
