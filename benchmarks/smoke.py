#!/usr/bin/env python3
"""Runs every workload of every program of the suite once, with little to do: each must come to its end, miss no message and
print figures; and nonsense must be refused with 2. With --mechanisms the programs are Google Benchmark's, and each of their
benchmarks must come to its end.

    benchmarks/smoke.py [--mechanisms] PROGRAM..."""

import json
import subprocess
import sys

SIZE = "20"
LARGEST = {"queens": "6"}
NONSENSE = (["--workload", "no such"], ["--workload", "ping_pong", "--size", "100", "--workers", "0"],
            ["--workload", "ping_pong", "--size", "-1"], ["--workload"], ["--faster"])


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def wrong_with(program: str) -> list[str]:
    wrong = [f"exit code {done.returncode} for {' '.join(words)}" for words in NONSENSE
             if (done := run(program, *words)).returncode != 2 or not done.stderr]
    for listed in run(program, "--list", "--json").stdout.splitlines():
        name = json.loads(listed)["workload"]
        for workers in ("1", "3"):
            done = run(program, "--workload", name, "--size", LARGEST.get(name, SIZE), "--workers", workers, "--json")
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            if done.returncode != 0 or not rows or any(row["workload"] != name for row in rows):
                wrong.append(f"{name}, {workers} workers: exit code {done.returncode}, {len(rows)} figures; {done.stderr.strip()}")
    return wrong


def wrong_with_mechanisms(program: str) -> list[str]:
    listed = run(program, "--benchmark_list_tests").stdout.splitlines()
    done = run(program, "--benchmark_min_time=0.001", "--benchmark_format=json")
    if done.returncode != 0:
        return [f"exit code {done.returncode}; {done.stderr.strip()}"]
    seen = [row["name"] for row in json.loads(done.stdout)["benchmarks"] if row["real_time"] > 0]
    return [] if listed and seen == listed else [f"of {listed} only {seen} have a figure"]


def main() -> int:
    of_mechanisms = sys.argv[1:2] == ["--mechanisms"]
    programs = sys.argv[2:] if of_mechanisms else sys.argv[1:]
    if not programs:
        print(__doc__, file=sys.stderr)
        return 2
    look = wrong_with_mechanisms if of_mechanisms else wrong_with
    wrong = [f"{program}: {what}" for program in programs for what in look(program)]
    print("\n".join(wrong) if wrong else f"{len(programs)} programs, in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
