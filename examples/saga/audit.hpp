#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "outcomes.hpp"
#include "storage.hpp"

/// All that a run leaves behind.
struct Books {
  std::vector<OrderPtr> orders;
  Outcomes outcomes;
  Holdings holdings;
  Beginning beginning;
};

/// What does not add up, a sentence each. Empty: every order is done or undone, and each item's units and each
/// customer's cents are what they were in the beginning, less what the done orders took.
[[nodiscard]] std::vector<std::string> audit(const Books& books);
