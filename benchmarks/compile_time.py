#!/usr/bin/env python3
"""How long a 50-line coppice program compiles, against a file that includes six headers of the standard library.

    benchmarks/compile_time.py [--rounds 7] [--compiler g++]

Medians of interleaved compiles with -O2 -c, single-threaded, without a compiler cache. Prints Markdown. Always exits with 0 unless
something does not compile."""

import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

HOME = pathlib.Path(__file__).resolve().parent
TARGET = 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compiler", default="g++")
    arguments = parser.parse_args()
    flags = [arguments.compiler, "-std=c++20", "-O2", "-I", str(HOME.parent / "include")]
    files = {name: HOME / "compile_time" / f"{name}.cpp" for name in ("program", "standard")}
    seconds = {name: [] for name in files}
    with tempfile.TemporaryDirectory() as folder:

        def compile_once(name: str) -> float:
            # Processor time: what else the machine does counts for little.
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*flags, "-c", str(files[name]), "-o", f"{folder}/{name}.o"], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        for name in files:
            compile_once(name)  # the files come into the page cache
        for _ in range(arguments.rounds):
            for name in files:
                seconds[name].append(compile_once(name))
    lines = {name: len(subprocess.run([*flags, "-E", "-P", str(path)], check=True, capture_output=True).stdout.splitlines())
             for name, path in files.items()}
    ratios = [program / standard for program, standard in zip(seconds["program"], seconds["standard"])]
    ratio = statistics.median(ratios)
    print("| compile time, CPU seconds (least–most) | program of 50 lines | standard headers | ratio | target | |")
    print("|---|---|---|---|---|---|")
    cells = [f"{statistics.median(s):.2f} ({min(s):.2f}–{max(s):.2f}), {lines[n]} lines" for n, s in seconds.items()]
    print(f"| {arguments.compiler} -O2 -c | {cells[0]} | {cells[1]} | {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f}) | ≤ {TARGET} "
          f"| {'ok' if ratio <= TARGET else '**missed**'} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
