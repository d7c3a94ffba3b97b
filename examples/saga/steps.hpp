#pragma once

#include <array>
#include <optional>
#include <string_view>

// The steps of an order's saga, each with its undoing.
//
//     reserve -> charge -> ship -> done       each arrow: the step was done
//        |          |        |
//        |          |     recall              a refused step changed nothing: its own undoing is skipped;
//        |       refund <----+                one that crashed too often may have been done: it is not skipped
//     release <-----+
//        +-> undone

struct Step {
  const char* name;
  const char* undoing;
};
inline constexpr std::array kSteps{Step{"reserve", "release"}, Step{"charge", "refund"}, Step{"ship", "recall"}};
inline constexpr std::size_t kReserve = 0, kCharge = 1, kShip = 2;

[[nodiscard]] constexpr std::optional<std::size_t> step_named(std::string_view name) {
  for (std::size_t i = 0; i < kSteps.size(); ++i) {
    if (name == kSteps[i].name) return i;
  }
  return std::nullopt;
}

/// The carrier takes parcels of so many units.
inline constexpr int kParcelUnitsMax = 20;

/// Why an order was undone.
inline constexpr const char* kNoStock = "no stock";
inline constexpr const char* kDeclined = "card declined";
inline constexpr const char* kTooHeavy = "too heavy";
inline constexpr const char* kRecalled = "it was undone before";        // for a step that comes after its undoing
inline constexpr const char* kGivenUp = "a service crashed too often";  // nobody knows whether the step was done
