#!/usr/bin/env python3
"""Checks saga's report against the orders' file: what is done, what is undone, and that stock and money add up to the unit.

usage: check.py PROGRAM ORDERS.csv [--seed N]
"""
import argparse
import collections
import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

HEADER = ["order_id", "customer", "item", "quantity", "price_cents"]
PARCEL_UNITS_MAX = 20
# What was done before a step was refused is undone in reverse. A step that crashed too often is undone, too.
STEPS = {
    "no stock": ["reserve"],
    "card declined": ["reserve", "charge", "release"],
    "too heavy": ["reserve", "charge", "ship", "refund", "release"],
}
ARGUMENTS = None


class Run:
    """One run of the program, with the report it wrote."""

    def __init__(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.json")
            command = [ARGUMENTS.program, *map(os.fspath, arguments), "--json", report]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
            self.code, self.out, self.err = ran.returncode, ran.stdout, ran.stderr
            self.report = json.loads(pathlib.Path(report).read_text()) if os.path.exists(report) else None


class Order:
    def __init__(self, row):
        self.id, self.customer, self.item = row["order_id"], row["customer"], row["item"]
        self.quantity, self.price = int(row["quantity"]), int(row["price_cents"])
        self.amount = self.quantity * self.price


def read(path):
    with open(path, newline="") as file:
        return [Order(row) for row in csv.DictReader(file)]


def one_after_another(orders, units, cents):
    """How the orders come out when each one waits for the one before: the reference for --in-flight 1."""
    stock, money = collections.defaultdict(lambda: units), collections.defaultdict(lambda: cents)
    reasons = {}
    for order in orders:
        if stock[order.item] < order.quantity:
            reasons[order.id] = "no stock"
        elif money[order.customer] < order.amount:
            reasons[order.id] = "card declined"
        elif order.quantity > PARCEL_UNITS_MAX:
            reasons[order.id] = "too heavy"
        else:
            stock[order.item] -= order.quantity
            money[order.customer] -= order.amount
    return reasons


class Saga(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.random = random.Random(f"{ARGUMENTS.seed} {self.id()}")

    def write(self, rows, name="orders.csv"):
        path = self.folder / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])
        return path

    def some_orders(self, count):
        pick = self.random
        return [[f"N{number}", pick.choice("ABCDEFG"), pick.choice(["axe", "rake, long", 'saw 12"']), pick.randint(1, 23), pick.randint(0, 900)]
                for number in range(count)]

    def assert_conserved(self, run, orders, units, cents):
        """From the file alone: nothing that the program says of itself but the list of what is done, and what is left."""
        report = run.report
        by_id = {order.id: order for order in orders}
        undone = {entry["order"]: entry["reason"] for entry in report["undone"]}
        self.assertEqual(sorted([*report["done"], *undone]), sorted(by_id), "each order once, done or undone")
        stock = {order.item: units for order in orders}
        money = {order.customer: cents for order in orders}
        for order in (by_id[id] for id in report["done"]):
            stock[order.item] -= order.quantity
            money[order.customer] -= order.amount
            self.assertLessEqual(order.quantity, PARCEL_UNITS_MAX)
        self.assertEqual(report["stock"]["left"], stock)
        self.assertEqual(report["money"]["left"], money)
        self.assertEqual(report["stock"]["shipped"], sum(by_id[id].quantity for id in report["done"]))
        self.assertEqual(report["money"]["paid"], sum(by_id[id].amount for id in report["done"]))
        self.assertGreaterEqual(min([*stock.values(), *money.values()], default=0), 0)
        for entry in report["undone"]:
            self.assertEqual(entry["steps"], STEPS.get(entry["reason"], entry["steps"]), entry)
        for id, reason in undone.items():
            if reason == "too heavy":
                self.assertGreater(by_id[id].quantity, PARCEL_UNITS_MAX)
        self.assertIn(f"done: {len(report['done'])} orders\n", run.out)
        self.assertIn(f"undone: {len(undone)} orders\n", run.out)

    def assert_crashes(self, run):
        crashes = run.report["crashes"]
        self.assertGreater(crashes["injected"], 0)
        self.assertEqual(crashes["crashes"], crashes["injected"])
        self.assertEqual(crashes["restarts"], crashes["injected"])
        for actor in run.report["actors"]:
            self.assertEqual(actor["crashes"], actor["restarts"], actor)

    def test_the_thousand_orders(self):
        orders = read(ARGUMENTS.orders)
        self.assertEqual(len(orders), 1000)
        run = Run(ARGUMENTS.orders, "--crash-every", "50")
        self.assertEqual(run.code, 0, run.err)
        self.assert_conserved(run, orders, 100, 350_000)
        self.assert_crashes(run)
        for actor in run.report["actors"]:
            self.assertGreater(actor["crashes"], 0, actor)
        reasons = {entry["reason"] for entry in run.report["undone"]}
        self.assertEqual(reasons, {"no stock", "card declined", "too heavy"})

    def test_any_rate_of_crashes(self):
        for every in (1, 2, 3, 11, self.random.randint(4, 60)):
            for in_flight in (1, 8, 200):
                with self.subTest(every=every, in_flight=in_flight):
                    path = self.write(self.some_orders(300))
                    run = Run(path, "--crash-every", str(every), "--in-flight", str(in_flight), "--units", "900", "--cents", "150000")
                    self.assertEqual(run.code, 0, run.err)
                    self.assert_conserved(run, read(path), 900, 150_000)
                    self.assert_crashes(run)

    def test_crashes_change_nothing(self):
        """One order at a time comes out as it must, whatever crashes in between."""
        path = self.write(self.some_orders(400))
        expected = one_after_another(read(path), 900, 150_000)
        for crashes in ([], ["--crash-every", "1"], ["--crash-every", "7"]):
            with self.subTest(crashes=crashes):
                run = Run(path, "--in-flight", "1", "--units", "900", "--cents", "150000", *crashes)
                self.assertEqual({entry["order"]: entry["reason"] for entry in run.report["undone"]}, expected)

    def test_a_step_that_always_crashes_is_undone_with_all_before_it(self):
        path = self.write([["1", "ann", "axe", 2, 10], ["2", "ann", "axe", 3, 10], ["3", "bob", "axe", 4, 10]])
        run = Run(path, "--crash-on", "2")
        self.assertEqual(run.code, 0, run.err)
        self.assertEqual(run.report["undone"], [{
            "order": "2", "reason": "a service crashed too often",
            "steps": ["reserve", "charge", "ship", "recall", "refund", "release"]}])
        self.assertEqual(run.report["crashes"], {"injected": 4, "crashes": 4, "restarts": 4})
        self.assert_conserved(run, read(path), 100, 350_000)

    def test_a_step_that_was_refused_before_it_crashed_is_not_undone(self):
        path = self.write([["1", "ann", "axe", PARCEL_UNITS_MAX + 1, 10], ["2", "ann", "axe", 3, 10]])
        run = Run(path, "--crash-on", "1")
        self.assertEqual(run.code, 0, run.err)
        self.assertEqual([entry["order"] for entry in run.report["undone"]], ["1"])
        self.assert_conserved(run, read(path), 100, 350_000)

    def test_a_malformed_row_costs_a_line(self):
        path = self.folder / "orders.csv"
        rows = [
            ("1,ann,axe,2,100", None),
            ("2,ann,axe,two,100", 'quantity is "two", not a whole number from 1 to 1000000'),
            ("3,ann,axe,2", "it has 4 fields instead of 5"),
            ("4,ann,axe,2,100,more", "it has 6 fields instead of 5"),
            ("5,ann,axe,0,100", 'quantity is "0", not a whole number from 1 to 1000000'),
            ("6,ann,axe,-3,100", 'quantity is "-3", not a whole number from 1 to 1000000'),
            ('7,"ann,axe,2,100', "a quote is not closed, or stands inside a field"),
            ('8,a"nn,axe,2,100', "a quote is not closed, or stands inside a field"),
            (",ann,axe,2,100", "order_id is empty"),
            ("9,,axe,2,100", "customer is empty"),
            ("10,ann,,2,100", "item is empty"),
            ("1,bob,axe,2,100", "order 1 stands in line 2 already"),
            ("11,ann,axe,2,99999999999999999999", 'price_cents is "99999999999999999999", not a whole number from 0 to 1000000000'),
            ("12,ann,axe,2,1.50", 'price_cents is "1.50", not a whole number from 0 to 1000000000'),
            ("13," + "x" * 70_000 + ",axe,2,100", "the line has more than 65536 bytes"),
            ("14,bob,axe,\x1b[2J,100", 'quantity is "\\x1b[2J", not a whole number from 1 to 1000000'),
            ('15,"bob, the ""smith""",axe,2,100', None),
            ("18,bob\rby,1,100", "a carriage return stands in the middle"),
            ("", None),
            ("16,bob,axe,1,100\r", None),
            ("17,bob,axe,1,100", None),
        ]
        path.write_bytes("\n".join([",".join(HEADER), *(row for row, _ in rows)]).encode())
        run = Run(path)
        self.assertEqual(run.code, 2)
        expected = [{"line": line, "what": what} for line, (_, what) in enumerate(rows, 2) if what]
        self.assertEqual(run.report["malformed"], expected)
        self.assertEqual(run.err.splitlines(), [f"saga: {path}:{row['line']}: {row['what']}" for row in expected])
        self.assertEqual(run.report["done"], ["1", "15", "16", "17"])
        self.assertEqual(run.report["stock"], {"left": {"axe": 94}, "shipped": 6})

    def test_a_file_without_orders(self):
        run = Run(self.write([]))
        self.assertEqual(run.code, 0, run.err)
        self.assertEqual(run.report["done"], [])

    def test_what_is_no_file_of_orders_is_explained(self):
        other = self.folder / "other.csv"
        other.write_text("a,b,c\n1,2,3\n")
        empty = self.folder / "empty.csv"
        empty.touch()
        header = 'its first line is not "order_id,customer,item,quantity,price_cents"'
        cases = [(self.folder / "missing", "No such file or directory"), (self.folder, "it cannot be read"), (other, header), (empty, header),
                 ("/dev/zero", header), ("/proc/self/mem", "it cannot be read")]
        for path, said in cases:
            with self.subTest(path=path):
                run = Run(path)
                self.assertEqual(run.code, 1)
                self.assertEqual(run.err, f"saga: {path}: {said}\n")
                self.assertEqual(run.out, "")

    def test_output_that_cannot_be_written_is_told(self):
        many = self.write([[f"{number} {number}", "ann", "axe", 1, 1] for number in range(1000)])
        for path in (self.write([], "none.csv"), many):  # what is found at the end, and in the middle of a list
            with self.subTest(path=path), open("/dev/full", "w") as full:
                ran = subprocess.run([ARGUMENTS.program, path], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(ran.returncode, 1)
                self.assertRegex(ran.stderr, "^saga: .*: No space left on device\n$")
        ran = subprocess.run([ARGUMENTS.program, many, "--json", "/dev/full"], capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(ran.stderr, "saga: --json /dev/full: not written: No space left on device\n")

    def test_wrong_arguments_are_explained(self):
        good = self.write([])
        for arguments in (["--crash-every", "0"], ["--crash-every", "-1"], ["--in-flight", "0"], ["--units", "many"], ["--cents", "-5"],
                          ["--nonsense"], [good], ["--json", "/no/such/file"], ["--json", ""], ["--crash-on", ""],
                          ["--crash-on", "no-such-order"]):
            with self.subTest(arguments=arguments):
                ran = subprocess.run([ARGUMENTS.program, good, *arguments], capture_output=True, text=True, timeout=30)
                self.assertEqual(ran.returncode, 1, ran.stderr)
                self.assertIn(str(arguments[-1]), ran.stderr)


class Data(unittest.TestCase):
    def test_is_what_its_script_makes(self):
        orders = pathlib.Path(ARGUMENTS.orders)
        made = subprocess.run([sys.executable, orders.parent / "make_orders.py"], stdout=subprocess.PIPE, check=True)
        self.assertEqual(made.stdout, orders.read_bytes())


def main():
    global ARGUMENTS
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("orders")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    ARGUMENTS, rest = parser.parse_known_args()
    print(f"seed {ARGUMENTS.seed}", flush=True)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


main()
