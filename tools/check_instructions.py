#!/usr/bin/env python3
"""Holds the instructions that a message costs against benchmarks/instructions.json. Callgrind counts them, so that neither load nor
the processor's speed has a say. A rise above 3 % fails.

    tools/check_instructions.py build/bench/bin
    tools/check_instructions.py build/bench/bin --update --because "what is bought with them"

A figure is the difference of two runs of bench_classic with one worker over the difference of their work, so that starting and
stopping count for nothing. Another compiler makes other instructions: then nothing is compared, and the script says so. Exits with 1
after a rise, or when a run failed; with 2 for a command line that cannot be understood."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOP = pathlib.Path(__file__).resolve().parent.parent
FILE = TOP / "benchmarks" / "instructions.json"
TOLERANCE = 0.03
# What is counted, and the two sizes of bench_classic, multiples of ten: a tenth more is its warm-up.
WORKLOADS = {
    "ping_pong": ("a round trip, two messages", 2_000, 42_000),
    "counting": ("a message of a flood", 10_000, 110_000),
    "ask": ("an ask with its answer", 2_000, 32_000),
    "fan_out": ("a publication to 100, each hundred acknowledged", 1_000, 3_000),
    "spawn_inside": ("a child's life, watched", 500, 5_500),
    "crash": ("a throw, a restart and the next message", 100, 1_100),
}


def compiler() -> str:
    return subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def instructions(program: pathlib.Path, workload: str, size: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", str(program), "--workload", workload,
                   "--workers", "1", "--size", str(size)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or collected is None:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    return int(collected.group(1))


def count(program: pathlib.Path) -> dict[str, float]:
    """Instructions for each unit of each workload's work."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        runs = {(workload, size): pool.submit(instructions, program, workload, size)
                for workload, (_, few, many) in WORKLOADS.items() for size in (few, many)}
        return {workload: (runs[workload, many].result() - runs[workload, few].result()) / (1.1 * (many - few))
                for workload, (_, few, many) in WORKLOADS.items()}


def judge(before: float | None, now: float) -> str:
    """ok, or what is wrong with a figure; **rose** is what fails."""
    if before is None:
        return "**rose**: not in the file"
    change = round(now / before - 1, 6)
    if change > TOLERANCE:
        return f"**rose** by {change:.1%}"
    return f"fell by {-change:.1%}: --update, so that it stays so" if change < -TOLERANCE else "ok"


def update(seen: dict[str, float], before: dict[str, dict[str, object]], why: str) -> None:
    """Rows that stay within the tolerance keep what was written and why: small steps must not add up unseen."""
    rows = []
    for workload, (what, _, _) in WORKLOADS.items():
        old = before.get(workload)
        keeps = old is not None and judge(float(str(old["instructions"])), seen[workload]) == "ok"
        rows.append(old if keeps else {"workload": workload, "what": what, "instructions": round(seen[workload], 1), "why": why})
    FILE.write_text(json.dumps({"compiler": compiler(), "rows": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder of bench_classic, built by the preset bench")
    parser.add_argument("--update", action="store_true", help="write what was counted where it changed; needs --because")
    parser.add_argument("--because", default="", metavar="TEXT", help="why it changed")
    given = parser.parse_args()
    if given.update != bool(given.because.strip()):
        parser.error("--update and --because go together")
    program = given.programs / "bench_classic"
    if not program.is_file():
        parser.error(f"there is no {program}: cmake --preset bench, then cmake --build build/bench --target bench_classic")

    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {"compiler": compiler(), "rows": []}
    if known["compiler"] != compiler() and not given.update:
        print(f"instructions: the file was written with {known['compiler']}, and here is {compiler()}: nothing is compared")
        return 0
    before = {row["workload"]: row for row in known["rows"]} if known["compiler"] == compiler() else {}
    seen = count(program)
    verdicts = {workload: judge(before[workload]["instructions"] if workload in before else None, seen[workload])
                for workload in WORKLOADS}
    print("| workload | of | instructions before | now | |\n|---|---|---|---|---|")
    for workload, (what, _, _) in WORKLOADS.items():
        was = f"{before[workload]['instructions']:.1f}" if workload in before else "–"
        print(f"| {workload} | {what} | {was} | {seen[workload]:.1f} | {verdicts[workload]} |")
    if given.update:
        update(seen, before, given.because.strip())
        print(f"written to {FILE.relative_to(TOP)}")
        return 0
    if any("rose" in verdict for verdict in verdicts.values()):
        print("\nA message became more expensive. Find out where:\n"
              f"  valgrind --tool=callgrind {program} --workload NAME --size 10000; callgrind_annotate callgrind.out.*\n"
              "Mend it; or, if it is worth its price, say so in the file and commit that with the change:\n"
              f"  tools/check_instructions.py {given.programs} --update --because \"what is bought with them\"", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
