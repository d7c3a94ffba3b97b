#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coppice/patterns/saga_plan.hpp"
#include "coppice/patterns/saga_record.hpp"

namespace coppice {

/// Where one step of one saga is.
enum class SagaStepState : unsigned char { Idle, Begun, Done, Refused, GivenUp, Undoing, Undone };

/// Where one saga is: the fold of its records.
struct SagaProgress {
  std::vector<SagaStepState> steps = {};  ///< in the plan's order
  bool begun = false;
  bool failed = false;  ///< a step was refused or given up: it goes back
  bool ended = false;
  std::string reason = {};  ///< why it failed: the first step that did
};

/// The rules of a saga as pure functions: no clock, no actors, no journal. SagaCoordinator is the one to use.
///
///     Begun -> stage: StepBegun… -> StepDone… -> next stage … -> Completed
///                                -> a StepRefused or StepGivenUp, when no step of the stage is under way any more
///                                     -> from the last stage to the first: UndoBegun… -> UndoDone… -> Compensated
///
/// A step that was refused is not undone, since it changed nothing; one that was given up is, since it may have been
/// done. A pivot is asked until it is done or refused; what comes after it, and each undoing, until it is done.
///
/// Threads    any: nothing changes.
/// [G1] Whatever prefix of a saga's records is kept, decide() and pending() name what brings it to its end.
/// [G2] In the end every step is done, or each is idle, refused, undone, or has nothing to undo.
/// Source     Garcia-Molina and Salem, Sagas (1987); the pivot of Richardson, Microservices Patterns.
class SagaRules {
 public:
  explicit SagaRules(SagaPlan plan);  // aborts where check() finds something

  [[nodiscard]] std::size_t size() const noexcept { return steps_.size(); }
  [[nodiscard]] const SagaStep& step(std::size_t index) const { return steps_[index].step; }
  [[nodiscard]] std::optional<std::size_t> index_of(std::string_view name) const noexcept;
  /// Whether "will not" is an answer; after the pivot it is not.
  [[nodiscard]] bool may_be_refused(std::size_t index) const noexcept;
  /// Whether the saga may turn back without an answer; from the pivot on it may not.
  [[nodiscard]] bool may_be_given_up(std::size_t index) const noexcept;

  /// A saga without records.
  [[nodiscard]] SagaProgress nothing() const;
  /// Moves on by one record. What is wrong with it where it cannot have been written here: nothing is changed then.
  [[nodiscard]] Result<void, std::string> apply(SagaProgress& progress, const SagaRecord& record) const;
  /// What follows without any answer: the records to write next. Empty: it waits for what is pending, or has ended.
  [[nodiscard]] std::vector<SagaRecord> decide(const SagaProgress& progress, const std::string& saga) const;
  /// The steps whose participants are to be asked: those begun and without an outcome.
  [[nodiscard]] std::vector<std::size_t> pending(const SagaProgress& progress) const;

 private:
  struct Placed {
    SagaStep step;
    std::size_t stage;
  };
  [[nodiscard]] bool needs_undoing(const SagaProgress& progress, std::size_t index) const;
  [[nodiscard]] std::vector<std::size_t> next_forward(const SagaProgress& progress) const;
  [[nodiscard]] std::vector<std::size_t> next_back(const SagaProgress& progress) const;
  [[nodiscard]] bool is_decided(const SagaProgress& progress, const SagaRecord& record) const;

  std::vector<Placed> steps_;
  std::size_t pivot_stage_;  // behind the last one: there is no pivot
};

}  // namespace coppice
