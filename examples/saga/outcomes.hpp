#pragma once

#include <memory>
#include <string>
#include <vector>

#include <coppice/patterns/saga_journal.hpp>
#include <coppice/patterns/saga_rules.hpp>

#include "orders.hpp"

/// What became of an order: from the journal alone.
struct Outcome {
  enum class End : unsigned char { Open, Done, Undone };
  End end = End::Open;
  std::string why = {};                 ///< why it was undone
  std::vector<std::string> taken = {};  ///< the steps and undoings that came to an end, in that order
};
using Outcomes = std::vector<Outcome>;  ///< by the order's number

/// Or why the journal cannot be that of these orders: each record must follow from those before it.
[[nodiscard]] coppice::Result<Outcomes, std::string> read_outcomes(const coppice::SagaRules& rules,
                                                                   const std::vector<OrderPtr>& orders,
                                                                   coppice::SagaJournal& journal);
/// What a journal of these orders is about: others have another one.
[[nodiscard]] std::string subject_of(const std::vector<OrderPtr>& orders, std::int64_t units, std::int64_t cents);
