#!/usr/bin/env python3
"""Plants bugs, one at a time, and looks who notices.

The bugs are those of tests/mutants/bugs.py. All of them go into one copy of the sources, behind a switch that is read
from the environment (COPPICE_PLANT), and that copy is built once, with COPPICE_MUTANTS. Then each is hunted by those
that have to find it: `simulate`, seed by seed, or a test. Who finds it must be the oracle that the table names, not a
crash. Prints the table with the number of seeds to the first kill; the one in docs/reference/planted_bugs.md is the
versioned one.

    tools/plant_bugs.py                 all; exits 1 if one survives, or takes ten times as many seeds as the table says
    tools/plant_bugs.py 14 wake-up      those of that number, or with that in their name
    tools/plant_bugs.py --write         writes the table
    tools/plant_bugs.py --check         only whether each bug can still be planted
    tools/plant_bugs.py --check --without FILE...   and whether nothing is planted in these programs or libraries
"""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests/mutants"))
sys.path.insert(0, str(TOP / "tools"))
from bugs import BUGS, Bug, Simulate, Test  # noqa: E402
from machine import commit  # noqa: E402

COPY = TOP / "build/mutants/tree"
BUILD = TOP / "build/mutants/out"
TABLE = TOP / "docs/reference/planted_bugs.md"
HUNTED = "The last whole hunt: "
SEEDS = 50_000  # of each workload, at most
LIMIT_SECONDS = 60
PLANTED = "include/coppice/base/planted.hpp"
PLANTED_TEXT = """#pragma once

#if !defined(COPPICE_MUTANTS)
#error "this copy of the sources has bugs planted in it"
#endif

#include <cstdlib>

namespace coppice::detail {

inline const int planted_bug = [] {
  const char* const number = std::getenv("COPPICE_PLANT");
  return number == nullptr ? 0 : std::atoi(number);
}();
[[nodiscard]] inline bool planted(int number) noexcept { return planted_bug == number; }

}  // namespace coppice::detail
"""


def misplaced() -> list[str]:
    """The edits whose pattern does not stand exactly once in its file."""
    wrong = []
    for bug in BUGS:
        for edit in bug.edits:
            count = (TOP / edit.file).read_text().count(edit.old)
            if count != 1:
                wrong.append(f"{bug.number} {bug.name}: its pattern stands {count} times in {edit.file}")
    numbers = [bug.number for bug in BUGS]
    wrong += [f"{n} stands twice in the table" for n in sorted(set(numbers)) if numbers.count(n) > 1]
    return wrong


def has_planted(binary: str) -> bool:
    symbols = subprocess.run(["nm", "-C", binary], check=True, capture_output=True, text=True).stdout
    return "coppice::detail::planted" in symbols


def copy_with_bugs() -> None:
    """What the build needs, changed only where it differs, so that little is compiled again."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True, capture_output=True,
                           text=True).stdout.split("\n")
    wanted = [name for name in names if name and (TOP / name).is_file()]
    texts: dict[str, bytes] = {name: (TOP / name).read_bytes() for name in wanted}
    edited: dict[str, str] = {}
    for bug in BUGS:
        for edit in bug.edits:
            text = edited.get(edit.file) or texts[edit.file].decode()
            if text.count(edit.old) != 1:
                raise SystemExit(f"plant_bugs: {bug.number} and one before it change the same place of {edit.file}")
            edited[edit.file] = text.replace(edit.old, edit.new, 1)
    for name, text in edited.items():
        head, first, rest = text.partition("#include")
        texts[name] = f'{head}#include "coppice/base/planted.hpp"\n{first}{rest}'.encode()
    texts[PLANTED] = PLANTED_TEXT.encode()
    for name, text in texts.items():
        to = COPY / name
        if to.is_file() and to.read_bytes() == text:
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(text)
    for old in COPY.rglob("*"):
        if old.is_file() and str(old.relative_to(COPY)) not in texts:
            old.unlink()


def build(targets: set[str]) -> None:
    environment = {**os.environ, "CCACHE_BASEDIR": str(COPY), "CCACHE_NOHASHDIR": "1"}
    subprocess.run(["cmake", "-S", COPY, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                    "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g0", "-DCMAKE_CXX_FLAGS=-DCOPPICE_MUTANTS -D_GLIBCXX_ASSERTIONS",
                    "-DCOPPICE_WERROR=OFF", "-DCOPPICE_BUILD_EXAMPLES=OFF"],
                   check=True, stdout=subprocess.DEVNULL, env=environment)
    subprocess.run(["cmake", "--build", BUILD, "--target", *sorted(targets)], check=True, stdout=subprocess.DEVNULL,
                   env=environment)


def run(command: list[str], plant: int) -> tuple[int, str]:
    """The exit code (negative: a signal; 124: its time was over) and what it printed."""
    environment = {**os.environ, "COPPICE_PLANT": str(plant), "COPPICE_TEST_SCALE": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_SECONDS,
                              env=environment)
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout + done.stderr


class Verdict:
    def __init__(self, bug: Bug) -> None:
        self.bug = bug
        self.by = ""  # who noticed
        self.seeds = 0
        self.why_not = ""


def hunt_by_simulation(hunter: Simulate, verdict: Verdict) -> None:
    code, said = run([str(BUILD / "bin/simulate"), "--workload", hunter.workload, "--seeds", str(SEEDS), "--jobs", "1"],
                     verdict.bug.number)
    found = re.search(r"seed (\d+) breaks ([^:]+): ", said)
    if found and hunter.oracles and found[2] not in hunter.oracles:
        verdict.why_not = f"{hunter.workload}: found by \"{found[2]}\", which the table does not name"
    elif found:
        verdict.by, verdict.seeds = f"{hunter.workload}: {found[2]}", int(found[1])
    elif code < 0 and "containment" in hunter.oracles:
        verdict.by = f"{hunter.workload}: containment (the process ends)"
    elif code == 124:
        verdict.why_not = f"{hunter.workload}: hangs"
    elif code != 0:
        verdict.why_not = f"{hunter.workload}: ends with {code}, and no oracle speaks"
    else:
        verdict.why_not = f"{hunter.workload}: {SEEDS} seeds held"


def hunt_by_test(hunter: Test, verdict: Verdict) -> None:
    code, said = run([str(BUILD / "bin" / hunter.program), hunter.case], verdict.bug.number)
    if "No test cases matched" in said:
        verdict.why_not = f"{hunter.program} has no test \"{hunter.case}\""
    elif code == 124 and hunter.hangs:
        verdict.by = f"{hunter.program}: {hunter.case} (no end)"
    elif code == 124:
        verdict.why_not = f"{hunter.program}: \"{hunter.case}\" hangs"
    elif code < 0 and not hunter.ends:
        verdict.why_not = f"{hunter.program}: \"{hunter.case}\" is ended by signal {-code}, and no check speaks"
    elif code < 0 or "FAILED:" in said:
        verdict.by = f"{hunter.program}: {hunter.case}" + (" (the process ends)" if code < 0 else "")
    elif code > 0:
        verdict.why_not = f"{hunter.program}: \"{hunter.case}\" ends with {code}, and no check speaks"
    else:
        verdict.why_not = f"{hunter.program}: \"{hunter.case}\" passes"


def hunt(bug: Bug) -> Verdict:
    verdict = Verdict(bug)
    for hunter in bug.hunters:
        (hunt_by_simulation if isinstance(hunter, Simulate) else hunt_by_test)(hunter, verdict)
        if verdict.by:
            break
    return verdict


def table_of(verdicts: list[Verdict]) -> str:
    rows = ["| | planted | noticed by | seeds |", "|---|---|---|---|"]
    for verdict in sorted(verdicts, key=lambda v: v.bug.number):
        bug = verdict.bug
        by = verdict.by or (f"*has no meaning here*: {bug.no_meaning}" if bug.no_meaning else "**nobody**")
        rows.append(f"| {bug.number} | {bug.name} | {by} | {verdict.seeds or ''} |")
    return "\n".join(rows)


def seeds_of_table() -> dict[int, int]:
    if not TABLE.is_file():
        return {}
    return {int(row[1]): int(row[2]) for row in re.finditer(r"^\| (\d+) \|.*\| (\d+) \|$", TABLE.read_text(), re.M)}


def write(table: str) -> None:
    text = TABLE.read_text()
    begin = text.index("| | planted |")
    end = text.index("\n\n", begin) if "\n\n" in text[begin:] else len(text.rstrip("\n"))
    text = text[:begin] + table + text[end:]
    when = f"{HUNTED}{datetime.date.today().isoformat()}, at commit {commit('docs/reference')}."
    TABLE.write_text(re.sub(f"^{HUNTED}.*$", when, text, count=1, flags=re.M))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only these numbers, or names that contain one of these")
    parser.add_argument("--check", action="store_true", help="only whether each can still be planted")
    parser.add_argument("--without", nargs="+", metavar="FILE", default=[], help="look into these with nm")
    parser.add_argument("--write", action="store_true", help="write the table to docs/reference/planted_bugs.md")
    arguments = parser.parse_args()
    wrong = misplaced() + [f"{name} has bugs planted in it" for name in arguments.without if has_planted(name)]
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong or arguments.check:
        return 1 if wrong else 0
    chosen = [bug for bug in BUGS if not arguments.names or
              any(name == str(bug.number) or (not name.isdigit() and name in bug.name) for name in arguments.names)]
    if not chosen:
        print("plant_bugs: no bug is called that", file=sys.stderr)
        return 2
    copy_with_bugs()
    programs = {"simulate"} | {h.program for bug in chosen for h in bug.hunters if isinstance(h, Test)}
    build(programs)
    healthy, said = run([str(BUILD / "bin/simulate"), "--seeds", "500"], 0)
    if healthy != 0:
        print(f"plant_bugs: without a bug simulate fails:\n{said}", file=sys.stderr)
        return 1
    before = seeds_of_table()
    verdicts = []
    survivors = slow = 0
    for bug in chosen:
        begun = time.monotonic()
        verdict = hunt(bug)
        verdicts.append(verdict)
        if bug.no_meaning:
            continue
        took = time.monotonic() - begun
        mark = verdict.by or f"SURVIVES ({verdict.why_not})"
        print(f"{bug.number:>3} {bug.name}: {mark}{f', seed {verdict.seeds}' if verdict.seeds else ''} ({took:.1f} s)",
              flush=True)
        survivors += 0 if verdict.by else 1
        if verdict.seeds > 10 * max(before.get(bug.number, verdict.seeds), 5):
            slow += 1
            print(f"    ten times as many seeds as before: {before[bug.number]}")
    print(f"{len(chosen)} bugs, {sum(1 for v in verdicts if v.by)} noticed, "
          f"{sum(1 for b in chosen if b.no_meaning)} without a meaning here, {survivors} survive")
    if arguments.write and not arguments.names:
        write(table_of(verdicts))
    return 1 if survivors or slow else 0


if __name__ == "__main__":
    sys.exit(main())
