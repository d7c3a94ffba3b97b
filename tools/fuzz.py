#!/usr/bin/env python3
"""Runs the fuzz targets of a build, some at a time: what ./dev fuzz does after building them.

    tools/fuzz.py build/fuzz --seconds 60 --jobs 2 [TARGET...]

Each starts with its inputs in tests/fuzz/corpus/ and with what earlier runs have found (found/ in the folder of the
build). Prints a line for each: how many inputs it tried, how many places of the code (of its own and of ours) these
reached, and the seed. Exits with 1 when one failed, after its last words; the input lies in found/ then.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests/fuzz/corpus"
# An input that takes longer than that is a failure, and so is a megabyte too many.
LIMITS = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1"]


def run(build: Path, name: str, seconds: int):
    found = build / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    command = [str(build / "bin" / f"fuzz_{name}"), f"-max_total_time={seconds}", *LIMITS]
    command += [f"-artifact_prefix={found}/failed-", str(found), str(CORPUS / name)]
    # What failed before is no input of the next run: it lies in the corpus, or was a mistake of a target's.
    for old in found.glob("failed-*"):
        old.unlink()
    environment = {**os.environ, "ASAN_OPTIONS": "detect_stack_use_after_return=1:detect_leaks=1:quarantine_size_mb=64"}
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
    (build / "found" / f"{name}.log").write_text(done.stderr + done.stdout)
    return name, done.returncode, done.stderr


def value(pattern, text):
    found = re.findall(pattern, text)
    return found[-1] if found else "?"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("build", type=Path)
    arguments.add_argument("targets", nargs="*")
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    chosen = arguments.parse_intermixed_args()
    targets = chosen.targets or sorted(folder.name for folder in CORPUS.iterdir())
    for name in targets:
        if not (chosen.build / "bin" / f"fuzz_{name}").is_file():
            sys.exit(f"fuzz: {chosen.build} has no target {name}")
    failed = 0
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for name, code, said in pool.map(lambda target: run(chosen.build.resolve(), target, chosen.seconds), targets):
            if code != 0:
                failed += 1
                print(said[-6000:])
                print(f"fuzz: {name} FAILED; with the mend, put the input from {chosen.build}/found/{name}/failed-* into")
                print(f"      tests/fuzz/corpus/{name}/, where every build's tests run it")
                continue
            runs = value(r"number_of_executed_units: (\d+)", said)
            places = value(r"cov: (\d+)", said)
            seed = value(r"INFO: Seed: (\d+)", said)
            print(f"{name:<12} {runs:>9} inputs {places:>6} places reached, seed {seed}", flush=True)
    sys.exit(1 if failed else 0)


main()
