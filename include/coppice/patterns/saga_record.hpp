#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coppice {

/// What can happen to a saga. All that is known of one is its records, in order.
enum class SagaEvent : unsigned char {
  Begun,        ///< it is wanted; the text is its payload
  StepBegun,    ///< the step may have been asked for from now on
  StepDone,     ///< its participant did it
  StepRefused,  ///< its participant will not, and has changed nothing; the text says why
  StepGivenUp,  ///< no answer in time: nobody knows whether it was done; the text says why
  UndoBegun,    ///< the step's undoing may have been asked for from now on
  UndoDone,     ///< nothing of the step is left
  Completed,    ///< the end: every step is done
  Compensated,  ///< the end: nothing of it is left
};
/// "step begun", as it stands in a journal.
[[nodiscard]] const char* to_string(SagaEvent event) noexcept;
[[nodiscard]] std::optional<SagaEvent> saga_event(std::string_view text) noexcept;

/// One transition of one saga: what a journal keeps.
struct SagaRecord {
  std::string saga = {};               ///< which one
  SagaEvent event = SagaEvent::Begun;  ///< what happened
  std::string step = {};               ///< to which step; empty: to the saga
  std::string text = {};               ///< a payload or a reason
  friend bool operator==(const SagaRecord&, const SagaRecord&) = default;
};
/// "order 7: step refused: charge: card declined", for a log.
[[nodiscard]] std::string to_string(const SagaRecord& record);

}  // namespace coppice
