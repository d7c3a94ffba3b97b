#!/usr/bin/env python3
"""Runs the soak and puts its figures on top of the runs in docs/evidence.md. Called by ./dev stress.

    tests/soak/run.py build/stress --minutes 2 [--seed 1] [--dry]

Exits with what the soak exits with: 1 when anything differs. A run that differs is written down as well. --dry: the page is
left as it is."""

import argparse
import datetime
import os
import pathlib
import platform
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
from machine import commit, processor  # noqa: E402

PAGE = TOP / "docs" / "evidence.md"
MARK = "<!-- runs: the newest first; tests/soak/run.py writes below this line -->\n"


def first_line(*command: str) -> str:
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else "unknown"


def machine() -> str:
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "unknown system")
    return f"{os.cpu_count()} processors, {processor()}; {system}; load before {os.getloadavg()[0]:.1f}"


def how_compiled(build: pathlib.Path) -> str:
    cache = dict(re.findall(r"^(CMAKE_CXX\w+):\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE))
    compiler = first_line(cache.get("CMAKE_CXX_COMPILER", "c++"), "--version")
    return f"{compiler}; `{cache.get('CMAKE_CXX_FLAGS', '')} {cache.get('CMAKE_CXX_FLAGS_RELEASE', '')}`"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--minutes", required=True)
    arguments.add_argument("--seed", default="1")
    arguments.add_argument("--dry", action="store_true")
    asked = arguments.parse_args()
    head = [
        f"## {datetime.date.today().isoformat()}, {asked.minutes} minutes, seed {asked.seed}",
        f"* Commit {commit('docs/evidence.md')}",
        f"* {machine()}",
        f"* {how_compiled(asked.build)}",
    ]
    done = subprocess.run([str(asked.build / "bin" / "soak"), asked.minutes, asked.seed], stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    if done.returncode not in (0, 1):
        print(f"soak: ended with {done.returncode}", file=sys.stderr)
        return 1
    if not asked.dry:
        section = f"{head[0]}\n\n" + "\n".join(head[1:]) + f"\n\n{done.stdout}\n"
        page = PAGE.read_text(encoding="utf-8")
        if MARK not in page:
            print(f"soak: {PAGE} has lost its mark", file=sys.stderr)
            return 1
        PAGE.write_text(page.replace(MARK, f"{MARK}\n{section}", 1).rstrip("\n") + "\n", encoding="utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
