#pragma once

namespace coppice::testing {

/// What a start comes to.
enum class Planned : unsigned char { Ok, Error, Ignore };

/// The same, where a test says true for Ok and false for Error.
struct Outcome {
  Outcome(bool ok) : planned{ok ? Planned::Ok : Planned::Error} {}
  Outcome(Planned p) : planned{p} {}
  Planned planned;
};

}  // namespace coppice::testing
