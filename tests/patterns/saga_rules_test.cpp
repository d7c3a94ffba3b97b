#include "coppice/patterns/saga_rules.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "catch.hpp"
#include "support/saga_walk.hpp"

namespace coppice {
namespace {

using namespace std::chrono_literals;
using testing::is_whole;
using testing::possible;
using State = SagaStepState;

SagaRules shop() {
  return SagaRules{{.stages = {{{.name = "reserve"}},
                               {{.name = "charge"}, {.name = "insure", .undo = false}},
                               {{.name = "ship", .pivot = true}},
                               {{.name = "thank"}}}}};
}

struct Walk {
  std::map<std::string, SagaProgress> seen;
  std::size_t completed = 0;
  std::size_t compensated = 0;
};
std::string name_of(const SagaProgress& progress) {
  std::string name = progress.begun ? "b" : "-";
  for (const State state : progress.steps) name += static_cast<char>('0' + static_cast<int>(state));
  return name + (progress.ended ? "e" : "");
}

/// Every state that a saga can come to.
Walk walk(const SagaRules& rules) {
  Walk all;
  std::vector<SagaProgress> open{rules.nothing()};
  REQUIRE(rules.apply(open.back(), {"s", SagaEvent::Begun, {}, {}}));
  while (!open.empty()) {
    const SagaProgress progress = open.back();
    open.pop_back();
    if (!all.seen.emplace(name_of(progress), progress).second) continue;
    if (progress.ended) {
      ++(progress.failed ? all.compensated : all.completed);
      continue;
    }
    for (const SagaRecord& record : possible(rules, progress)) {
      SagaProgress next = progress;
      REQUIRE(rules.apply(next, record));
      open.push_back(std::move(next));
    }
  }
  return all;
}

TEST_CASE("every state of a saga leads on until it has ended and then it is whole") {  // [G1], [G2]
  const SagaRules rules = shop();
  const Walk all = walk(rules);
  CHECK(all.completed == 1);
  CHECK(all.compensated > 10);
  CHECK(all.seen.size() > 60);
  for (const auto& [name, progress] : all.seen) {
    CAPTURE(name);
    CHECK(possible(rules, progress).empty() == progress.ended);
    if (progress.ended) CHECK(is_whole(rules, progress));
  }
}

TEST_CASE("no record but those that may come next is taken in any state of a saga") {
  const SagaRules rules = shop();
  for (const auto& [name, progress] : walk(rules).seen) {
    const auto next = possible(rules, progress);
    for (int event = 0; event <= static_cast<int>(SagaEvent::Compensated); ++event) {
      for (const char* const step : {"", "reserve", "charge", "insure", "ship", "thank", "other"}) {
        const SagaRecord record{"s", static_cast<SagaEvent>(event), step, {}};
        const bool may = std::ranges::any_of(
            next, [&](const SagaRecord& one) { return one.event == record.event && one.step == record.step; });
        CAPTURE(name, to_string(record));
        SagaProgress after = progress;
        CHECK(rules.apply(after, record).has_value() == may);
        if (!may) CHECK(name_of(after) == name);
      }
    }
  }
}

TEST_CASE("a saga that has not begun takes nothing but its beginning") {
  const SagaRules rules = shop();
  SagaProgress progress = rules.nothing();
  CHECK(rules.decide(progress, "s").empty());
  CHECK_FALSE(rules.apply(progress, {"s", SagaEvent::StepBegun, "reserve", {}}));
  CHECK(rules.apply(progress, {"s", SagaEvent::Begun, {}, {}}));
  CHECK_FALSE(rules.apply(progress, {"s", SagaEvent::Begun, {}, {}}));
}

TEST_CASE("a saga failed for the reason of the first step that failed") {
  const SagaRules rules = shop();
  SagaProgress progress = rules.nothing();
  const auto take = [&](SagaEvent event, const char* step, const char* text = "") {
    REQUIRE(rules.apply(progress, {"s", event, step, text}));
  };
  take(SagaEvent::Begun, "");
  take(SagaEvent::StepBegun, "reserve");
  take(SagaEvent::StepDone, "reserve");
  take(SagaEvent::StepBegun, "charge");
  take(SagaEvent::StepBegun, "insure");
  take(SagaEvent::StepRefused, "insure", "no insurer");
  CHECK(rules.decide(progress, "s").empty());  // charge is under way: nobody knows yet what is to be undone
  take(SagaEvent::StepGivenUp, "charge", "timeout");
  CHECK(progress.reason == "no insurer");
  const std::vector<SagaRecord> back{{"s", SagaEvent::UndoBegun, "charge", {}}};
  CHECK(rules.decide(progress, "s") == back);
}

TEST_CASE("a pivot that is done cannot be taken back") {
  const SagaRules rules = shop();
  const std::size_t ship = *rules.index_of("ship");
  CHECK(rules.may_be_refused(ship));
  CHECK_FALSE(rules.may_be_given_up(ship));
  CHECK_FALSE(rules.may_be_refused(*rules.index_of("thank")));
  CHECK_FALSE(rules.may_be_given_up(*rules.index_of("thank")));
  CHECK(rules.may_be_given_up(*rules.index_of("charge")));
  CHECK_FALSE(rules.index_of("nothing"));
}

TEST_CASE("plans of a saga that cannot be carried out are found and named") {
  const auto fault = [](SagaPlan plan) {
    const auto good = check(plan);
    return good ? std::string{} : good.error().text;
  };
  CHECK_THAT(fault({}), Catch::Contains("stages is empty"));
  CHECK_THAT(fault({.stages = {{}}}), Catch::Contains("an empty one"));
  CHECK_THAT(fault({.stages = {{{.name = ""}}}}), Catch::Contains("name is empty"));
  CHECK_THAT(fault({.stages = {{{.name = "a/b"}}}}), Catch::Contains("no '/'"));
  CHECK_THAT(fault({.stages = {{{.name = "a"}}, {{.name = "a"}}}}), Catch::Contains("a twice"));
  CHECK_THAT(fault({.stages = {{{.name = "a", .pivot = true}}, {{.name = "b", .pivot = true}}}}),
             Catch::Contains("there may be one"));
  CHECK_THAT(fault({.stages = {{{.name = "a", .pivot = true}, {.name = "b"}}}}), Catch::Contains("alone"));
  CHECK_THAT(fault({.stages = {{{.name = "a", .answer_within = 0ns}}}}), Catch::Contains("answer_within of a"));
  CHECK_THAT(fault({.stages = {{{.name = "a", .retry = {.attempts = 0}}}}}), Catch::Contains("retry of a: attempts"));
  CHECK(fault({.stages = {{{.name = "a"}}}}).empty());
}

TEST_CASE("events of a saga have names that lead back to them") {
  for (int i = 0; i <= static_cast<int>(SagaEvent::Compensated); ++i) {
    const auto event = static_cast<SagaEvent>(i);
    CHECK(saga_event(to_string(event)) == event);
  }
  CHECK_FALSE(saga_event("unknown"));
  CHECK(to_string(SagaRecord{"7", SagaEvent::StepRefused, "charge", "declined"}) ==
        "7: step refused: charge: declined");
  CHECK(SagaCall{.saga = "7", .step = "charge"}.key() == "7/charge/do");
  CHECK(SagaCall{.saga = "7", .step = "charge", .action = SagaAction::Undo}.key() == "7/charge/undo");
}

}  // namespace
}  // namespace coppice
