#!/usr/bin/env python3
"""Shows that every memory order of the lock-free kernels is held by a test: weakens each one alone and looks who notices.

The litmus tests (test_interleave_kernels) are built so that each place in the source that spells an order can be
weakened while they run, so nothing is built again: this reads the places out of the kernels' files, and runs the tests
once for each place and each next weaker order. A fence is left out. Prints a table; exits 1 when nobody notices and the
place is not listed below with its reason, or when one that is listed is noticed after all.

    tools/weaken_orders.py                 all, with build/dev
    tools/weaken_orders.py bound ring      those whose names contain one of these
    tools/weaken_orders.py --check         only whether each exception below stands where it is said
"""

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
# The kernels, and the tests that hold each.
FILES = {
    "include/coppice/base/intrusive_ptr.hpp": "[count]",
    "src/base/mutex.hpp": "[count]",
    "include/coppice/mailbox/mailbox.hpp": "[mailbox]",
    "src/mailbox/mailbox.cpp": "[mailbox]",
    "include/coppice/mailbox/bound.hpp": "[bound]",
    "src/mailbox/bound.cpp": "[bound]",
    "src/mailbox/room.hpp": "[bound]",
    "src/mailbox/room.cpp": "[bound]",
    "src/scheduler/run_ring.hpp": "[ring],[pool]",
    "src/scheduler/reactor.cpp": "[pool]",
    "src/scheduler/reactor.hpp": "[pool]",
    "src/scheduler/work_pool.cpp": "[pool]",
    "src/scheduler/work_pool_park.cpp": "[pool]",
    "src/scheduler/work_pool_search.cpp": "[pool]",
}
LIMIT_SECONDS = 120

# What stands one step below, as far as the operation can have it.
WEAKER = {"kAcquire": ("relaxed",), "kRelease": ("relaxed",), "kAcqRel": ("acquire", "release"), "full_fence": ("relaxed",)}
WEAKER_SEQ_CST = {"load": ("acquire",), "store": ("release",)}  # and everything else acq_rel

# Places that nobody can notice, by reason: file, function, operation (as in the table), what stands there instead.
HEAD_AND = "in_.head.fetch_and([kAcqRel])"
HEAD_OR = "in_.head.fetch_or([kAcqRel])"
HEAD_EXCHANGE = "in_.head.compare_exchange_weak([kAcqRel], kRelaxed)"
RING_EXCHANGE = "head_.compare_exchange_weak([kAcqRel], kAcquire)"
TAIL = "out_.tail.store([kRelease])"
REASONS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "who reads the link taken last has seen current_ set (release, acquire), or is the owner": (
        ("mailbox.hpp", "take", TAIL, "relaxed"), ("mailbox.hpp", "last_taken", "out_.tail.load([kAcquire])", "relaxed"),
        ("mailbox.hpp", "rest_quickly", TAIL, "relaxed"), ("mailbox.hpp", "rest_quickly", f"{TAIL} #2", "relaxed"),
        ("mailbox.cpp", "try_rest", TAIL, "relaxed"), ("mailbox.cpp", "try_rest", f"{TAIL} #2", "relaxed"),
        ("mailbox.cpp", "strip", TAIL, "relaxed")),
    "a look; what is there is taken over by the next acquire, of the lane or of the link": (
        ("mailbox.hpp", "has_signals", "lane_.signals.load([kAcquire])", "relaxed"),
        ("mailbox.hpp", "is_drained", "in_.head.load([kAcquire])", "relaxed"),
        ("mailbox.cpp", "try_rest", "last->next.load([kAcquire])", "relaxed")),
    "what senders hand over comes with their links, not with the word": (
        ("mailbox.hpp", "rest_quickly", "in_.head.compare_exchange_strong([kAcqRel], kRelaxed)", "release"),
        ("mailbox.cpp", "try_rest", HEAD_EXCHANGE, "release"), ("mailbox.hpp", "close", HEAD_OR, "release")),
    "the owner goes on, and hands its state over when it rests": (
        ("mailbox.hpp", "reopen", HEAD_AND, "acquire"), ("mailbox.hpp", "reopen", HEAD_AND, "release"),
        ("mailbox.hpp", "release_hold", HEAD_AND, "acquire"), ("mailbox.hpp", "release_hold", HEAD_AND, "release"),
        ("mailbox.cpp", "take_signals", HEAD_AND, "acquire"), ("mailbox.cpp", "drop_stray_mark", HEAD_AND, "acquire"),
        ("mailbox.cpp", "drop_stray_mark", HEAD_OR, "acquire"), ("mailbox.cpp", "drop_stray_mark", HEAD_OR, "release")),
    "the link is the owner's own, and so is the next look at it": (
        ("mailbox.cpp", "push_own", "next.store([kRelease])", "relaxed"),
        ("mailbox.cpp", "prepend", "taken->next.store([kRelease])", "relaxed"),
        ("mailbox.cpp", "prepend", "taken->next.store([kRelease]) #2", "relaxed"),
        ("mailbox.cpp", "prepend", HEAD_EXCHANGE, "release")),
    "after it nobody takes anything over from there: who comes is refused": (
        ("mailbox.cpp", "end", "lane_.signals.compare_exchange_strong([kAcqRel], kRelaxed)", "acquire"),
        ("mailbox.cpp", "end", "lane_.signals.compare_exchange_strong([kAcqRel], kRelaxed)", "release"),
        ("mailbox.cpp", "end_now", "lane_.signals.exchange([kAcqRel])", "acquire"),
        ("mailbox.cpp", "strip", HEAD_EXCHANGE, "acquire"), ("mailbox.cpp", "strip", HEAD_EXCHANGE, "release")),
    "a count that grows: nobody takes anything over on the strength of it, and an old one is on the safe side": (
        ("bound.hpp", "try_enter", "entered.compare_exchange_weak([kAcqRel], kRelaxed)", "acquire"),
        ("bound.hpp", "try_enter", "entered.compare_exchange_weak([kAcqRel], kRelaxed)", "release"),
        ("bound.hpp", "enter_above", "entered.fetch_add([kAcqRel])", "acquire"),
        ("bound.hpp", "enter_above", "entered.fetch_add([kAcqRel])", "release"),
        ("bound.hpp", "withdraw", "withdrawn.fetch_add([kAcqRel])", "acquire"),
        ("bound.hpp", "withdraw", "withdrawn.fetch_add([kAcqRel])", "release"),
        ("bound.hpp", "admits_now", "gone([kAcquire])", "relaxed"),
        ("bound.hpp", "admits_now", "entered.load([kAcquire])", "relaxed"),
        ("bound.cpp", "Bound", "gone([kAcquire])", "relaxed"), ("bound.cpp", "Bound", "entered.load([kAcquire])", "relaxed")),
    "a heavy fence follows": (
        ("room.cpp", "thread_joins", "waiting_.fetch_add([kSeqCst])", "acq_rel"),
        ("room.cpp", "join", "waiting_.fetch_add([kSeqCst])", "acq_rel")),
    "the slots that the owner reads are its own stores": (
        ("run_ring.hpp", "pop", "head_.load([kAcquire])", "relaxed"), ("run_ring.hpp", "pop", RING_EXCHANGE, "acquire"),
        ("run_ring.hpp", "pop", RING_EXCHANGE, "release"),
        ("run_ring.hpp", "pop", "head_.compare_exchange_weak(kAcqRel, [kAcquire])", "relaxed")),
    "what a thief takes over comes with the tail": (
        ("run_ring.hpp", "steal_from", "other.head_.load([kAcquire])", "relaxed"),
        ("run_ring.hpp", "steal_from", "other.head_.load([kAcquire]) #2", "relaxed"),
        ("run_ring.hpp", "steal_from", f"other.{RING_EXCHANGE}", "release"),
        ("run_ring.hpp", "steal_from", "other.head_.compare_exchange_weak(kAcqRel, [kAcquire])", "relaxed")),
    "a look; who then takes something steals it, and who parks has fenced": (
        ("run_ring.hpp", "is_empty", "head_.load([kAcquire])", "relaxed"),
        ("run_ring.hpp", "is_empty", "tail_.load([kAcquire])", "relaxed")),
    "beyond the model: a load would have to see a store that has not been made yet": (
        ("run_ring.hpp", "push", "head_.load([kAcquire])", "relaxed"),
        ("run_ring.hpp", "steal_from", f"other.{RING_EXCHANGE}", "acquire")),
    "beyond the model: two read-modify-writes of one thread would have to change places": (
        ("mailbox.cpp", "take_signals", HEAD_AND, "release"),),
    "the fence behind it, or the one before, is the order": (
        ("work_pool_park.cpp", "park", "fetch_or([kSeqCst])", "acq_rel"),
        ("work_pool_park.cpp", "withdraw_idle", "fetch_and([kSeqCst])", "acq_rel"),
        ("work_pool_park.cpp", "park", "searching_.fetch_sub([kSeqCst])", "acq_rel"),
        ("work_pool_park.cpp", "notify", "compare_exchange_weak([kSeqCst], kRelaxed)", "acq_rel"),
        ("work_pool_park.cpp", "notify", "searching_.fetch_add([kSeqCst])", "acq_rel"),
        ("work_pool.cpp", "submit", "outside_waits_.store([kSeqCst])", "release")),
    "a count of workers that look: who relies on it fences": (
        ("work_pool_search.cpp", "search", "searching_.fetch_add([kAcqRel])", "acquire"),
        ("work_pool_search.cpp", "search", "searching_.fetch_add([kAcqRel])", "release"),
        ("work_pool_park.cpp", "found_work", "searching_.fetch_sub([kAcqRel])", "acquire"),
        ("work_pool_park.cpp", "found_work", "searching_.fetch_sub([kAcqRel])", "release"),
        ("work_pool_park.cpp", "park", "searching_.fetch_add([kAcqRel])", "acquire"),
        ("work_pool_park.cpp", "park", "searching_.fetch_add([kAcqRel])", "release")),
    "a flag that is set once: nothing is taken over on the strength of it": (
        ("work_pool.cpp", "loop", "stopping_.load([kAcquire])", "relaxed"),
        ("work_pool_park.cpp", "has_outside_work", "stopping_.load([kAcquire])", "relaxed")),
    "starting and joining a thread are orders already": (
        ("work_pool.cpp", "start", "alive_.fetch_add([kAcqRel])", "acquire"),
        ("work_pool.cpp", "start", "alive_.fetch_add([kAcqRel])", "release"),
        ("work_pool.cpp", "stop", "worker->gone.load([kAcquire])", "relaxed"),
        ("work_pool.cpp", "thread_main", "me.gone.store([kRelease])", "relaxed"),
        ("work_pool.cpp", "thread_main", "alive_.fetch_sub([kAcqRel])", "release")),
    "whoever is or was in the reactor has made or found it before, and a pool that ends has joined them": (
        ("work_pool.cpp", "~WorkPool", "reactor_.load([kAcquire])", "relaxed"),
        ("work_pool.cpp", "stop", "reactor_.load([kAcquire])", "relaxed"),
        ("work_pool_park.cpp", "unpark", "reactor_.load([kAcquire])", "relaxed")),
    "the fence of the next park() stands between it and the next sleep": (
        ("work_pool_park.cpp", "sleep", "me.in_reactor.store([kSeqCst]) #2", "release"),),
    "the very thread that waits for the count counts there": (
        ("work_pool.cpp", "start", "alive_.fetch_sub([kAcqRel])", "acquire"),
        ("work_pool.cpp", "start", "alive_.fetch_sub([kAcqRel])", "release")),
    "a hint: a worker looks outside every so often without it": (
        ("work_pool_search.cpp", "from_outside", "outside_waits_.store([kSeqCst])", "release"),),
}
EQUIVALENT = {key: reason for reason, keys in REASONS.items() for key in keys}


@dataclass(frozen=True)
class Place:
    file: str
    line: int
    column: int
    function: str
    operation: str  # as it stands there, with the order that is weakened in brackets
    spelled: str
    weaker: str

    @property
    def name(self) -> str:
        return f"{Path(self.file).name} {self.function}: {self.operation}"

    @property
    def key(self) -> tuple[str, str, str, str]:
        return Path(self.file).name, self.function, self.operation, self.weaker


def without_comments(text: str) -> str:
    """The same text with blanks for comments and strings, so that places stay where they are."""
    def blank(match: re.Match) -> str:
        return re.sub(r"[^\n]", " ", match[0])
    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", blank, text, flags=re.DOTALL)


# Of a definition the name: at the start of a line, or of a member.
FUNCTION = re.compile(r"^(?:  )?(?:[\w\[\]:<>*&,~ ]+[ *&])?(?:\w+::)*(~?\w+)\([^;]*\{", re.MULTILINE)
NOT_FUNCTIONS = ("if", "for", "while", "switch", "do", "return")


def function_at(text: str, offset: int) -> str:
    name = ""
    for match in FUNCTION.finditer(text, 0, text.find("\n", offset)):
        if match.start() > offset:
            break
        if match[1] not in NOT_FUNCTIONS:
            name = match[1]
    return name


def operation_at(text: str, offset: int, token: str) -> tuple[str, str]:
    """The call around the token: as text, and the operation's name."""
    depth, start = 0, offset
    while start > 0:
        start -= 1
        if text[start] == ")":
            depth += 1
        elif text[start] == "(":
            if depth == 0:
                break
            depth -= 1
    head = re.search(r"[\w.>\[\]/ ()-]*?([\w.\->]+)$", text[:start])
    called = (head[1] if head else "").lstrip(".->")
    arguments, depth, end = [], 0, start + 1
    begin = end
    while True:
        c = text[end]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            if depth == 0:
                break
            depth -= 1
        elif c == "," and depth == 0:
            arguments.append((begin, text[begin:end].strip()))
            begin = end + 1
        end += 1
    arguments.append((begin, text[begin:end].strip()))
    orders = []
    for at, argument in arguments:
        if re.fullmatch(r"k(Relaxed|Acquire|Release|AcqRel|SeqCst)", argument):
            is_it = at <= offset < at + len(argument) + (len(text[at:]) - len(text[at:].lstrip()))
            orders.append(f"[{argument}]" if is_it else argument)
    return f"{called}({', '.join(orders)})", re.split(r"[.>]", called)[-1]


def places_of(file: str) -> list[Place]:
    text = without_comments((TOP / file).read_text(encoding="utf-8"))
    found: list[Place] = []
    for match in re.finditer(r"\b(kAcquire|kRelease|kAcqRel|kSeqCst|full_fence(?=\(\)))\b", text):
        token, offset = match[1], match.start()
        line = text.count("\n", 0, offset) + 1
        column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        if token == "full_fence":
            operation, name = "[full_fence()]", "full_fence"
            column = 0
        else:
            operation, name = operation_at(text, offset, token)
        for weaker in WEAKER_SEQ_CST.get(name, ("acq_rel",)) if token == "kSeqCst" else WEAKER[token]:
            found.append(Place(file, line, column, function_at(text, offset), operation, token, weaker))
    # One function may have an operation twice: the second is told apart by its number.
    seen: dict[tuple, int] = {}
    numbered = []
    for place in found:
        seen[place.key] = seen.get(place.key, 0) + 1
        if seen[place.key] > 1:
            place = Place(place.file, place.line, place.column, place.function, f"{place.operation} #{seen[place.key]}",
                          place.spelled, place.weaker)
        numbered.append(place)
    return numbered


def ask(program: Path, place: Place | None) -> tuple[str, bool]:
    """Who notices (empty: nobody), and whether any test came there."""
    environment = dict(os.environ, MALLOC_PERTURB_="165")
    if place is not None:
        environment["COPPICE_WEAKEN"] = f"{place.file}:{place.line}:{place.column}={place.weaker}"
    try:
        done = subprocess.run([str(program), "--abort", "" if place is None else FILES[place.file]], capture_output=True, text=True, errors="replace", env=environment,
                              timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "no end", True
    said = done.stdout + done.stderr
    is_met = "weakened place: never met" not in said
    if done.returncode == 0:
        return "", is_met
    test = re.search(r"^-{79}\n((?:.+\n)+?)-{79}$", said, re.MULTILINE)  # long names are wrapped
    return " ".join(test[1].split()) if test else f"crash ({done.returncode})", is_met


def judge(place: Place, noticed: str, is_met: bool) -> bool:
    """Prints the place's row; false when it is wrong."""
    reason = EQUIVALENT.get(place.key, "")
    right = bool(noticed) != bool(reason)
    if noticed:
        told = noticed if right else f"{noticed} (**listed as equivalent, and is not**)"
    elif right:
        told = reason if reason.startswith("beyond") else f"equivalent: {reason}"
    else:
        told = "**nobody**" if is_met else "**no test comes there**"
    print(f"| {place.name} | {'left out' if place.spelled == 'full_fence' else place.weaker} | {told} |", flush=True)
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only places whose names contain one of these")
    parser.add_argument("--build", type=Path, default=TOP / "build/dev", help="an up-to-date build with tests (build/dev)")
    parser.add_argument("--jobs", type=int, default=2, help="so many run at once (2)")
    parser.add_argument("--check", action="store_true", help="only look whether each exception stands where it is said")
    options = parser.parse_args()

    places = [place for file in FILES for place in places_of(file)]
    unknown = set(EQUIVALENT) - {place.key for place in places}
    for key in sorted(unknown):
        print(f"{key[0]}: no such place: {key[1]}: {key[2]} as {key[3]}")
    if unknown:
        return 1
    if options.check:
        print(f"{len(places)} weaker orders, {len(EQUIVALENT)} of them equivalent")
        return 0
    program = options.build.resolve() / "bin/test_interleave_kernels"
    if ask(program, None)[0]:
        print("the tests fail without any change", file=sys.stderr)
        return 2
    chosen = [p for p in places if not options.names or any(name in p.name for name in options.names)]
    print("| place | instead | noticed by |\n|---|---|---|", flush=True)
    began = time.monotonic()
    wrong = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for place, (noticed, is_met) in zip(chosen, pool.map(lambda p: ask(program, p), chosen)):
            wrong += not judge(place, noticed, is_met)
    print(f"\n{len(chosen)} weaker orders, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
