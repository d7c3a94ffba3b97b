#!/usr/bin/env python3
"""Runs a program, and fails unless it exits with 0 and prints on stdout exactly what the file holds.

usage: compare_output.py [--stderr] FILE PROGRAM [ARGUMENT...]    --stderr: on stderr
"""
import difflib
import pathlib
import subprocess
import sys

arguments = sys.argv[1:]
stream = "stderr" if arguments[0] == "--stderr" else "stdout"
if stream == "stderr":
    arguments.pop(0)
expected = pathlib.Path(arguments[0]).read_text()
ran = subprocess.run(arguments[1:], text=True, timeout=60, **{stream: subprocess.PIPE})
printed = getattr(ran, stream)
if printed != expected:
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), printed.splitlines(True), "expected", "printed"))
if ran.returncode != 0:
    print(f"exit code {ran.returncode}, expected 0")
sys.exit(0 if ran.returncode == 0 and printed == expected else 1)
