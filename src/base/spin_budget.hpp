#pragma once

#include <algorithm>

#include "coppice/base/clock.hpp"

namespace coppice::detail {

/// How long a thread looks for what it waits for before it sleeps. To sleep and to be woken takes tens of microseconds,
/// of the waker too; to look in vain takes a processor that others want. So it learns: what is found in time doubles the
/// time for the next look, a look in vain halves it. Each sixteenth look has all of the time, or who had learned not to
/// look would never learn that it pays again.
///
/// Threads    one.
class SpinBudget {
 public:
  /// For the look that begins now, at most `most`.
  [[nodiscard]] Duration next(Duration most) noexcept {
    return ++looks_ % kProbeEvery == 0 ? most : std::min(time_, most);
  }
  void found(Duration most) noexcept { time_ = time_ > most / 2 ? most : std::min(most, time_ * 2 + Duration{100}); }
  void in_vain() noexcept { time_ /= 2; }

 private:
  static constexpr unsigned kProbeEvery = 16;
  Duration time_{std::chrono::microseconds{10}};  // to begin with
  unsigned looks_ = 0;
};

}  // namespace coppice::detail
