#include "coppice/patterns/saga.hpp"

#include <stdexcept>

#include "catch.hpp"
#include "coppice/supervisors/supervisor.hpp"
#include "support/saga_world.hpp"
#include "support/scale.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::check_end;
using testing::MortalJournal;
using testing::Participant;
using testing::SagaClient;
using testing::SagaProcess;
using testing::SagaWorld;
using testing::TestSystem;

constexpr RetryOptions kThrice{.attempts = 3, .first = 10ms, .jitter = 0.0};

/// A step, two at a time, the pivot, and one that must be done.
SagaPlan shop(const ActorRef<SagaParticipant>& all) {
  const auto step = [&](const char* name, bool pivot = false) {
    return SagaStep{.name = name, .participant = all, .pivot = pivot, .retry = kThrice, .answer_within = 1s};
  };
  return {.stages = {{step("reserve")}, {step("charge"), step("insure")}, {step("ship", true)}, {step("thank")}}};
}

const std::vector<std::string> kSagas{"good", "broke", "late", "unsure", "heavy", "slow"};

/// Of each saga of kSagas another way to its end.
void script(SagaWorld& world) {
  world.refuse = {"broke/charge", "heavy/ship", "slow/nothing"};
  world.lose = {{"late/insure", 3}, {"unsure/reserve", 2}, {"slow/ship", 4}, {"slow/thank", 5}, {"broke/insure", 1}};
  world.lose_undos = {{"heavy/charge", 4}};
  world.drop = {{"unsure/charge", 3}};
}
const SagaClient::Ends kEnds{{"good", {true, ""}},
                             {"broke", {false, "refused by charge"}},
                             {"late", {false, "no reply"}},
                             {"unsure", {false, "no reply"}},
                             {"heavy", {false, "refused by ship"}},
                             {"slow", {true, ""}}};

void check_whole(const SagaWorld& world, const SagaRules& rules, const SagaClient::Ends& ends) {
  for (const auto& [saga, end] : ends) {
    SagaProgress progress = rules.nothing();
    for (const SagaRecord& record : world.journal) {
      if (record.saga == saga) REQUIRE(rules.apply(progress, record));
    }
    CAPTURE(saga);
    CHECK(progress.ended);
    CHECK(progress.failed == !end.completed);
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const auto effect = world.effects.find(saga + '/' + rules.step(i).name);
      CHECK((effect == world.effects.end() ? 0 : effect->second) == (end.completed ? 1 : 0));
    }
  }
  CHECK(world.unannounced.empty());
}

TEST_CASE("a saga does its steps in order or undoes them in reverse") {  // [G2], [G3]
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    SagaWorld world;
    script(world);
    SagaProcess process{world, &shop, seed};
    process.run(kSagas);
    CHECK(process.ends == kEnds);
    check_whole(world, *process.rules, process.ends);
    check_end(process.system);
  }
}

TEST_CASE("a saga is whole in the end wherever its process dies") {  // [G1], [G2], [G3]
  std::size_t writes = 0;
  {
    SagaWorld world;
    script(world);
    SagaProcess process{world, &shop, 1};
    process.run(kSagas);
    writes = world.journal.size();
  }
  REQUIRE(writes > 50);
  for (const auto how : {MortalJournal::Death::AfterWrite, MortalJournal::Death::BeforeNextWrite}) {
    for (std::size_t n = 0; n <= writes; ++n) {
      CAPTURE(n, static_cast<int>(how));
      SagaWorld world;
      script(world);
      {
        SagaProcess dies{world, &shop, 1, std::make_shared<MortalJournal>(world, n, how)};
        dies.run(kSagas);
        REQUIRE(world.journal.size() == std::min(n, writes));
      }
      SagaProcess next{world, &shop, n};
      next.run(kSagas);
      REQUIRE(next.ends.size() == kSagas.size());
      check_whole(world, *next.rules, next.ends);
      CHECK(next.ends.at("good").completed);
      CHECK(next.ends.at("slow").completed);
      CHECK_FALSE(next.ends.at("broke").completed);
      CHECK_FALSE(next.ends.at("heavy").completed);
    }
  }
}

TEST_CASE("a saga comes to its end although each process dies after one more write") {  // [G1]
  for (const auto how : {MortalJournal::Death::AfterWrite, MortalJournal::Death::BeforeNextWrite}) {
    SagaWorld world;
    script(world);
    std::size_t processes = 0;
    for (bool over = false; !over; ++processes) {
      REQUIRE(processes < 200);
      SagaProcess process{world, &shop, processes, std::make_shared<MortalJournal>(world, 1, how)};
      process.run(kSagas);
      over = process.ends.size() == kSagas.size();
      if (over) check_whole(world, *process.rules, process.ends);
    }
    CHECK(processes > 50);
  }
}

TEST_CASE("the same saga asked for again is not begun again") {
  SagaWorld world;
  SagaProcess process{world, &shop, 7};
  process.run({"good"});
  const std::size_t records = world.journal.size();
  SagaClient::Ends again;
  static_cast<void>(process.system.spawn<SagaClient>(process.coordinator, std::vector<std::string>{"good"}, &again));
  process.system.run_until_idle();
  CHECK(again == process.ends);
  CHECK(world.journal.size() == records);
  CHECK(world.calls.at("good/reserve/do") == 1);
  check_end(process.system);
}

TEST_CASE("of those who ask for one saga again and again the newest are answered") {
  constexpr std::size_t kWaiting = SagaCoordinator::kWaitingMax;
  SagaWorld world;
  world.drop = {{"good/reserve", 1}};  // so that it is open until some time has gone by
  SagaProcess process{world, &shop, 7};
  std::vector<AskFuture<SagaEnd>> asked;
  for (std::size_t i = 0; i < kWaiting + 3; ++i) asked.push_back(process.coordinator.ask(BeginSaga{"good"}, kForever));
  process.system.run_until_idle();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    CAPTURE(i);
    CHECK(asked[i].is_ready() == (i < 3));
  }
  process.system.advance(1s);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    CAPTURE(i);
    REQUIRE(asked[i].is_ready());
    const auto end = asked[i].get();
    REQUIRE(end.has_value() == (i >= 3));
    if (i < 3) {
      CHECK(end.error() == AskError::NoReply);
    } else {
      CHECK(end->completed);
    }
  }
  CHECK(world.calls.at("good/charge/do") == 1);
  check_end(process.system);
}

TEST_CASE("who asks again and again before the journal is read is kept no more often than afterwards") {
  constexpr std::size_t kWaiting = SagaCoordinator::kWaitingMax;
  SagaWorld world;
  SagaProcess process{world, &shop, 7};
  process.writer.pause();
  std::vector<AskFuture<SagaEnd>> asked;
  for (std::size_t i = 0; i < kWaiting + 3; ++i) asked.push_back(process.coordinator.ask(BeginSaga{"good"}, kForever));
  AskFuture<SagaEnd> other = process.coordinator.ask(BeginSaga{"other"}, kForever);
  process.system.run_until_idle();
  CHECK(world.journal.empty());
  for (std::size_t i = 0; i < asked.size(); ++i) CHECK(asked[i].is_ready() == (i < 3));
  process.writer.resume();
  process.system.run_until_idle();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    CAPTURE(i);
    REQUIRE(asked[i].is_ready());
    CHECK(asked[i].get().has_value() == (i >= 3));
  }
  REQUIRE(other.is_ready());
  CHECK(other.get()->completed);
  CHECK(world.calls.at("good/reserve/do") == 1);
  check_end(process.system);
}

TEST_CASE("transitions of many sagas share the writes of a journal") {
  SagaWorld world;
  SagaProcess process{world, &shop, 3};
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back("saga " + std::to_string(i));
  process.run(many);
  CHECK(process.ends.size() == many.size());
  CHECK(world.journal.size() == many.size() * 12);
  CHECK(process.journal->appends < 1'200);
  check_end(process.system);
}

/// Sees half of it.
struct Before final : SagaObserver {
  void writing(const SagaRecord& record) override { seen.push_back(record); }
  std::vector<SagaRecord> seen;
};
struct After final : SagaObserver {
  void written(const SagaRecord& record) override { seen.push_back(record); }
  std::vector<SagaRecord> seen;
};

TEST_CASE("an observer sees each transition before and after it is written") {
  for (const bool before : {true, false}) {
    SagaWorld world;
    script(world);
    const auto first = std::make_shared<Before>();
    const auto last = std::make_shared<After>();
    const std::shared_ptr<SagaObserver> observer = before ? std::shared_ptr<SagaObserver>{first} : last;
    SagaProcess process{world, &shop, 5, {.observer = observer}};
    process.run({"good", "broke"});
    CHECK((before ? first->seen : last->seen) == world.journal);
    check_end(process.system);
  }
}

TEST_CASE("a coordinator counts its sagas of this process and of those before") {
  SagaWorld world;
  script(world);
  for (int lives = 1; lives <= 2; ++lives) {
    SagaProcess process{world, &shop, 5};
    process.run({"good", "slow", "broke"});
    auto counts = process.coordinator.ask(CountSagas{}, 1s);
    process.system.run_until_idle();
    CHECK(counts.get().value() == SagaCounts{.open = 0, .completed = 2, .compensated = 1});
    check_end(process.system);
  }
}

/// Throws at the n-th sight of a transition.
struct Saboteur final : SagaObserver {
  void writing(const SagaRecord&) override { see(); }
  void written(const SagaRecord&) override { see(); }
  void see() {
    if (++seen == at) throw std::runtime_error{"sabotage"};
  }
  int seen = 0;
  int at = 0;
};

/// Keeps asking, since the life that had promised an answer may have crashed.
struct Insistent : Actor<Insistent> {
  Insistent(ActorRef<SagaCoordinator> c, std::string s, SagaEnd* e) : coordinator{std::move(c)}, saga{s}, end{e} {}
  void on_start() {
    ask(coordinator, BeginSaga{saga}, kForever).then([this](Result<SagaEnd, AskError> answer) {
      if (answer) {
        *end = *answer;
      } else {
        on_start();
      }
    });
  }
  ActorRef<SagaCoordinator> coordinator;
  std::string saga;
  SagaEnd* end;
};

TEST_CASE("a coordinator that crashes at any transition goes on in its next life") {  // [G1], [G3]
  for (int at = 0; at <= 24; ++at) {
    CAPTURE(at);
    SagaWorld world;
    auto saboteur = std::make_shared<Saboteur>();
    saboteur->at = at;
    TestSystem system;
    const auto participant = system.spawn<Participant>(&world);
    const auto rules = std::make_shared<const SagaRules>(shop(participant));
    const auto writer =
        system.spawn<SagaJournalWriter>(std::shared_ptr<SagaJournal>{std::make_shared<MortalJournal>(world)});
    const auto root =
        system.start(supervisor({.id = "sagas"}, child<SagaCoordinator>({.id = "coordinator"}, rules, writer,
                                                                        SagaOptions{.observer = saboteur})));
    SagaEnd end;
    static_cast<void>(system.spawn<Insistent>(root->child<SagaCoordinator>("coordinator").value(), "good", &end));
    system.run_until_idle();
    CHECK(end.completed);
    CHECK(saboteur->seen >= at);
    check_whole(world, *rules, {{"good", end}});
    check_end(system);
  }
}

TEST_CASE("a step that is late is given up at its deadline and undone") {
  SagaWorld world;
  world.drop = {{"late/charge", 1'000}};
  constexpr auto plan = [](const ActorRef<SagaParticipant>& all) {
    return SagaPlan{
        .stages = {{{.name = "reserve", .participant = all}},
                   {{.name = "charge",
                     .participant = all,
                     .retry = {.attempts = 1'000, .first = 1s, .factor = 1.0, .jitter = 0.0, .within = 10s}}}}};
  };
  SagaProcess process{world, +plan, 1};
  const TimePoint before = process.system.now();
  process.run({"late"});
  CHECK(process.ends.at("late") == SagaEnd{false, "no reply"});
  CHECK(process.system.now() - before < 11s);
  CHECK(world.calls.at("late/charge/do") == 10);
  CHECK(world.calls.at("late/charge/undo") == 1);
  CHECK(world.calls.at("late/reserve/undo") == 1);
  check_whole(world, *process.rules, process.ends);
  check_end(process.system);
}

TEST_CASE("from its pivot on a saga is asked for until it is done") {
  SagaWorld world;
  world.drop = {{"s/ship", 50}, {"s/thank", 50}};
  SagaProcess process{world, &shop, 1};
  process.run({"s"});
  CHECK(process.ends.at("s").completed);
  CHECK(world.calls.at("s/ship/do") == 51);
  CHECK(world.calls.at("s/thank/do") == 51);
  check_end(process.system);
}

TEST_CASE("a refusal after the pivot is asked again and not taken for an answer") {
  SagaWorld world;
  world.refuse = {"s/thank"};
  SagaProcess process{world, &shop, 1};
  static_cast<void>(
      process.system.spawn<SagaClient>(process.coordinator, std::vector<std::string>{"s"}, &process.ends));
  for (int i = 0; i < 5; ++i) process.system.advance(1s);
  CHECK(process.ends.empty());
  CHECK(world.calls.at("s/thank/do") > 3);
  world.answers.erase("s/thank/do");
  world.refuse.clear();
  process.system.advance(20s);
  CHECK(process.ends.at("s").completed);
  check_end(process.system);
}

struct BrokenJournal final : SagaJournal {
  Result<std::vector<SagaRecord>, std::string> load() override {
    if (!can_load) return Error{std::string{"unreadable"}};
    return records;
  }
  Result<void, std::string> append(std::span<const SagaRecord>) override { return Error{std::string{"disk full"}}; }
  bool can_load = true;
  std::vector<SagaRecord> records;
};

std::string reason_of_end(std::shared_ptr<BrokenJournal> journal) {
  SagaWorld world;
  TestSystem system;
  const auto participant = system.spawn<Participant>(&world);
  const auto writer = system.spawn<SagaJournalWriter>(std::shared_ptr<SagaJournal>{std::move(journal)});
  const auto coordinator = system.spawn<SagaCoordinator>(std::make_shared<const SagaRules>(shop(participant)), writer);
  SagaClient::Ends ends;
  static_cast<void>(system.spawn<SagaClient>(coordinator, std::vector<std::string>{"s"}, &ends));
  system.run_until_idle();
  CHECK(system.has_stopped(coordinator));
  CHECK(ends.empty());
  CHECK(world.calls.empty());
  const std::string said = system.failures().empty() ? "" : system.failures().front();
  check_end(system);
  return said;
}

TEST_CASE("a journal that fails ends the coordinator and nobody is asked for anything") {  // [G3]
  auto journal = std::make_shared<BrokenJournal>();
  CHECK_THAT(reason_of_end(journal), Catch::Contains("cannot be written: disk full"));
  journal = std::make_shared<BrokenJournal>();
  journal->can_load = false;
  CHECK_THAT(reason_of_end(journal), Catch::Contains("cannot be read: unreadable"));
}

TEST_CASE("a journal of another plan ends the coordinator and nobody is asked for anything") {
  const auto of = [](std::vector<SagaRecord> records) {
    auto journal = std::make_shared<BrokenJournal>();
    journal->records = std::move(records);
    return reason_of_end(journal);
  };
  CHECK_THAT(of({{"s", SagaEvent::Begun}, {"s", SagaEvent::StepBegun, "bake"}}), Catch::Contains("no such step"));
  CHECK_THAT(of({{"s", SagaEvent::StepBegun, "reserve"}}), Catch::Contains("had not begun"));
  CHECK_THAT(of({{"s", SagaEvent::Begun}, {"s", SagaEvent::StepBegun, "ship"}}), Catch::Contains("not its turn"));
  CHECK_THAT(of({{"s", SagaEvent::Begun}, {"s", SagaEvent::Completed}}), Catch::Contains("not there yet"));
}

TEST_CASE("a participant whose place is over ends the coordinator and the saga stays open") {
  SagaWorld world;
  {
    SagaProcess process{world, &shop, 1};
    process.system.run_until_idle();
    static_cast<void>(process.system.stop(process.participant));
    process.run({"s"});
    CHECK(process.ends.empty());
    CHECK(process.system.has_stopped(process.coordinator));
    REQUIRE(process.system.failures().size() == 1);
    CHECK_THAT(process.system.failures().front(), Catch::Contains("participant of reserve does not answer"));
    check_end(process.system);
  }
  SagaProcess next{world, &shop, 1};
  next.run({"s"});
  CHECK(next.ends.at("s").completed);
  check_whole(world, *next.rules, next.ends);
  check_end(next.system);
}

}  // namespace
}  // namespace coppice
