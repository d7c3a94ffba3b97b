#!/usr/bin/env python3
"""Runs overload for as long as the environment says: check.py PROGRAM POLICY threads|actors [--fails]

COPPICE_OVERLOAD_SECONDS is how long; one second, times COPPICE_TEST_SCALE, without it. With --fails it must exit with 1,
or be ended by its limit of memory.
"""
import os
import subprocess
import sys


def seconds() -> float:
    said = os.environ.get("COPPICE_OVERLOAD_SECONDS")
    if said:
        return float(said)
    return max(0.3, float(os.environ.get("COPPICE_TEST_SCALE") or 1))


def main() -> int:
    program, policy, producers, *rest = sys.argv[1:]
    ran = subprocess.run([program, policy, producers, str(seconds())], capture_output=True, text=True, check=False)
    print(ran.stdout, ran.stderr, sep="", end="")
    if rest == ["--fails"]:
        found = ran.returncode < 0 or (ran.returncode == 1 and "more memory than the bound" in ran.stderr)
        return 0 if found else 1
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
