#pragma once

#include <cstdint>
#include <vector>

#include "coppice/base/clock.hpp"

namespace coppice {

/// How many restarts a supervisor stands, all its children together: with `restarts` 3, the fourth within `within` ends it.
/// Zero restarts: the first one ends it.
struct Intensity {
  std::uint32_t restarts = 3;
  Duration within = std::chrono::seconds{5};  ///< longer than zero
  friend bool operator==(const Intensity&, const Intensity&) = default;
};

/// The sliding window behind it, at the clock's full resolution; a restart exactly `within` ago still counts.
/// Source: OTP's supervisor, add_restart, without its truncation to whole seconds.
///
/// Threads    one.
/// [R1] The list never holds more than `restarts` + 1 times.
class RestartLimit {
 public:
  explicit RestartLimit(Intensity intensity) noexcept : intensity_{intensity} {}

  /// Notes a restart that is about to be tried. False: it is one too many.
  [[nodiscard]] bool add(TimePoint now) {
    std::erase_if(times_, [&](TimePoint t) { return detail::saturating_between(t, now) > intensity_.within; });
    times_.push_back(now);
    return times_.size() <= intensity_.restarts;
  }

 private:
  Intensity intensity_;
  std::vector<TimePoint> times_;
};

}  // namespace coppice
