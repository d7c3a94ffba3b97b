#!/usr/bin/env python3
"""Holds every #include of the library against the order of its parts, and its headers against what they may not name.

A part includes itself and parts with a lower number; parts with one number are strangers. Prints each offence as
file:line: reason, and exits 1 if there is one.
"""

import re
import sys
from pathlib import Path

ORDER = """
0 base
1 message
2 mailbox scheduler
3 actor
4 system
5 supervisors brokers monitors patterns testing
6 io journals
"""

# Headers that belong to no part: the number of each (what it may include is lower), and whether parts may include it.
FORWARD = "coppice/fwd.hpp"  # declarations only
UMBRELLA = "coppice/coppice.hpp"  # everything, for users
ASIO = "coppice/asio.hpp"  # opt-in I/O, for users
POOL = "coppice/pool.hpp"  # opt-in: where supervisors and patterns meet, for users
COROUTINE = "coppice/coroutine.hpp"  # opt-in, for users
BOTH = "coppice/asio_task.hpp"  # what Asio and coroutines are together; each includes it when it finds the other
LOOSE = {FORWARD: 0, ASIO: 5, COROUTINE: 5, BOTH: 5, POOL: 6, UMBRELLA: 9}

# What a header that every user includes must not drag in.
HEAVY = {"thread", "iostream", "functional", "future", "ranges", "regex", "coroutine"}
# Who may, since nobody includes them but those who want it.
HEAVY_HOMES = {f"include/{ASIO}", f"include/{BOTH}"}
COROUTINE_HOMES = {f"include/coppice/actor/{name}.hpp" for name in ("task", "awaitables", "when_awaited")}
HEAVY_PREFIXES = ("asio.hpp", "asio/", "boost/asio", "concurrentqueue", "moodycamel", "blockingconcurrentqueue")

# Spelled in base only, so that an instrumented build can put its own in their place.
SYNC = re.compile(r"\bstd::(?:atomic\w*|(?:\w+_)?mutex|condition_variable\w*)\b")
SYNC_HOMES = ("include/coppice/base/", "src/base/")

# Includes every public header: two that use one name for two things do not compile together.
ALL_HEADERS = "tests/docs/all_headers_test.cpp"

ROOTS = ("include", "src", "supervisors", "brokers", "monitors", "patterns", "io", "journals")
NUMBER = {part: int(line.split()[0]) for line in ORDER.split("\n") if line for part in line.split()[1:]}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# A string or character is matched first so that what looks like a comment inside one is none.
COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\')|//[^\n]*|/\*.*?\*/', re.DOTALL)


def without_comments(text: str) -> str:
    return COMMENT.sub(lambda match: match.group(1) or "\n" * match.group(0).count("\n"), text)


def part_of(path: str) -> str | None:
    """The part that a file (from the top of the tree) belongs to; None for a loose header or no file of a part."""
    pieces = path.split("/")
    if path.startswith("include/coppice/"):
        return pieces[2] if len(pieces) > 3 else None
    if pieces[0] == "src":
        return pieces[1] if len(pieces) > 2 else None
    return pieces[0]


def resolve(top: Path, path: Path, bracket: str, name: str) -> str | None:
    """The file of this tree that an #include means, from its top; None when it is somebody else's."""
    if name.startswith("coppice/"):
        return f"include/{name}"
    if bracket == '"':
        part = part_of(path.relative_to(top).as_posix()) or ""
        for folder in (path.parent, top / "src" / part, top / part, top / "src"):
            if (folder / name).is_file():
                return (folder / name).resolve().relative_to(top).as_posix()
        return f"missing/{name}"
    return None


def check_include(here: str, target: str) -> str | None:
    """What is wrong with the file `here` including the file `target`, both of this tree."""
    loose_here, loose_target = here.removeprefix("include/"), target.removeprefix("include/")
    if target.startswith("missing/"):
        return f'"{target.removeprefix("missing/")}" is not beside this file, in its part or in src/'
    if loose_target == FORWARD or loose_here == UMBRELLA:
        return None
    if loose_target in LOOSE and loose_here in LOOSE:
        return None
    if loose_target in LOOSE:
        if NUMBER.get(part_of(here), 0) > LOOSE[loose_target]:
            return None
        return f"<{loose_target}> is for users; a part includes what it needs"

    there = part_of(target)
    if there not in NUMBER:
        return f'"{there}" is no part; parts stand in tools/check_layers.py, with a decision record'
    if target.startswith("src/") and here.startswith("include/"):
        return "a public header includes a private one"
    if loose_here in LOOSE:
        return None if NUMBER[there] < LOOSE[loose_here] else f"{loose_here} may not include the part {there}"

    part = part_of(here)
    if part == there or NUMBER[there] < NUMBER[part]:
        return None
    relation = "a stranger to" if NUMBER[there] == NUMBER[part] else "above"
    return f"{there} ({NUMBER[there]}) is {relation} {part} ({NUMBER[part]})"


def check_file(top: Path, path: Path) -> list[tuple[int, str]]:
    here = path.relative_to(top).as_posix()
    public = here.startswith("include/")
    part = part_of(here)
    if part is None:
        if here.removeprefix("include/") not in LOOSE:
            return [(1, "belongs to no part")]
    elif part not in NUMBER:
        return [(1, f'"{part}" is no part; parts stand in tools/check_layers.py, with a decision record')]

    offences = []
    for number, line in enumerate(without_comments(path.read_text(encoding="utf-8")).split("\n"), 1):
        include = INCLUDE.match(line)
        if include:
            bracket, name = include.groups()
            target = resolve(top, path, bracket, name)
            reason = check_include(here, target) if target else None
            if reason:
                offences.append((number, reason))
            heavy = not target and (name in HEAVY or name.startswith(HEAVY_PREFIXES))
            if name == "coroutine" and here in COROUTINE_HOMES:
                heavy = False
            if f"include/{name}" in COROUTINE_HOMES and here not in COROUTINE_HOMES | {f"include/{COROUTINE}"}:
                offences.append((number, f"<{name}> costs <coroutine>; it is part of <{COROUTINE}>"))
            if public and heavy and here not in HEAVY_HOMES:
                offences.append((number, f"<{name}> is too heavy for a public header"))
        elif not here.startswith(SYNC_HOMES):
            offences += [(number, f"{name}: outside base it is spelled in coppice::detail, from base/atomic.hpp")
                         for name in SYNC.findall(line)]
    return offences


def check_all_headers(top: Path) -> list[tuple[int, str]]:
    """What is wrong with the file that includes every public header."""
    page = top / ALL_HEADERS
    if not page.is_file():
        return [(1, "does not exist")] if (top / "tests").is_dir() else []
    lines = page.read_text(encoding="utf-8").split("\n")
    there = {match.group(2) for match in map(INCLUDE.match, lines) if match}
    public = {path.relative_to(top / "include").as_posix() for path in (top / "include/coppice").rglob("*.hpp")}
    return [(1, f"does not include <{name}>, as it does every other public header") for name in sorted(public - there)]


def main() -> int:
    top = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    files = sorted(path for root in ROOTS for path in (top / root).rglob("*") if path.suffix in (".hpp", ".cpp"))
    count = 0
    for path in files:
        for number, reason in check_file(top, path):
            print(f"{path.relative_to(top)}:{number}: {reason}")
            count += 1
    for number, reason in check_all_headers(top):
        print(f"{ALL_HEADERS}:{number}: {reason}")
        count += 1
    print(f"layers: {len(files)} files, " + (f"{count} offences" if count else "in order"))
    return 1 if count or not files else 0


if __name__ == "__main__":
    sys.exit(main())
