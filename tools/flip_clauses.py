#!/usr/bin/env python3
"""Shows that every clause of the rules of supervision is held by a test: flips each one alone and looks who notices.

Each mutant is one textual change of supervisors/rules.cpp or of one of its neighbours, compiled into a scratch
folder and linked in front of the library of an existing build; nothing else is built again and the tree stays as it is.
On each run the replay of OTP's recordings (the program `conformance`) and the tests of the supervisors. Prints a table;
exits 1 when nobody notices a mutant that is not listed as equivalent with its reason.

    tools/flip_clauses.py                  all, with build/dev
    tools/flip_clauses.py retry window     those whose names contain one of these
    tools/flip_clauses.py --check          only whether each pattern stands exactly once in its file
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
RULES, DYNAMIC, ATTEMPTS, LIMIT, BACKOFF, DELAY = FILES = (
    *(f"supervisors/{name}.cpp" for name in ("rules", "dynamic_rules", "start_attempts", "restart_limit", "backoff")),
    "src/base/growing_delay.cpp")
LIMIT_SECONDS = 60  # for each program; a mutant may never come to rest


@dataclass(frozen=True)
class Clause:
    name: str
    file: str
    old: str
    new: str
    equivalent: str = ""  # why nobody can notice


def in_rules(name: str, old: str, new: str, equivalent: str = "") -> Clause:
    return Clause(name, RULES, old, new, equivalent)


CLAUSES = [
    # ---- the step ----
    in_rules("step: nothing happens after the end", "if (mode_ == Mode::Ended) return {};", ""),
    in_rules("step: the first children start in start order",
             "for (const Child& child : children_) plan_.push_back({PlanStep::Kind::Start, child.key});",
             "for (auto it = children_.rbegin(); it != children_.rend(); ++it) plan_.push_back({PlanStep::Kind::Start, it->key});"),
    in_rules("step: a beginning is a start under way", "mode_ = Mode::Starting;\n", "mode_ = Mode::Restarting;\n"),
    in_rules("step: a child that is forgotten has nothing to say", "} else if (Child* const child = find(event.child)) {",
             "} else if (Child* const child = find(event.child) ? find(event.child) : children_.data()) {"),
    in_rules("step: a retry that is due is heard", "case RuleEvent::Kind::RetryDue: on_retry_due(*child, event); break;",
             "case RuleEvent::Kind::RetryDue: break;"),
    in_rules("step: an ignored start is no failed start", "case RuleEvent::Kind::Ignored: on_ignored(*child); break;",
             "case RuleEvent::Kind::Ignored: on_start_failed(*child, event.reason); break;"),

    # ---- a start that succeeded ----
    in_rules("started: only who starts can have started",
             "on_started(Child& child, TimePoint now) {\n  if (child.state != State::Starting) return;",
             "on_started(Child& child, TimePoint now) {"),
    in_rules("started: it runs", "  child.state = State::Running;\n", ""),
    in_rules("started: since when it runs", "  child.running_since = now;\n", ""),

    # ---- a start that failed ----
    in_rules("start failed: only who starts can fail to",
             "const ExitReason& reason) {\n  if (child.state != State::Starting) return;", "const ExitReason& reason) {"),
    in_rules("start failed: no retry at the beginning", "if (mode_ == Mode::Starting) {", "if (false) {"),
    in_rules("start failed: the beginning is rolled back", "mode_ = Mode::RollingBack;\n    end_reason_", "mode_ = Mode::Ending;\n    end_reason_"),
    in_rules("start failed: the beginning says why", "    end_reason_ = reason;\n    failed_", "    failed_"),
    in_rules("start failed: the beginning says who", "    failed_ = child.key;\n", ""),
    in_rules("start failed: later children are not attempted",
             "    close(child);\n    plan_.clear();\n", "    close(child);\n"),
    in_rules("start failed: the others are stopped last to first",
             "close(child);\n    plan_.clear();\n    for (auto it = children_.rbegin(); it != children_.rend(); ++it) plan_.push_back({PlanStep::Kind::Stop, it->key});",
             "close(child);\n    plan_.clear();\n    for (const Child& each : children_) plan_.push_back({PlanStep::Kind::Stop, each.key});"),
    in_rules("start failed: those after it stay down", "    plan_.clear();\n    child.failure = reason;", "    child.failure = reason;"),
    in_rules("start failed: why the retry comes", "    child.failure = reason;\n", ""),
    in_rules("start failed: the retry counts", "wait_for_retry(child, false, delay_for(child));", "wait_for_retry(child, true, delay_for(child));"),
    in_rules("start failed: the retry waits its delay", "wait_for_retry(child, false, delay_for(child));",
             "wait_for_retry(child, false, Duration::zero());"),
    in_rules("start failed: it is tried again", "    wait_for_retry(child, false, delay_for(child));\n", ""),
    in_rules("start failed: a call hears of it", "  call_.outcome = CallOutcome::Failed;\n", ""),
    in_rules("start failed: a call hears why", "  call_.reason = reason;\n", ""),
    in_rules("start failed: a call hears who", "  call_.failed = child.key;\n", ""),
    in_rules("start failed: the place of a called start is closed", "  close(child);\n  if (call_.kind != RuleEvent::Kind::StartChildren) return;",
             "  if (call_.kind != RuleEvent::Kind::StartChildren) return;"),
    in_rules("batch failed: one child alone takes nobody along", "  close(child);\n  if (call_.kind != RuleEvent::Kind::StartChildren) return;\n", "  close(child);\n"),
    in_rules("batch failed: later children are not attempted", "StartChildren) return;\n  plan_.clear();\n", "StartChildren) return;\n"),
    in_rules("batch failed: those before it are stopped", "    if (each->key != child.key) plan_.push_back({PlanStep::Kind::Stop, each->key});\n", ""),
    in_rules("batch failed: the one that failed has nothing to be stopped", "    if (each->key != child.key) plan_", "    plan_"),
    in_rules("batch failed: only those of the batch are stopped", "each != children_.rend() && each->key >= call_.child;", "each != children_.rend();"),
    in_rules("start failed: a new child's spec is forgotten", "if (call.kind == RuleEvent::Kind::StartChild) remove(call.child);", ""),
    in_rules("start failed: a restarted child's spec is kept", "if (call.kind == RuleEvent::Kind::StartChild) remove(call.child);",
             "remove(call.child);"),
    in_rules("batch failed: all of it is forgotten", "  if (call.kind != RuleEvent::Kind::StartChildren) return;\n  while",
             "  return;\n  while"),
    in_rules("batch failed: nobody else is forgotten", "while (!children_.empty() && children_.back().key >= call.child) {",
             "while (!children_.empty()) {"),
    in_rules("batch: all that succeeded are kept", "  if (!failed) return;\n", ""),

    # ---- a start that was ignored ----
    in_rules("ignored: only who starts can ignore", "on_ignored(Child& child) {\n  if (child.state != State::Starting) return;",
             "on_ignored(Child& child) {"),
    in_rules("ignored: a call hears of it", "if (mode_ == Mode::Calling && call_.kind != RuleEvent::Kind::StartChildren) call_.outcome = CallOutcome::Ignored;", ""),
    in_rules("ignored: a batch goes on", "mode_ == Mode::Calling && call_.kind != RuleEvent::Kind::StartChildren", "mode_ == Mode::Calling"),
    in_rules("ignored: the place is closed", "call_.outcome = CallOutcome::Ignored;\n  close(child);", "call_.outcome = CallOutcome::Ignored;"),
    in_rules("ignored: a temporary child is forgotten",
             "close(child);\n  if (child.restart == Restart::Temporary) remove(child.key);\n  advance();", "close(child);\n  advance();"),
    in_rules("ignored: others are kept",
             "close(child);\n  if (child.restart == Restart::Temporary) remove(child.key);\n  advance();",
             "close(child);\n  remove(child.key);\n  advance();"),

    # ---- an end ----
    in_rules("exited: killed while it started is a start that failed",
             "if (child.state == State::Starting) return on_start_failed(child, event.reason);  // killed while it started", ""),
    in_rules("exited: a group keeps the places of those it stops",
             "if (mode_ != Mode::Restarting || child.restart == Restart::Temporary) close(child);", "close(child);"),
    in_rules("exited: who is stopped for good is closed",
             "if (mode_ != Mode::Restarting || child.restart == Restart::Temporary) close(child);",
             "if (child.restart == Restart::Temporary) close(child);"),
    in_rules("exited: a temporary member of a group is closed",
             "if (mode_ != Mode::Restarting || child.restart == Restart::Temporary) close(child);",
             "if (mode_ != Mode::Restarting) close(child);"),
    in_rules("exited: a temporary member of a group is forgotten",
             "if ((mode_ == Mode::Restarting || mode_ == Mode::Calling) && child.restart == Restart::Temporary) remove(child.key);",
             "if (mode_ == Mode::Calling && child.restart == Restart::Temporary) remove(child.key);"),
    in_rules("exited: a temporary child that a call stops is forgotten",
             "if ((mode_ == Mode::Restarting || mode_ == Mode::Calling) && child.restart == Restart::Temporary) remove(child.key);",
             "if (mode_ == Mode::Restarting && child.restart == Restart::Temporary) remove(child.key);"),
    in_rules("exited: other members are kept",
             "if ((mode_ == Mode::Restarting || mode_ == Mode::Calling) && child.restart == Restart::Temporary) remove(child.key);",
             "if (mode_ == Mode::Restarting || mode_ == Mode::Calling) remove(child.key);"),
    in_rules("exited: at the end nobody is forgotten",
             "if ((mode_ == Mode::Restarting || mode_ == Mode::Calling) && child.restart == Restart::Temporary) remove(child.key);",
             "if (child.restart == Restart::Temporary) remove(child.key);"),
    in_rules("exited: only who runs can end by itself", "  if (child.state != State::Running) return;\n", ""),
    in_rules("exited: it waits while a step is under way",
             "if (awaited_ || !plan_.empty()) {\n    child.state = State::Exited;", "if (false) {\n    child.state = State::Exited;"),
    in_rules("exited: it is dealt with afterwards", "    child.state = State::Exited;\n    deferred_.push_back(event);\n",
             "    child.state = State::Exited;\n"),
    in_rules("exited: oldest first", "    child.state = State::Exited;\n    deferred_.push_back(event);\n",
             "    child.state = State::Exited;\n    deferred_.push_front(event);\n"),
    in_rules("exited: it is down meanwhile", "    child.state = State::Exited;\n    deferred_", "    deferred_"),

    # ---- a retry ----
    in_rules("retry due: a terminated child's is cancelled", "  if (child.state != State::Waiting) return;\n", ""),
    in_rules("retry due: it waits while a step is under way",
             "if (awaited_ || !plan_.empty()) {\n    deferred_.push_back(event);\n    return;\n  }", ""),
    in_rules("retry due: it is not lost while a step is under way",
             "if (awaited_ || !plan_.empty()) {\n    deferred_.push_back(event);\n    return;", "if (awaited_ || !plan_.empty()) {\n    return;"),
    in_rules("retry due: it is tried", "  retry(child);\n  advance();", "  advance();"),
    in_rules("retry: what was counted is not counted again", "if (!child.counted) return restart(child, child.failure, true);",
             "return restart(child, child.failure, true);"),
    in_rules("retry: a failed attempt counts", "  if (!child.counted) return restart(child, child.failure, true);\n", ""),
    in_rules("retry: a delay is served once", "return restart(child, child.failure, true);", "return restart(child, child.failure, false);"),
    in_rules("retry: it waits no longer", "  child.state = State::Undefined;\n  begin_group(", "  begin_group("),

    # ---- a stop ----
    in_rules("stop: once is enough", "if (mode_ == Mode::Ending || mode_ == Mode::RollingBack) return;",
             "if (mode_ == Mode::RollingBack) return;"),
    in_rules("stop: a start that is rolled back has failed", "if (mode_ == Mode::Ending || mode_ == Mode::RollingBack) return;",
             "if (mode_ == Mode::Ending) return;"),

    # ---- calls ----
    in_rules("call: a pending retry is a refusal of its own",
             "child.state == State::Waiting ? CallOutcome::Restarting : CallOutcome::Running;", "CallOutcome::Running;"),
    in_rules("call: who runs is not deleted or restarted", "if (call != RuleEvent::Kind::TerminateChild && !is_down) return reply(key, refusal);", ""),
    in_rules("call: who runs may be terminated", "if (call != RuleEvent::Kind::TerminateChild && !is_down)", "if (!is_down)"),
    in_rules("call: deleted is forgotten", "    remove(key);\n    return reply(key, CallOutcome::Done);", "    return reply(key, CallOutcome::Done);"),
    in_rules("call: deleted is answered", "    remove(key);\n    return reply(key, CallOutcome::Done);", "    return remove(key);"),
    in_rules("call: it is under way", "  mode_ = Mode::Calling;\n", "  mode_ = Mode::Restarting;\n"),
    in_rules("call: terminate stops", "starts ? PlanStep::Kind::Start : PlanStep::Kind::Stop", "PlanStep::Kind::Start"),
    in_rules("call: restart starts", "starts ? PlanStep::Kind::Start : PlanStep::Kind::Stop", "PlanStep::Kind::Stop"),

    # ---- what an end means ----
    in_rules("verdict: escalate ends the supervisor", "if (event.verdict == OnError::Escalate) {", "if (false) {"),
    in_rules("verdict: escalate is reported",
             "    emit({.kind = RuleEffect::Kind::Escalated, .child = child.key, .reason = event.reason});\n", ""),
    in_rules("verdict: escalate closes the place", "event.reason});\n    close(child);\n    return end(ExitReason::error",
             "event.reason});\n    return end(ExitReason::error"),
    in_rules("verdict: escalate is abnormal", 'return end(ExitReason::error("a child escalated", event.reason));',
             'return end(ExitReason::shutdown("a child escalated", event.reason));'),
    in_rules("verdict: restart goes before the restart type", "if (event.verdict == OnError::Restart) return restart(child, event.reason, false);", ""),
    in_rules("verdict: stop goes before the restart type", "child.restart == Restart::Temporary || event.verdict == OnError::Stop ||",
             "child.restart == Restart::Temporary ||"),
    in_rules("restart type: temporary is never restarted", "if (child.restart == Restart::Temporary || event.verdict == OnError::Stop ||",
             "if (event.verdict == OnError::Stop ||"),
    in_rules("restart type: transient is not restarted after a normal end", "child.restart == Restart::Transient && event.reason.is_normal()", "false"),
    in_rules("restart type: transient is restarted after an abnormal end", "child.restart == Restart::Transient && event.reason.is_normal()",
             "child.restart == Restart::Transient"),
    in_rules("restart type: permanent is restarted after a normal end", "child.restart == Restart::Transient && event.reason.is_normal()",
             "event.reason.is_normal()"),

    # ---- automatic shutdown ----
    in_rules("ended for good: the place is closed", "  const ChildKey key = child.key;\n  close(child);\n", "  const ChildKey key = child.key;\n"),
    in_rules("ended for good: a temporary child is forgotten", "if (child.restart == Restart::Temporary) remove(key);\n  if (!was_significant",
             "if (!was_significant"),
    in_rules("ended for good: a transient child's spec is kept", "if (child.restart == Restart::Temporary) remove(key);\n  if (!was_significant",
             "remove(key);\n  if (!was_significant"),
    in_rules("auto shutdown: only the significant", "if (!was_significant || auto_shutdown_ == AutoShutdown::Never) return;",
             "if (auto_shutdown_ == AutoShutdown::Never) return;"),
    in_rules("auto shutdown: never is never", "if (!was_significant || auto_shutdown_ == AutoShutdown::Never) return;",
             "if (!was_significant) return;"),
    in_rules("auto shutdown: all means the last", "if (auto_shutdown_ == AutoShutdown::AllSignificant && !is_last_significant()) return;", ""),
    in_rules("auto shutdown: any means the first", "auto_shutdown_ == AutoShutdown::AllSignificant && !is_last_significant()",
             "!is_last_significant()"),
    in_rules("auto shutdown: the last ends it too", "auto_shutdown_ == AutoShutdown::AllSignificant && !is_last_significant()",
             "auto_shutdown_ == AutoShutdown::AllSignificant"),
    in_rules("auto shutdown: it is reported", "  emit({.kind = RuleEffect::Kind::AutoShutdown, .child = key});\n", ""),
    in_rules("auto shutdown: its reason is shutdown", 'end(ExitReason::shutdown("significant children have ended"));',
             'end(ExitReason::error("significant children have ended"));'),
    in_rules("auto shutdown: the others may be insignificant", "return child.significant && child.state != State::Undefined;",
             "return child.state != State::Undefined;"),
    in_rules("auto shutdown: one that waits for an attempt is not gone", "return child.significant && child.state != State::Undefined;",
             "return child.significant && child.state != State::Undefined && child.state != State::Waiting;"),
    in_rules("auto shutdown: one whose end is not dealt with is not gone", "return child.significant && child.state != State::Undefined;",
             "return child.significant && child.state != State::Undefined && child.state != State::Exited;"),

    # ---- the restart limit in the rules ----
    in_rules("limit: an attempt counts", "if (!limit_.add(now_)) {", "if (false) {"),
    in_rules("limit: it is reported",
             "    emit({.kind = RuleEffect::Kind::LimitReached, .child = child.key, .reason = reason});\n", ""),
    in_rules("limit: the last one's place is closed", "    close(child);\n    return end(limit_reached(", "    return end(limit_reached("),
    in_rules("limit: the last one is down",
             "    child.state = State::Undefined;\n    close(child);\n    return end(limit_reached(",
             "    close(child);\n    return end(limit_reached("),
    Clause("limit: the reason is shutdown", ATTEMPTS, "return ExitReason::shutdown(\n", "return ExitReason::error(\n"),
    Clause("limit: the reason names what was one too many", ATTEMPTS, '" ms", cause);', '" ms");'),
    in_rules("restart: the one that restarts is down", "  child.state = State::Undefined;\n  emit({.kind = RuleEffect::Kind::Retain",
             "  emit({.kind = RuleEffect::Kind::Retain"),
    in_rules("restart: its place waits for the next life", "  emit({.kind = RuleEffect::Kind::Retain, .child = child.key});\n  begin_group(",
             "  begin_group("),
    in_rules("restart: the first attempt waits its delay", "delay_served ? Duration::zero() : delay_for(child)", "Duration::zero()"),
    in_rules("restart: a delay that was served is not served again", "delay_served ? Duration::zero() : delay_for(child)", "delay_for(child)"),

    # ---- the group ----
    in_rules("group: a strategy that begins behind the failed one", "return {std::min(range.first, index),", "return {range.first,"),
    in_rules("group: a strategy that ends before the failed one", "std::clamp(range.last, index + 1, children_.size())}",
             "std::min(range.last, children_.size())}"),
    in_rules("group: a strategy that ends behind the last one", "std::clamp(range.last, index + 1, children_.size())}",
             "std::max(range.last, index + 1)}"),
    in_rules("group: a restart is under way", "begin_group(ChildKey failed, Duration delay) {\n  mode_ = Mode::Restarting;",
             "begin_group(ChildKey failed, Duration delay) {"),
    in_rules("group: stops go last to first", "for (std::size_t i = range.last; i-- > range.first;) {", "for (std::size_t i = range.first; i < range.last; ++i) {"),
    in_rules("group: the failed one is not stopped", "if (children_[i].key != failed) plan_.push_back({PlanStep::Kind::Stop, children_[i].key});",
             "plan_.push_back({PlanStep::Kind::Stop, children_[i].key});"),
    in_rules("group: a delay delays the starts", "if (delay > Duration::zero()) {", "if (false) {"),
    in_rules("group: no delay is no wait", "if (delay > Duration::zero()) {", "if (delay >= Duration::zero()) {"),
    in_rules("group: the delay is the backoff's", "    pending_delay_ = delay;\n", ""),
    in_rules("group: starts go first to last", "for (std::size_t i = range.first; i < range.last; ++i) {",
             "for (std::size_t i = range.last; i-- > range.first;) {"),
    in_rules("group: who runs is not started", "if (children_[i].state == State::Undefined) plan_", "plan_"),
    in_rules("group: who was down is started as well", "if (children_[i].state == State::Undefined) plan_",
             "if (children_[i].state == State::Undefined && (children_[i].open || children_[i].key == failed)) plan_"),

    # ---- the end ----
    in_rules("end: nothing else happens any more", "  mode_ = Mode::Ending;\n", "  mode_ = Mode::Restarting;\n"),
    in_rules("end: with its reason", "  end_reason_ = reason;\n  plan_.clear();", "  plan_.clear();"),
    in_rules("end: what was planned is not done", "  end_reason_ = reason;\n  plan_.clear();", "  end_reason_ = reason;"),
    in_rules("end: stops go last to first",
             "plan_.clear();\n  for (auto it = children_.rbegin(); it != children_.rend(); ++it) plan_.push_back({PlanStep::Kind::Stop, it->key});",
             "plan_.clear();\n  for (const Child& child : children_) plan_.push_back({PlanStep::Kind::Stop, child.key});"),

    # ---- the delay ----
    Clause("delay: off is none", ATTEMPTS, "if (!backoff.is_on()) return Duration::zero();", "if (!backoff.is_on()) return Duration{1};"),
    Clause("delay: who never ran does not begin anew", ATTEMPTS, "if (since != TimePoint{} &&", "if ("),
    Clause("delay: who ran long begins anew", ATTEMPTS, " attempts = 0;\n", ";\n"),
    Clause("delay: long is from reset_after on", ATTEMPTS, ">= backoff.exponential().reset_after)", "> backoff.exponential().reset_after)"),
    Clause("delay: a run is looked at once", ATTEMPTS, "std::exchange(running_since, TimePoint{});", "running_since;"),
    Clause("delay: each attempt waits longer", ATTEMPTS, "if (attempts != ~std::uint32_t{0}) ++attempts;", ""),
    Clause("delay: drawn at random", ATTEMPTS, "return backoff.delay(attempt, random);", "return backoff.delay(attempt, 0);"),
    in_rules("wait: it waits", "  child.state = State::Waiting;\n", ""),
    in_rules("wait: whether it was counted", "  child.counted = counted;\n", ""),
    in_rules("wait: armed with its delay", "  emit({.kind = RuleEffect::Kind::Arm, .child = child.key, .delay = delay});\n",
             "  emit({.kind = RuleEffect::Kind::Arm, .child = child.key, .delay = {}});\n"),
    in_rules("wait: armed", "  emit({.kind = RuleEffect::Kind::Arm, .child = child.key, .delay = delay});\n", ""),

    # ---- the plan ----
    in_rules("plan: one step at a time", "while (!awaited_ && mode_ != Mode::Ended) {", "while (mode_ != Mode::Ended) {"),
    in_rules("plan: at rest only when all ends are dealt with", "if (mode_ == Mode::Running && deferred_.empty()) return;",
             "if (mode_ == Mode::Running) return;"),
    in_rules("plan: who is forgotten is passed over", "  if (child == nullptr) return;\n  switch (step.kind) {", "  switch (step.kind) {",
             "nobody is forgotten while the plan names them; the check stands for whoever changes that"),
    in_rules("plan: who starts takes messages", "      child->open = true;\n", ""),
    in_rules("plan: a start is waited for", "      awaited_ = child->key;\n      emit({.kind = RuleEffect::Kind::Start",
             "      emit({.kind = RuleEffect::Kind::Start"),
    in_rules("plan: a delayed group was counted", "wait_for_retry(*child, true, pending_delay_); return;",
             "wait_for_retry(*child, false, pending_delay_); return;"),
    in_rules("plan: a group's temporary member that is down is forgotten", "const bool forgets = (group || mode_ == Mode::Calling) &&",
             "const bool forgets = mode_ == Mode::Calling &&"),
    in_rules("plan: a call's temporary child that waits is forgotten", "const bool forgets = (group || mode_ == Mode::Calling) &&",
             "const bool forgets = group &&"),
    in_rules("plan: at the end nobody is forgotten", "const bool forgets = (group || mode_ == Mode::Calling) && child->restart == Restart::Temporary;",
             "const bool forgets = child->restart == Restart::Temporary;"),
    in_rules("plan: others of a group are kept", "const bool forgets = (group || mode_ == Mode::Calling) && child->restart == Restart::Temporary;",
             "const bool forgets = group || mode_ == Mode::Calling;"),
    in_rules("plan: a stopped member's place waits for the next life", "const bool keep = group && !forgets;", "const bool keep = false;"),
    in_rules("plan: a stop for good keeps no place", "const bool keep = group && !forgets;", "const bool keep = !forgets;"),
    in_rules("plan: a temporary member keeps no place", "const bool keep = group && !forgets;", "const bool keep = group;"),
    in_rules("plan: a stop is waited for", "      awaited_ = child->key;\n      emit({.kind = RuleEffect::Kind::Stop",
             "      emit({.kind = RuleEffect::Kind::Stop"),
    in_rules("plan: who is being stopped does not run", "      child->state = State::Stopping;\n", "",
             "awaited_ names it, and whoever is awaited is asked for that first"),
    in_rules("plan: a dead member's end is consumed", "    case State::Exited:\n      consume_deferred(child->key);\n", "    case State::Exited:\n"),
    in_rules("plan: a dead member is down", "      consume_deferred(child->key);\n      child->state = State::Undefined;\n      if (keep) {",
             "      consume_deferred(child->key);\n      if (keep) {"),
    in_rules("plan: a dead member's place waits for the next life",
             "        emit({.kind = RuleEffect::Kind::Retain, .child = child->key});\n", ""),
    in_rules("plan: a dead one that gets no other life is closed", "      } else {\n        close(*child);\n      }", "      }"),
    in_rules("plan: a stop cancels a retry", "    case State::Waiting:\n      emit({.kind = RuleEffect::Kind::Disarm, .child = child->key});\n",
             "    case State::Waiting:\n"),
    in_rules("plan: a retry that has come is consumed", "      consume_deferred(child->key);  // its RetryDue, if that has come\n", ""),
    in_rules("plan: who waited is down",
             "if that has come\n      child->state = State::Undefined;\n", "if that has come\n"),
    in_rules("plan: who waited and is terminated is closed", "      if (mode_ == Mode::Calling) close(*child);\n", ""),
    in_rules("plan: who waited and is restarted with its group stays open", "      if (mode_ == Mode::Calling) close(*child);\n", "      close(*child);\n"),
    in_rules("plan: who was down and is temporary is forgotten", "  if (forgets) remove(child->key);\n", ""),

    # ---- the plan is done ----
    in_rules("done: the start is reported", "case Mode::Starting: emit({.kind = RuleEffect::Kind::Up}); break;", "case Mode::Starting: break;"),
    in_rules("done: a rolled back start closes all places", "    case Mode::RollingBack:\n      close_all();\n", "    case Mode::RollingBack:\n",
             "whoever had started has been stopped by then, and was closed by that"),
    in_rules("done: a rolled back start is the end", "end_reason_});\n      mode_ = Mode::Ended;\n      return;\n    case Mode::Calling:",
             "end_reason_});\n      break;\n    case Mode::Calling:"),
    in_rules("done: a call's reason is said", "        .reason = call.reason});", "        .reason = {}});"),
    in_rules("done: a call's outcome is said", "        .outcome = call.outcome,\n", ""),
    in_rules("done: a call that failed says who", ".child = failed ? call.failed : call.child,", ".child = call.child,"),
    in_rules("done: a call is over with its answer", "const Call call = std::exchange(call_, {});", "const Call call = call_;",
             "the next call overwrites all of it"),
    in_rules("done: the end closes all places", "    case Mode::Ending:\n      close_all();\n", "    case Mode::Ending:\n"),
    in_rules("done: the end says why", "emit({.kind = RuleEffect::Kind::Down, .reason = end_reason_});", "emit({.kind = RuleEffect::Kind::Down});"),
    in_rules("done: the end is final", "end_reason_});\n      mode_ = Mode::Ended;\n      return;\n    default: break;",
             "end_reason_});\n      break;\n    default: break;"),
    in_rules("done: at rest again", "  mode_ = Mode::Running;\n  if (deferred_.empty()) return;", "  if (deferred_.empty()) return;"),
    in_rules("done: oldest first", "const RuleEvent event = deferred_.front();\n  deferred_.pop_front();",
             "const RuleEvent event = deferred_.back();\n  deferred_.pop_back();"),
    in_rules("done: the end of the one before is dealt with", "if (event.kind == RuleEvent::Kind::Exited && child->state == State::Exited) {", "if (false) {"),
    in_rules("done: who has ended is down", "    child->state = State::Undefined;\n    handle_exit(*child, event);", "    handle_exit(*child, event);"),
    in_rules("done: the retry that came meanwhile is tried", "} else if (event.kind == RuleEvent::Kind::RetryDue && child->state == State::Waiting) {",
             "} else if (false) {"),

    # ---- small parts ----
    in_rules("consume: only this child's", "return event.child == key; });", "return event.child == key || true; });"),
    in_rules("close: once", "if (!std::exchange(child.open, false)) return;", "child.open = false;"),
    in_rules("close: it is said", "  emit({.kind = RuleEffect::Kind::Close, .child = child.key});\n", ""),
    in_rules("state: one whose end waits is down", "    case State::Exited: return ChildState::Down;", "      return ChildState::Down;"),
    in_rules("state: one that waits is restarting", "case State::Waiting: return ChildState::Restarting;", "case State::Waiting: return ChildState::Down;"),
    in_rules("state: nobody is down", "if (index == children_.size()) return ChildState::Down;", "if (index == children_.size()) return ChildState::Running;"),
    in_rules("idle: not before the beginning and not after the end", "return mode_ == Mode::Running && !awaited_ &&", "return !awaited_ &&"),
    in_rules("idle: not while a step is waited for", "mode_ == Mode::Running && !awaited_ && plan_.empty()", "mode_ == Mode::Running && plan_.empty()",
             "between two steps the mode says the same"),
    in_rules("idle: not while a step is planned", "!awaited_ && plan_.empty() && deferred_.empty();", "!awaited_ && deferred_.empty();",
             "between two steps the mode says the same"),
    in_rules("idle: not while an end waits", "plan_.empty() && deferred_.empty();", "plan_.empty();",
             "between two steps the mode says the same"),
    in_rules("add: significant is kept", ".restart = restart, .significant = significant});", ".restart = restart, .significant = false});"),
    in_rules("remove: what it had to say is forgotten", "  consume_deferred(key);\n  children_.erase", "  children_.erase",
             "who is forgotten is passed over when its turn comes"),
    in_rules("remove: it is said", "  emit({.kind = RuleEffect::Kind::Remove, .child = key});\n", ""),

    # ---- a dynamic supervisor ----
    *(Clause(f"dynamic: {name}", DYNAMIC, old, new, *equivalent) for name, old, new, *equivalent in (
        ("whoever asked hears that it runs", "if (child.is_new) verdict.answer = Answer::Runs;", ""),
        ("whoever asked hears it once", "      child.is_new = false;\n", ""),
        ("since when it runs", "      child.running_since = now;\n", ""),
        ("who was told to stop while it started does not run", "if (child.state == State::Starting) child.state = State::Running;",
         "child.state = State::Running;"),
        ("it runs", "if (child.state == State::Starting) child.state = State::Running;", ""),
        ("whoever asked hears that it was ignored", "child.is_new ? Answer::Ignored : Answer::None, .act = Act::Forget};",
         "Answer::None, .act = Act::Forget};"),
        ("an ignored start is forgotten", "Answer::Ignored : Answer::None, .act = Act::Forget};", "Answer::Ignored : Answer::None};"),
        ("a cancelled retry is none", "      if (child.state != State::Waiting) return {};\n", ""),
        ("a failed attempt counts", "      if (!child.counted) return restart(child, child.failure, Duration::zero());\n", ""),
        ("what was counted is not counted again", "if (!child.counted) return restart(child, child.failure, Duration::zero());",
         "return restart(child, child.failure, Duration::zero());"),
        ("the first start is tried once", "  if (child.is_new) {\n", "  if (false) {\n"),
        ("whoever asked hears that it failed", "{.answer = Answer::Failed, .act = Act::Forget, .reason = reason};",
         "{.act = Act::Forget, .reason = reason};"),
        ("nobody is tried again at the end", "if (is_ending_ || child.state == State::Stopping) return {.act = Act::Forget};",
         "if (child.state == State::Stopping) return {.act = Act::Forget};"),
        ("who was told to stop is not tried again", "if (is_ending_ || child.state == State::Stopping) return {.act = Act::Forget};",
         "if (is_ending_) return {.act = Act::Forget};"),
        ("a failed attempt was not counted yet", "  child.counted = false;\n", ""),
        ("a failed attempt waits its delay", ".delay = delay_for(child)};", ".delay = {}};"),
        ("killed while it started is a start that failed",
         "if (child.state == State::Starting) return on_start_failed(child, event.reason);", ""),
        ("nobody is restarted at the end", "  if (is_ending_ || child.state == State::Stopping) {\n", "  if (child.state == State::Stopping) {\n"),
        ("who was told to stop is not restarted", "  if (is_ending_ || child.state == State::Stopping) {\n", "  if (is_ending_) {\n"),
        ("escalate ends the supervisor", "if (event.verdict == OnError::Escalate) {", "if (false) {"),
        ("escalate is abnormal", 'ExitReason::error("a child escalated"', 'ExitReason::shutdown("a child escalated"'),
        ("temporary is never restarted", "child.restart == Restart::Temporary || event.verdict", "event.verdict"),
        ("the verdict stop goes first", "event.verdict == OnError::Stop ||\n", "\n"),
        ("transient is not restarted after a normal end", "(child.restart == Restart::Transient && event.reason.is_normal());", "false;"),
        ("transient is restarted after an abnormal end", "child.restart == Restart::Transient && event.reason.is_normal()",
         "child.restart == Restart::Transient"),
        ("permanent is restarted after a normal end", "child.restart == Restart::Transient && event.reason.is_normal()",
         "event.reason.is_normal()"),
        ("the verdict restart goes first", "if (is_done && event.verdict != OnError::Restart)", "if (is_done)"),
        ("the first attempt waits its delay", "return restart(child, event.reason, delay_for(child));", "return restart(child, event.reason, {});"),
        ("who waits is forgotten when told", "case State::Waiting: return {.act = Act::Forget};", "case State::Waiting: break;"),
        ("nobody is stopped twice", "case State::Stopping: return {};", "case State::Stopping: break;"),
        ("who is told to stop is stopping", "  child.state = State::Stopping;\n  return {.act = Act::Stop};", "  return {.act = Act::Stop};"),
        ("an attempt counts", "if (!limit_.add(now_)) {", "if (false) {"),
        ("one too many is the end", "    is_ending_ = true;\n    return {.report = DynamicVerdict::Report::LimitReached,",
         "    return {.report = DynamicVerdict::Report::LimitReached,"),
        ("one too many is reported", "{.report = DynamicVerdict::Report::LimitReached,", "{.report = DynamicVerdict::Report::None,"),
        ("a delayed attempt was counted", "    child.counted = true;\n", ""),
        ("its place waits for the delayed life", "return {.retains = true, .act = Act::Wait,", "return {.act = Act::Wait,"),
        ("its place waits for the next life", "return {.retains = true, .act = Act::Start};", "return {.act = Act::Start};"),
    )),

    # ---- the window ----
    Clause("window: a restart exactly as old still counts", LIMIT, "> intensity_.within) ++oldest_;", ">= intensity_.within) ++oldest_;"),
    Clause("window: older ones do not count", LIMIT,
           "  while (oldest_ < times_.size() && detail::saturating_between(times_[oldest_], now) > intensity_.within) ++oldest_;\n", ""),
    Clause("window: all older ones do not count", LIMIT, "  while (oldest_ < times_.size() &&", "  if (oldest_ < times_.size() &&"),
    Clause("window: its differences saturate", LIMIT, "detail::saturating_between(times_[oldest_], now)", "(now - times_[oldest_])"),
    Clause("window: no look behind the newest", LIMIT, "while (oldest_ < times_.size() && detail", "while (detail"),
    Clause("window: what is old is forgotten", LIMIT, "if (oldest_ > times_.size() / 2) {", "if (false) {",
           "it costs memory alone, which nobody can ask for"),
    Clause("window: what is forgotten is not counted again", LIMIT, "    oldest_ = 0;\n", ""),
    Clause("window: as many as the limit are allowed", LIMIT, "oldest_ <= intensity_.restarts;", "oldest_ < intensity_.restarts;"),
    Clause("window: one more is too many", LIMIT, "oldest_ <= intensity_.restarts;", "oldest_ <= intensity_.restarts + 1ULL;"),
    Clause("window: what was refused counts too", LIMIT, "  times_.push_back(now);\n  return times_.size() - oldest_ <= intensity_.restarts;",
           "  if (times_.size() - oldest_ >= intensity_.restarts) return false;\n  times_.push_back(now);\n  return true;"),

    # ---- the backoff ----
    Clause("backoff: off is none", BACKOFF, "if (!on_ || attempt < e.fast)", "if (attempt < e.fast)"),
    Clause("backoff: the fast phase has no delay", BACKOFF, "if (!on_ || attempt < e.fast)", "if (!on_)"),
    Clause("backoff: the fast phase ends", BACKOFF, "attempt < e.fast", "attempt <= e.fast"),
    Clause("backoff: it grows from the end of the fast phase", BACKOFF, "attempt - e.fast, random", "attempt, random"),
    Clause("backoff: a first delay of zero is none", DELAY, "  if (first <= Duration::zero()) return Duration::zero();\n", ""),
    Clause("backoff: a cap below zero", DELAY, "std::max(cap, Duration{1}).count()", "cap.count()",
           "the last line makes a nanosecond of it as well"),
    Clause("backoff: it never shrinks", DELAY, "std::pow(std::max(factor, 1.0),", "std::pow(factor,"),
    Clause("backoff: the cap", DELAY, "  delay = std::min(delay, most);\n", "  static_cast<void>(most);\n"),
    Clause("backoff: the jitter is at most a half", DELAY, "std::clamp(jitter, 0.0, 0.5)", "std::max(jitter, 0.0)"),
    Clause("backoff: the jitter is not below zero", DELAY, "std::clamp(jitter, 0.0, 0.5)", "std::min(jitter, 0.5)"),
    Clause("backoff: the jitter goes both ways", DELAY, "(2.0 * uniform - 1.0)", "(2.0 * uniform)"),
    Clause("backoff: the jitter is of the delay", DELAY, "  delay *= 1.0 + std::clamp(jitter, 0.0, 0.5) * (2.0 * uniform - 1.0);\n",
           "  static_cast<void>(jitter * uniform);\n"),
    Clause("backoff: no delay is below a nanosecond", DELAY, "std::clamp(delay, 1.0, kMost)", "std::min(delay, kMost)"),
    Clause("backoff: no delay overflows", DELAY, "std::clamp(delay, 1.0, kMost)", "std::max(delay, 1.0)"),
]


def check(clauses: list[Clause]) -> int:
    """How many patterns do not stand exactly once in their file."""
    wrong = 0
    for clause in clauses:
        count = (TOP / clause.file).read_text(encoding="utf-8").count(clause.old)
        if count != 1:
            wrong += 1
            print(f"{clause.file}: {clause.name}: its pattern stands there {count} times")
    names = [clause.name for clause in clauses]
    for name in sorted({name for name in names if names.count(name) > 1}):
        wrong += 1
        print(f"two clauses are called: {name}")
    return wrong


class Workshop:
    """Compiles and links mutants with the commands of an existing build."""

    def __init__(self, build: Path, scratch: Path, through: list[str]) -> None:
        self.build, self.scratch, self.through = build, scratch, through
        commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
        self.compiles = {}
        for each in commands:
            if "COPPICE_INTERLEAVE" in each["command"]:  # the same source once more, for other tests
                continue
            for file in FILES:
                if each["file"] == str(TOP / file):
                    self.compiles[file] = shlex.split(each["command"])
        self.links = {target: self.link_command(target) for target in ("conformance", "test_supervisors")}

    def link_command(self, target: str) -> list[str]:
        told = subprocess.run(["ninja", "-C", str(self.build), "-t", "commands", target], capture_output=True, text=True, check=True)
        for command in reversed(told.stdout.splitlines()):
            for part in command.split(" && "):
                if f"-o bin/{target} " in part:
                    return shlex.split(part)
        raise SystemExit(f"{self.build} does not say how {target} is linked")

    def run(self, commands: list[list[str]]) -> None:
        script = self.scratch / "commands.sh"  # as a file: they would be too long for an argument
        script.write_text("set -e\n" + "\n".join(map(shlex.join, commands)) + "\n", encoding="utf-8")
        done = subprocess.run([*self.through, "sh", str(script)], cwd=self.build, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"a mutant cannot be built:\n{done.stdout}{done.stderr}")

    def make(self, folder: Path, clause: Clause | None) -> list[list[str]]:
        """The commands that make the programs in `folder` with this clause flipped; with none, as they are."""
        folder.mkdir()
        commands, objects = [], []
        if clause is not None:
            source = folder / Path(clause.file).name
            text = (TOP / clause.file).read_text(encoding="utf-8")
            source.write_text(text.replace(clause.old, clause.new), encoding="utf-8")
            mutant = folder / "mutant.o"
            command = [part for part in self.compiles[clause.file] if part not in ("-Werror", "-g")]
            command[command.index("-o") + 1] = str(mutant)
            command[command.index("-c") + 1] = str(source)
            # What it includes from beside itself stands where it stood.
            commands.append(command + ["-w", "-O0", "-iquote", str((TOP / clause.file).parent)])
            objects = [str(mutant)]
        for target, link in self.links.items():
            command = list(link)
            at = command.index("-o")
            command[at + 1] = str(folder / target)
            # In front of the library, whose member of that name is not taken then.
            commands.append(command[:at] + objects + ["-s"] + command[at:])
        return commands

    def ask(self, command: list[str]) -> tuple[int, str]:
        """Exit status and words; -1 for a program that does not come to an end."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            return -1, (late.stdout or b"").decode(errors="replace")
        return done.returncode, done.stdout + done.stderr

    def killers(self, folder: Path) -> tuple[str, str]:
        """Who notices: what the replay says, and the first test that fails; empty for nobody."""
        status, said = self.ask([str(folder / "conformance"), str(TOP / "tests/conformance/otp27_supervisor.jsonl.gz")])
        divergences = re.search(r"(\d+) divergences", said)
        replay = "" if status == 0 else f"{divergences[1]} divergences" if divergences else "no end" if status == -1 else "crash"
        status, said = self.ask([str(folder / "test_supervisors"), "--abort"])
        failed = re.search(r"^-{79}\n((?:.+\n)+?)-{79}$", said, re.MULTILINE)  # long names are wrapped
        tests = "" if status == 0 else " ".join(failed[1].split()) if failed else "no end" if status == -1 else "crash"
        return replay, tests


def judge(clause: Clause, replay: str, tests: str) -> bool:
    """Prints the clause's row; false when it is wrong."""
    noticed = bool(replay or tests)
    right = noticed != bool(clause.equivalent)
    if noticed and not right:
        tests += " (**listed as equivalent, and is not**)"
    elif not noticed:
        tests = f"equivalent: {clause.equivalent}" if right else "**nobody**"
    print(f"| {clause.name} | {replay} | {tests} |", flush=True)
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only clauses whose names contain one of these")
    parser.add_argument("--build", type=Path, default=TOP / "build/dev", help="an up-to-date build with tests (build/dev)")
    parser.add_argument("--batch", type=int, default=16, help="so many mutants are built before they are run (16)")
    parser.add_argument("--through", default="", help="a command that each batch is built through, a lock for example")
    parser.add_argument("--check", action="store_true", help="only look whether each pattern stands exactly once")
    options = parser.parse_args()

    if check(CLAUSES):
        return 1
    if options.check:
        print(f"{len(CLAUSES)} clauses, each stands where it is said")
        return 0
    chosen = [c for c in CLAUSES if not options.names or any(name in c.name for name in options.names)]
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="flip-") as scratch:
        workshop = Workshop(options.build.resolve(), Path(scratch), shlex.split(options.through))
        plain = Path(scratch) / "plain"
        commands = workshop.make(plain, None)
        print("| clause | replay | tests |\n|---|---|---|", flush=True)
        began = time.monotonic()
        for first in range(0, len(chosen), options.batch):
            batch = chosen[first:first + options.batch]
            folders = [Path(scratch) / str(first + i) for i in range(len(batch))]
            for folder, clause in zip(folders, batch):
                commands += workshop.make(folder, clause)
            workshop.run(commands)
            commands = []
            if first == 0 and any(workshop.killers(plain)):
                print("the tests fail without any change", file=sys.stderr)
                return 2
            for folder, clause in zip(folders, batch):
                survivors += not judge(clause, *workshop.killers(folder))
                shutil.rmtree(folder)
    print(f"\n{len(chosen)} clauses, {survivors} wrong, {time.monotonic() - began:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
