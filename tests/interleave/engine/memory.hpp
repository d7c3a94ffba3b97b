#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "interleave/engine/sync.hpp"

namespace coppice::interleave {

inline constexpr unsigned kFibersMax = 16;

/// What a fiber knows: how far it has come itself and how far it knows each other fiber to have come (a vector clock),
/// and of each location the oldest store that it may still see.
struct View {
  std::array<std::uint32_t, kFibersMax> clock{};
  std::vector<std::uint32_t> floor;  // by location: a stamp

  void join(const View& other);
  [[nodiscard]] std::uint32_t floor_of(std::uint32_t location) const noexcept {
    return location < floor.size() ? floor[location] : 0;
  }
  void raise(std::uint32_t location, std::uint32_t store);
};

/// C++20's memory model, as an abstract machine: each location keeps its stores in modification order, each with the
/// view that it hands over; a load takes any store that coherence, happens-before and the order of the sequentially
/// consistent operations allow it.
///
/// A store may also come before newer ones of its word, as long as it does not know of them: then it is not what the
/// word holds.
///
/// What it cannot do: see a store before it was made, and let two read-modify-writes of one thread change places.
class WeakMemory {
 public:
  /// One of `count` ways; 0 is the newest.
  using Draw = std::function<std::uint32_t(std::uint32_t count)>;
  /// Something that no program may do.
  using Complain = std::function<void(const std::string&)>;
  WeakMemory(Draw draw, Complain complain) : draw_{std::move(draw)}, complain_{std::move(complain)} {}

  void clear(std::uint32_t failures_for_nothing);
  void begin_thread(unsigned thread, unsigned by);
  void end_thread(unsigned thread, unsigned waiter);  // a join
  void forget(const void* where) { ids_.erase(where); }

  [[nodiscard]] Bits load(unsigned thread, const void* where, Bits now, std::memory_order order);
  /// False: it came before another one, which the word holds still.
  [[nodiscard]] bool store(unsigned thread, const void* where, Bits now, Bits value, std::memory_order order);
  void change(unsigned thread, const void* where, Bits now, Bits value, std::memory_order order);
  [[nodiscard]] Exchange exchange(unsigned thread, const void* where, Bits now, Bits expected, Bits value,
                                  bool may_fail, std::memory_order success, std::memory_order failure);
  void fence(unsigned thread, std::memory_order order);
  /// What was stored until now becomes visible in a finite time: this is over for the thread.
  void see_all(unsigned thread);
  /// The same for one word.
  void see(unsigned thread, const void* where);
  void lock(unsigned thread, const void* mutex);
  void unlock(unsigned thread, const void* mutex);

  void plain_made(unsigned thread, const void* where) {
    plains_.erase(where);
    plain_write(thread, where);
  }
  void plain_read(unsigned thread, const void* where);
  void plain_write(unsigned thread, const void* where);

 private:
  struct Store {
    Bits value;
    View released;
    std::uint32_t stamp = 0;  // its place among the stores of its word
    bool is_change = false;   // nothing comes between it and the one before
  };
  struct Location {
    std::vector<Store> stores;  // in modification order
    std::uint32_t sequential =
        0;  // the stamp of the newest store that a sequentially consistent operation has made or seen
  };
  struct Thread {
    View now;
    View acquired_by_fence;  // of relaxed loads: an acquire fence makes it ours
    View released_by_fence;  // what relaxed stores hand over
  };
  struct Plain {
    unsigned writer = 0;
    std::uint32_t written_at = 0;
    std::array<std::uint32_t, kFibersMax> read_at{};
  };

  [[nodiscard]] std::uint32_t id_of(const void* where, Bits now);
  void step(unsigned thread) noexcept { ++threads_[thread].now.clock[thread]; }
  void take(unsigned thread, const Store& store, std::memory_order order);
  void insert(unsigned thread, std::uint32_t id, std::size_t at, std::uint32_t stamp, Store fresh,
              std::memory_order order);
  [[nodiscard]] std::uint32_t floor_of(unsigned thread, std::uint32_t id, std::memory_order order) const noexcept;
  void note_seen(unsigned thread, std::uint32_t id, std::uint32_t store, std::memory_order order);

  Draw draw_;
  Complain complain_;
  std::unordered_map<const void*, std::uint32_t> ids_;
  std::vector<Location> locations_;
  std::array<Thread, kFibersMax> threads_{};
  View sequential_;  // what all fences know
  std::unordered_map<const void*, View> mutexes_;
  std::unordered_map<const void*, Plain> plains_;
  std::uint32_t failures_for_nothing_ = 0;  // compare_exchange_weak may still have so many
};

}  // namespace coppice::interleave
