#!/usr/bin/env python3
"""Holds what backpressure prints against what each policy promises, and tries what it must not mind.

usage: check.py PROGRAM
"""
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""
POLICIES = ["reject", "drop-newest", "drop-oldest", "block", "keep-latest"]
REASONS = {"reject": {"rejected"}, "drop-newest": {"dropped"}, "drop-oldest": {"dropped as the oldest"}, "block": set(),
           "keep-latest": {"replaced", "dropped as the oldest"}}
SYMBOLS = 16
ROW = re.compile(r"^(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+\.\d{3}) ms   (.+)$")


def run(*arguments, path=None):
    environment = dict(os.environ) if path is None else {**os.environ, "PATH": path}
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=60, env=environment)


class Table(unittest.TestCase):
    def assert_table(self, ran, policies, capacity, messages):
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(ran.stderr, "")
        head, *rows = ran.stdout.splitlines()
        self.assertEqual(head.split(), ["policy", "sent", "handled", "dead", "most", "longest", "wait", "dead", "by", "reason"])
        self.assertEqual([row.split()[0] for row in rows], policies)
        for row in rows:
            policy, sent, handled, dead, most, _, reasons = ROW.match(row).groups()
            sent, handled, dead, most = map(int, (sent, handled, dead, most))
            by_reason = {} if reasons == "-" else {text.split(" ", 1)[1]: int(text.split()[0]) for text in reasons.split(", ")}
            self.assertEqual(sent, messages)
            self.assertEqual(sent, handled + dead, row)
            self.assertEqual(sum(by_reason.values()), dead, row)
            self.assertLessEqual(set(by_reason), REASONS[policy], row)
            self.assertLessEqual(most, min(capacity, SYMBOLS) if policy == "keep-latest" else capacity, row)
            self.assertGreaterEqual(most, 1, row)

    def test_adds_up_by_default(self):
        self.assert_table(run(), POLICIES, 100, 20_000)

    def test_adds_up_for_other_numbers(self):
        for capacity, messages, work in ((1, 1, 0), (1, 500, 100), (7, 3_000, 1), (10_000_000, 1_000, 0), (3, 1_000, 0)):
            with self.subTest(capacity=capacity, messages=messages, work=work):
                self.assert_table(run("--capacity", capacity, "--messages", messages, "--work", work), POLICIES, capacity, messages)

    def test_has_the_row_that_was_asked_for(self):
        for policy in POLICIES:
            with self.subTest(policy=policy):
                ran = run("--policy", policy, "--capacity", 10, "--messages", 1_000, "--work", 50, "--faster", 50)
                self.assert_table(ran, [policy], 10, 1_000)
                row = ROW.match(ran.stdout.splitlines()[1])
                if policy == "block":
                    self.assertEqual(row[3], "1000")
                else:  # the flood is one: most of it does not fit
                    self.assertGreater(int(row[4]), 100, ran.stdout)


class BadInput(unittest.TestCase):
    def test_is_explained(self):
        cases = [(["--capacity", "0"], "0"), (["--capacity", "-1"], "-1"), (["--capacity", "10000001"], "10000001"),
                 (["--capacity", "ten"], "ten"), (["--capacity", ""], "--capacity"), (["--messages", "0"], "0"),
                 (["--messages", "1e3"], "1e3"), (["--messages", "99999999999999999999"], "99999999999999999999"),
                 (["--work", "-5"], "-5"), (["--faster", "0"], "0"), (["--work", "1000001"], "1000001"), (["--policy", "hope"], "hope"),
                 (["--policy", ""], "--policy"), (["--plot", ""], "--plot"), (["--plot", "a\nb.png"], "control character"),
                 (["--nonsense"], "--nonsense"), (["more"], "more"), (["--capacity"], "--capacity")]
        for arguments, named in cases:
            with self.subTest(arguments=arguments):
                ran = run(*arguments)
                self.assertEqual(ran.returncode, 1, ran.stderr)
                self.assertIn(named, ran.stderr)
                self.assertEqual(ran.stdout, "")

    def test_output_that_cannot_be_written_is_told(self):
        with open("/dev/full", "w") as full:
            ran = subprocess.run([PROGRAM, "--messages", "10"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, "^backpressure: .*: No space left on device\n$")


class Plot(unittest.TestCase):
    """With gnuplots of our own, so that it is the same wherever this runs."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.top = pathlib.Path(self.folder.name)

    def gnuplot(self, script):
        program = self.top / "gnuplot"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return f"{self.top}:/usr/bin:/bin"

    def test_without_gnuplot_is_a_clear_message_before_the_work(self):
        ran = run("--plot", "depth.png", path=str(self.top))
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(ran.stderr, "backpressure: --plot depth.png: gnuplot is not there: on Debian it is in the package gnuplot-nox\n")
        self.assertEqual(ran.stdout, "")

    def test_gives_gnuplot_a_line_for_each_policy(self):
        path = self.gnuplot(f"cat > {self.top}/script\n")
        ran = run("--messages", 2_000, "--plot", "it's.png", path=path)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("drawn: it's.png\n", ran.stdout)
        script = (self.top / "script").read_text()
        self.assertIn("set output 'it''s.png'\n", script)
        for policy in POLICIES:
            self.assertIn(f"title '{policy}'", script)
        self.assertEqual(script.count("<< end_of_data"), len(POLICIES))

    def test_a_gnuplot_that_fails_is_told(self):
        for script in ("echo no such terminal >&2; exit 1\n", "cat > /dev/null; exit 3\n"):
            ran = run("--messages", 100, "--plot", "depth.png", path=self.gnuplot(script))
            self.assertEqual(ran.returncode, 1)
            self.assertIn("backpressure: --plot depth.png: gnuplot has failed", ran.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=1)
