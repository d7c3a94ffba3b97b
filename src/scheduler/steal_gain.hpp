#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "coppice/base/clock.hpp"

namespace coppice::detail {

/// Whether it pays to take work from another worker. Where a message takes some ten nanoseconds, what is taken costs more
/// than it saves: the lines of the actor, its mailbox and its messages cross to the taker, and those that its answers
/// touch cross back, until two processors do less than one. Nobody can see that beforehand, so it is tried out: for a
/// window work is taken, for a window it is left, and what got more done is kept for a while, for longer each time that
/// the verdict stays the same.
///
/// Threads    one: the worker that takes.
/// [G1] Work is left only where the two have been getting on fast, in messages a second, without a rest; and no longer
///      than a window when that is over.
/// [G2] What waits at a worker that does not get on, since its handler lasts, is left for kStandsStill and no longer.
/// [G3] Nothing is left for longer than kHoldMax without being tried again.
class StealGain {
 public:
  static constexpr Duration kWindow = std::chrono::milliseconds{1};
  static constexpr Duration kWindowMax = std::chrono::milliseconds{10};  // who came back later has been elsewhere
  static constexpr Duration kHoldMin = std::chrono::milliseconds{8};
  static constexpr Duration kHoldMax = std::chrono::milliseconds{64};
  static constexpr Duration kStandsStill = std::chrono::microseconds{40};
  static constexpr std::uint64_t kFine =
      4'000;  // sends and handlers of the two in a millisecond, from which it is fine

  explicit StealGain(std::size_t workers) : others_(workers) {}

  /// Whether look() would change anything: `done` costs the caller two cache lines. `from`: the worker that something
  /// was taken from last.
  [[nodiscard]] bool is_due(TimePoint now, std::uint32_t from) const noexcept {
    return saturating_between(begun_, now) >= kWindow || (from != from_ && !is_leaving_);
  }
  /// At a search for work. `done`: how many messages that worker and this one have sent and handled so far.
  void look(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept;
  /// There is nothing to do for a while, so that nothing can be told from what is done meanwhile; until the next look().
  void rest() noexcept;
  [[nodiscard]] bool is_resting() const noexcept { return begun_ == TimePoint{}; }

  /// Whether what waits at that worker is left there, if it gets on.
  [[nodiscard]] bool leaves(TimePoint now, std::uint32_t other) const noexcept {
    return is_leaving_ || (others_[other].is_left && now < others_[other].until);
  }
  /// Asked of a worker that is left, with all that it has done so far. False: nothing for kStandsStill.
  [[nodiscard]] bool gets_on(TimePoint now, std::uint32_t other, std::uint64_t done) noexcept;

 private:
  struct Other {
    bool is_left = false;
    TimePoint until{};  // the verdict holds
    Duration hold = kHoldMin;
    std::uint64_t done = 0;  // when it was seen to get on last
    TimePoint seen{};
  };
  /// In a millisecond.
  [[nodiscard]] std::uint64_t rate(TimePoint now, std::uint64_t done) const noexcept;
  void begin(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept;
  void judge(TimePoint now, std::uint64_t leaving) noexcept;

  std::vector<Other> others_;
  TimePoint begun_{};  // the window
  std::uint32_t from_ = 0;
  std::uint64_t done_ = 0;    // at its begin
  std::uint64_t taking_ = 0;  // the rate
  bool is_leaving_ = false;   // in this window
};

}  // namespace coppice::detail
