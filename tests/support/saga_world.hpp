#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coppice/patterns/saga.hpp"
#include "coppice/testing/test_system.hpp"
#include "support/test_end.hpp"

namespace coppice::testing {

/// What outlives a process in the tests of sagas: the journal, and what the participants have done, with their keys.
struct SagaWorld {
  std::vector<SagaRecord> journal;
  std::map<std::string, SagaAnswer> answers;  // by key
  std::map<std::string, int> effects;         // by "saga/step": 1 while it is done
  std::map<std::string, int> calls;           // by key

  // What the participants will do, by "saga/step".
  std::set<std::string> refuse;
  std::map<std::string, int> lose;        // so many answers are lost, after the effect
  std::map<std::string, int> lose_undos;  // the same for the undoing
  std::map<std::string, int> drop;        // so many questions are lost, before the effect

  std::vector<std::string> unannounced;  // calls that the journal does not know of: against [G3]

  [[nodiscard]] bool has(const std::string& saga, SagaEvent event, const std::string& step) const {
    for (const SagaRecord& record : journal) {
      if (record.saga == saga && record.event == event && record.step == step) return true;
    }
    return false;
  }
};

/// A journal of a process that dies after so many records.
struct MortalJournal final : SagaJournal {
  enum class Death : unsigned char { AfterWrite, BeforeNextWrite };

  explicit MortalJournal(SagaWorld& w) : world{w} {}
  MortalJournal(SagaWorld& w, std::size_t n, Death h) : world{w}, left{n}, how{h} {}
  Result<std::vector<SagaRecord>, std::string> load() override { return world.journal; }
  Result<void, std::string> append(std::span<const SagaRecord> records) override {
    ++appends;
    for (const SagaRecord& record : records) {
      if (left == 0) is_dead = true;
      if (is_dead) break;
      world.journal.push_back(record);
      --left;
      if (left == 0 && how == Death::AfterWrite) is_dead = true;
    }
    if (is_dead) return Error{std::string{"the process is dead"}};  // nobody may act on these any more
    return {};
  }
  SagaWorld& world;
  std::size_t left = ~std::size_t{0};
  Death how = Death::BeforeNextWrite;
  bool is_dead = false;
  int appends = 0;
};

/// Does any step once, and says so as often as it is asked.
struct Participant : Actor<Participant> {
  explicit Participant(SagaWorld* w) : world_{w} {}

  Later<SagaAnswer> handle(const SagaCall& call) {
    auto [promise, later] = reply_later<SagaAnswer>();
    const std::string place = call.saga + '/' + call.step;
    const bool undo = call.action == SagaAction::Undo;
    ++world_->calls[call.key()];
    if (!world_->has(call.saga, undo ? SagaEvent::UndoBegun : SagaEvent::StepBegun, call.step))
      world_->unannounced.push_back(call.key());
    if (!undo && take(world_->drop, place)) return std::move(later);
    const SagaAnswer answer = apply_once(call, place);
    if (take(undo ? world_->lose_undos : world_->lose, place)) return std::move(later);
    promise.set(SagaAnswer{answer});
    return std::move(later);
  }

 private:
  static bool take(std::map<std::string, int>& left, const std::string& place) {
    const auto found = left.find(place);
    if (found == left.end() || found->second == 0) return false;
    --found->second;
    return true;
  }
  SagaAnswer apply_once(const SagaCall& call, const std::string& place) {
    if (const auto known = world_->answers.find(call.key()); known != world_->answers.end()) return known->second;
    SagaAnswer answer;
    if (call.action == SagaAction::Undo) {
      const auto done = world_->answers.find(place + "/do");
      if (done != world_->answers.end() && done->second.is_done) --world_->effects[place];
    } else if (world_->refuse.contains(place) || world_->answers.contains(place + "/undo")) {
      answer = SagaAnswer::refused("refused by " + call.step);
    } else {
      ++world_->effects[place];
    }
    return world_->answers.emplace(call.key(), answer).first->second;
  }
  SagaWorld* world_;
};

/// Wants some sagas, and keeps how they ended.
struct SagaClient : Actor<SagaClient> {
  using Ends = std::map<std::string, SagaEnd>;
  SagaClient(ActorRef<SagaCoordinator> c, std::vector<std::string> w, Ends* e)
      : coordinator{std::move(c)}, wanted{std::move(w)}, ends{e} {}
  void on_start() {
    for (const std::string& saga : wanted) {
      ask(coordinator, BeginSaga{saga, "payload of " + saga}, kForever)
          .then([this, saga](Result<SagaEnd, AskError> end) {
            if (end) ends->emplace(saga, *end);
          });
    }
  }
  ActorRef<SagaCoordinator> coordinator;
  std::vector<std::string> wanted;
  Ends* ends;
};

/// One process: everything but the world.
struct SagaProcess {
  using MakePlan = SagaPlan (*)(const ActorRef<SagaParticipant>&);

  SagaProcess(SagaWorld& world, MakePlan plan, std::uint64_t seed, SagaOptions options = {})
      : SagaProcess{world, plan, seed, std::make_shared<MortalJournal>(world), std::move(options)} {}
  SagaProcess(SagaWorld& world, MakePlan plan, std::uint64_t seed, std::shared_ptr<MortalJournal> j,
              SagaOptions options = {})
      : system{{.seed = seed}}, journal{std::move(j)} {
    participant = system.spawn<Participant>(&world);
    rules = std::make_shared<const SagaRules>(plan(participant));
    writer = system.spawn<SagaJournalWriter>(std::shared_ptr<SagaJournal>{journal});
    coordinator = system.spawn<SagaCoordinator>(rules, writer, std::move(options));
  }
  /// Until every one of them has ended, or the process has died, or nothing happens any more.
  void run(const std::vector<std::string>& sagas) {
    static_cast<void>(system.spawn<SagaClient>(coordinator, sagas, &ends));
    while (!journal->is_dead && ends.size() < sagas.size()) {
      if (!system.step() && !system.advance_to_next_timer()) break;
    }
  }

  TestSystem system;
  std::shared_ptr<MortalJournal> journal;
  std::shared_ptr<const SagaRules> rules;
  ActorRef<Participant> participant;
  ActorRef<SagaJournalWriter> writer;
  ActorRef<SagaCoordinator> coordinator;
  SagaClient::Ends ends;
};

}  // namespace coppice::testing
