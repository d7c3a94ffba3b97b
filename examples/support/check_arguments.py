#!/usr/bin/env python3
"""Runs a program with arguments that it does not know: it says so on stderr, exits with 1, and does nothing else. Asked for
help it explains itself, and exits with 0.

usage: check_arguments.py PROGRAM
"""
import subprocess
import sys


def run(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, timeout=60)


wrong = []
for arguments in (["--no-such-option"], ["-z"], ["word"], [""], ["--", "--help"]):
    ran = run(*arguments)
    if (ran.returncode, ran.stdout) == (1, "") and "not expected" in ran.stderr and "--help" in ran.stderr:
        continue
    wrong.append(f"{arguments}: exit code {ran.returncode}, on stdout {ran.stdout!r}, on stderr {ran.stderr!r}")
ran = run("--help")
if ran.returncode != 0 or "Usage:" not in ran.stdout or ran.stderr:
    wrong.append(f"--help: exit code {ran.returncode}, on stdout {ran.stdout!r}, on stderr {ran.stderr!r}")
print("\n".join(wrong) or "what it does not know is refused")
sys.exit(1 if wrong else 0)
