#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store.hpp"

/// What all items and all customers begin with.
struct Beginning {
  std::int64_t units = 0;  ///< of each item
  std::int64_t cents = 0;  ///< of each customer
};

/// All that a run leaves behind.
struct Books {
  std::vector<OrderPtr> orders;
  Journal journal;
  Stock stock;
  Accounts accounts;
  Parcels parcels;
  Beginning beginning;
};

/// What does not add up, a sentence each. Empty: every order is done or undone, and each item's units and each
/// customer's cents are what they were in the beginning, less what the done orders took.
[[nodiscard]] std::vector<std::string> audit(const Books& books);
