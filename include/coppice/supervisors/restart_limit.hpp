#pragma once

#include <cstddef>
#include <vector>

#include "coppice/supervisors/intensity.hpp"

namespace coppice {

/// The sliding window behind an Intensity, at the clock's full resolution; a restart exactly `within` ago still counts.
/// Source: OTP's supervisor, add_restart, without its truncation to whole seconds.
///
/// Threads    one.
/// [R1] The list never holds more than twice `restarts` + 2 times.
class RestartLimit {
 public:
  explicit RestartLimit(Intensity intensity) noexcept : intensity_{intensity} {}

  /// Notes a restart that is about to be tried. False: it is one too many.
  [[nodiscard]] bool add(TimePoint now);

 private:
  Intensity intensity_;
  std::vector<TimePoint> times_;  // ascending
  std::size_t oldest_ = 0;        // the first that still counts
};

}  // namespace coppice
