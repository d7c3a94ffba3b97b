#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coppice/actor/monitor.hpp"
#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"

namespace coppice {

/// An event that was kept: it owns its texts.
struct RecordedEvent {
  EventKind kind;
  std::uint64_t actor = 0;
  std::uint32_t incarnation = 0;
  std::string path;
  std::string subject;
  std::string text;
  TimePoint time{};
  std::string handling = {};  ///< of a child that crashed: the type of the message in hand
};

/// Counts every event by kind and keeps the newest `capacity` of those that are severe enough.
/// `BasicActorSystem<InMemoryMonitor>` makes it with SystemOptions::monitor_capacity.
///
/// Threads    every function: any, several at a time.
/// Order      the kept ones are in the order in which they were recorded.
/// Failure    record() throws std::bad_alloc, which its caller swallows; the event is counted all the same.
/// [N1] Filtered events are counted, not kept.
/// [N2] What count() has counted, a snapshot() after it holds, unless it was filtered or newer ones took its place.
class InMemoryMonitor {
 public:
  static constexpr bool kRecords = true;
  using Event = coppice::Event;

  explicit InMemoryMonitor(std::size_t capacity = 1'000);
  ~InMemoryMonitor();
  InMemoryMonitor(const InMemoryMonitor&) = delete;
  InMemoryMonitor& operator=(const InMemoryMonitor&) = delete;

  void record(const coppice::Event& event);

  [[nodiscard]] std::uint64_t count(EventKind kind) const noexcept;
  [[nodiscard]] std::uint64_t count(EventFamily family) const noexcept;
  [[nodiscard]] std::uint64_t count(Severity severity) const noexcept;
  [[nodiscard]] std::uint64_t total() const noexcept;
  /// The kept events, oldest first.
  [[nodiscard]] std::vector<RecordedEvent> snapshot() const;
  /// Less severe events are not kept from now on. Info by default, so that messages do not push everything else out.
  void keep_from(Severity severity) noexcept;
  /// Forgets counts and events.
  void reset();
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  struct Ring;
  struct alignas(detail::kCacheLine) Shard {
    std::array<detail::Atomic<std::uint64_t>, kEventKinds> counts{};
  };
  static constexpr std::size_t kShards = 16;

  const std::size_t capacity_;
  detail::Atomic<Severity> keep_from_{Severity::Info};
  std::array<Shard, kShards> shards_;
  std::unique_ptr<Ring> ring_;
};

}  // namespace coppice
