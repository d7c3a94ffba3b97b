#include "interleave/engine/memory.hpp"

#include <algorithm>

namespace coppice::interleave {
namespace {

constexpr std::uint32_t kStampStep = 1U << 12;  // room for stores in between

bool acquires(std::memory_order order) noexcept {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst || order == std::memory_order_consume;
}
bool releases(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
bool is_sequential(std::memory_order order) noexcept { return order == std::memory_order_seq_cst; }

}  // namespace

void View::join(const View& other) {
  for (unsigned i = 0; i < kFibersMax; ++i) clock[i] = std::max(clock[i], other.clock[i]);
  if (floor.size() < other.floor.size()) floor.resize(other.floor.size());
  for (std::size_t i = 0; i < other.floor.size(); ++i) floor[i] = std::max(floor[i], other.floor[i]);
}

void View::raise(std::uint32_t location, std::uint32_t store) {
  if (floor.size() <= location) floor.resize(location + 1);
  floor[location] = std::max(floor[location], store);
}

void WeakMemory::clear(std::uint32_t failures_for_nothing) {
  ids_.clear();
  locations_.clear();
  threads_ = {};
  sequential_ = {};
  mutexes_.clear();
  plains_.clear();
  failures_for_nothing_ = failures_for_nothing;
}

void WeakMemory::begin_thread(unsigned thread, unsigned by) {
  step(by);
  threads_[thread] = {};
  threads_[thread].now = threads_[by].now;
  step(thread);
}

void WeakMemory::end_thread(unsigned thread, unsigned waiter) { threads_[waiter].now.join(threads_[thread].now); }

std::uint32_t WeakMemory::id_of(const void* where, Bits now) {
  const auto [found, is_new] = ids_.try_emplace(where, static_cast<std::uint32_t>(locations_.size()));
  // The first value was there before all that looks at it: who makes an object hands it over by something else.
  if (is_new) locations_.emplace_back().stores.push_back({.value = now, .released = {}});
  return found->second;
}

std::uint32_t WeakMemory::floor_of(unsigned thread, std::uint32_t id, std::memory_order order) const noexcept {
  const std::uint32_t mine = threads_[thread].now.floor_of(id);
  return is_sequential(order) ? std::max(mine, locations_[id].sequential) : mine;
}

void WeakMemory::note_seen(unsigned thread, std::uint32_t id, std::uint32_t store, std::memory_order order) {
  threads_[thread].now.raise(id, store);
  if (is_sequential(order)) locations_[id].sequential = std::max(locations_[id].sequential, store);
}

void WeakMemory::take(unsigned thread, const Store& store, std::memory_order order) {
  Thread& me = threads_[thread];
  (acquires(order) ? me.now : me.acquired_by_fence).join(store.released);
}

void WeakMemory::insert(unsigned thread, std::uint32_t id, std::size_t at, std::uint32_t stamp, Store fresh,
                        std::memory_order order) {
  note_seen(thread, id, stamp, order);
  Thread& me = threads_[thread];
  fresh.stamp = stamp;
  fresh.released.join(releases(order) ? me.now : me.released_by_fence);
  fresh.released.raise(id, stamp);
  auto& stores = locations_[id].stores;
  stores.insert(stores.begin() + static_cast<std::ptrdiff_t>(at), std::move(fresh));
  step(thread);
}

Bits WeakMemory::load(unsigned thread, const void* where, Bits now, std::memory_order order) {
  const std::uint32_t id = id_of(where, now);
  const auto& stores = locations_[id].stores;
  const std::uint32_t floor = floor_of(thread, id, order);
  std::size_t oldest = stores.size() - 1;
  while (oldest > 0 && stores[oldest - 1].stamp >= floor) --oldest;
  const auto ways = static_cast<std::uint32_t>(stores.size() - oldest);
  const Store& seen = stores[stores.size() - 1 - (ways > 1 ? draw_(ways) : 0)];
  take(thread, seen, order);
  note_seen(thread, id, seen.stamp, order);
  step(thread);
  return seen.value;
}

bool WeakMemory::store(unsigned thread, const void* where, Bits now, Bits value, std::memory_order order) {
  const std::uint32_t id = id_of(where, now);
  const auto& stores = locations_[id].stores;
  const std::uint32_t floor = floor_of(thread, id, order);
  // The ways to go: behind all; and before each newer one that it does not know of, from the newest on.
  std::vector<std::size_t> ways{stores.size()};
  for (std::size_t at = stores.size() - 1; at > 0 && stores[at - 1].stamp >= floor && stores[at].stamp > floor; --at) {
    if (!stores[at].is_change && stores[at].stamp - stores[at - 1].stamp > 1) ways.push_back(at);
  }
  const std::size_t at = ways[ways.size() > 1 ? draw_(static_cast<std::uint32_t>(ways.size())) : 0];
  const bool is_newest = at == stores.size();
  const std::uint32_t before = stores[at - 1].stamp;
  const std::uint32_t stamp = is_newest ? before + kStampStep : before + (stores[at].stamp - before) / 2;
  insert(thread, id, at, stamp, Store{.value = value, .released = {}}, order);
  return is_newest;
}

void WeakMemory::change(unsigned thread, const void* where, Bits now, Bits value, std::memory_order order) {
  const std::uint32_t id = id_of(where, now);
  const Store before = locations_[id].stores.back();  // a read-modify-write sees the newest
  take(thread, before, order);
  // A release sequence goes on over read-modify-writes.
  insert(thread, id, locations_[id].stores.size(), before.stamp + kStampStep,
         Store{.value = value, .released = before.released, .stamp = 0, .is_change = true}, order);
}

Exchange WeakMemory::exchange(unsigned thread, const void* where, Bits now, Bits expected, Bits value, bool may_fail,
                              std::memory_order success, std::memory_order failure) {
  const std::uint32_t id = id_of(where, now);
  const auto& stores = locations_[id].stores;
  // The ways to go: the newest store; older ones that make it fail; the newest, and fail for nothing.
  const std::uint32_t floor = floor_of(thread, id, failure);
  std::vector<std::size_t> ways{stores.size() - 1};
  for (std::size_t at = ways[0]; at > 0 && stores[at - 1].stamp >= floor; --at) {
    if (stores[at - 1].value != expected) ways.push_back(at - 1);
  }
  const bool would_do = stores.back().value == expected;
  if (may_fail && would_do && failures_for_nothing_ > 0) ways.push_back(ways[0]);
  const auto way = ways.size() > 1 ? draw_(static_cast<std::uint32_t>(ways.size())) : 0;
  if (way == 0 && would_do) {
    change(thread, where, now, value, success);
    return {true, expected};
  }
  const Store& seen = stores[ways[way]];
  if (way != 0 && seen.value == expected) --failures_for_nothing_;
  take(thread, seen, failure);
  note_seen(thread, id, seen.stamp, failure);
  step(thread);
  return {false, seen.value};
}

void WeakMemory::fence(unsigned thread, std::memory_order order) {
  Thread& me = threads_[thread];
  if (acquires(order)) me.now.join(me.acquired_by_fence);
  if (is_sequential(order)) {
    // Whatever a fence knows, and whatever sequentially consistent operations have made or seen, those after it know;
    // and loads of that kind see what a fence before them knew.
    me.now.join(sequential_);
    for (std::uint32_t id = 0; id < locations_.size(); ++id) {
      me.now.raise(id, std::max(locations_[id].sequential, me.now.floor_of(id)));
      locations_[id].sequential = me.now.floor_of(id);
    }
    sequential_.floor = me.now.floor;  // an order, not a hand-over: no clock
  }
  if (releases(order)) me.released_by_fence = me.now;
  step(thread);
}

void WeakMemory::see_all(unsigned thread) {
  for (std::uint32_t id = 0; id < locations_.size(); ++id) {
    threads_[thread].now.raise(id, locations_[id].stores.back().stamp);
  }
}

void WeakMemory::see(unsigned thread, const void* where) {
  const auto found = ids_.find(where);
  if (found == ids_.end()) return;
  threads_[thread].now.raise(found->second, locations_[found->second].stores.back().stamp);
}

void WeakMemory::lock(unsigned thread, const void* mutex) {
  threads_[thread].now.join(mutexes_[mutex]);
  step(thread);
}

void WeakMemory::unlock(unsigned thread, const void* mutex) {
  mutexes_[mutex] = threads_[thread].now;
  step(thread);
}

void WeakMemory::plain_read(unsigned thread, const void* where) {
  Plain& plain = plains_[where];
  const View& me = threads_[thread].now;
  if (me.clock[plain.writer] < plain.written_at) complain_("a data race: a read does not know of the write before it");
  plain.read_at[thread] = me.clock[thread];
}

void WeakMemory::plain_write(unsigned thread, const void* where) {
  Plain& plain = plains_[where];
  const View& me = threads_[thread].now;
  if (me.clock[plain.writer] < plain.written_at) complain_("a data race: a write does not know of the write before it");
  for (unsigned i = 0; i < kFibersMax; ++i) {
    if (me.clock[i] < plain.read_at[i]) complain_("a data race: a write does not know of a read before it");
  }
  plain.writer = thread;
  plain.written_at = me.clock[thread];
}

}  // namespace coppice::interleave
