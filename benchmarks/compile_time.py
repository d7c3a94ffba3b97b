#!/usr/bin/env python3
"""How long coppice programs compile and what the compiler needs for them, against six headers of the standard library and,
where it is installed, against the same programs of CAF.

    benchmarks/compile_time.py [--rounds 7] [--compiler g++]

Medians of interleaved compiles with -O2 -c, single-threaded, without a compiler cache. Prints Markdown. Exits with 0 unless
something of ours does not compile."""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

HOME = pathlib.Path(__file__).resolve().parent
TARGET = 1.5  # times the standard headers, for the program of 50 lines
FILES = {"standard": "six standard headers", "program": "program of 50 lines", "program_caf": "the same with CAF",
         "messages": "actor of 20 messages", "messages_caf": "the same with CAF"}


@dataclass
class Cost:
    lines: int = 0
    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)


def compile_once(command: list[str], name: str, folder: str) -> tuple[float, float]:
    """Processor seconds, so that what else the machine does counts for little, and MiB of the compiler at most."""
    source = HOME / "compile_time" / f"{name}.cpp"
    child = subprocess.Popen([*command, "-c", str(source), "-o", f"{folder}/{name}.o"])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, command)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def lines_of(command: list[str], name: str) -> int:
    done = subprocess.run([*command, "-E", "-P", str(HOME / "compile_time" / f"{name}.cpp")], check=True, capture_output=True)
    return len(done.stdout.splitlines())


def has_caf(compiler: str) -> bool:
    return subprocess.run([compiler, "-std=c++17", "-fsyntax-only", "-x", "c++", "-"], input=b"#include <caf/config.hpp>\n",
                          capture_output=True, check=False).returncode == 0


def span(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def measure(compiler: str, rounds: int) -> dict[str, Cost]:
    def command(name: str) -> list[str]:  # CAF 0.17 is older than C++20, and its headers warn
        standard = ["-std=c++17", "-w"] if name.endswith("_caf") else ["-std=c++20", "-I", str(HOME.parent / "include")]
        return [compiler, "-O2", *standard]

    names = [name for name in FILES if not name.endswith("_caf") or has_caf(compiler)]
    costs = {name: Cost(lines_of(command(name), name)) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            compile_once(command(name), name, folder)  # the files come into the page cache
        for _ in range(rounds):
            for name in names:
                seconds, mebibytes = compile_once(command(name), name, folder)
                costs[name].seconds.append(seconds)
                costs[name].mebibytes.append(mebibytes)
    return costs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compiler", default="g++")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds takes a whole number from 1")
    costs = measure(arguments.compiler, arguments.rounds)
    standard = costs["standard"].seconds
    print(f"| {arguments.compiler} -O2 -c | lines | CPU seconds (least–most) | MiB at most | × the standard headers | target | |")
    print("|---|---|---|---|---|---|---|")
    for name, cost in costs.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(cost.seconds, standard))
        target = f"≤ {TARGET} | {'ok' if ratio <= TARGET else '**missed**'}" if name == "program" else " | "
        print(f"| {FILES[name]} | {cost.lines} | {span(cost.seconds, 2)} | {span(cost.mebibytes, 0)} | {ratio:.2f} | {target} |")
    if len(costs) < len(FILES):
        print("\nCAF is not installed (libcaf-dev): nothing to compare with.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
