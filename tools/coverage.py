#!/usr/bin/env python3
"""What of src/ and include/ the tests have run: run by ./dev coverage after the tests of the preset coverage.

    tools/coverage.py build/coverage       prints gcovr's table, and exits with 1 when
                                           * less than 95 % of the lines or 85 % of the branches ran, or
                                           * a line did not run that docs/reference/uncovered.md gives no reason for, or
                                           * a place that it gives a reason for is no longer in its file
    tools/coverage.py --check              only the last of these, without a build

Counted is what gcov counts in a build without optimisation, and every line of it: exclusion marks mean nothing here.
Of branches, two kinds are left out, as gcovr's --exclude-throw-branches and --exclude-unreachable-branches do:

* those that an exception would take. GCC has one behind every call that may throw, and who wrote the call wrote none.
* those on lines of braces alone, where destructors run.

gcov lists the branches of a template one instantiation after the other. They are put on top of each other, so that a
branch counts as taken when it was taken in one of them; where they have different shapes they stay apart. That, and
GCC's functions with one name on several lines, which gcovr 5.2 stops at, is why gcov is run here and gcovr gets its
tracefile. The uncovered lines and branches are written to uncovered.txt in the folder of the build.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REASONS = ROOT / "docs/reference/uncovered.md"
LINES_MIN = 95
BRANCHES_MIN = 85
NO_CODE = re.compile(r"[{}();\s]*(//.*)?")


# ---- from gcov ----


def data_of(build: Path):
    """gcov's reports, one for each object."""
    counters = sorted(str(path) for path in build.rglob("*.gcda"))
    if not counters:
        sys.exit(f"coverage: no test has run in {build}")

    def read(path):
        command = ["gcov", "--stdout", "--json-format", "--branch-probabilities", path]
        run = subprocess.run(command, cwd=build, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for reports in pool.map(read, counters):
            yield from reports


def instantiations(functions):
    """For each line of a file: how often the innermost function around it was instantiated."""
    places = {}
    for function in functions:
        place = (function["start_line"], function["start_column"], function["end_line"])
        places[place] = places.get(place, 0) + 1
    count = {}
    # The largest first, so that what is inside overwrites it.
    for (first, _, last), number in sorted(places.items(), key=lambda item: item[0][0] - item[0][2]):
        for line in range(first, last + 1):
            count[line] = number
    return count


def folded(branches, times):
    """The branches of one instantiation, with the counts of all."""
    length = len(branches) // times
    if times == 1 or not branches or length * times != len(branches):
        return branches
    shapes = [[b["throw"] for b in branches[i : i + length]] for i in range(0, len(branches), length)]
    if any(shape != shapes[0] for shape in shapes):
        return branches
    return [
        {"count": sum(b["count"] for b in branches[i::length]), "throw": branches[i]["throw"], "fallthrough": False}
        for i in range(length)
    ]


def collect(build: Path):
    """{file: {line: [count, [branch counts]]}}, of src/ and include/, by name."""
    files = {}
    for report in data_of(build):
        for file in report["files"]:
            path = os.path.normpath(os.path.join(report["current_working_directory"], file["file"]))
            name = os.path.relpath(path, ROOT)
            if not name.startswith(("src/", "include/")):
                continue
            lines = files.setdefault(name, {})
            times = instantiations(file["functions"])
            source = text_of(name)
            for line in file["lines"]:
                number = line["line_number"]
                entry = lines.setdefault(number, [0, {}])
                entry[0] += line["count"]
                if NO_CODE.fullmatch(source[number - 1]):
                    continue
                for i, branch in enumerate(folded(line["branches"], times.get(number, 1))):
                    if not branch["throw"]:
                        entry[1][i] = entry[1].get(i, 0) + branch["count"]
    return dict(sorted(files.items()))


_texts = {}


def text_of(name):
    if name not in _texts:
        _texts[name] = (ROOT / name).read_text().splitlines()
    return _texts[name]


# ---- gcovr ----


def judge(build: Path, files) -> bool:
    trace = {"gcovr/format_version": "0.3", "files": []}
    for name, lines in files.items():
        entries = [
            {
                "line_number": number,
                "count": count,
                "gcovr/noncode": False,
                "gcovr/excluded": False,
                "branches": [{"count": taken, "fallthrough": False, "throw": False} for taken in branches.values()],
            }
            for number, (count, branches) in sorted(lines.items())
        ]
        trace["files"].append({"file": name, "lines": entries, "functions": []})
    tracefile = build / "tracefile.json"
    tracefile.write_text(json.dumps(trace))
    command = ["gcovr", "--root", str(ROOT), "--add-tracefile", str(tracefile), "--no-markers", "--print-summary"]
    command += ["--txt", str(build / "coverage.txt"), "--xml", str(build / "coverage.xml")]
    command += ["--fail-under-line", str(LINES_MIN), "--fail-under-branch", str(BRANCHES_MIN)]
    return subprocess.run(command, cwd=ROOT).returncode == 0


# ---- the reasons ----


class Reason:
    """A row: the file, the first and the last of its lines (the same, if there is one), why."""

    ROW = re.compile(r"\| \[([^\]]+)\]\([^)]+\) \| `(.+?)`(?: to `(.+?)`)? \| (.+) \|")

    def __init__(self, name, first, last, why):
        self.name, self.first, self.last, self.why = name, first, last or first, why

    def lines(self):
        """The numbers, or nothing when it is not in the file."""
        if not (ROOT / self.name).is_file():
            return []
        text = [line.strip() for line in text_of(self.name)]
        starts = [i for i, line in enumerate(text) if line == self.first]
        if self.first == self.last:
            return [i + 1 for i in starts]  # each place where it stands
        found = []
        for start in starts:
            end = next((i for i in range(start, len(text)) if text[i] == self.last), None)
            if end is not None:
                found += range(start + 1, end + 2)
        return found


def reasons():
    return [Reason(*match.groups()) for match in map(Reason.ROW.fullmatch, REASONS.read_text().splitlines()) if match]


def check_reasons(listed) -> bool:
    stale = [reason for reason in listed if not reason.lines()]
    for reason in stale:
        print(f"{REASONS.relative_to(ROOT)}: {reason.name} has no line \"{reason.first}\" (or none after it to end at)")
    return not stale


def explain(build: Path, files, listed) -> bool:
    """Writes what did not run; True: each line of it has a reason."""
    known = {}
    for reason in listed:
        for line in reason.lines():
            known[reason.name, line] = reason
    unlisted = []
    with open(build / "uncovered.txt", "w") as out:
        for name, lines in files.items():
            for number, (count, branches) in sorted(lines.items()):
                text = text_of(name)[number - 1].strip()
                if count == 0:
                    why = known.get((name, number))
                    out.write(f"{name}:{number}: line: {text}{'' if why else '   <- no reason is given'}\n")
                    if not why:
                        unlisted.append(f"{name}:{number}: {text}")
                elif missed := sum(taken == 0 for taken in branches.values()):
                    out.write(f"{name}:{number}: {missed} of {len(branches)} branches: {text}\n")
    if unlisted:
        print(f"coverage: {len(unlisted)} lines did not run, and {REASONS.relative_to(ROOT)} does not say why:")
        print("\n".join(unlisted))
    return not unlisted


def main():
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if check_reasons(reasons()) else 1)
    if len(sys.argv) != 2:
        sys.exit("usage: tools/coverage.py BUILD-FOLDER, or --check")
    build = Path(sys.argv[1]).resolve()
    files = collect(build)
    listed = reasons()
    good = judge(build, files)
    good &= check_reasons(listed)
    good &= explain(build, files, listed)
    sys.exit(0 if good else 1)


main()
