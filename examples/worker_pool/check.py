#!/usr/bin/env python3
"""Compares what worker_pool says with the real wc, over trees made from a fresh seed, and tries what it must not mind.

usage: check.py PROGRAM [--seed N] [--sanitized]     (--sanitized: smaller files, no limits on memory)
"""
import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

MIB = 1024 * 1024
ARGUMENTS = None


def wc(paths):
    """Lines, words and bytes of the files, as wc counts them in the C locale."""
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    ran = subprocess.run(["wc", "--files0-from=-"], input=names, stdout=subprocess.PIPE, check=True, env={**os.environ, "LC_ALL": "C"})
    rows = [row for row in ran.stdout.splitlines() if row.split()[3:] == [b"total"]] or ran.stdout.splitlines()
    return dict(zip(("lines", "words", "bytes"), map(int, rows[-1].split()[:3])))


def wc_counts_unprintable_words():
    """coreutils 9.1 (Debian 12) does not; later ones do, and then the trees below have printable text only."""
    ran = subprocess.run(["wc", "-w"], input=b"\1", stdout=subprocess.PIPE, check=True, env={**os.environ, "LC_ALL": "C"})
    return int(ran.stdout) == 1


def regular_files(top):
    return [path for path in sorted(pathlib.Path(top).rglob("*")) if path.is_file() and not path.is_symlink()]


class Run:
    """One run of the program, with the report it wrote."""

    def __init__(self, *arguments, timeout=300):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.json")
            command = [ARGUMENTS.program, *map(os.fspath, arguments), "--json", report]
            ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
            self.code = ran.returncode
            self.out = ran.stdout.decode(errors="replace")
            self.err = ran.stderr.decode(errors="replace")
            self.report = json.loads(pathlib.Path(report).read_text()) if os.path.exists(report) else None


class Tree(unittest.TestCase):
    """Each test has a folder of its own, and a random source of its own."""

    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="coppice-"))
        self.random = random.Random(f"{ARGUMENTS.seed} {self.id()}")
        self.printable_only = wc_counts_unprintable_words()

    def tearDown(self):
        shutil.rmtree(self.top)

    def content(self):
        """Text, white space of all kinds, or any bytes; sometimes nothing, sometimes more than the program reads at once."""
        size = self.random.choice([0, 1, 2, self.random.randrange(100), self.random.randrange(10_000), self.random.randrange(MIB)])
        alphabets = [b"ab \n", b"word\tword\v\f\r\n  ", bytes(range(32, 127)) + b"\n"]
        if not self.printable_only:
            alphabets += [bytes(range(256)), b"a\1 \x80\xa0\n"]
        return bytes(self.random.choices(self.random.choice(alphabets), k=size))

    def grow(self, files):
        folders = [self.top / "tree"]
        folders[0].mkdir()
        for number in range(files):
            if self.random.random() < 0.2:
                folders.append(self.random.choice(folders) / f"folder {number}")
                folders[-1].mkdir()
            (self.random.choice(folders) / f"file-{number}").write_bytes(self.content())
        return folders[0]

    def assert_totals(self, run, files):
        self.assertEqual(run.report["totals"], wc(files), run.err)
        self.assertEqual(run.report["files"]["counted"], len(files))
        totals = run.report["totals"]
        self.assertIn(f"{totals['lines']} lines, {totals['words']} words, {totals['bytes']} bytes in {len(files)} files", run.out)

    def assert_crashes(self, run, injected):
        crashes = run.report["crashes"]
        self.assertEqual(crashes["injected"], injected)
        self.assertEqual(crashes["crashes"], injected)
        self.assertEqual(crashes["restarts"], injected)
        for what in ("crashes", "restarts"):
            self.assertEqual(sum(worker[what] for worker in run.report["workers"]), injected)


class Totals(Tree):
    def test_are_those_of_wc(self):
        tree = self.grow(200)
        run = Run(tree)
        self.assertEqual(run.code, 0, run.err)
        self.assert_totals(run, regular_files(tree))
        self.assert_crashes(run, 0)
        self.assertEqual(run.err, "")

    def test_are_those_of_wc_when_workers_crash(self):
        tree = self.grow(150)
        files = regular_files(tree)
        not_empty = sum(1 for path in files if path.stat().st_size > 0)
        for every in (1, 2, 7, self.random.randrange(3, 40)):
            for workers in (1, self.random.randrange(2, 12)):
                with self.subTest(every=every, workers=workers):
                    run = Run(tree, "--crash-every", str(every), "--workers", str(workers))
                    self.assertEqual(run.code, 0, run.err)
                    self.assert_totals(run, files)
                    self.assertGreater(not_empty // every, 0)
                    self.assert_crashes(run, not_empty // every)
                    self.assertEqual(run.report["crashes"]["retries"], not_empty // every)
                    in_vain = run.report["crashes"]["bytes_in_vain"]  # each crash came when something was counted
                    self.assertGreaterEqual(in_vain, not_empty // every)
                    if every == 1:  # and that was the half
                        sizes = [path.stat().st_size for path in files]
                        self.assertTrue(sum(sizes) // 2 - len(sizes) <= in_vain <= sum(sizes) // 2 + 64 * 1024 * len(sizes), in_vain)
                    self.assertEqual(len(run.report["workers"]), workers)
                    self.assertEqual(sum(worker["jobs"] for worker in run.report["workers"]), len(files))

    def test_follow_symbolic_links(self):
        tree = self.grow(20)
        target = self.top / "elsewhere"
        target.write_bytes(b"one two\nthree\n")
        (tree / "link").symlink_to(target)
        run = Run(tree)
        self.assertEqual(run.code, 0, run.err)
        self.assert_totals(run, [*regular_files(tree), target])

    def test_of_nothing(self):
        (self.top / "tree").mkdir()
        run = Run(self.top / "tree")
        self.assertEqual(run.code, 0, run.err)
        self.assertEqual(run.report["totals"], {"lines": 0, "words": 0, "bytes": 0})


class BadInput(Tree):
    def test_costs_a_line_each_and_harms_nothing_else(self):
        tree = self.grow(60)
        files = regular_files(tree)
        os.mkfifo(tree / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.fspath(tree / "socket"))
        (tree / "loop").symlink_to(tree)
        (tree / "dangling").symlink_to("nowhere")
        (tree / "self").symlink_to("self")
        run = Run(tree, "/dev/null", "/proc/self/mem", "/no/such/path", "--crash-every", "3")
        self.assertEqual(run.code, 2)
        self.assert_totals(run, files)
        expected = {
            "/dev/null": "is a device, not a file",
            "/no/such/path": "No such file or directory",
            "/proc/self/mem": "Input/output error",
            f"{tree}/dangling": "is a symbolic link to nothing",
            f"{tree}/loop": f"is a directory loop: it is {tree} again",
            f"{tree}/pipe": "is a named pipe, not a file",
            f"{tree}/self": "Too many levels of symbolic links",
            f"{tree}/socket": "is a socket, not a file",
        }
        self.assertEqual(run.err.splitlines(), [f"worker_pool: {path}: {reason}" for path, reason in sorted(expected.items())])
        self.assertEqual({failure["path"]: failure["reason"] for failure in run.report["failures"]}, expected)
        self.assertEqual(run.report["files"]["failed"], len(expected))

    def test_an_empty_file_is_named(self):
        (self.top / "empty").touch()
        run = Run(self.top / "empty", "--crash-every", "1")
        self.assertEqual(run.code, 0, run.err)
        self.assertIn(f"{self.top}/empty: empty\n", run.out)
        self.assert_crashes(run, 0)  # there is no middle to crash in

    def test_names_that_are_not_text_take_one_line(self):
        (self.top / "new\nline").symlink_to("nowhere")
        os.symlink("nowhere", os.fsencode(self.top) + b"/\xff\xfe")
        run = Run(self.top)
        self.assertEqual(run.code, 2)
        self.assertEqual(len(run.err.splitlines()), 2, run.err)
        self.assertEqual(len(run.report["failures"]), 2)

    def test_a_job_is_tried_four_times_and_then_reported(self):
        tree = self.grow(30)
        files = regular_files(tree)
        (tree / "poison").write_bytes(b"crash here\n" * 1000)
        run = Run(tree, "--crash-on", "/poison", "--workers", "3")
        self.assertEqual(run.code, 2)
        self.assert_totals(run, files)
        self.assert_crashes(run, 4)
        self.assertEqual(run.report["crashes"]["retries"], 3)
        [failure] = run.report["failures"]
        self.assertEqual(failure["attempts"], 4)
        self.assertIn(f"{tree}/poison: crashed its worker 4 times: injected in the middle of", run.err)

    def test_a_file_that_changes_meanwhile_is_named(self):
        log = self.top / "log"
        with log.open("wb") as file:  # of holes; nobody counts so much while a test is held up
            file.truncate(2**40)
        with subprocess.Popen([ARGUMENTS.program, os.fspath(log)], stdout=subprocess.PIPE, text=True) as running:
            while not self.is_read(running.pid, log) and running.poll() is None:
                pass
            os.truncate(log, 5)
            out = running.stdout.read()
        self.assertEqual(running.returncode, 0)
        counted = re.search(rf"^{log}: changed while it was counted, from {2**40} bytes to 5: (\d+) were counted$", out, re.M)
        self.assertTrue(counted, out)
        self.assertIn(f"0 lines, 0 words, {counted[1]} bytes in 1 files", out)

    @staticmethod
    def is_read(pid, path):
        """Whether the process has read from the file. (To have opened it is too little: what size it had is asked after that.)"""
        for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # a descriptor that is closed meanwhile
                if os.readlink(descriptor) == os.fspath(path):
                    return int(pathlib.Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().split()[1]) > 0
        return False

    def test_a_report_that_cannot_be_written_is_told(self):
        pipe = self.top / "pipe"
        os.mkfifo(pipe)
        file = self.top / "file"
        file.touch()
        for report, said in (("/dev/full", "not written: No space left on device"), (pipe, "nobody reads from it")):
            with self.subTest(report=report):
                ran = subprocess.run([ARGUMENTS.program, file, "--json", report], capture_output=True, text=True, timeout=30)
                self.assertEqual(ran.returncode, 1)
                self.assertEqual(ran.stderr, f"worker_pool: --json {report}: {said}\n")

    def test_a_report_goes_into_a_pipe_that_is_read(self):
        ours, theirs = os.pipe()
        ran = subprocess.run([ARGUMENTS.program, self.top, "--json", f"/dev/fd/{theirs}"], stdout=subprocess.PIPE, pass_fds=[theirs],
                             timeout=30)
        os.close(theirs)
        with open(ours, "rb") as pipe:
            self.assertEqual(json.load(pipe)["exit_code"], 0)
        self.assertEqual(ran.returncode, 0)

    def test_output_that_cannot_be_written_is_told(self):
        (self.top / "file").touch()
        for workers in ("1", "1024"):  # what is found at the end, and in the middle of the table
            with self.subTest(workers=workers), open("/dev/full", "w") as full:
                ran = subprocess.run([ARGUMENTS.program, self.top, "--workers", workers], stdout=full, stderr=subprocess.PIPE, text=True,
                                     timeout=60)
                self.assertEqual(ran.returncode, 1)
                self.assertRegex(ran.stderr, "^worker_pool: .*: No space left on device\n$")

    def test_wrong_arguments_are_explained(self):
        cases = [([], "PATH"), (["--workers", "0"], "0"), (["--workers", "-1"], "-1"), (["--workers", "1025"], "1025"),
                 (["--workers", "two"], "two"), (["--crash-every", "0"], "0"), (["--crash-every", "-7"], "-7"),
                 (["--crash-every", "1e3"], "1e3"), (["--crash-every", ""], "--crash-every"), (["--nonsense"], "--nonsense"), (["--json", ""], "--json"),
                 (["--crash-on", ""], "--crash-on"), (["--crash-on", "no-such-name"], "no-such-name"), ([""], "PATH"),
                 (["--crash-every", "99999999999999999999"], "99999999999999999999"), (["--json", "/no/such/file"], "/no/such/file")]
        for arguments, named in cases:
            with self.subTest(arguments=arguments):
                paths = [] if arguments == [] else [os.fspath(self.top)]
                ran = subprocess.run([ARGUMENTS.program, *paths, *arguments], capture_output=True, text=True, timeout=30)
                self.assertEqual(ran.returncode, 1, ran.stderr)
                self.assertIn(named, ran.stderr)
                self.assertEqual(ran.stdout, "")


class BigFile(Tree):
    def test_needs_no_memory(self):
        size = 64 * MIB if ARGUMENTS.sanitized else 1024 * MIB
        big = self.top / "big"
        with big.open("wb") as file:
            file.write(b"a b\n")
            file.truncate(size)
        (self.top / "small").write_bytes(b"one two three\n")
        command = [ARGUMENTS.program, os.fspath(self.top), "--crash-every", "1", "--workers", "2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            out = running.stdout.read()
            _, status, usage = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(running.returncode, 0)
        self.assertIn(f"2 lines, 5 words, {size + 14} bytes in 2 files", out)
        if not ARGUMENTS.sanitized:
            self.assertLess(usage.ru_maxrss, 64 * 1024, "kilobytes at most in memory")


class Terminal(Tree):
    """The program's stderr is a terminal here."""

    def start(self, *arguments, columns=80):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.resize(ours, columns)
        environment = {**os.environ, "TERM": "xterm"}
        running = subprocess.Popen([ARGUMENTS.program, *map(os.fspath, arguments)], stdout=subprocess.PIPE, stderr=theirs, text=True,
                                   env=environment)
        os.close(theirs)
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.kill)
        return running, ours

    @staticmethod
    def resize(terminal, columns):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    @staticmethod
    def read(terminal, until=None, within=60):
        """What is shown up to a pattern, or up to the end."""
        shown = ""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and not (until and re.search(until, shown)):
            ready, _, _ = select.select([terminal], [], [], 0.1)
            try:
                piece = os.read(terminal, 65536).decode() if ready else ""
            except OSError:  # the other side is closed
                break
            shown += piece
        return shown

    def endless(self):
        """A file that takes longer than any test: of holes, so of no space."""
        big = self.top / "big"
        with big.open("wb") as file:
            file.truncate(2**40)
        return big

    def test_shows_a_bar_and_takes_it_away(self):
        big = self.top / "big"
        with big.open("wb") as file:
            file.truncate(512 * MIB)
        running, terminal = self.start(big)
        shown = self.read(terminal)
        self.assertEqual(running.wait(60), 0)
        self.assertRegex(shown, r"\[#*\.*\] +\d+%  0/1 files, 0 crashes")
        self.assertTrue(shown.endswith("\r\x1b[J"), repr(shown[-40:]))

    def test_fits_any_width_and_every_change_of_it(self):
        for columns in (200, 80, 50, 30, 12, 5, 2):
            with self.subTest(columns=columns):
                running, terminal = self.start(self.endless(), columns=120)
                self.read(terminal, until="%")
                self.resize(terminal, columns)
                self.read(terminal, until=r"\x1b\[J[^\x1b]*\x1b\[J")  # what was drawn at the old width
                shown = self.read(terminal, until=r"\x1b\[J[^\x1b]*\x1b\[J") if columns > 2 else ""
                drawn = re.findall(r"\x1b\[J([^\x1b\r]+)", shown)
                self.assertTrue(drawn or columns <= 2, repr(shown))
                for line in drawn:
                    self.assertLess(len(line), columns)
                running.send_signal(signal.SIGINT)
                running.wait(30)

    def test_ctrl_c_ends_it_in_order(self):
        (self.top / "small").write_bytes(b"one\n")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=number):
                running, terminal = self.start(self.top / "small", self.endless())
                self.read(terminal, until="1/2 files")
                running.send_signal(number)
                shown = self.read(terminal)
                self.assertEqual(running.wait(30), code)  # although the other file has no end
                self.assertIn("interrupted: 1 of 2 files were counted, and the totals are theirs", shown)
                self.assertIn("1 lines, 1 words, 4 bytes in 1 files", running.stdout.read())


def main():
    global ARGUMENTS
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--sanitized", action="store_true")
    ARGUMENTS, rest = parser.parse_known_args()
    print(f"seed {ARGUMENTS.seed}", flush=True)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


main()
