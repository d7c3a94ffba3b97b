#include "coppice/patterns/saga.hpp"

#include <limits>
#include <utility>

namespace coppice {

namespace {

/// What is asked until it is done: as often and as long as it takes, with the step's own delays.
RetryOptions without_end(RetryOptions retry) {
  retry.attempts = std::numeric_limits<std::uint32_t>::max();
  retry.within = kForever;
  return retry;
}

/// The newest of them.
void keep_waiting(std::vector<ReplyPromise<SagaEnd>>& waiting, ReplyPromise<SagaEnd> promise) {
  if (waiting.size() == SagaCoordinator::kWaitingMax) waiting.erase(waiting.begin());
  waiting.push_back(std::move(promise));
}

bool is_end(SagaEvent event) { return event == SagaEvent::Completed || event == SagaEvent::Compensated; }

}  // namespace

SagaCoordinator::SagaCoordinator(std::shared_ptr<const SagaRules> rules, ActorRef<SagaJournalWriter> journal,
                                 SagaOptions options)
    : rules_{std::move(rules)}, journal_{std::move(journal)}, options_{std::move(options)} {}

void SagaCoordinator::on_start() {
  using Records = Result<std::vector<SagaRecord>, std::string>;
  ask(journal_, ReadSagaJournal{}, options_.journal_within).then([this](Result<Records, AskError> answer) {
    if (!answer) return give_up(std::string{"the saga journal does not answer: "} + to_string(answer.error()));
    if (!*answer) return give_up("the saga journal cannot be read: " + answer->error());
    resume(**answer);
  });
}

Later<SagaEnd> SagaCoordinator::handle(const BeginSaga& wanted) {
  auto [promise, later] = reply_later<SagaEnd>();
  if (is_loaded_) {
    begin(wanted, std::move(promise));
    write();
  } else {
    keep_early(wanted, std::move(promise));
  }
  return std::move(later);
}

SagaCounts SagaCoordinator::handle(CountSagas) const {
  return {.open = open_.size(), .completed = completed_, .compensated = ended_.size() - completed_};
}

void SagaCoordinator::resume(const std::vector<SagaRecord>& records) {
  for (const SagaRecord& record : records) {
    if (const auto good = fold(record); !good) return give_up("the saga journal is not of this plan: " + good.error());
  }
  is_loaded_ = true;
  for (auto& [saga, open] : open_) {
    for (const std::size_t index : rules_->pending(open.progress)) perform(saga, index);
    go_on(open, saga);
  }
  for (Early& early : std::exchange(early_, {})) {
    for (ReplyPromise<SagaEnd>& promise : early.waiting) begin(early.begin, std::move(promise));
  }
  early_at_ = {};
  write();
}

Result<void, std::string> SagaCoordinator::fold(const SagaRecord& record) {
  if (ended_.contains(record.saga)) return Error{to_string(record) + ": it had ended"};
  const auto found = open_.try_emplace(record.saga, Open{rules_->nothing(), {}, {}}).first;
  if (auto good = rules_->apply(found->second.progress, record); !good) return good;
  if (record.event == SagaEvent::Begun) found->second.payload = record.text;
  if (is_end(record.event)) end(record.saga);
  return {};
}

/// As much as will be open then, and no more for who asks again and again.
void SagaCoordinator::keep_early(const BeginSaga& wanted, ReplyPromise<SagaEnd> promise) {
  const auto [at, is_new] = early_at_.try_emplace(wanted.id, early_.size());
  if (is_new) early_.push_back({wanted, {}});
  keep_waiting(early_[at->second].waiting, std::move(promise));
}

void SagaCoordinator::begin(const BeginSaga& wanted, ReplyPromise<SagaEnd> promise) {
  if (const auto ended = ended_.find(wanted.id); ended != ended_.end()) {
    promise.set(SagaEnd{ended->second});
    return;
  }
  const auto [found, is_new] = open_.try_emplace(wanted.id, Open{rules_->nothing(), wanted.payload, {}});
  Open& open = found->second;
  keep_waiting(open.waiting, std::move(promise));
  if (!is_new) return;
  note(open, {wanted.id, SagaEvent::Begun, {}, wanted.payload});
  go_on(open, wanted.id);
}

/// The state runs ahead of the journal by what is unwritten; what is done about it does not.
void SagaCoordinator::note(Open& open, SagaRecord record) {
  if (options_.observer) options_.observer->writing(record);
  const auto good = rules_->apply(open.progress, record);
  COPPICE_VERIFY(good.has_value(), "a saga's coordinator follows its own rules");
  unwritten_.push_back(std::move(record));
}

void SagaCoordinator::go_on(Open& open, const std::string& saga) {
  for (SagaRecord& record : rules_->decide(open.progress, saga)) note(open, std::move(record));
}

void SagaCoordinator::write() {
  if (is_writing_ || unwritten_.empty()) return;
  is_writing_ = true;
  std::vector<SagaRecord> records;
  records.swap(unwritten_);
  using Kept = Result<void, std::string>;
  ask(journal_, WriteSagaJournal{records}, options_.journal_within)
      .then([this, records = std::move(records)](const Result<Kept, AskError>& answer) {
        if (!answer) return give_up(std::string{"the saga journal does not answer: "} + to_string(answer.error()));
        if (!*answer) return give_up("the saga journal cannot be written: " + answer->error());
        is_writing_ = false;
        written(records);
        write();
      });
}

void SagaCoordinator::written(const std::vector<SagaRecord>& records) {
  for (const SagaRecord& record : records) {
    if (options_.observer) options_.observer->written(record);
    if (record.event == SagaEvent::StepBegun || record.event == SagaEvent::UndoBegun) {
      perform(record.saga, *rules_->index_of(record.step));
    } else if (is_end(record.event)) {
      end(record.saga);
    }
  }
}

void SagaCoordinator::perform(const std::string& saga, std::size_t index) {
  const Open& open = open_.at(saga);
  const SagaStep& step = rules_->step(index);
  const bool undo = open.progress.steps[index] == SagaStepState::Undoing;
  const bool must_be_done = undo || !rules_->may_be_refused(index);
  const bool until_known = undo || !rules_->may_be_given_up(index);
  auto call = SagaCall{saga, step.name, undo ? SagaAction::Undo : SagaAction::Do, open.payload, 1};
  const auto make = [this, &step, call = std::move(call)](const Attempt& attempt) {
    SagaCall next = call;
    next.attempt = attempt.number;
    return ask(step.participant, std::move(next), step.answer_within);
  };
  const auto again = [must_be_done](const Answer& answer) {
    return answer ? must_be_done && !answer->is_done : RetryUnlessClosed{}(answer);
  };
  retry(*this, until_known ? without_end(step.retry) : step.retry, make, again)
      .then([this, saga, index](const Answer& answer) { answered(saga, index, answer); });
}

void SagaCoordinator::answered(const std::string& saga, std::size_t index, const Answer& answer) {
  Open& open = open_.at(saga);
  const std::string& step = rules_->step(index).name;
  const bool undo = open.progress.steps[index] == SagaStepState::Undoing;
  if (answer && answer->is_done) {
    note(open, {saga, undo ? SagaEvent::UndoDone : SagaEvent::StepDone, step, {}});
  } else if (answer && !undo && rules_->may_be_refused(index)) {
    note(open, {saga, SagaEvent::StepRefused, step, answer->reason});
  } else if (!answer && answer.error() != AskError::Closed && !undo && rules_->may_be_given_up(index)) {
    note(open, {saga, SagaEvent::StepGivenUp, step, to_string(answer.error())});
  } else {
    // Its place is over, or this life has no timer left to wait with.
    return give_up("the participant of " + step +
                   " does not answer any more: " + (answer ? answer->reason : std::string{to_string(answer.error())}));
  }
  go_on(open, saga);
  write();
}

/// Its last record is kept: whoever waits may hear of it.
void SagaCoordinator::end(const std::string& saga) {
  auto open = open_.extract(saga);
  const SagaProgress& progress = open.mapped().progress;
  SagaEnd how{.completed = !progress.failed, .reason = progress.reason};
  if (how.completed) ++completed_;
  for (auto& promise : open.mapped().waiting) promise.set(SagaEnd{how});
  ended_.emplace(saga, std::move(how));
}

void SagaCoordinator::give_up(const std::string& why) { stop(ExitReason::error(why)); }

}  // namespace coppice
