#include <string>

#include "catch.hpp"
#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"
#include "supervisors/rules_driver.hpp"

namespace coppice {
namespace {

using testing::Lines;
using testing::RulesDriver;

constexpr Intensity kThree{.restarts = 3, .within = std::chrono::seconds{5}};

struct Named {
  AnyStrategy strategy;
  Lines restarted;  // what the restart of the middle one of a, b, c does
};
const Named kStrategies[] = {
    {OneForOne{}, {"start b"}},
    {OneForAll{}, {"stop c", "stop a", "start a", "start b", "start c"}},
    {RestForOne{}, {"stop c", "start b", "start c"}},
};

struct Ended {
  const char* name;
  ExitReason reason;
  bool normal;
};
const Ended kEnds[] = {
    {"normal", ExitReason::normal(), true},
    {"shutdown", ExitReason::shutdown(), true},
    {"shutdown with a term", ExitReason::shutdown("term"), true},
    {"error", ExitReason::error("boom"), false},
    {"killed", ExitReason::killed(), false},
    {"noproc", ExitReason::no_proc(), false},
};

enum class After { Restarted, SpecKept, SpecDropped };

After expected(Restart restart, const Ended& end, OnError verdict) {
  if (verdict == OnError::Restart) return After::Restarted;  // whatever the restart type says
  if (verdict == OnError::Supervise) {                       // §1.5
    if (restart == Restart::Permanent) return After::Restarted;
    if (restart == Restart::Transient && !end.normal) return After::Restarted;
  }
  return restart == Restart::Temporary ? After::SpecDropped : After::SpecKept;
}

TEST_CASE("restart type, reason and verdict decide what an end means under every strategy") {  // §1.5, F52
  for (const Named& strategy : kStrategies) {
    for (const Restart restart : {Restart::Permanent, Restart::Transient, Restart::Temporary}) {
      for (const Ended& end : kEnds) {
        for (const OnError verdict : {OnError::Supervise, OnError::Stop, OnError::Restart}) {
          CAPTURE(strategy.strategy.name(), to_string(restart), end.name, static_cast<int>(verdict));
          RulesDriver rules{strategy.strategy, kThree, {{"a"}, {"b", restart}, {"c"}}};
          rules.start();
          REQUIRE(rules.up);
          CHECK(rules.take() == Lines{"start a", "start b", "start c"});
          rules.crash("b", end.reason, verdict);
          switch (expected(restart, end, verdict)) {
            case After::Restarted:
              CHECK(rules.take() == strategy.restarted);
              CHECK(rules.is_alive("b"));
              break;
            case After::SpecKept:
              CHECK(rules.take().empty());
              CHECK(rules.which() == Lines{"c up", "b undefined", "a up"});
              break;
            case After::SpecDropped:
              CHECK(rules.take().empty());
              CHECK(rules.which() == Lines{"c up", "a up"});
              break;
          }
          CHECK_FALSE(rules.down);
          CHECK(rules.is_alive("a"));
          CHECK(rules.is_alive("c"));
          CHECK(rules.violations() == Lines{});
        }
      }
    }
  }
}

TEST_CASE("an end that is not followed by a restart does not count") {  // §1.5, §1.6
  for (const Named& strategy : kStrategies) {
    RulesDriver rules{strategy.strategy,
                      {.restarts = 0, .within = std::chrono::seconds{5}},
                      {{"a"}, {"t", Restart::Temporary}, {"u", Restart::Transient}, {"p"}}};
    rules.start();
    rules.crash("t", ExitReason::error("boom"));
    rules.crash("u", ExitReason::shutdown("term"));
    rules.crash("p", ExitReason::error("boom"), OnError::Stop);
    CHECK_FALSE(rules.down);
    CHECK(rules.which() == Lines{"p undefined", "u undefined", "a up"});
    rules.crash("a", ExitReason::normal());  // permanent: it counts
    CHECK(rules.down);
    CHECK(rules.limit_reports == 1);
    CHECK(rules.violations() == Lines{});
  }
}

TEST_CASE("an escalated failure ends the supervisor with that reason and stops the rest in reverse") {  // F64's core
  for (const Named& strategy : kStrategies) {
    for (const Restart restart : {Restart::Permanent, Restart::Transient, Restart::Temporary}) {
      CAPTURE(strategy.strategy.name(), to_string(restart));
      RulesDriver rules{strategy.strategy, kThree, {{"a"}, {"b", restart}, {"c"}}};
      rules.start();
      rules.take();
      rules.crash("b", ExitReason::error("boom"), OnError::Escalate);
      CHECK(rules.take() == Lines{"stop c", "stop a"});
      CHECK(rules.down);
      CHECK(rules.escalations == 1);
      CHECK(rules.limit_reports == 0);
      CHECK(rules.reason.kind() ==
            ExitReason::Kind::Error);  // abnormal, so that the parent restarts a transient supervisor too
      CHECK_THAT(rules.reason.to_string(), testing::has_text("boom"));
      CHECK(rules.violations() == Lines{});
    }
  }
}

TEST_CASE("the verdict restart counts against the limit") {
  RulesDriver rules{OneForOne{}, {.restarts = 2, .within = std::chrono::seconds{5}}, {{"a", Restart::Transient}}};
  rules.start();
  for (int i = 0; i < 2; ++i) {
    rules.crash("a", ExitReason::normal(), OnError::Restart);
    CHECK_FALSE(rules.down);
  }
  rules.crash("a", ExitReason::normal(), OnError::Restart);
  CHECK(rules.down);
}

}  // namespace
}  // namespace coppice
