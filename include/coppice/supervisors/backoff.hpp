#pragma once

#include <cstdint>

#include "coppice/base/clock.hpp"

namespace coppice {

/// Each automatic start attempt of a child waits longer than the one before. An extension: OTP has none, and it is off
/// by default. It delays start attempts and nothing else: stops happen at once, siblings go on, and a stop of the
/// supervisor cancels it.
struct Exponential {
  Duration first = std::chrono::milliseconds{100};
  Duration cap = std::chrono::seconds{60};
  double factor = 2.0;                              ///< from 1
  double jitter = 0.0;                              ///< 0.2: each delay is drawn from ±20 % around it; at most 0.5
  std::uint32_t fast = 0;                           ///< so many attempts without any delay come first
  Duration reset_after = std::chrono::seconds{60};  ///< a child that ran this long begins anew
  friend bool operator==(const Exponential&, const Exponential&) = default;
};

/// The delay before start attempts: none, or Exponential.
///
/// Threads    immutable.
/// [K1] Monotone up to the cap when there is no jitter; saturating for every attempt and duration; never below one
///      nanosecond once the fast phase is over and `first` is above zero.
class Backoff {
 public:
  Backoff() noexcept = default;
  Backoff(Exponential exponential) noexcept : exponential_{exponential}, on_{true} {}

  [[nodiscard]] bool is_on() const noexcept { return on_; }
  [[nodiscard]] const Exponential& exponential() const noexcept { return exponential_; }
  /// `attempt` counts from 0; `random` is uniform over all 64-bit numbers.
  [[nodiscard]] Duration delay(std::uint32_t attempt, std::uint64_t random) const noexcept;
  friend bool operator==(const Backoff&, const Backoff&) = default;

 private:
  Exponential exponential_{};
  bool on_ = false;
};

}  // namespace coppice
