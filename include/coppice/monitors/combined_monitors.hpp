#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "coppice/actor/monitor.hpp"
#include "coppice/base/atomic.hpp"

namespace coppice {

/// Hands each event to several monitors. One that throws does not keep it from the others.
///
/// Threads    as its parts'.
template <class... Ms>
class FanOutMonitor {
 public:
  static constexpr bool kRecords = (Ms::kRecords || ...);
  using Event = coppice::Event;

  void record(const coppice::Event& event) {
    std::apply([&](auto&... each) { (guarded(each, event), ...); }, monitors_);
  }
  template <std::size_t I>
  [[nodiscard]] auto& get() noexcept {
    return std::get<I>(monitors_);
  }

 private:
  template <class M>
  static void guarded(M& monitor, const coppice::Event& event) noexcept {
    if constexpr (M::kRecords) {
      try {
        monitor.record(event);
      } catch (...) {  // its own loss
      }
    }
  }
  std::tuple<Ms...> monitors_;
};

/// Hands on what `Predicate{}(event)` accepts.
template <class M, class Predicate>
class FilterMonitor {
 public:
  static constexpr bool kRecords = M::kRecords;
  using Event = coppice::Event;
  void record(const coppice::Event& event) {
    if (Predicate{}(event)) monitor_.record(event);
  }
  [[nodiscard]] M& inner() noexcept { return monitor_; }

 private:
  M monitor_;
};

/// Hands on every N-th debug event (messages, publications), and all others.
template <class M, std::uint64_t N>
class SamplingMonitor {
 public:
  static_assert(N > 0, "every N-th, from 1");
  static constexpr bool kRecords = M::kRecords;
  using Event = coppice::Event;
  void record(const coppice::Event& event) {
    // relaxed: which ones are sampled does not matter, only how many.
    if (severity_of(event.kind) == Severity::Debug && seen_.fetch_add(1, detail::kRelaxed) % N != 0) return;
    monitor_.record(event);
  }
  [[nodiscard]] M& inner() noexcept { return monitor_; }

 private:
  detail::Atomic<std::uint64_t> seen_{0};
  M monitor_;
};

}  // namespace coppice
