#pragma once

#include <cstdint>

#include "coppice/base/atomic.hpp"
#include "coppice/base/config.hpp"
#include "coppice/base/pause.hpp"
#include "coppice/mailbox/overflow.hpp"

namespace coppice::detail {

class Room;
class Shelf;

/// Whom of those who wait for room the owner lets in: of the actors the one that has waited longest or all, of the threads
/// none or all.
enum class Admit : unsigned char { Nobody, OneActor, OneActorAndThreads, Everybody };

/// What makes a mailbox more than the plain list: its rules, and what keeps them. Of one that only counts, two counters;
/// otherwise a shelf, where everything waits; of one that blocks, those who wait for room besides.
///
/// Threads    try_enter(), enter_above(), withdraw(): any. leave(), admits_now(): the owner. The counters are unused where
///            there is a shelf.
/// [B1] Exact: at no moment more than `capacity` bounded messages wait, but for what enter_above() has let in.
/// [B2] No wake-up is lost: who waits says so in the room (Room [R1]) and tries once more; the owner leaves, fences lightly
///      and looks who waits.
/// [B3] Nobody waits for room in an empty mailbox: the owner looks again before more have left than it saw waiting, and
///      where nothing waits it lets everybody in.
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
  /// Whom to let in while so many messages wait.
  ///
  /// Everybody, where half of it is free, for then the senders that are left do not keep up; of a small mailbox at once. One
  /// actor, where a sixteenth is free: it fills that while the owner empties the rest. Where all were let in at once, they
  /// would all run and the owner not, and then all wait while it runs.
  [[nodiscard]] Admit admits(std::uint64_t waiting_now) const noexcept {
    constexpr std::uint64_t kSmall = 16;
    if (waiting_now >= capacity) return Admit::Nobody;
    const std::uint64_t room_now = capacity - waiting_now;
    if (room_now >= (capacity < kSmall ? 1 : capacity / 2)) return Admit::Everybody;
    return room_now >= step() ? Admit::OneActor : Admit::Nobody;
  }

  /// admits(), of who has just let a message leave and knows that somebody waits. Threads as well, at the latest when as
  /// many have left as the mailbox holds, for actors may keep it more than half full.
  [[nodiscard]] Admit admits_now() noexcept {
    const std::uint64_t out = gone(kAcquire);
    if (out < look_again_at) return Admit::Nobody;  // the line of `entered` is the senders': it is read seldom
    const std::uint64_t in = entered.load(kAcquire);
    const std::uint64_t waiting_now = in > out ? in - out : 0;
    Admit whom = admits(waiting_now);
    if (whom < Admit::OneActorAndThreads && waiting_now < capacity && out - threads_at >= capacity)
      whom = Admit::OneActorAndThreads;
    if (whom >= Admit::OneActorAndThreads) threads_at = out;
    // When a step more of it is free, or the threads' time has come; and [B3] with the last of those that wait now.
    look_again_at = out + (whom == Admit::Nobody ? waiting_now + step() - capacity : step());
    if (const std::uint64_t due = threads_at + capacity; due > out && due < look_again_at) look_again_at = due;
    if (look_again_at - out > waiting_now) look_again_at = out + waiting_now;
    return whom;
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
  std::uint64_t look_again_at = 0;                    // the owner's, as the next: both of what has gone
  std::uint64_t threads_at = 0;

 private:
  [[nodiscard]] std::uint64_t step() const noexcept { return capacity < 32 ? 1 : capacity / 16; }
  [[nodiscard]] std::uint64_t gone(std::memory_order order) const noexcept {
    return left.load(order) + withdrawn.load(order);
  }
};

}  // namespace coppice::detail
