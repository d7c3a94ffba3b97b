#include "coppice/monitors/in_memory_monitor.hpp"

#include <utility>

#include "base/mutex.hpp"
#include "coppice/actor/supervisor_report.hpp"

namespace coppice {
namespace {

std::size_t shard_of_this_thread() noexcept {
  static constinit detail::Atomic<std::size_t> next{0};
  static thread_local const std::size_t mine = next.fetch_add(1, detail::kRelaxed);
  return mine;
}

}  // namespace

struct InMemoryMonitor::Ring {
  mutable detail::Mutex mutex;
  std::vector<RecordedEvent> events;
  std::size_t next = 0;  // where the oldest is, once it is full
};

InMemoryMonitor::InMemoryMonitor(std::size_t capacity)
    : capacity_{capacity == 0 ? 1 : capacity}, ring_{std::make_unique<Ring>()} {}
InMemoryMonitor::~InMemoryMonitor() = default;

void InMemoryMonitor::record(const coppice::Event& event) {
  // Counted when all else is done [N2], also if there was no memory to keep it.
  struct CountAtTheEnd {
    // Partner: count().
    ~CountAtTheEnd() { count.fetch_add(1, detail::kRelease); }
    detail::Atomic<std::uint64_t>& count;
  };
  const CountAtTheEnd count{shards_[shard_of_this_thread() % kShards].counts[static_cast<std::size_t>(event.kind)]};
  if (severity_of(event.kind) < keep_from_.load(detail::kRelaxed)) return;
  RecordedEvent kept{event.kind,
                     event.actor,
                     event.incarnation,
                     std::string{event.path},
                     std::string{event.subject},
                     std::string{event.text},
                     event.time,
                     event.report == nullptr ? std::string{} : std::string{event.report->handling}};
  const detail::Lock lock{ring_->mutex};
  if (ring_->events.size() < capacity_) {
    ring_->events.push_back(std::move(kept));
    return;
  }
  std::swap(ring_->events[ring_->next], kept);
  ring_->next = (ring_->next + 1) % capacity_;
}

std::uint64_t InMemoryMonitor::count(EventKind kind) const noexcept {
  std::uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.counts[static_cast<std::size_t>(kind)].load(detail::kAcquire);
  return sum;
}

std::uint64_t InMemoryMonitor::count(EventFamily family) const noexcept {
  std::uint64_t sum = 0;
  for (int i = 0; i < kEventKinds; ++i) {
    if (const auto kind = static_cast<EventKind>(i); family_of(kind) == family) sum += count(kind);
  }
  return sum;
}

std::uint64_t InMemoryMonitor::count(Severity severity) const noexcept {
  std::uint64_t sum = 0;
  for (int i = 0; i < kEventKinds; ++i) {
    if (const auto kind = static_cast<EventKind>(i); severity_of(kind) == severity) sum += count(kind);
  }
  return sum;
}

std::uint64_t InMemoryMonitor::total() const noexcept {
  std::uint64_t sum = 0;
  for (int i = 0; i < kEventKinds; ++i) sum += count(static_cast<EventKind>(i));
  return sum;
}

std::vector<RecordedEvent> InMemoryMonitor::snapshot() const {
  const detail::Lock lock{ring_->mutex};
  std::vector<RecordedEvent> events;
  events.reserve(ring_->events.size());
  for (std::size_t i = 0; i < ring_->events.size(); ++i)
    events.push_back(ring_->events[(ring_->next + i) % ring_->events.size()]);
  return events;
}

void InMemoryMonitor::keep_from(Severity severity) noexcept { keep_from_.store(severity, detail::kRelaxed); }

void InMemoryMonitor::reset() {
  const detail::Lock lock{ring_->mutex};
  ring_->events.clear();
  ring_->next = 0;
  for (Shard& shard : shards_) {
    for (auto& count : shard.counts) count.store(0, detail::kRelaxed);
  }
}

}  // namespace coppice
