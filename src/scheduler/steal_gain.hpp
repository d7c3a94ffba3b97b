#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "coppice/base/clock.hpp"
#include "done.hpp"

namespace coppice::detail {

/// Whether it pays to take work from another worker. Where a message takes some ten nanoseconds, what is taken costs more
/// than it saves: the lines of the actor, its mailbox and its messages cross to the taker, and those that its answers
/// touch cross back, until two processors do less than one. Nobody can see that beforehand, so it is tried out: for a
/// window work is taken, for a window it is left, and what got more done is kept for a while, for longer each time that
/// the verdict stays the same.
///
/// What is measured is a pair of workers; where several take from one, each tries it by itself, while the others go on. Or
/// all workers of a pool, as one whom all take from.
///
/// Threads    one: the worker that takes.
/// [W1] Work is left only where the two have been getting on fast, counted in messages, for a window without a rest. It is
///      no longer left when a window shows that this is over, or that no handler has returned.
/// [W2] What waits at a worker that does nothing at all, since its handler lasts, is left for kStandsStill, and until the
///      next look.
/// [W3] Nothing is left for longer than kHoldMax without being tried again.
class StealGain {
 public:
  static constexpr Duration kWindow = std::chrono::milliseconds{1};
  static constexpr Duration kWindowMax = std::chrono::milliseconds{3};  // who comes back later has been elsewhere
  static constexpr Duration kHoldMin = std::chrono::milliseconds{8};
  static constexpr Duration kHoldMax = std::chrono::milliseconds{64};
  static constexpr Duration kStandsStill = std::chrono::microseconds{40};
  static constexpr std::uint64_t kFine =
      4'000;  // sends and handlers of the two in a millisecond, from which it is fine

  /// Whether look() would change anything: to find `done` costs a line that its worker writes all the time. `from`: the
  /// worker that something was taken from last.
  [[nodiscard]] bool is_due(TimePoint now, std::uint32_t from) const noexcept {
    return saturating_between(begun_, now) >= kWindow || from != from_;
  }
  /// At a search for work. `done`: by that worker and this one together.
  void look(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept;
  /// There is nothing to do for a while, so that nothing can be told from what is done meanwhile; until the next look().
  void rest() noexcept { begun_ = TimePoint{}; }
  [[nodiscard]] bool is_resting() const noexcept { return begun_ == TimePoint{}; }

  /// For this window nothing is taken from anybody.
  [[nodiscard]] bool is_on_trial() const noexcept { return is_on_trial_ && !is_resting(); }
  /// Whether what waits at that worker is left there, if it gets on.
  [[nodiscard]] bool leaves(TimePoint now, std::uint32_t other) const noexcept {
    if (is_on_trial()) return true;
    for (const Other& each : others_) {
      if (each.who == other) return each.is_left && now < each.until;
    }
    return false;
  }
  /// Asked at each look at a worker that is left. False: it does not, so all is taken that waits there.
  [[nodiscard]] bool gets_on(TimePoint now, std::uint32_t other, Done done) noexcept;

 private:
  static constexpr std::uint32_t kNobody = ~std::uint32_t{0};
  /// One of the workers that something was taken from.
  struct Other {
    std::uint32_t who = kNobody;
    bool is_left = false;
    TimePoint until{};  // the verdict holds
    Duration hold{};    // so long; zero: there was none
    std::uint64_t done = 0;
    TimePoint moved{};  // when that was another number
    TimePoint paced{};  // the begin of a window, and what was done by then
    Done before{};
  };
  [[nodiscard]] Other& at(std::uint32_t other) noexcept;
  void begin(TimePoint now, std::uint32_t from, std::uint64_t done) noexcept;
  void judge(TimePoint now, std::uint64_t leaving) noexcept;

  std::array<Other, 8> others_{};  // those of late
  std::size_t oldest_ = 0;
  TimePoint begun_{};  // the window; zero: resting
  std::uint32_t from_ = kNobody;
  std::uint64_t done_ = 0;    // at its begin
  std::uint64_t taking_ = 0;  // what was done in a millisecond of the window before the trial
  bool is_on_trial_ = false;
};

}  // namespace coppice::detail
