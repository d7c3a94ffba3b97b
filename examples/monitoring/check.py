#!/usr/bin/env python3
"""Runs monitoring, and holds what it prints against what it did and against each other.

usage: check.py PROGRAM
"""
import json
import pathlib
import re
import subprocess
import sys
import unittest

PROGRAM = None
TREE = [  # path, class, restarts, what waits: in the order of the starts
    ("app", "Supervisor", 0, 0),
    ("app/pool", "Supervisor", 0, 0),
    ("app/pool/worker-1", "Worker", 1, 0),
    ("app/pool/worker-2", "Worker", 0, 3),
    ("app/spare", "Worker", 0, 0),
]


def flat(node):
    return [node] + [each for child in node["children"] for each in flat(child)]


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ran = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=60)
        cls.code, cls.err = ran.returncode, ran.stderr
        cls.parts = dict(re.findall(r"^--- (\w+)\n(.*?)(?=^--- |\Z)", ran.stdout, re.M | re.S))

    def counts(self):
        return {name: int(count) for name, count in re.findall(r"^ *([\w ]+): (\d+)$", self.parts["counts"], re.M)}

    def test_it_says_that_all_went_as_it_should(self):
        self.assertEqual(self.code, 0)

    def test_text(self):
        self.assertEqual(self.parts["text"], (pathlib.Path(__file__).parent / "expected_tree.txt").read_text())

    def test_json_says_the_same(self):
        nodes = flat(json.loads(self.parts["json"]))
        self.assertEqual([node["path"] for node in nodes], [path for path, *_ in TREE])
        for node, (path, kind, restarts, waiting) in zip(nodes, TREE):
            self.assertEqual(node["id"], path.split("/")[-1])
            self.assertEqual(node["type"].split("::")[-1], kind)
            self.assertEqual(node["is_supervisor"], kind == "Supervisor")
            self.assertEqual(node["phase"], "running")
            self.assertEqual(node["restarts"], restarts)
            self.assertEqual(node["last_error"], "error: poisoned" if restarts else None)
            self.assertEqual(node["mailbox_depth"], waiting)

    def test_dot_says_the_same(self):
        dot = self.parts["dot"]
        self.assertTrue(dot.startswith('digraph "app" {\n') and dot.endswith("}\n"))
        labels = re.findall(r'^  n(\d+) \[label="([^"\\]*)\\n([^"\\]*)\\n([^"\\]*)"(?:, color=red)?\];$', dot, re.M)
        self.assertEqual([int(number) for number, *_ in labels], list(range(len(TREE))))
        self.assertEqual([name for _, name, _, _ in labels], [path.split("/")[-1] for path, *_ in TREE])
        self.assertEqual([says for *_, says in labels],
                         [f"running, restarts: {restarts}, mailbox: {waiting}" for _, _, restarts, waiting in TREE])
        self.assertEqual(re.findall(r"^  n(\d+) -> n(\d+);$", dot, re.M), [("0", "1"), ("1", "2"), ("1", "3"), ("0", "4")])
        self.assertEqual(len(dot.splitlines()), 3 + len(labels) + 4)

    def test_each_family_has_what_happened(self):
        counts = self.counts()
        for kind, count in {
            "actor started": 5, "actor failed": 1, "actor restarted": 1, "actor stopped": 5,
            "message handled": 7, "message rejected": 1, "dead letter": 1,
            "subscribed": 1, "published": 1, "unsubscribed": 1,
            "child started": 4, "child failed": 1, "child restarted": 1, "child stopped": 4,
            "system started": 1, "shutdown begun": 1, "system stopped": 1,
        }.items():
            self.assertEqual(counts.pop(kind, 0), count, kind)
        families = {"actor": 12, "mailbox": 9, "broker": 3, "supervisor": 10, "system": 3}
        self.assertEqual(counts, families)  # and nothing else happened

    def test_the_ring_tells_the_crash_in_order(self):
        kinds = [line.split(": ")[1] for line in self.parts["ring"].splitlines()]
        crash = [kind for kind in kinds if kind != "message rejected"]
        self.assertEqual(crash, ["dead letter", "actor failed", "child failed", "actor restarted", "child restarted"])
        self.assertEqual(kinds.count("message rejected"), 1)

    def test_the_crash_is_reported_on_stderr(self):
        lines = self.err.splitlines()
        self.assertEqual(lines[0], "coppice: app/pool/worker-1 crashed")
        self.assertRegex(lines[1], r"^  actor      .*Worker, life 1, #\d+$")
        self.assertRegex(lines[2], r"^  handling   .*Poison$")
        self.assertEqual(lines[3:], ["  reason     error: poisoned", "  next       app/pool restarts it"])


PROGRAM = sys.argv.pop(1)
unittest.main(verbosity=2)
