#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "coppice/actor/actor_ref.hpp"
#include "coppice/patterns/retry.hpp"

namespace coppice {

enum class SagaAction : unsigned char { Do, Undo };

/// What a participant is asked: to do its step, or to undo it. It comes again whenever its answer may have been lost,
/// and must have its effect once: commit the effect and key() together, and answer what comes again as before.
///
/// An Undo may come for a step that was never done. It is Done, and from then on that step must be refused: its Do may
/// still be on its way.
struct SagaCall {
  std::string saga = {};
  std::string step = {};
  SagaAction action = SagaAction::Do;
  std::string payload = {};   ///< what the saga was begun with
  std::uint32_t attempt = 1;  ///< of this coordinator's life; from 1
  /// Unique for the saga, the step and the action; the same for each attempt, also by a later process.
  [[nodiscard]] std::string key() const;
};

/// What a participant answers. To refuse says that nothing was changed.
struct SagaAnswer {
  bool is_done = true;
  std::string reason = {};  ///< why it is refused
  [[nodiscard]] static SagaAnswer done() { return {}; }
  [[nodiscard]] static SagaAnswer refused(std::string why) { return {false, std::move(why)}; }
  friend bool operator==(const SagaAnswer&, const SagaAnswer&) = default;
};
/// Any actor with `SagaAnswer handle(SagaCall)`, or one that answers later.
using SagaParticipant = Protocol<SagaAnswer(SagaCall)>;

struct SagaStep {
  std::string name = {};                       ///< without '/'; unique in its plan and not empty
  ActorRef<SagaParticipant> participant = {};  ///< who does it
  bool undo = true;                            ///< false: there is nothing to undo
  bool pivot = false;                          ///< once it is done the saga goes forward only
  RetryOptions retry = {};                     ///< attempts, the delays between them, and the step's deadline: `within`
  Duration answer_within = std::chrono::seconds{5};  ///< how long each attempt waits; longer than zero
};

/// What a saga does: stage after stage, the steps of a stage at the same time.
///
///     SagaPlan{.stages = {{reserve}, {charge, insure}, {ship}}}
struct SagaPlan {
  std::vector<std::vector<SagaStep>> stages = {};
};
/// What is wrong with it, if anything: no steps, an empty stage, a name twice, a second pivot or one that is not alone
/// in its stage, an option out of its bounds.
[[nodiscard]] Result<void, OptionError> check(const SagaPlan& plan);

}  // namespace coppice
