#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "coppice/actor/actor.hpp"
#include "coppice/patterns/saga_journal.hpp"
#include "coppice/patterns/saga_rules.hpp"

namespace coppice {

/// To a SagaCoordinator: bring this saga to its end and answer then. One that is there already, open or ended, is not
/// begun again, and its first payload counts: ask again, with the same id, whenever there was no answer. Of those who
/// wait for one saga only the newest SagaCoordinator::kWaitingMax are kept; each one before them has no reply.
struct BeginSaga {
  std::string id = {};
  std::string payload = {};  ///< for the participants; journaled
};

/// How a saga ended.
struct SagaEnd {
  bool completed = false;   ///< false: compensated
  std::string reason = {};  ///< why it was compensated
  friend bool operator==(const SagaEnd&, const SagaEnd&) = default;
};

/// To a SagaCoordinator: how many sagas there are.
struct CountSagas {};
struct SagaCounts {
  std::uint64_t open = 0;
  std::uint64_t completed = 0;
  std::uint64_t compensated = 0;
  friend bool operator==(const SagaCounts&, const SagaCounts&) = default;
};

/// Sees each transition, on the coordinator's turn: for logs, counters and tests. What it throws is the coordinator's
/// crash.
class SagaObserver {
 public:
  SagaObserver() = default;
  SagaObserver(const SagaObserver&) = delete;
  SagaObserver& operator=(const SagaObserver&) = delete;
  virtual ~SagaObserver() = default;
  virtual void writing(const SagaRecord& /*record*/) {}  ///< before it is sent to the journal
  virtual void written(const SagaRecord& /*record*/) {}  ///< it is kept, and nothing was done about it yet
};

struct SagaOptions {
  Duration journal_within = std::chrono::seconds{30};  ///< how long the journal may take for one answer
  std::shared_ptr<SagaObserver> observer = {};
};

/// Runs sagas of one plan, any number at a time: their steps in order, their undoings in reverse when one fails. Each
/// transition is in the journal before anything is done about it, so a later life, or a later process with the same
/// journal and plan, goes on where this one was:
///
///     last record         what resuming does
///     Begun               writes StepBegun for the first stage
///     StepBegun           asks its participant (again: with the same key)
///     StepDone            writes StepBegun for the next stage when the stage is done; Completed after the last one
///     StepRefused/GivenUp writes UndoBegun for the last stage that has something to undo; Compensated if none has
///     UndoBegun           asks its participant to undo (again: with the same key)
///     UndoDone            as StepRefused
///     Completed, …ated    nothing: whoever asks hears how it ended
///
/// Transitions that come while the journal writes go into the next write together: many open sagas share one.
///
/// Threads    an actor's. It never blocks; the journal's writer does, elsewhere.
/// Failure    a journal that cannot be read or written, or contradicts the plan, ends this life with that reason; so
///            does a participant whose place is over. Nothing is lost: the sagas are open in the journal.
/// [G3] No participant is asked before that is written, and no answer is acted on before it is written.
class SagaCoordinator : public Actor<SagaCoordinator> {
 public:
  /// So many may wait for one saga. It is not known whether they still do: who asks again every second would be kept
  /// anew each time until the saga ends.
  static constexpr std::size_t kWaitingMax = 64;

  SagaCoordinator(std::shared_ptr<const SagaRules> rules, ActorRef<SagaJournalWriter> journal,
                  SagaOptions options = {});

  void on_start();
  Later<SagaEnd> handle(const BeginSaga& begin);
  SagaCounts handle(CountSagas) const;

 private:
  struct Open {
    SagaProgress progress;
    std::string payload;
    std::vector<ReplyPromise<SagaEnd>> waiting;
  };
  struct Early {
    BeginSaga begin;
    std::vector<ReplyPromise<SagaEnd>> waiting;
  };
  using Answer = Result<SagaAnswer, AskError>;

  void resume(const std::vector<SagaRecord>& records);
  [[nodiscard]] Result<void, std::string> fold(const SagaRecord& record);
  void keep_early(const BeginSaga& begin, ReplyPromise<SagaEnd> promise);
  void begin(const BeginSaga& begin, ReplyPromise<SagaEnd> promise);
  void note(Open& open, SagaRecord record);
  void go_on(Open& open, const std::string& saga);
  void write();
  void written(const std::vector<SagaRecord>& records);
  void perform(const std::string& saga, std::size_t index);
  void answered(const std::string& saga, std::size_t index, const Answer& answer);
  void end(const std::string& saga);
  void give_up(const std::string& why);

  std::shared_ptr<const SagaRules> rules_;
  ActorRef<SagaJournalWriter> journal_;
  SagaOptions options_;
  bool is_loaded_ = false;
  bool is_writing_ = false;
  std::vector<Early> early_;  // came before the journal was read, which takes journal_within at most: one for each saga
  std::unordered_map<std::string, std::size_t> early_at_;  // where it is there
  std::unordered_map<std::string, Open> open_;
  std::unordered_map<std::string, SagaEnd> ended_;
  std::uint64_t completed_ = 0;
  std::vector<SagaRecord> unwritten_;
};

}  // namespace coppice
