#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "coppice/base/clock.hpp"
#include "coppice/base/result.hpp"
#include "coppice/system/system_options.hpp"

namespace coppice {

enum class CircuitState : unsigned char {
  Closed,    ///< calls go through
  Open,      ///< calls are refused at once
  HalfOpen,  ///< a few go through, to see
};
[[nodiscard]] const char* to_string(CircuitState state) noexcept;

/// When a circuit opens, for how long, and what closes it.
struct CircuitOptions {
  std::uint32_t failures = 5;                    ///< so many in a row open it; 0: only the rate does
  std::uint32_t window = 0;                      ///< calls that `failure_rate` looks back on, up to 10,000; 0: no rate
  double failure_rate = 0.5;                     ///< that share of `window` calls opens it; above 0, up to 1
  Duration open_for = std::chrono::seconds{30};  ///< then it is half-open; longer than zero
  std::uint32_t trials = 1;                      ///< calls at a time while it is half-open; from 1
  std::uint32_t successes = 1;                   ///< so many trials, all good, close it; from 1
  friend bool operator==(const CircuitOptions&, const CircuitOptions&) = default;
};
/// What is out of its bounds, if anything: for options that come out of a file. What takes them aborts where this
/// answers an error.
[[nodiscard]] Result<void, OptionError> check(const CircuitOptions& options);

/// The rules of a circuit breaker as a pure step function: no clock, no lock, no actors. CircuitBreaker is the one to
/// use.
///
///     Closed --failures--> Open --open_for--> HalfOpen --successes--> Closed          HalfOpen --a failure--> Open
///
/// Threads    one.
/// Failure    nothing throws but the constructor: std::bad_alloc.
/// [R1] While it is open no call begins; while it is half-open never more than `trials` are under way.
/// [R2] What began in one period is nothing to a later one: a late answer neither opens nor closes it.
/// Source     Nygard, Release It!; the half-open state of Polly and resilience4j.
class CircuitRules {
 public:
  explicit CircuitRules(const CircuitOptions& options);

  /// The period that the call belongs to; none: it is refused.
  [[nodiscard]] std::optional<std::uint64_t> try_begin(TimePoint now) noexcept;
  /// How a call of that period ended. Exactly one of the three for each that began.
  void succeeded(std::uint64_t period, TimePoint now) noexcept;
  void failed(std::uint64_t period, TimePoint now) noexcept;
  /// Nobody knows: it counts for nothing.
  void given_up(std::uint64_t period) noexcept;

  [[nodiscard]] CircuitState state(TimePoint now) const noexcept;
  /// From when on calls may be tried again; TimePoint::min() where they may now.
  [[nodiscard]] TimePoint retry_at(TimePoint now) const noexcept;

 private:
  void enter(CircuitState state) noexcept;
  void open(TimePoint now) noexcept;
  void note(bool failure) noexcept;
  [[nodiscard]] bool is_too_much() const noexcept;

  CircuitOptions options_;
  CircuitState state_ = CircuitState::Closed;
  std::uint64_t period_ = 1;
  TimePoint open_until_ = TimePoint::min();
  std::uint32_t in_a_row_ = 0;     // closed: failures
  std::uint32_t under_way_ = 0;    // half-open: trials
  std::uint32_t good_trials_ = 0;  // half-open
  std::vector<bool> recent_;       // closed: which of the last calls failed, in a ring
  std::uint32_t next_ = 0;
  std::uint32_t seen_ = 0;
  std::uint32_t failed_of_seen_ = 0;
};

}  // namespace coppice
