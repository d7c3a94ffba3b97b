#!/usr/bin/env python3
"""A simulated run depends on nothing but the sources, the workload and the seed.

    check_replay.py SIMULATE [SIMULATE...] [--seeds N]

Runs each seed of each workload twice with each program, in two processes, the second without randomised addresses where
the machine allows that, and compares the hashes of all schedules. Programs of different compilers must agree.
"""

import argparse
import platform
import shutil
import subprocess
import sys


def hashes(program: str, seeds: int, fixed_addresses: bool) -> list[str]:
    command = [program, "--seeds", str(seeds), "--hashes"]
    if fixed_addresses and shutil.which("setarch"):
        fixed = ["setarch", platform.machine(), "-R"]
        if subprocess.run([*fixed, "true"], capture_output=True).returncode == 0:
            command = fixed + command
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"check_replay: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="SIMULATE")
    parser.add_argument("--seeds", type=int, default=1000, help="of each workload (1000)")
    arguments = parser.parse_args()
    first: list[str] = []
    wrong = 0
    for program in arguments.programs:
        for fixed in (False, True):
            lines = hashes(program, arguments.seeds, fixed)
            first = first or lines
            if not lines or len(lines) % arguments.seeds != 0:
                print(f"{program} printed {len(lines)} lines")
                wrong += 1
            for a, b in zip(first, lines):
                if a != b:
                    print(f"{program}{' at fixed addresses' if fixed else ''}: {b}, and before: {a}")
                    wrong += 1
                    break
            wrong += len(first) != len(lines)
    distinct = len({line.split()[-1] for line in first})
    print(f"{len(first)} runs, {distinct} schedules, {2 * len(arguments.programs)} times: "
          f"{'they differ' if wrong else 'all equal'}")
    if distinct < 0.99 * len(first):
        print("too many of them are the same")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
