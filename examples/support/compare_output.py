#!/usr/bin/env python3
"""Runs a program, and fails unless it exits with 0 and prints on stdout exactly what the file holds.

usage: compare_output.py FILE PROGRAM [ARGUMENT...]
"""
import difflib
import pathlib
import subprocess
import sys

expected = pathlib.Path(sys.argv[1]).read_text()
ran = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, text=True, timeout=60)
if ran.stdout != expected:
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), ran.stdout.splitlines(True), "expected", "printed"))
if ran.returncode != 0:
    print(f"exit code {ran.returncode}, expected 0")
sys.exit(0 if ran.returncode == 0 and ran.stdout == expected else 1)
