#!/usr/bin/env python3
"""Compares event_pipeline's counts with awk's over the same file, with crashes and without.

usage: check.py PROGRAM app.log [--seed N]
"""
import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

LINE_MAX = 64 * 1024
AWK = r"""
NF == 4 && $1 ~ /^[0-9]+$/ && length($1) <= 18 && $2 ~ /^(DEBUG|INFO|WARN|ERROR)$/ && $3 ~ /^[a-z]+$/ && $4 ~ /^[0-9]+$/ && length($4) <= 9 {
  valid++; level[$2]++; events[$3]++; sum[$3] += $4; if ($4 >= 500) slow++
}
END {
  printf "lines %d\nvalid %d\nslow %d\n", NR, valid, slow
  for (name in level) printf "level %s %d\n", name, level[name]
  for (name in events) printf "service %s %d %.0f\n", name, events[name], sum[name]
}
"""
ARGUMENTS = None


def by_awk(path):
    counted = {"levels": {}, "services": {}}
    out = subprocess.run(["awk", AWK, os.fspath(path)], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        what, *rest = line.split()
        if what == "level":
            counted["levels"][rest[0]] = int(rest[1])
        elif what == "service":
            counted["services"][rest[0]] = {"events": int(rest[1]), "milliseconds": int(rest[2])}
        else:
            counted[what] = int(rest[0])
    counted["invalid"] = counted["lines"] - counted["valid"]
    return counted


class Run:
    """One run of the program, with the report it wrote."""

    def __init__(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.json")
            ran = subprocess.run([ARGUMENTS.program, *map(os.fspath, arguments), "--json", report], capture_output=True, timeout=120)
            self.code, self.out, self.err = ran.returncode, ran.stdout.decode(), ran.stderr.decode(errors="replace")
            self.report = json.loads(pathlib.Path(report).read_text()) if os.path.exists(report) and os.path.getsize(report) else None


class EventPipeline(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.random = random.Random(f"{ARGUMENTS.seed} {self.id()}")

    def write(self, content):
        path = self.folder / "some.log"
        path.write_bytes(content)
        return path

    def some_lines(self, count):
        pick = self.random
        good = lambda: f"{pick.randrange(10**9)} {pick.choice(['DEBUG', 'INFO', 'WARN', 'ERROR'])} {pick.choice(['auth', 'mail'])} {pick.randrange(1000)}"
        bad = lambda: pick.choice(["", " ", "x", "1 INFO auth", "1 INFO auth 1 1", "1 info auth 1", "1 INFO Auth 1", "-1 INFO auth 1", "1 INFO auth 1.5",
                                   "1 INFO auth 12345678901", "\t1\tINFO  auth 7 "])
        return "".join((good() if pick.random() < 0.9 else bad()) + "\n" for _ in range(count)).encode()

    def assert_counts(self, run, expected, every=None):
        self.assertEqual(run.code, 2 if expected["invalid"] else 0, run.err)
        for key, value in expected.items():
            self.assertEqual(run.report[key], value, key)
        self.assertTrue(run.report["in_order"])
        injected = 3 * (expected["lines"] // every) + expected["valid"] // every if every else 0
        self.assertEqual(run.report["crashes"]["injected"], injected)
        self.assertEqual(run.report["crashes"]["in_hand"], injected)
        if injected:
            self.assertGreater(run.report["crashes"]["reported"], 0)
            self.assertGreaterEqual(run.report["crashes"]["restarts"], run.report["crashes"]["reported"])

    def test_the_data(self):
        self.assert_counts(Run(ARGUMENTS.log), by_awk(ARGUMENTS.log))

    def test_the_data_with_crashes(self):
        expected = by_awk(ARGUMENTS.log)
        for every in (7, 100):
            with self.subTest(every=every):
                run = Run(ARGUMENTS.log, "--crash-every", str(every))
                self.assert_counts(run, expected, every)
                self.assertGreater(run.report["sent_again"], 0)

    def test_any_rate_of_crashes_and_any_window(self):
        path = self.write(self.some_lines(500))
        expected = by_awk(path)
        for every in (1, 2, 3, self.random.randint(4, 600)):
            for window in (1, 7, 10_000):
                with self.subTest(every=every, window=window):
                    self.assert_counts(Run(path, "--crash-every", str(every), "--window", str(window)), expected, every)

    def test_odd_files(self):
        for name, content in {
                "empty": b"",
                "no newline at the end": b"1 INFO auth 5\n2 WARN mail 600",
                "a newline and nothing else": b"\n",
                "carriage returns": b"1 INFO auth 5\r\n",
                "many invalid lines": b"nonsense\n" * 1000,
                "large": self.some_lines(100_000),
        }.items():
            with self.subTest(name):
                path = self.write(content)
                self.assert_counts(Run(path), by_awk(path))

    def test_a_binary_file(self):
        """Compared with Python, since awks differ over NUL."""
        content = self.random.randbytes(300_000) + b"\n1 INFO auth 5\n" + b"\x00" * (3 * LINE_MAX) + b"\n" + b" " * LINE_MAX + b"1 INFO auth 5\n2 INFO auth 6"
        run = Run(self.write(content))
        self.assertEqual(run.code, 2, run.err)
        self.assertEqual((run.report["lines"], run.report["valid"]), (content.count(b"\n") + 1, 2))
        self.assertFalse(any(ord(c) < 32 and c != "\n" for c in run.err), "no control characters on the terminal")

    def test_invalid_lines_are_told(self):
        path = self.write(b"1 INFO auth\n2 NOTICE auth 1\n3 INFO auth 1\n4 INFO auth -1\n" + b"x" * (LINE_MAX + 1) + b"\n" + b"?\n" * 20)
        run = Run(path)
        said = run.err.splitlines()
        self.assertEqual(said[:4], [
            f"event_pipeline: {path}:1: it has 3 fields instead of 4",
            f'event_pipeline: {path}:2: its level is "NOTICE", not DEBUG, INFO, WARN or ERROR',
            f'event_pipeline: {path}:4: its duration is "-1", not whole milliseconds',
            f"event_pipeline: {path}:5: it has more than 65536 bytes",
        ])
        self.assertEqual(said[10:], [f"event_pipeline: {path}: 14 more lines are invalid"])

    def test_what_cannot_be_read_is_explained(self):
        os.mkfifo(self.folder / "pipe")
        for path, said in ((self.folder / "missing", "No such file or directory"), (self.folder, "it is a directory"), ("/dev/zero", "it is not a regular file"),
                           (self.folder / "pipe", "it is not a regular file"), ("/proc/self/mem", "it cannot be read")):
            with self.subTest(path=path):
                run = Run(path)
                self.assertEqual((run.code, run.err, run.out), (1, f"event_pipeline: {path}: {said}\n", ""))

    def test_wrong_arguments_are_explained(self):
        for arguments in (["--crash-every", "0"], ["--crash-every", "-1"], ["--window", "0"], ["--window", "99999999"], ["--nonsense"], [ARGUMENTS.log],
                          ["--json", "/no/such/file"], ["--json", ""]):
            with self.subTest(arguments=arguments):
                ran = subprocess.run([ARGUMENTS.program, ARGUMENTS.log, *arguments], capture_output=True, text=True, timeout=30)
                self.assertEqual(ran.returncode, 1, ran.stderr)
                self.assertIn(str(arguments[-1]), ran.stderr)
        self.assertEqual(subprocess.run([ARGUMENTS.program], capture_output=True, timeout=30).returncode, 1)
        self.assertEqual(subprocess.run([ARGUMENTS.program, ""], capture_output=True, timeout=30).returncode, 1)

    def test_output_that_cannot_be_written_is_told(self):
        with open("/dev/full", "w") as full:
            ran = subprocess.run([ARGUMENTS.program, ARGUMENTS.log], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("No space left on device", ran.stderr)

    def test_an_interrupt_ends_it_in_order(self):
        path = self.write(self.some_lines(2_000) * 1_000)
        for what in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(what=what):
                report = self.folder / "report.json"
                for _ in range(20):  # one that came to its end before it was interrupted shows nothing
                    report.unlink(missing_ok=True)
                    ran = subprocess.Popen([ARGUMENTS.program, path, "--json", report], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                    while not report.exists() and ran.poll() is None:  # from then on it holds interrupts
                        time.sleep(0.01)
                    ran.send_signal(what)
                    _, err = ran.communicate(timeout=60)
                    if "interrupted" in err:
                        break
                self.assertEqual(ran.returncode, 128 + what, err)
                self.assertIn("interrupted; what was read until then is counted", err)
                counted = json.loads(report.read_text())
                self.assertEqual(counted["valid"] + counted["invalid"], counted["lines"])
                self.assertLess(counted["lines"], 2_000_000)
                self.assertTrue(counted["in_order"])
                report.unlink()


class Data(unittest.TestCase):
    def test_is_what_its_script_makes(self):
        log = pathlib.Path(ARGUMENTS.log)
        made = subprocess.run([sys.executable, log.parent / "make_log.py"], stdout=subprocess.PIPE, check=True)
        self.assertEqual(made.stdout, log.read_bytes())


def main():
    global ARGUMENTS
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("log")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    ARGUMENTS, rest = parser.parse_known_args()
    print(f"seed {ARGUMENTS.seed}", flush=True)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


main()
