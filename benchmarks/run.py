#!/usr/bin/env python3
"""Runs every benchmark and prints one Markdown report. Called by ./dev bench.

    benchmarks/run.py build/bench/bin [--rounds 7] [--min-time 0.1] [--strict]

Exits with 1 when a benchmark failed (a message is missing, a ledger does not balance); with --strict also when a target is missed."""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

HOME = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HOME.parent / "tools"))
from machine import processor  # noqa: E402

OWN_MAIN = {"judged", "storm", "classic", "echo_load", "idle_memory", "allocations", "noop_monitor", "noop_monitor_no_hooks"}


class Report:
    def __init__(self) -> None:
        self.failures: list[str] = []
        self.missed = False

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def run(self, *command: object) -> str:
        """Output of a program; a failure is noted and the report goes on."""
        words = [str(word) for word in command]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            self.failures.append(f"{pathlib.Path(words[0]).name}: exit code {done.returncode}: {done.stderr.strip()}")
        self.missed = self.missed or "**missed**" in done.stdout
        return done.stdout.rstrip()


def machine() -> str:
    compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "unknown system")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors, {processor()}; {release}; {compiler}; load before the first benchmark {load:.2f}."


def library_table(report: Report, program: pathlib.Path, min_time: float) -> None:
    """Google Benchmark's programs, as a table."""
    output = report.run(program, "--benchmark_format=json", f"--benchmark_min_time={min_time}")
    report.say(f"\n### {program.name.removeprefix('bench_')}\n\n| benchmark / workers | ns an operation | M operations/s |\n|---|---|---|")
    for row in json.loads(output)["benchmarks"] if output else []:
        name = row["name"].removesuffix("/manual_time").replace("_", " ")
        ns = row["ns"] if "ns" in row else row["real_time"]
        report.say(f"| {name} | {ns:.1f} | {1e3 / ns:.2f} |")


def classic_table(report: Report, program: pathlib.Path) -> None:
    """The suite's programs once each, with small sizes; ./dev compare takes them seriously."""
    report.say("\n### classic\n\n| workload | workers | a | value | unit |\n|---|---|---|---|---|")
    for listed in report.run(program, "--list", "--json").splitlines():
        name, size = (json.loads(listed)[key] for key in ("workload", "quick"))
        for workers in (1, 2):
            output = report.run(program, "--workload", name, "--size", size, "--workers", workers, "--json")
            for row in map(json.loads, output.splitlines()):
                report.say(f"| {name.replace('_', ' ')} | {workers} | {row['metric']} | {row['value']:.4g} | {row['unit']} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--min-time", type=float, default=0.1, help="seconds of each of Google Benchmark's")
    parser.add_argument("--strict", action="store_true", help="a missed target is a failure")
    arguments = parser.parse_args()
    programs = arguments.programs
    report = Report()

    report.say(f"# Benchmarks\n\n{machine()}\n\n## Against the targets\n")
    report.say(report.run(programs / "bench_judged", "--rounds", arguments.rounds))
    report.say("\n| memory | workers | measured | target | |\n|---|---|---|---|---|")
    for workers in (1, 2):
        report.say(report.run(programs / "bench_idle_memory", workers))
    report.say(report.run(programs / "bench_allocations"))
    report.say("\n" + report.run(HOME / "callgrind_noop.py", programs))
    report.say("\n" + report.run(HOME / "compile_time.py"))
    report.say("\n## For information")
    for program in sorted(programs.glob("bench_*")):
        if program.name.removeprefix("bench_") not in OWN_MAIN:
            library_table(report, program, arguments.min_time)

    classic_table(report, programs / "bench_classic")

    for failure in report.failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if report.failures or (arguments.strict and report.missed) else 0


if __name__ == "__main__":
    sys.exit(main())
