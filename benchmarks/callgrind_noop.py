#!/usr/bin/env python3
"""NoopMonitor leaves nothing behind: instructions per message, counted by callgrind, of the run loop as it ships and of one whose
hooks a macro removed. The same two for a monitor that records show that the macro removes the hook and that the method sees it.

    benchmarks/callgrind_noop.py build/bench/bin        prints a Markdown table; exits with 1 when the first two differ

Each figure is the difference of two runs over the difference of their messages, so starting and stopping count for nothing."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

FEW, MANY = 20_000, 520_000
SHIPPED, STRIPPED = "bench_noop_monitor", "bench_noop_monitor_no_hooks"
# Which instruction a thread's start or a wait's retry falls on is not the same in any two runs; per message that is this much.
TOLERANCE = 0.05


def instructions(program: pathlib.Path, monitor: str, hops: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", str(program), monitor, str(hops)]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1))


def per_message(program: pathlib.Path, monitor: str) -> float:
    return (instructions(program, monitor, MANY) - instructions(program, monitor, FEW)) / (MANY - FEW)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with bench_noop_monitor")
    folder = parser.parse_args().programs
    figures = {(program, monitor): per_message(folder / program, monitor)
               for program in (SHIPPED, STRIPPED) for monitor in ("noop", "recording")}
    equal = abs(figures[SHIPPED, "noop"] - figures[STRIPPED, "noop"]) <= TOLERANCE
    seen = figures[SHIPPED, "recording"] > figures[STRIPPED, "recording"] + 1
    print("| instructions a message: ping-pong, 1 worker, callgrind | as shipped | hooks removed by a macro | expected | |")
    print("|---|---|---|---|---|")
    for monitor, expected, ok in (("noop", "equal", equal), ("recording", "more as shipped", seen)):
        name = {"noop": "NoopMonitor", "recording": "a monitor that records"}[monitor]
        print(f"| {name} | {figures[SHIPPED, monitor]:.2f} | {figures[STRIPPED, monitor]:.2f} | {expected} "
              f"| {'ok' if ok else '**missed**'} |")
    return 0 if equal and seen else 1


if __name__ == "__main__":
    sys.exit(main())
