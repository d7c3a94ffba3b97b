#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "coppice/base/atomic.hpp"
#include "coppice/base/clock.hpp"
#include "coppice/base/config.hpp"
#include "done.hpp"

namespace coppice::detail {

/// Who may take work from workers that get on with it, where there are more workers than processors: as many are at work
/// as there are processors, each in a seat. What one more took would be done no sooner, since for that time another one
/// would have no processor, and the work would cross the caches all the same. So who has no seat leaves to a worker that
/// gets on what waits there. The seat of one that does not get on is anybody's, so that handlers which wait for something
/// keep no processor idle; as a thread of Go's that stays in a system call loses its P.
///
/// What is known of a worker is what somebody saw of it last. That may be old: then one too many takes work, or one takes
/// it a moment later.
///
/// Threads    any, but for what a worker does about itself: take(), leave(), nap(), wake().
/// Order      relaxed throughout: what is read are numbers that tell what pays.
/// Failure    the constructor throws std::bad_alloc.
class Seats {
 public:
  static constexpr Duration kStandsStill = std::chrono::microseconds{40};
  static constexpr Duration kLasts = std::chrono::milliseconds{1};
  static constexpr unsigned kUnlimited = ~0U;

  /// No `processors`: they are not counted, and each worker has one.
  Seats(unsigned workers, unsigned processors);

  /// False: each worker has a processor, and nothing below is to be asked.
  [[nodiscard]] bool are_scarce() const noexcept { return !seats_.empty(); }

  /// Whether that worker sends or handles something every kStandsStill on average since it was looked at, and has handled
  /// something within kLasts. At the first look for long: whether it has done anything since the last. `done`: so far.
  [[nodiscard]] bool gets_on(std::uint32_t worker, TimePoint now, const Done& done) noexcept;

  /// Whether `me` has a seat, perhaps from now on. `done_by(i)`: what worker i has done so far.
  template <class DoneBy>
  [[nodiscard]] bool take(std::uint32_t me, TimePoint now, const DoneBy& done_by) noexcept {
    if (is_in_seat(me)) return true;
    for (std::uint32_t seat = 0; seat < seats_.size(); ++seat) {
      std::uint32_t holder = seats_[seat].load(kRelaxed);
      if (holder != kFree && (naps(holder) || gets_on(holder, now, done_by(holder)))) continue;
      if (!seats_[seat].compare_exchange_strong(holder, me, kRelaxed, kRelaxed)) continue;
      workers_[me].seat = seat;
      return true;
    }
    return false;
  }
  /// For one that goes to sleep.
  void leave(std::uint32_t me) noexcept;
  /// For one that leaves work to another though it may have a seat: nobody else is to try again what does not pay. Until
  /// it runs something or sleeps.
  void nap(std::uint32_t me) noexcept { workers_[me].naps.store(true, kRelaxed); }
  void wake(std::uint32_t me) noexcept {
    if (naps(me)) workers_[me].naps.store(false, kRelaxed);
  }

 private:
  static constexpr std::uint32_t kFree = ~std::uint32_t{0};
  struct alignas(kCacheLine) Worker {
    // As it was seen last, and when: nanoseconds of the steady clock.
    Atomic<std::uint64_t> done{0};
    Atomic<std::int64_t> seen{0};
    Atomic<bool> got_on{false};
    // And when a handler was first seen to have returned.
    Atomic<std::uint64_t> handled{0};
    Atomic<std::int64_t> returned{0};
    Atomic<bool> naps{false};
    std::uint32_t seat = 0;  // its own thread's: where it sits, or sat last
  };

  [[nodiscard]] bool is_in_seat(std::uint32_t me) const noexcept {
    return seats_[workers_[me].seat].load(kRelaxed) == me;
  }
  [[nodiscard]] bool naps(std::uint32_t worker) const noexcept { return workers_[worker].naps.load(kRelaxed); }

  std::vector<Atomic<std::uint32_t>> seats_;  // who has it
  std::vector<Worker> workers_;
};

}  // namespace coppice::detail
