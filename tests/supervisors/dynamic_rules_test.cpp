#include <string>

#include "catch.hpp"
#include "coppice/supervisors/dynamic_rules.hpp"

// The step function of a dynamic supervisor, event by event.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using detail::DynamicChildRules;
using detail::DynamicEvent;
using detail::DynamicRules;
using detail::DynamicVerdict;
using Event = DynamicEvent::Kind;
using State = DynamicChildRules::State;

std::string text_of(const DynamicVerdict& verdict) {
  static constexpr const char* kReports[] = {"", "limit, ", "escalated, "};
  static constexpr const char* kAnswers[] = {"", "answer runs, ", "answer ignored, ", "answer failed, "};
  static constexpr const char* kActs[] = {"nothing", "start", "stop", "wait", "forget"};
  std::string text = kReports[static_cast<int>(verdict.report)];
  if (verdict.retains) text += "retain, ";
  text += kAnswers[static_cast<int>(verdict.answer)];
  text += kActs[static_cast<int>(verdict.act)];
  if (verdict.act == DynamicVerdict::Act::Wait) text += ' ' + std::to_string(verdict.delay / 1ms) + "ms";
  if (verdict.ends) text += ", end: " + verdict.reason.to_string();
  return text;
}

const ExitReason kBoom = ExitReason::error("boom");

struct Rules {
  explicit Rules(Backoff backoff = {}, std::uint32_t restarts = 5)
      : rules{Intensity{.restarts = restarts, .within = 5s}, backoff} {}
  std::string operator()(DynamicChildRules& child, Event kind, const ExitReason& reason = {},
                         OnError verdict = OnError::Supervise) {
    return text_of(rules.step(child, {.kind = kind, .reason = reason, .verdict = verdict}, now, 0));
  }
  DynamicChildRules up(Restart restart = Restart::Permanent) {
    DynamicChildRules child{.restart = restart};
    CHECK((*this)(child, Event::Started) == "answer runs, nothing");
    CHECK(child.state == State::Running);
    return child;
  }
  DynamicRules rules;
  TimePoint now{1h};
};

TEST_CASE("whoever asked for a dynamic child hears once what came of its first start") {
  Rules rules;
  auto runs = rules.up();
  CHECK(rules(runs, Event::Exited, kBoom) == "retain, start");
  CHECK(rules(runs, Event::Started) == "nothing");
  DynamicChildRules ignores;
  CHECK(rules(ignores, Event::Ignored) == "answer ignored, forget");
  DynamicChildRules fails;
  CHECK(rules(fails, Event::StartFailed, kBoom) == "answer failed, forget");
  DynamicChildRules killed;
  CHECK(rules(killed, Event::Exited, ExitReason::killed()) == "answer failed, forget");
  DynamicChildRules unwanted;
  CHECK(rules(unwanted, Event::Terminate) == "stop");
  CHECK(rules(unwanted, Event::Exited, ExitReason::shutdown()) == "answer failed, forget");
}

TEST_CASE("restart type, reason and verdict decide what a dynamic child's end means") {
  struct Row {
    Restart restart;
    ExitReason reason;
    OnError verdict;
    const char* comes;
  };
  const ExitReason term = ExitReason::shutdown("term");
  const Row rows[] = {
      {Restart::Permanent, ExitReason::normal(), OnError::Supervise, "retain, start"},
      {Restart::Permanent, term, OnError::Supervise, "retain, start"},
      {Restart::Permanent, kBoom, OnError::Supervise, "retain, start"},
      {Restart::Permanent, kBoom, OnError::Stop, "forget"},
      {Restart::Transient, ExitReason::normal(), OnError::Supervise, "forget"},
      {Restart::Transient, term, OnError::Supervise, "forget"},
      {Restart::Transient, kBoom, OnError::Supervise, "retain, start"},
      {Restart::Transient, ExitReason::normal(), OnError::Restart, "retain, start"},
      {Restart::Temporary, ExitReason::normal(), OnError::Supervise, "forget"},
      {Restart::Temporary, kBoom, OnError::Supervise, "forget"},
      {Restart::Temporary, kBoom, OnError::Restart, "retain, start"},
      {Restart::Permanent, kBoom, OnError::Escalate,
       "escalated, forget, end: error: a child escalated, because error: boom"},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.restart), row.reason.to_string(), static_cast<int>(row.verdict));
    Rules rules;
    auto child = rules.up(row.restart);
    CHECK(rules(child, Event::Exited, row.reason, row.verdict) == row.comes);
    CHECK(rules.rules.is_ending() == (row.verdict == OnError::Escalate));
  }
}

TEST_CASE("each attempt of a dynamic child counts once with and without a delay and one too many is the end") {
  const std::string end = "limit, forget, end: shutdown: more than 2 restarts within 5000 ms, because error: boom";
  Rules at_once{{}, 2};
  auto child = at_once.up();
  CHECK(at_once(child, Event::Exited, kBoom) == "retain, start");
  CHECK(at_once(child, Event::StartFailed, kBoom) == "wait 0ms");
  CHECK(at_once(child, Event::RetryDue) == "retain, start");
  CHECK(at_once(child, Event::StartFailed, kBoom) == "wait 0ms");
  CHECK(at_once(child, Event::RetryDue) == end);
  CHECK(at_once.rules.is_ending());

  Rules delayed{Exponential{.first = 100ms}, 2};
  child = delayed.up();
  CHECK(delayed(child, Event::Exited, kBoom) == "retain, wait 100ms");
  CHECK(delayed(child, Event::RetryDue) == "start");  // counted already
  CHECK(delayed(child, Event::StartFailed, kBoom) == "wait 200ms");
  CHECK(delayed(child, Event::RetryDue) == "retain, start");
  CHECK(delayed(child, Event::StartFailed, kBoom) == "wait 400ms");
  CHECK(delayed(child, Event::RetryDue) == end);
}

TEST_CASE("a dynamic child that ran long enough waits the first delay again") {
  Rules rules{Exponential{.first = 100ms, .reset_after = 10s}, 100};
  auto child = rules.up();
  CHECK(rules(child, Event::Exited, kBoom) == "retain, wait 100ms");
  CHECK(rules(child, Event::RetryDue) == "start");
  CHECK(rules(child, Event::Started) == "nothing");
  rules.now += 10s - 1ns;
  CHECK(rules(child, Event::Exited, kBoom) == "retain, wait 200ms");
  CHECK(rules(child, Event::RetryDue) == "start");
  CHECK(rules(child, Event::Started) == "nothing");
  rules.now += 10s;
  CHECK(rules(child, Event::Exited, kBoom) == "retain, wait 100ms");
}

TEST_CASE("a dynamic child that is told to stop is stopped once however it stands and does not come back") {
  Rules rules;
  auto runs = rules.up();
  CHECK(rules(runs, Event::Terminate) == "stop");
  CHECK(rules(runs, Event::Terminate) == "nothing");
  CHECK(rules(runs, Event::Exited, kBoom) == "forget");

  auto starts = rules.up();
  CHECK(rules(starts, Event::Exited, kBoom) == "retain, start");
  CHECK(rules(starts, Event::Terminate) == "stop");
  CHECK(rules(starts, Event::Started) == "nothing");
  CHECK(starts.state == State::Stopping);
  CHECK(rules(starts, Event::Exited, kBoom) == "forget");

  auto fails = rules.up();
  CHECK(rules(fails, Event::Exited, kBoom) == "retain, start");
  CHECK(rules(fails, Event::Terminate) == "stop");
  CHECK(rules(fails, Event::StartFailed, kBoom) == "forget");

  auto waits = rules.up();
  CHECK(rules(waits, Event::Exited, kBoom) == "retain, start");
  CHECK(rules(waits, Event::StartFailed, kBoom) == "wait 0ms");
  CHECK(rules(waits, Event::Terminate) == "forget");
}

TEST_CASE("a retry of a dynamic child that does not wait any more is none") {
  Rules rules;
  auto child = rules.up();
  CHECK(rules(child, Event::RetryDue) == "nothing");
  CHECK(rules(child, Event::Terminate) == "stop");
  CHECK(rules(child, Event::RetryDue) == "nothing");
}

TEST_CASE("nobody comes back once a dynamic supervisor ends") {
  Rules rules;
  auto runs = rules.up();
  auto starts = rules.up();
  CHECK(rules(starts, Event::Exited, kBoom) == "retain, start");
  rules.rules.end();
  CHECK(rules(runs, Event::Exited, kBoom) == "forget");
  CHECK(rules(starts, Event::StartFailed, kBoom) == "forget");
}

TEST_CASE("a dynamic child that is killed while it starts anew has a start that failed") {
  Rules rules;
  auto child = rules.up();
  CHECK(rules(child, Event::Exited, kBoom) == "retain, start");
  CHECK(rules(child, Event::Exited, ExitReason::killed()) == "wait 0ms");
  CHECK(child.state == State::Waiting);
}

TEST_CASE("a dynamic child that ignores a later start is forgotten and nobody is told") {
  Rules rules;
  auto child = rules.up();
  CHECK(rules(child, Event::Exited, kBoom) == "retain, start");
  CHECK(rules(child, Event::Ignored) == "forget");
}

}  // namespace
}  // namespace coppice
