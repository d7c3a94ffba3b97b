"""The planted bugs: what each breaks, where it is planted, and who has to notice.

The numbers are those of the list that a reading of other runtimes' bug trackers gave. `planted(n)` is a function of the
build with the bugs alone; tools/plant_bugs.py makes that build from a copy, so nothing of it stands in the sources.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Edit:
    file: str
    old: str  # stands exactly once in the file
    new: str


@dataclass(frozen=True)
class Simulate:
    """Found by `simulate`: an oracle of a workload. Empty: the first of any that speaks."""

    workload: str
    oracles: tuple[str, ...]


@dataclass(frozen=True)
class Test:
    """Found by a test case of a test program: by a check of it that fails."""

    program: str
    case: str
    ends: bool = False  # what the case looks for is that the process goes on: its end is what the case finds
    hangs: bool = False  # or that it comes to its end


@dataclass(frozen=True)
class Bug:
    number: int
    name: str
    edits: tuple[Edit, ...] = ()
    hunters: tuple[object, ...] = ()
    no_meaning: str = ""  # why it cannot be planted here
    note: str = field(default="")


def bug(number: int, name: str, file: str, old: str, new: str, *hunters: object) -> Bug:
    return Bug(number, name, (Edit(file, old, new),), hunters)


def nothing(number: int, name: str, why: str) -> Bug:
    return Bug(number, name, no_meaning=why)


MAILBOX_HPP = "include/coppice/mailbox/mailbox.hpp"
BUGS = (
    bug(1, "lost wake-up: no look at the mailbox after going idle", "src/mailbox/mailbox.cpp",
        "      if (to_link(seen) != last) return",
        "      if (!planted(1) && to_link(seen) != last) return",
        Test("test_interleave_kernels", "two senders wake an owner that may rest in every order of steps")),
    bug(2, "the schedule mark is loaded and stored, not exchanged", MAILBOX_HPP,
        "      if (in_.head.compare_exchange_weak(seen, to_word(&link) | keep, kAcqRel, kRelaxed)) break;",
        "      if (planted(2)) {\n        in_.head.store(to_word(&link) | keep, kRelease);\n        break;\n      }\n"
        "      if (in_.head.compare_exchange_weak(seen, to_word(&link) | keep, kAcqRel, kRelaxed)) break;",
        Test("test_interleave_kernels", "two senders wake an owner that may rest in every order of steps")),
    bug(3, "a push after the close is accepted", MAILBOX_HPP,
        "      if ((seen & kClosed) != 0) [[unlikely]] {",
        "      if (!planted(3) && (seen & kClosed) != 0) [[unlikely]] {",
        Simulate("tree", ("conservation", "liveness"))),
    bug(4, "the mailbox is lost at a restart", "src/actor/cell_end.cpp",
        "  if (!c.is_supervised() || !x.keep_place) bury_stash();",
        "  if (planted(4) && c.is_supervised()) drain_to_dead_letters(nullptr);\n"
        "  if (!c.is_supervised() || !x.keep_place) bury_stash();",
        Simulate("mesh", ("order", "delivery"))),
    bug(5, "the message whose handler failed is handled again", "src/actor/cell_end.cpp",
        "  if (!was_handled) {\n    runtime.dead_letter(c, envelope, DeadReason::InHand);",
        "  if (planted(5) && !was_handled && envelope.ops->bounded && envelope.ops->abandon == nullptr) {\n"
        "    try {\n      static_cast<void>(envelope.ops->handle(c, envelope));\n    } catch (...) {\n    }\n  }\n"
        "  if (!was_handled) {\n    runtime.dead_letter(c, envelope, DeadReason::InHand);",
        Simulate("mesh", ("order", "delivery"))),
    bug(6, "a stop makes no dead letters of what waits", "src/actor/cell_end.cpp",
        "  runtime.dead_letter(cell, envelope, DeadReason::Stopped);",
        "  if (!planted(6)) runtime.dead_letter(cell, envelope, DeadReason::Stopped);",
        Simulate("tree", ("conservation",))),
    bug(7, "a handler that finds a mailbox full blocks its worker", "src/actor/send.cpp",
        "  if (me == nullptr) {", "  if (me == nullptr || planted(7)) {\n    if (planted(7)) return wait_for_room(cell, envelope, how);",
        Simulate("pressure", ("delivery", "order", "liveness"))),
    bug(8, "room wakes one of those who wait", "src/mailbox/room.cpp",
        "    first->let_go(*first);\n", "    first->let_go(*first);\n    if (planted(8)) break;\n",
        Simulate("pressure", ("liveness",))),
    bug(9, "a continuation runs for the time-out and for the reply", "src/actor/ask.cpp",
        "  ask.then_ops->run(ask.then(), ask);\n",
        "  if (planted(9) && !ask.replied) ask.then_ops->run(ask.then(), ask);\n  ask.then_ops->run(ask.then(), ask);\n",
        Simulate("asks", ("once", "right answer"))),
    bug(10, "a cancelled timer fires once more", "src/actor/actor.cpp",
        "  if (timer.withdrawn.exchange(true, kSeqCst)) return;",
        "  if (planted(10) && timer.waiting.load(kAcquire)) return;\n  if (timer.withdrawn.exchange(true, kSeqCst)) return;",
        Simulate("timers", ("cancel",))),
    bug(11, "a watch of who has ended already yields no Down", "src/actor/cell_signals.cpp",
        "    case Kind::Watch: send_down_at_once(cell, *signal->watch, 0, ExitReason::no_proc()); break;",
        "    case Kind::Watch:\n      if (!planted(11)) send_down_at_once(cell, *signal->watch, 0, ExitReason::no_proc());\n      break;",
        Simulate("lives", ("down",))),
    bug(12, "who has unsubscribed stays in the list that publishers use", "brokers/topic_tree.cpp",
        "  entries.pop_back();\n  doomed.receivers = std::exchange(bucket->receivers, {});",
        "  entries.pop_back();\n  if (!planted(12)) doomed.receivers = std::exchange(bucket->receivers, {});",
        Simulate("topics", ("unsubscribe", "count", "answer", "lost"))),
    bug(13, "a restart that is due starts a child of a supervisor that is ending", "supervisors/rules.cpp",
        "  end_reason_ = reason;\n  plan_.clear();", "  end_reason_ = reason;\n  if (!planted(13)) plan_.clear();",
        Simulate("ending", ("after the end", "stop", "liveness", "shutdown"))),
    bug(14, "the restart limit counts one too few", "supervisors/restart_limit.cpp",
        "  return times_.size() - oldest_ <= intensity_.restarts;",
        "  return times_.size() - oldest_ <= intensity_.restarts + (detail::planted(14) ? 1 : 0);",
        Simulate("tree", ("who starts and stops", "order of starts and stops", "intensity"))),
    bug(15, "user code runs under a lock of the system", "src/system/system_core.cpp",
        "    if (options_.on_failure) options_.on_failure(failure);",
        "    std::unique_lock<Mutex> held{mutex_, std::defer_lock};\n    if (planted(15)) held.lock();\n"
        "    if (options_.on_failure) options_.on_failure(failure);",
        Test("test_actor", "a function for failures may use the system", hangs=True)),
    Bug(16, "a timer of an earlier life fires in the next", (
        Edit("src/actor/actor.cpp",
             "  if (t.withdrawn.load(kAcquire) || t.incarnation != cell.incarnation()) return false;",
             "  if (t.withdrawn.load(kAcquire) || (!planted(16) && t.incarnation != cell.incarnation())) return false;"),
        Edit("src/actor/actor.cpp",
             "  auto& timer = static_cast<ActorTimer&>(item);\n  timer.withdrawn.store(true, kSeqCst);",
             "  auto& timer = static_cast<ActorTimer&>(item);\n  if (!planted(16)) timer.withdrawn.store(true, kSeqCst);")),
        (Simulate("timers", ("incarnation",)),)),
    bug(17, "a shutdown says that all have ended when it has only asked them to", "src/system/shutdown.cpp",
        "  while (shutdown_state_.load(kAcquire) == kEnding) {\n    const TimePoint now = clock->now();\n    if (now >= limit) break;",
        "  while (shutdown_state_.load(kAcquire) == kEnding) {\n    const TimePoint now = clock->now();\n    if (planted(17) || now >= limit) break;",
        Simulate("mesh", ("shutdown",))),
    bug(18, "a supervisor that is killed leaves its children", "src/actor/cell_end.cpp",
        "  if (c.ops_->begin_stop == nullptr || !c.state_alive_) {\n    stop_next_child();",
        "  if (planted(18) && x.was_killed && c.ops_->begin_stop != nullptr) return end_life();\n"
        "  if (c.ops_->begin_stop == nullptr || !c.state_alive_) {\n    stop_next_child();",
        Simulate("ending", ("stop", "after the end", "liveness", "shutdown", "conservation"))),
    bug(20, "what is pushed is published with a relaxed order", MAILBOX_HPP,
        "    // release: partner of the acquire in next(). The link before ours cannot be freed before it has a successor.\n"
        "    to_link(seen)->next.store(&link, kRelease);",
        "    to_link(seen)->next.store(&link, planted(20) ? kRelaxed : kRelease);",
        Test("test_interleave_kernels", "two senders wake an owner that may rest in every order of steps")),
    bug(21, "a Down is sent twice", "src/actor/cell_end.cpp",
        "    deliver_surely(watcher, DownEnvelope::make(std::move(node), std::move(down)));",
        "    if (planted(21)) {\n      auto twice = node;\n      deliver(watcher, make_envelope<DownEnvelope>(node->down_ops, Down{down}, std::move(twice)));\n    }\n"
        "    deliver_surely(watcher, DownEnvelope::make(std::move(node), std::move(down)));",
        Simulate("lives", ("down",))),
    bug(22, "a Down that waits is handled after the unwatch", "src/actor/actor.cpp",
        "  if (watch->withdrawn || watch->watcher_incarnation",
        "  if ((watch->withdrawn && !planted(21) && !planted(22)) || watch->watcher_incarnation",
        Simulate("lives", ("down",))),
    bug(23, "children are stopped in the order of their start", "supervisors/rules.cpp",
        "plan_.push_back({PlanStep::Kind::Stop, it->key});\n}\n\nDuration",
        "detail::planted(23) ? plan_.push_front({PlanStep::Kind::Stop, it->key}) "
        ": plan_.push_back({PlanStep::Kind::Stop, it->key});\n}\n\nDuration",
        Simulate("tree", ("order of starts and stops",))),
    bug(24, "RestForOne restarts who crashed alone", "supervisors/rules.cpp",
        "  return {std::min(range.first, index), std::clamp(range.last, index + 1, children_.size())};",
        "  if (detail::planted(24) && range.first == index) return {index, index + 1};\n"
        "  return {std::min(range.first, index), std::clamp(range.last, index + 1, children_.size())};",
        Simulate("tree", ("who starts and stops",))),
    bug(25, "OneForAll forgets those who had not started yet", "supervisors/rules.cpp",
        "    if (children_[i].state == State::Undefined) plan_.push_back({PlanStep::Kind::Start, children_[i].key});",
        "    if (detail::planted(25) && range.first == 0 && i > index_of(failed)) continue;\n"
        "    if (children_[i].state == State::Undefined) plan_.push_back({PlanStep::Kind::Start, children_[i].key});",
        Simulate("tree", ("who starts and stops",))),
    bug(26, "a Temporary child is restarted", "supervisors/rules.cpp",
        "  if (child.restart == Restart::Temporary || event.verdict == OnError::Stop ||",
        "  if ((child.restart == Restart::Temporary && !detail::planted(26)) || event.verdict == OnError::Stop ||",
        Simulate("tree", ("who starts and stops", "order of starts and stops"))),
    bug(27, "a Transient child is restarted after a normal end", "supervisors/rules.cpp",
        "      (child.restart == Restart::Transient && event.reason.is_normal())) {",
        "      (child.restart == Restart::Transient && event.reason.is_normal() && !detail::planted(27))) {",
        Simulate("tree", ("who starts and stops", "order of starts and stops"))),
    bug(28, "the window of the restart limit goes by the wall clock", "supervisors/rules.cpp",
        "  if (!limit_.add(now_)) {",
        "  if (!limit_.add(detail::planted(28) ? TimePoint{std::chrono::system_clock::now().time_since_epoch()} : now_)) {",
        Simulate("tree", ("who starts and stops", "order of starts and stops", "intensity"))),
    bug(29, "the window of the restart limit is never pruned", "supervisors/restart_limit.cpp",
        "  while (oldest_ < times_.size() &&", "  while (!detail::planted(29) && oldest_ < times_.size() &&",
        Simulate("tree", ("who starts and stops", "order of starts and stops", "intensity"))),
    bug(30, "a delay that grows overflows", "src/base/growing_delay.cpp",
        "  if (first <= Duration::zero()) return Duration::zero();",
        "  if (first <= Duration::zero()) return Duration::zero();\n"
        "  if (planted(30)) return Duration{static_cast<Duration::rep>(static_cast<std::uint64_t>(first.count()) << (attempt & 63))};",
        Test("test_supervisors", "every attempt and duration gives a delay that is monotone and saturates")),
    bug(31, "on_stop runs twice", "src/actor/cell_end.cpp",
        "    if (const auto thrown = hook([&] { c.ops_->on_stop(c.state(), reason); })) {",
        "    if (planted(31)) static_cast<void>(hook([&] { c.ops_->on_stop(c.state(), reason); }));\n"
        "    if (const auto thrown = hook([&] { c.ops_->on_stop(c.state(), reason); })) {",
        Simulate("tree", ("on_stop",))),
    bug(32, "an exception of a constructor leaves a place that neither lives nor has ended", "src/actor/cell_life.cpp",
        "    if (zombie_) return;\n    extras().start_failed = true;",
        "    if (zombie_ || planted(32)) return;\n    extras().start_failed = true;",
        Simulate("mesh", ("liveness", "delivery", "shutdown"))),
    bug(33, "an exception of a destructor escapes", "src/actor/cell_end.cpp",
        "  if (const auto thrown = hook([this] { c.ops_->destroy(c.state()); })) {",
        "  if (planted(33)) c.ops_->destroy(c.state());\n"
        "  if (const auto thrown = planted(33) ? nullptr : hook([this] { c.ops_->destroy(c.state()); })) {",
        Simulate("mesh", ("containment",))),
    bug(34, "an exception of on_stop leaves the rest of the end undone", "src/actor/cell_end.cpp",
        '      if (!zombie_) emit(EventKind::ActorFailed, "on_stop threw");',
        '      if (planted(34)) return;\n      if (!zombie_) emit(EventKind::ActorFailed, "on_stop threw");',
        Simulate("mesh", ("liveness", "delivery", "shutdown"))),
    bug(35, "the stash is dropped at a stop", "src/actor/stash.cpp",
        "    dies_waiting(c, envelope);\n    free_block(&envelope, envelope.ops->bytes);\n  }\n}\n\n}  // namespace coppice::detail",
        "    if (planted(35)) {\n      destroy_envelope(&envelope);\n      continue;\n    }\n"
        "    dies_waiting(c, envelope);\n    free_block(&envelope, envelope.ops->bytes);\n  }\n}\n\n}  // namespace coppice::detail",
        Simulate("stash", ("stash", "lost", "conservation"))),
    bug(36, "a full mailbox makes room by what does not count", "src/mailbox/shelf.cpp",
        "  const bool counts = envelope.ops->bounded;\n  const void* const message",
        "  const bool counts = envelope.ops->bounded || planted(36);\n  const void* const message",
        Test("test_mailbox", "replies and timers and downs come into a full mailbox of each kind")),
    bug(37, "what a full mailbox rejects is not counted", "src/actor/send.cpp",
        "  runtime.dead_letter(cell, *envelope, reason);\n  runtime.count(Count::Refused);\n  if (envelope->ops->abandon != nullptr)",
        "  if (!planted(37) || reason != DeadReason::Rejected) runtime.dead_letter(cell, *envelope, reason);\n"
        "  runtime.count(Count::Refused);\n  if (envelope->ops->abandon != nullptr)",
        Simulate("mesh", ("conservation",))),
    bug(38, "a thread that waits for room is not woken by the close", "src/actor/cell.cpp",
        "  if (!room.has_waiters()) return;", "  if (!room.has_waiters() || (planted(38) && is_closed())) return;",
        Test("test_system", "a thread that waits for room hears at once when the place ends")),
    nothing(39, "an id of an ask comes again after a wrap",
            "an ask is an object that its reply carries; there is no id that could come again"),
    bug(40, "an ask whose asker ends is never let go", "src/actor/ask.cpp",
        "    self.drop_continuation();\n    self.release();",
        "    self.drop_continuation();\n    if (!planted(40)) self.release();",
        Simulate("asks", ("leak",))),
    bug(41, "the registry keeps the name of who has ended", "src/actor/holding.cpp",
        "  while (next != nullptr) {\n    Holding* const after = HoldingList::after(*next);\n    next->given_up();",
        "  while (next != nullptr) {\n    Holding* const after = HoldingList::after(*next);\n    if (!planted(41)) next->given_up();",
        Simulate("lives", ("names",))),
    bug(42, "ticks of a periodic timer pile up", "src/actor/actor.cpp",
        "  if (tick.waiting.exchange(true, kAcqRel)) return;  // the tick before still waits",
        "  if (tick.waiting.exchange(true, kAcqRel) && !planted(42)) return;",
        Simulate("timers", ("pile up",))),
    nothing(43, "a timer is cancelled by its slot without a generation",
            "a handle holds its timer; there are no slots that another could have taken"),
    bug(44, "an activation has no end while messages wait", "include/coppice/actor/cell.hpp",
        "    if (left-- == 0) {", "    if (!planted(44) && left-- == 0) {",
        Test("test_actor", "a busy actor gives way after its batch")),
    bug(45, "what a worker has in its ring stays there when it parks", "src/scheduler/work_pool_park.cpp",
        "  if (!is_any) sleep(me);", "  if (planted(45) || !is_any) sleep(me);",
        Test("test_interleave_kernels", "one worker finds what is submitted in every order with two preemptions")),
    bug(46, "a reference count is dropped without acquiring what others did", "include/coppice/base/intrusive_ptr.hpp",
        "  [[nodiscard]] bool drop(std::uint32_t n = 1) noexcept { return count_.fetch_sub(n, kAcqRel) == n; }",
        "  [[nodiscard]] bool drop(std::uint32_t n = 1) noexcept {\n"
        "    return count_.fetch_sub(n, planted(46) ? kRelease : kAcqRel) == n;\n  }",
        Test("test_interleave_kernels", "the last of three references destroys once and knows of all uses")),
    nothing(47, "the owner's tail is stored with a relaxed order",
            "whoever else reads it has seen current_, which is set with a release after it; "
            "the store that publishes a link is 20"),
    bug(48, "a ref keeps its system alive", "src/actor/cell.cpp",
        "    free_block(this, bytes);\n  }\n  runtime->release();",
        "    free_block(this, bytes);\n  }\n  if (!planted(48)) runtime->release();",
        Test("test_system", "a system whose last ref is gone has let go of what it was given")),
    bug(49, "a list of messages is destroyed by recursion", "src/actor/cell_end.cpp",
        "    while (Link* const link = c.mailbox().next()) {\n      free_link(c.mailbox().take(link));",
        "    while (Link* const link = c.mailbox().next()) {\n      free_link(c.mailbox().take(link));\n"
        "      if (planted(49)) {\n        dies_waiting(c, *static_cast<Envelope*>(link));\n        drain_to_dead_letters(link);\n        continue;\n      }",
        Test("test_actor", "a million waiting messages are dropped without recursion", ends=True)),
    nothing(19, "two actors that link each other lock in different orders",
            "no step of a link holds two actors' locks: a link is a signal"),
    bug(50, "a child that waits for a worker counts as one that hangs", "supervisors/health_monitor.cpp",
        '  if (starved_) return degraded("it waits for a worker", now);',
        '  if (starved_ && !planted(50)) return degraded("it waits for a worker", now);',
        Test("test_supervisors", "a child that waits for a worker is said to be degraded and left alone")),
    nothing(51, "subscriptions are lost when a broker reconnects", "there is no broker beyond the process yet"),
    nothing(52, "the length of a frame is checked after it was allocated", "the library reads no frames; what kv_server reads is held by fuzz/resp and fuzz/kv_log"),
    nothing(53, "a name is not escaped in HTTP", "the library speaks no HTTP; whatever the gateway of the examples writes, a JSON library escapes"),
    Bug(54, "each child has the whole deadline of a shutdown", (
        Edit("src/system/shutdown.cpp",
             "      until = awaited_until_ = saturating_add(now, saturating_between(now, deadline_) / 2);",
             "      until = awaited_until_ = saturating_add(now, saturating_between(planted(54) ? begun_ : now, deadline_) / "
             "(planted(54) ? 1 : 2));"),
        Edit("src/system/shutdown.cpp", "    return deadline_;\n  }();",
             "    return planted(54) ? TimePoint::max() : deadline_;\n  }();")),
        (Test("test_system", "several that hang together do not add up their time"),)),
    bug(55, "a stop answers before the end that is under way is over", "src/actor/cell_signals.cpp",
        "  if (signal.ticket) x.end_tickets.push_back(std::move(signal.ticket));\n  if (x.ending",
        "  if (planted(55) && signal.ticket && x.ending) signal.ticket->complete(true, signal.reason);\n"
        "  if (signal.ticket) x.end_tickets.push_back(std::move(signal.ticket));\n  if (x.ending",
        Simulate("ending", ("stop", "after the end"))),
    bug(56, "who has no seat leaves to a handler that lasts what waits behind it", "src/scheduler/work_pool_search.cpp",
        "    if (!is_there() || !seats_.gets_on(other, now, done_by(victim))) return false;",
        "    if (!is_there() || (!planted(56) && !seats_.gets_on(other, now, done_by(victim)))) return false;",
        Test("test_interleave_kernels",
             "a worker that has no seat comes to what its owner does not come to when the nap is over")),
    bug(57, "a turn in a user's context is over when it begins", "src/system/context_scheduler.cpp",
        "      run(runnable);\n      alarm->turns.fetch_sub(1, kRelease);",
        "      if (planted(57)) alarm->turns.fetch_sub(1, kRelease);\n      run(runnable);\n"
        "      if (!planted(57)) alarm->turns.fetch_sub(1, kRelease);",
        Test("test_interleave_core", "a tree in a user's context is gone when its shutdown says that it is complete")),
)
