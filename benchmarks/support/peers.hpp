#pragma once

/// The same workloads without actors: a post per message to Asio's strands, and a queue between two threads.

#include <concurrentqueue.h>

#include <asio.hpp>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "clock.hpp"

namespace coppice::bench {

/// A token goes around strands of one io_context that `threads` threads run. Ping-pong is a ring of two.
class StrandRing {
 public:
  StrandRing(unsigned threads, std::size_t size)
      : context_{static_cast<int>(threads)}, work_{asio::make_work_guard(context_)} {
    for (std::size_t i = 0; i < size; ++i) nodes_.push_back(std::make_unique<Node>(context_, *this));
    for (std::size_t i = 0; i < size; ++i) nodes_[i]->next = nodes_[(i + 1) % size].get();
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { context_.run(); });
  }
  Nanoseconds run(std::int64_t hops) {
    expected_ += hops;
    const Nanoseconds begun = now_ns();
    nodes_.front()->take(hops - 1);
    return finish_.wait() - begun;
  }
  void finish() {
    work_.reset();
    for (auto& thread : threads_) thread.join();
    std::int64_t handled = 0;
    for (const auto& node : nodes_) handled += node->handled;
    require(handled == expected_, "a post to a strand is missing");
  }

 private:
  struct Node {
    Node(asio::io_context& context, StrandRing& r) : strand{asio::make_strand(context)}, ring{r} {}
    void take(std::int64_t hops_left) {
      asio::post(strand, [this, hops_left] {
        ++handled;
        if (hops_left == 0) return ring.finish_.reach();
        next->take(hops_left - 1);
      });
    }
    asio::strand<asio::io_context::executor_type> strand;
    StrandRing& ring;
    Node* next = nullptr;
    std::int64_t handled = 0;
  };
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Finish finish_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::thread> threads_;
  std::int64_t expected_ = 0;
};

enum class Tokens : unsigned char { Without, With };

/// One thread enqueues, another one dequeues as fast as it can, without ever sleeping. Neither writes next to what the
/// other uses.
inline Nanoseconds queue_between_threads(std::int64_t messages, Tokens tokens) {
  struct alignas(256) Shared {
    moodycamel::ConcurrentQueue<std::int64_t> queue;
  };
  const auto shared = std::make_unique<Shared>();
  struct alignas(256) Ready {
    std::atomic<bool> is{false};
  };
  const auto ready = std::make_unique<Ready>();
  Nanoseconds end = 0;
  std::thread consumer{[&queue = shared->queue, &ready = *ready, &end, messages, tokens] {
    moodycamel::ConsumerToken consuming{queue};
    ready.is.store(true);
    std::int64_t sum = 0;
    std::int64_t count = 0;
    for (std::int64_t value = 0; count < messages;) {
      if (!(tokens == Tokens::With ? queue.try_dequeue(consuming, value) : queue.try_dequeue(value))) continue;
      sum += value;
      ++count;
    }
    end = now_ns();
    require(sum == messages, "a message of the queue is missing");
  }};
  while (!ready->is.load()) std::this_thread::yield();
  moodycamel::ConcurrentQueue<std::int64_t>& queue = shared->queue;
  const moodycamel::ProducerToken producing{queue};
  const Nanoseconds begun = now_ns();
  for (std::int64_t i = 0; i < messages; ++i) {
    if (tokens == Tokens::With) {
      queue.enqueue(producing, std::int64_t{1});
    } else {
      queue.enqueue(std::int64_t{1});
    }
  }
  consumer.join();
  return end - begun;
}

/// Several threads enqueue, without tokens, one dequeues.
inline Nanoseconds queue_of_threads(std::int64_t messages, int producers) {
  struct alignas(256) Shared {
    moodycamel::ConcurrentQueue<std::int64_t> queue;
  };
  const auto shared = std::make_unique<Shared>();
  Nanoseconds end = 0;
  std::atomic<bool> ready{false};
  std::thread consumer{[&] {
    std::int64_t count = 0;
    ready.store(true);
    for (std::int64_t value = 0; count < messages;) count += shared->queue.try_dequeue(value) ? value : 0;
    end = now_ns();
  }};
  while (!ready.load()) std::this_thread::yield();
  std::vector<std::thread> threads;
  const Nanoseconds begun = now_ns();
  for (int t = 0; t < producers; ++t) {
    threads.emplace_back([&queue = shared->queue, n = messages / producers] {
      for (std::int64_t i = 0; i < n; ++i) queue.enqueue(std::int64_t{1});
    });
  }
  for (auto& thread : threads) thread.join();
  consumer.join();
  return end - begun;
}

}  // namespace coppice::bench
