#pragma once

#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"
#include "coppice/base/pause.hpp"
#include "coppice/mailbox/overflow.hpp"

namespace coppice::detail {

class Room;
class Shelf;

/// What makes a mailbox more than the plain list: its rules, and what keeps them. Of one that only counts, two counters;
/// otherwise a shelf, where everything waits; of one that blocks, those who wait for room besides.
///
/// Threads    try_enter(), enter_above(), withdraw(): any. leave(), is_time_to_admit(): the owner. The counters are unused
///            where there is a shelf.
/// [B1] Exact: at no moment more than `capacity` bounded messages wait, but for what enter_above() has let in.
/// [B2] No wake-up is lost: who waits says so, fences heavily and tries once more; the owner leaves, fences lightly and
///      looks who waits.
struct Bound {
  /// Throws std::bad_alloc.
  explicit Bound(const MailboxOptions& rules);
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;
  ~Bound();

  [[nodiscard]] bool try_enter() noexcept {
    for (std::uint64_t in = entered.load(kRelaxed);; in = entered.load(kRelaxed)) {
      // What was seen of `left` may be old, and is never too high: enough to let somebody in, not to refuse.
      if (const std::uint64_t seen = left_seen.load(kAcquire); in >= seen && in - seen >= capacity) {
        // acquire: what they count has left the mailbox. An `in` that is older than they are fails the exchange, not
        // the test.
        const std::uint64_t out = gone(kAcquire);
        if (in >= out && in - out >= capacity) return false;
        left_seen.store(out, kRelease);  // perhaps over a newer one: that costs a look more
      }
      if (entered.compare_exchange_weak(in, in + 1, kAcqRel, kRelaxed)) return true;
      back_off();
    }
  }
  void enter_above() noexcept { entered.fetch_add(1, kAcqRel); }
  /// Who entered found the mailbox closed.
  void withdraw() noexcept { withdrawn.fetch_add(1, kAcqRel); }
  void leave() noexcept { left.store(left.load(kRelaxed) + 1, kRelease); }
  /// How many wait that count, wherever they wait. Any thread; a moment's.
  [[nodiscard]] std::uint64_t depth() const noexcept;
  /// So few wait that those who wait for room should hear of it: of a small mailbox at once, of a larger one when half of
  /// it is free, or there would be a wake-up for each message.
  [[nodiscard]] bool has_much_room(std::uint64_t waiting_now) const noexcept {
    constexpr std::uint64_t kSmall = 16;
    return waiting_now < capacity && capacity - waiting_now >= (capacity < kSmall ? 1 : capacity / 2);
  }

  /// has_much_room(), of who has just let a message leave and knows that somebody waits; and at the latest when as many
  /// have left as the mailbox holds, for others may keep it more than half full.
  [[nodiscard]] bool is_time_to_admit() noexcept {
    // `entered` never falls, so what was seen of it is enough to say no: its line is the senders'.
    const std::uint64_t out = gone(kAcquire);
    const bool is_patient = ++left_since_admitted < capacity;
    if (is_patient && entered_seen > out && !has_much_room(entered_seen - out)) return false;
    entered_seen = entered.load(kAcquire);
    const std::uint64_t waiting_now = entered_seen > out ? entered_seen - out : 0;
    if (is_patient ? !has_much_room(waiting_now) : waiting_now >= capacity) return false;
    left_since_admitted = 0;
    return true;
  }

  const MailboxOptions options;
  const std::uint64_t capacity;
  Room* const room;
  Shelf* const shelf;
  // What senders write, and what the owner does, each on a line of its own: otherwise each message would fetch it twice
  // from the other's processor. So senders look at what has gone only when they have used up what they saw of it, and the
  // owner at who has entered when there may be room. All only grow.
  alignas(kCacheLine) Atomic<std::uint64_t> entered{0};  // by compare-and-swap
  Atomic<std::uint64_t> left_seen{0};
  alignas(kCacheLine) Atomic<std::uint64_t> left{0};  // by a plain store
  Atomic<std::uint64_t> withdrawn{0};                 // seldom
  std::uint64_t entered_seen = 0;                     // the owner's, as the next
  std::uint64_t left_since_admitted = 0;

 private:
  [[nodiscard]] std::uint64_t gone(std::memory_order order) const noexcept {
    return left.load(order) + withdrawn.load(order);
  }
};

}  // namespace coppice::detail
