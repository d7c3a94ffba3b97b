#include <string>

#include "catch.hpp"
#include "coppice/supervisors/one_for_all.hpp"
#include "coppice/supervisors/one_for_one.hpp"
#include "coppice/supervisors/rest_for_one.hpp"
#include "coppice/supervisors/rules.hpp"
#include "support/log.hpp"

// The step function event by event: each effect in its place, and events that come when they mean nothing any more.

namespace coppice {
namespace {

using namespace std::chrono_literals;
using detail::CallOutcome;
using detail::ChildKey;
using detail::RuleEffect;
using detail::RuleEvent;
using testing::Lines;
using Event = RuleEvent::Kind;

std::string text_of(const RuleEffect& effect) {
  static constexpr const char* kKinds[] = {"start",     "stop",          "retain", "close",   "remove",
                                           "arm",       "disarm",        "up",     "aborted", "limit",
                                           "escalated", "auto shutdown", "reply",  "down"};
  static constexpr const char* kOutcomes[] = {"done", "ignored", "failed", "running", "restarting"};
  std::string text = kKinds[static_cast<int>(effect.kind)];
  if (effect.child != 0) text += ' ' + std::to_string(effect.child);
  if (effect.keep) text += " keep";
  if (effect.kind == RuleEffect::Kind::Arm) text += ' ' + std::to_string(effect.delay / 1ms) + "ms";
  if (effect.kind == RuleEffect::Kind::Reply) text += std::string{' '} + kOutcomes[static_cast<int>(effect.outcome)];
  if (!(effect.reason == ExitReason{})) text += ": " + effect.reason.to_string();
  return text;
}

/// Children 1, 2, 3 …; every event is the test's.
struct Rules {
  explicit Rules(AnyStrategy strategy, Backoff backoff = {}, AutoShutdown auto_shutdown = AutoShutdown::Never,
                 std::uint32_t restarts = 5)
      : rules{strategy, {.restarts = restarts, .within = 5s}, backoff, auto_shutdown} {}

  Rules& add(Restart restart = Restart::Permanent, bool significant = false) {
    rules.add(++last, restart, significant);
    return *this;
  }
  Lines step(const RuleEvent& event) {
    Lines lines;
    for (const RuleEffect& effect : rules.step(event, now, 0)) lines.push_back(text_of(effect));
    return lines;
  }
  Lines operator()(Event kind, ChildKey child = 0, const ExitReason& reason = {},
                   OnError verdict = OnError::Supervise) {
    return step({.kind = kind, .child = child, .reason = reason, .verdict = verdict});
  }
  Rules& up() {
    (*this)(Event::Begin);
    for (ChildKey key = 1; key <= last; ++key) (*this)(Event::Started, key);
    REQUIRE(rules.is_idle());
    return *this;
  }

  detail::SupervisorRules rules;
  ChildKey last = 0;
  TimePoint now{1h};
};

const ExitReason kBoom = ExitReason::error("boom");

Rules three(AnyStrategy strategy, Backoff backoff = {}) {
  Rules rules{strategy, backoff};
  rules.add().add(Restart::Transient).add(Restart::Temporary).up();
  return rules;
}

TEST_CASE("a supervisor is idle between its start and its end and at no other time") {
  Rules rules{OneForOne{}};
  rules.add();
  CHECK_FALSE(rules.rules.is_idle());
  rules(Event::Begin);
  CHECK_FALSE(rules.rules.is_idle());
  rules(Event::Started, 1);
  CHECK(rules.rules.is_idle());
  rules(Event::Stop);
  CHECK_FALSE(rules.rules.is_idle());
  rules(Event::Exited, 1, ExitReason::shutdown());
  CHECK_FALSE(rules.rules.is_idle());
}

TEST_CASE("each child starts when the one before it has") {
  Rules rules{OneForOne{}};
  rules.add().add().add();
  CHECK(rules(Event::Begin) == Lines{"start 1"});
  CHECK(rules(Event::Started, 1) == Lines{"start 2"});
  CHECK(rules(Event::Ignored, 2) == Lines{"close 2", "start 3"});
  CHECK_FALSE(rules.rules.is_idle());
  CHECK(rules(Event::Started, 3) == Lines{"up"});
  CHECK(rules.rules.is_idle());
}

TEST_CASE("a start that fails at the beginning is rolled back and says who and why") {
  Rules rules{OneForOne{}};
  rules.add().add().add();
  rules(Event::Begin);
  rules(Event::Started, 1);
  CHECK(rules(Event::StartFailed, 2, kBoom) == Lines{"close 2", "stop 1"});
  CHECK(rules(Event::Stop, 0, ExitReason::killed()).empty());  // it ends already
  CHECK(rules(Event::Exited, 1, ExitReason::shutdown()) == Lines{"close 1", "aborted 2: error: boom"});
  CHECK(rules(Event::Stop).empty());  // nothing happens after the end
  CHECK(rules(Event::Exited, 1, kBoom).empty());
}

TEST_CASE("what a child says about a start that is none changes nothing") {
  Rules rules{OneForOne{}};
  rules.add().add().add();
  rules(Event::Begin);
  rules(Event::Started, 1);  // 2 starts now
  CHECK(rules(Event::Started, 1).empty());
  CHECK(rules(Event::StartFailed, 1, kBoom).empty());
  CHECK(rules(Event::Ignored, 1).empty());
  CHECK(rules.rules.state_of(1) == ChildState::Running);
  CHECK(rules(Event::Started, 2) == Lines{"start 3"});
}

TEST_CASE("a second Started does not begin the child's run anew") {
  Rules rules{OneForOne{}, Exponential{.first = 1s, .reset_after = 10s}};
  rules.add().up();
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "arm 1 1000ms"});
  CHECK(rules(Event::RetryDue, 1) == Lines{"start 1"});
  rules(Event::Started, 1);
  rules.now += 9s;
  rules(Event::Started, 1);
  rules.now += 1s;  // it has run for ten seconds
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "arm 1 1000ms"});
}

TEST_CASE("a child that the rules do not know has nothing to say") {
  Rules rules = three(OneForAll{});
  for (const Event event : {Event::Started, Event::StartFailed, Event::Ignored, Event::Exited, Event::RetryDue}) {
    CHECK(rules(event, 9, kBoom).empty());
    CHECK(rules(event, 0, kBoom).empty());
  }
  CHECK(rules.rules.state_of(9) == ChildState::Down);
  for (const ChildKey key : {1U, 2U, 3U}) CHECK(rules.rules.state_of(key) == ChildState::Running);
}

TEST_CASE("a child that is down has nothing to say") {
  Rules rules = three(OneForAll{});
  rules(Event::TerminateChild, 1);
  rules(Event::Exited, 1, ExitReason::shutdown());
  for (const Event event : {Event::Started, Event::StartFailed, Event::Ignored, Event::Exited, Event::RetryDue})
    CHECK(rules(event, 1, kBoom).empty());
  CHECK(rules.rules.state_of(1) == ChildState::Down);
  CHECK(rules.rules.is_idle());
}

TEST_CASE("an exit of a child that waits for its attempt changes nothing") {
  Rules rules = three(OneForOne{}, Exponential{.first = 1s});
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "arm 1 1000ms"});
  CHECK(rules(Event::Exited, 1, kBoom).empty());
  CHECK(rules(Event::Started, 1).empty());
  CHECK(rules.rules.state_of(1) == ChildState::Restarting);
  CHECK(rules(Event::RetryDue, 1) == Lines{"start 1"});
  CHECK(rules(Event::RetryDue, 1).empty());
}

TEST_CASE("a group's places wait for their next lives and a temporary member's is given up") {
  Rules rules = three(OneForAll{});
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "stop 3"});
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"close 3", "remove 3", "stop 2 keep"});
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"start 1"});
  CHECK(rules(Event::Started, 1) == Lines{"start 2"});
  CHECK(rules(Event::Started, 2).empty());
  CHECK(rules.rules.is_idle());
}

TEST_CASE("a member that is dead already is not stopped and its place waits too") {
  Rules rules = three(OneForAll{});
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "stop 3"});
  CHECK(rules(Event::Exited, 2, kBoom).empty());  // while 3 is waited for
  CHECK(rules.rules.state_of(2) == ChildState::Down);
  CHECK(rules(Event::Exited, 3, kBoom) == Lines{"close 3", "remove 3", "retain 2", "start 1"});
  CHECK(rules(Event::Started, 1) == Lines{"start 2"});
  CHECK(rules(Event::Started, 2).empty());  // counted once, restarted once
}

TEST_CASE("a temporary member that is dead already is closed and forgotten") {
  Rules rules{OneForAll{}};
  rules.add().add(Restart::Temporary).add().up();
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "stop 3 keep"});
  CHECK(rules(Event::Exited, 2, kBoom).empty());
  CHECK(rules(Event::Exited, 3, kBoom) == Lines{"close 2", "remove 2", "start 1"});
}

TEST_CASE("the end stops all and closes each place and forgets nobody") {
  Rules rules = three(OneForOne{});
  CHECK(rules(Event::Stop, 0, ExitReason::shutdown("enough")) == Lines{"stop 3"});
  CHECK(rules(Event::Stop, 0, ExitReason::killed()).empty());  // once is enough; the first reason stands
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"close 3", "stop 2"});
  CHECK(rules(Event::Exited, 1, kBoom).empty());  // dead before its turn
  CHECK(rules(Event::Exited, 2, kBoom) == Lines{"close 2", "close 1", "down: shutdown: enough"});
}

TEST_CASE("the end disarms who waits and closes its place last") {
  Rules rules = three(OneForOne{}, Exponential{.first = 1s});
  rules(Event::Exited, 1, kBoom);
  CHECK(rules(Event::Stop, 0, ExitReason::shutdown()) == Lines{"stop 3"});
  CHECK(rules(Event::RetryDue, 1).empty());
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"close 3", "stop 2"});
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"close 2", "disarm 1", "close 1", "down: shutdown"});
}

TEST_CASE("one restart too many closes the place at once and names it") {
  Rules rules{OneForOne{}, {}, AutoShutdown::Never, 0};
  rules.add().add().up();
  const Lines effects = rules(Event::Exited, 2, kBoom);
  REQUIRE(effects.size() == 3);
  CHECK(effects[0] == "limit 2: error: boom");
  CHECK(effects[1] == "close 2");
  CHECK(effects[2] == "stop 1");
  CHECK(rules.rules.state_of(2) == ChildState::Down);
  CHECK(rules(Event::Exited, 1, ExitReason::shutdown()) ==
        Lines{"close 1", "down: shutdown: more than 0 restarts within 5000 ms, because error: boom"});
}

TEST_CASE("an attempt too many leaves nobody who waits for another") {
  Rules rules{OneForOne{}, {}, AutoShutdown::Never, 1};
  rules.add().add().up();
  rules(Event::Exited, 2, kBoom);
  rules(Event::StartFailed, 2, kBoom);
  const Lines effects = rules(Event::RetryDue, 2);
  CHECK(effects == Lines{"limit 2: error: boom", "close 2", "stop 1"});
  CHECK(rules.rules.state_of(2) == ChildState::Down);
}

TEST_CASE("an escalated failure is reported and closes the place before the others stop") {
  Rules rules = three(OneForOne{});
  CHECK(rules(Event::Exited, 1, kBoom, OnError::Escalate) == Lines{"escalated 1: error: boom", "close 1", "stop 3"});
  rules(Event::Exited, 3, ExitReason::shutdown());
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) ==
        Lines{"close 2", "down: error: a child escalated, because error: boom"});
}

TEST_CASE("who has ended for good is closed and only a temporary child is forgotten") {
  Rules rules = three(OneForAll{});
  CHECK(rules(Event::Exited, 2, ExitReason::normal()) == Lines{"close 2"});
  CHECK(rules(Event::Exited, 3, kBoom) == Lines{"close 3", "remove 3"});
  CHECK(rules(Event::Exited, 1, kBoom, OnError::Stop) == Lines{"close 1"});
  CHECK(rules.rules.is_idle());
}

TEST_CASE("the end of a significant child is reported before the others stop") {
  for (const AutoShutdown mode : {AutoShutdown::AnySignificant, AutoShutdown::AllSignificant}) {
    Rules rules{OneForOne{}, {}, mode};
    rules.add().add(Restart::Temporary, true).up();
    CHECK(rules(Event::Exited, 2, kBoom) == Lines{"close 2", "remove 2", "auto shutdown 2", "stop 1"});
    CHECK(rules(Event::Exited, 1, ExitReason::shutdown()) ==
          Lines{"close 1", "down: shutdown: significant children have ended"});
  }
  Rules never{OneForOne{}};
  never.add().add(Restart::Temporary, true).up();
  CHECK(never(Event::Exited, 2, kBoom) == Lines{"close 2", "remove 2"});
}

TEST_CASE("a significant child that waits or whose end waits is not gone") {
  Rules waiting{OneForOne{}, Exponential{.first = 1s}, AutoShutdown::AllSignificant};
  waiting.add(Restart::Transient, true).add(Restart::Transient, true).up();
  CHECK(waiting(Event::Exited, 1, kBoom) == Lines{"retain 1", "arm 1 1000ms"});
  CHECK(waiting(Event::Exited, 2, ExitReason::normal()) == Lines{"close 2"});
  CHECK(waiting(Event::RetryDue, 1) == Lines{"start 1"});

  Rules deferred{OneForOne{}, {}, AutoShutdown::AllSignificant};
  deferred.add().add(Restart::Transient, true).add(Restart::Transient, true).up();
  CHECK(deferred(Event::Exited, 1, kBoom) == Lines{"retain 1", "start 1"});
  CHECK(deferred(Event::Exited, 2, ExitReason::normal()).empty());
  CHECK(deferred(Event::Exited, 3, kBoom).empty());  // both ends wait for the start of 1; the second one is no end
  CHECK(deferred(Event::Started, 1) == Lines{"close 2", "retain 3", "start 3"});
  CHECK(deferred(Event::Started, 3).empty());
  CHECK(deferred.rules.is_idle());
}

TEST_CASE("ends that come while a step is under way are dealt with oldest first") {
  Rules rules{OneForOne{}};
  rules.add().add().add().up();
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "start 1"});
  CHECK(rules(Event::Exited, 3, kBoom).empty());
  CHECK(rules(Event::Exited, 2, kBoom).empty());
  CHECK_FALSE(rules.rules.is_idle());
  CHECK(rules(Event::Started, 1) == Lines{"retain 3", "start 3"});
  CHECK_FALSE(rules.rules.is_idle());
  CHECK(rules(Event::Started, 3) == Lines{"retain 2", "start 2"});
  CHECK_FALSE(rules.rules.is_idle());
  CHECK(rules(Event::Started, 2).empty());
  CHECK(rules.rules.is_idle());
}

TEST_CASE("a retry that comes while a step is under way is tried after it") {
  Rules rules{OneForOne{}};
  rules.add().add().up();
  rules(Event::Exited, 1, kBoom);
  CHECK(rules(Event::StartFailed, 1, kBoom) == Lines{"arm 1 0ms"});
  CHECK(rules(Event::Exited, 2, kBoom) == Lines{"retain 2", "start 2"});
  CHECK(rules(Event::RetryDue, 1).empty());
  CHECK(rules(Event::Started, 2) == Lines{"retain 1", "start 1"});
  CHECK(rules(Event::Started, 1).empty());
}

TEST_CASE("a retry that has come is consumed when its child is stopped with a group") {
  Rules rules{OneForAll{}};
  rules.add().add().add().up();
  rules(Event::Exited, 1, kBoom);
  rules(Event::Exited, 3, ExitReason::shutdown());
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"start 1"});
  rules(Event::Started, 1);
  CHECK(rules(Event::StartFailed, 2, kBoom) == Lines{"arm 2 0ms"});
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "disarm 2", "start 1"});
  CHECK(rules(Event::RetryDue, 2).empty());
  CHECK(rules(Event::Started, 1) == Lines{"start 2"});
  CHECK(rules(Event::Started, 2) == Lines{"start 3"});
  CHECK(rules(Event::Started, 3).empty());
  CHECK(rules.rules.is_idle());
}

TEST_CASE("a retry that came before its group was stopped is not tried twice") {
  Rules rules{RestForOne{}};
  rules.add().add().add().up();
  // 3 waits for its attempt, 1 is being restarted on its own … but takes 2 and 3 with it; 3's retry comes meanwhile.
  rules(Event::Exited, 3, kBoom);
  CHECK(rules(Event::StartFailed, 3, kBoom) == Lines{"arm 3 0ms"});
  CHECK(rules(Event::TerminateChild, 2) == Lines{"stop 2"});
  CHECK(rules(Event::RetryDue, 3).empty());
  CHECK(rules(Event::Exited, 1, kBoom).empty());
  // Oldest first: the retry, then the end of 1, which takes 3 along once more.
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"close 2", "reply 2 done", "retain 3", "start 3"});
  CHECK(rules(Event::Started, 3) == Lines{"retain 1", "stop 3 keep"});
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"start 1"});
  CHECK(rules(Event::Started, 1) == Lines{"start 2"});
  CHECK(rules(Event::Started, 2) == Lines{"start 3"});
  CHECK(rules(Event::Started, 3).empty());
}

TEST_CASE("a retry that came before its group was stopped is no retry of a later wait") {
  Rules rules{OneForAll{}};
  rules.add().add().up();
  rules(Event::Exited, 1, kBoom);
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"start 1"});
  rules(Event::Started, 1);
  CHECK(rules(Event::StartFailed, 2, kBoom) == Lines{"arm 2 0ms"});
  rules.add();
  CHECK(rules(Event::StartChild, 3) == Lines{"start 3"});
  CHECK(rules(Event::Exited, 1, kBoom).empty());
  CHECK(rules(Event::RetryDue, 2).empty());
  // The end of 1 is older: its group takes the waiting 2 along, and with it what it had to say.
  CHECK(rules(Event::Started, 3) == Lines{"reply 3 done", "retain 1", "stop 3 keep"});
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"disarm 2", "start 1"});
  CHECK(rules(Event::Started, 1) == Lines{"start 2"});
  CHECK(rules(Event::StartFailed, 2, kBoom) == Lines{"arm 2 0ms"});
  CHECK(rules.rules.is_idle());
}

TEST_CASE("an end that its group has consumed is not mistaken for a later one") {
  Rules rules{OneForAll{}};
  rules.add().add(Restart::Transient).add().up();
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "stop 3 keep"});
  CHECK(rules(Event::Exited, 2, ExitReason::normal()).empty());  // of itself it would stay down after this
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"retain 2", "start 1"});
  CHECK(rules(Event::Started, 1) == Lines{"start 2"});
  CHECK(rules(Event::Started, 2) == Lines{"start 3"});
  CHECK(rules(Event::Exited, 2, kBoom).empty());
  CHECK(rules(Event::Started, 3) == Lines{"retain 2", "stop 3 keep"});
}

TEST_CASE("a temporary child that its actor has restarted waits as others do and is forgotten when it is stopped") {
  Rules rules{OneForOne{}, Exponential{.first = 1s}};
  rules.add(Restart::Temporary).add().up();
  CHECK(rules(Event::Exited, 1, kBoom, OnError::Restart) == Lines{"retain 1", "arm 1 1000ms"});
  CHECK(rules(Event::TerminateChild, 1) == Lines{"disarm 1", "close 1", "remove 1", "reply 1 done"});
  CHECK(rules(Event::RetryDue, 1).empty());

  Rules group{OneForAll{}, Exponential{.first = 1s}};
  group.add(Restart::Temporary).add().up();
  CHECK(group(Event::Exited, 1, kBoom, OnError::Restart) == Lines{"retain 1", "stop 2 keep"});
  CHECK(group(Event::Exited, 2, ExitReason::shutdown()) == Lines{"arm 1 1000ms"});
  group(Event::RestartChild, 2);
  group(Event::Started, 2);
  CHECK(group(Event::Exited, 2, kBoom) == Lines{"retain 2", "disarm 1", "remove 1", "arm 2 1000ms"});
}

TEST_CASE("a run lets the delays begin anew once and not for each failed start after it") {
  Rules rules{OneForOne{}, Exponential{.first = 1s, .reset_after = 1s}};
  rules.add().up();
  rules.now += 5s;
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "arm 1 1000ms"});
  for (const char* const next : {"arm 1 2000ms", "arm 1 4000ms", "arm 1 8000ms"}) {
    rules.now += 5s;
    rules(Event::RetryDue, 1);
    CHECK(rules(Event::StartFailed, 1, kBoom) == Lines{next});
  }
}

TEST_CASE("a call that starts a child answers what came of it") {
  Rules rules = three(OneForOne{});
  const auto start = [&](Restart restart) {
    rules.add(restart);
    return rules(Event::StartChild, rules.last);
  };
  CHECK(start(Restart::Permanent) == Lines{"start 4"});
  CHECK_FALSE(rules.rules.is_idle());
  CHECK(rules(Event::Started, 4) == Lines{"reply 4 done"});
  CHECK(start(Restart::Permanent) == Lines{"start 5"});
  CHECK(rules(Event::StartFailed, 5, kBoom) == Lines{"close 5", "reply 5 failed: error: boom", "remove 5"});
  CHECK(start(Restart::Transient) == Lines{"start 6"});
  CHECK(rules(Event::Ignored, 6) == Lines{"close 6", "reply 6 ignored"});
  CHECK(start(Restart::Temporary) == Lines{"start 7"});
  CHECK(rules(Event::Ignored, 7) == Lines{"close 7", "remove 7", "reply 7 ignored"});
  CHECK(start(Restart::Temporary) == Lines{"start 8"});
  CHECK(rules(Event::Exited, 8, ExitReason::killed()) == Lines{"close 8", "reply 8 failed: killed", "remove 8"});
  CHECK(rules.rules.is_idle());
}

TEST_CASE("a call that starts several children starts them in order or leaves none") {
  Rules rules = three(OneForOne{});
  const auto add = [&](Restart restart) {
    rules.add(restart);
    return rules.last;
  };
  const ChildKey first = add(Restart::Permanent);
  add(Restart::Transient);
  CHECK(rules(Event::StartChildren, first) == Lines{"start 4"});
  CHECK(rules(Event::Started, 4) == Lines{"start 5"});
  CHECK(rules(Event::Ignored, 5) == Lines{"close 5", "reply 4 done"});  // an ignored start is no failure

  const ChildKey second = add(Restart::Permanent);
  add(Restart::Temporary);
  add(Restart::Permanent);
  add(Restart::Permanent);
  CHECK(rules(Event::StartChildren, second) == Lines{"start 6"});
  CHECK(rules(Event::Started, 6) == Lines{"start 7"});
  CHECK(rules(Event::Started, 7) == Lines{"start 8"});
  CHECK(rules(Event::StartFailed, 8, kBoom) == Lines{"close 8", "stop 7"});  // last to first; 9 is not attempted
  CHECK(rules(Event::Exited, 7, ExitReason::shutdown()) == Lines{"close 7", "remove 7", "stop 6"});
  CHECK(rules(Event::Exited, 6, ExitReason::shutdown()) ==
        Lines{"close 6", "reply 8 failed: error: boom", "remove 9", "remove 8", "remove 6"});
  CHECK(rules.rules.state_of(4) == ChildState::Running);
  CHECK(rules.rules.is_idle());
  add(Restart::Permanent);
  CHECK(rules(Event::StartChild, rules.last) == Lines{"start 10"});
  CHECK(rules(Event::Ignored, 10) == Lines{"close 10", "reply 10 ignored"});
}

TEST_CASE("a call that restarts a child answers what came of it and keeps the spec") {
  Rules rules = three(OneForOne{});
  CHECK(rules(Event::RestartChild, 2) == Lines{"reply 2 running"});
  CHECK(rules(Event::TerminateChild, 2) == Lines{"stop 2"});
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"close 2", "reply 2 done"});
  CHECK(rules(Event::RestartChild, 2) == Lines{"start 2"});
  CHECK(rules(Event::StartFailed, 2, kBoom) == Lines{"close 2", "reply 2 failed: error: boom"});
  CHECK(rules(Event::RestartChild, 2) == Lines{"start 2"});
  CHECK(rules(Event::Ignored, 2) == Lines{"close 2", "reply 2 ignored"});
  CHECK(rules(Event::RestartChild, 2) == Lines{"start 2"});
  CHECK(rules(Event::Started, 2) == Lines{"reply 2 done"});
}

TEST_CASE("a call that stops or deletes a child answers what came of it") {
  Rules rules = three(OneForOne{}, Exponential{.first = 1s});
  CHECK(rules(Event::DeleteChild, 2) == Lines{"reply 2 running"});
  CHECK(rules(Event::TerminateChild, 3) == Lines{"stop 3"});
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"close 3", "remove 3", "reply 3 done"});
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "arm 1 1000ms"});
  CHECK(rules(Event::DeleteChild, 1) == Lines{"reply 1 restarting"});
  CHECK(rules(Event::RestartChild, 1) == Lines{"reply 1 restarting"});
  CHECK(rules(Event::TerminateChild, 1) == Lines{"disarm 1", "close 1", "reply 1 done"});
  CHECK(rules(Event::TerminateChild, 1) == Lines{"reply 1 done"});
  CHECK(rules(Event::DeleteChild, 1) == Lines{"remove 1", "reply 1 done"});
  CHECK(rules.rules.state_of(1) == ChildState::Down);
}

TEST_CASE("ends that come during a call wait for its answer") {
  Rules rules = three(OneForAll{});
  CHECK(rules(Event::TerminateChild, 2) == Lines{"stop 2"});
  CHECK(rules(Event::Exited, 1, kBoom).empty());
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"close 2", "reply 2 done", "retain 1", "stop 3"});
}

TEST_CASE("a stop during a call ends the supervisor and the call is not answered") {
  Rules rules = three(OneForOne{});
  CHECK(rules(Event::TerminateChild, 2) == Lines{"stop 2"});
  CHECK(rules(Event::Stop, 0, ExitReason::shutdown()).empty());
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"close 2", "stop 3"});
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"close 3", "stop 1"});
  CHECK(rules(Event::Exited, 1, ExitReason::shutdown()) == Lines{"close 1", "down: shutdown"});
}

TEST_CASE("a stop during a start waits for it and then stops that one too") {
  Rules rules = three(OneForOne{});
  CHECK(rules(Event::Exited, 1, kBoom) == Lines{"retain 1", "start 1"});
  CHECK(rules(Event::Stop, 0, ExitReason::shutdown()).empty());
  CHECK(rules(Event::Started, 1) == Lines{"stop 3"});
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"close 3", "stop 2"});
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"close 2", "stop 1"});
  CHECK(rules(Event::Exited, 1, ExitReason::shutdown()) == Lines{"close 1", "down: shutdown"});
}

TEST_CASE("a start that fails during the end is not tried again") {
  Rules rules = three(OneForOne{});
  rules(Event::Exited, 1, kBoom);
  CHECK(rules(Event::Stop, 0, ExitReason::shutdown()).empty());
  CHECK(rules(Event::StartFailed, 1, kBoom) == Lines{"stop 3"});
  rules(Event::Exited, 3, ExitReason::shutdown());
  CHECK(rules(Event::Exited, 2, ExitReason::shutdown()) == Lines{"close 2", "close 1", "down: shutdown"});
}

/// Answers what no strategy should.
struct Backwards {
  static constexpr std::string_view kName = "backwards";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t, std::size_t count) const noexcept {
    return {count + 5, 0};
  }
};
struct TooFar {
  static constexpr std::string_view kName = "too_far";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t failed, std::size_t count) const noexcept {
    return {failed, count + 5};
  }
};
struct Empty {
  static constexpr std::string_view kName = "empty";
  [[nodiscard]] constexpr AffectedRange affected(std::size_t failed, std::size_t) const noexcept {
    return {failed, failed};
  }
};
/// Another answer each time that it is asked: the failed one alone, then everybody.
struct Fickle {
  static constexpr std::string_view kName = "fickle";
  [[nodiscard]] AffectedRange affected(std::size_t failed, std::size_t count) const noexcept {
    static bool all = true;
    all = !all;
    return all ? AffectedRange{0, count} : AffectedRange{failed, failed + 1};
  }
};

TEST_CASE("a strategy that answers nonsense restarts the failed child and nobody outside") {
  for (const AnyStrategy strategy : {AnyStrategy{Backwards{}}, AnyStrategy{Empty{}}, AnyStrategy{Fickle{}}}) {
    CAPTURE(strategy.name());
    Rules rules = three(strategy);
    CHECK(rules(Event::Exited, 2, kBoom) == Lines{"retain 2", "start 2"});
    CHECK(rules(Event::Started, 2).empty());
    CHECK(rules.rules.is_idle());
  }
  Rules rules = three(TooFar{});
  CHECK(rules(Event::Exited, 2, kBoom) == Lines{"retain 2", "stop 3"});
  CHECK(rules(Event::Exited, 3, ExitReason::shutdown()) == Lines{"close 3", "remove 3", "start 2"});
}

}  // namespace
}  // namespace coppice
