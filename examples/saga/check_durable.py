#!/usr/bin/env python3
"""Kills saga at random moments, runs it again, and recomputes from the orders' file and its journal what must be left.

usage: check_durable.py PROGRAM [--seed N] [--kills N] [--power-cut LIBRARY]

Nothing here is the program's: the journal is read with Python's sqlite3, the orders with its csv.
"""
import argparse
import collections
import contextlib
import csv
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from power_cut import PowerCuts  # noqa: E402

HEADER = ["order_id", "customer", "item", "quantity", "price_cents"]
STEPS = ["reserve", "charge", "ship"]
UNDOING = {"reserve": "release", "charge": "refund", "ship": "recall"}
PARCEL_UNITS_MAX = 20
UNITS, CENTS = 12_000, 3_000_000
# What a journal can say; a refused step is not undone, and only the carrier crashes too often here.
KINDS = {("begun", ""), ("completed", ""), ("compensated", ""), ("step given up", "ship"),
         *((event, step) for event in ("step begun", "step done", "step refused", "undo begun", "undo done") for step in STEPS)}
KILLS = max(10, int(100 * float(os.environ.get("COPPICE_TEST_SCALE", "1"))))
KILLS_IN_THE_MIDDLE = 0.8  # of KILLS, at least
KILLS_MAX = 400  # what was not hit by then is not hit by chance
ARGUMENTS = None


class Order:
    def __init__(self, row, number):
        self.id, self.customer, self.item, self.number = row["order_id"], row["customer"], row["item"], number
        self.quantity, self.amount = int(row["quantity"]), int(row["quantity"]) * int(row["price_cents"])


def read_orders(path):
    with open(path, newline="") as file:
        return {order.id: order for order in (Order(row, number) for number, row in enumerate(csv.DictReader(file)))}


class Journal:
    """What stands in a journal, read from a copy: to look at it must not mend what a kill has left."""

    def __init__(self, path):
        self.records, self.holdings, self.applied = [], None, []
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "copy"
            if not path.exists():
                return
            for suffix in ("", "-wal", "-journal"):
                if os.path.exists(f"{path}{suffix}"):
                    shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
            with contextlib.closing(sqlite3.connect(copy)) as database:
                self.read(database)

    @classmethod
    def of_a_live_process(cls, path):
        """The copy is made without the file's locks: where a write came in between, there are no records yet."""
        try:
            return cls(path)
        except (sqlite3.DatabaseError, FileNotFoundError):
            return cls(path.parent / "no such journal")

    def read(self, database):
        tables = {name for name, in database.execute("SELECT name FROM sqlite_master")}
        if "saga_record" in tables:
            self.records = database.execute("SELECT saga, event, step, text, batch FROM saga_record ORDER BY number").fetchall()
        if "holding" in tables:
            self.holdings = {(account, name): amount for account, name, amount in database.execute("SELECT * FROM holding")}
            self.applied = database.execute("SELECT key, is_done FROM applied").fetchall()

    def last_batch(self):
        """What the last write before the kill said."""
        return {(event, step) for _, event, step, _, batch in self.records if batch == self.records[-1][4]}

    def ends(self):
        return {saga: event for saga, event, *_ in self.records if event in ("completed", "compensated")}


def holdings_of(orders, effects):
    """What is left when of each order these steps are done."""
    held = collections.Counter({("paid", ""): 0, ("shipped", ""): 0})
    for order in orders.values():
        held["stock", order.item] = UNITS
        held["money", order.customer] = CENTS
    for id, step in effects:
        order = orders[id]
        if step == "reserve":
            held["stock", order.item] -= order.quantity
        elif step == "charge":
            held["money", order.customer] -= order.amount
            held["paid", ""] += order.amount
        else:
            held["shipped", ""] += order.quantity
    return dict(held)


class Durable(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.random = random.Random(f"{ARGUMENTS.seed} {self.id()}")

    def some_orders(self, name, count):
        pick, path = self.random, self.folder / name
        rows = []
        for number in range(count):  # each way to end is as likely at the end of a run as in its beginning
            fault = pick.choices(["none", "no stock", "declined", "too heavy"], [4, 2, 2, 2])[0]
            quantity = {"no stock": UNITS + 1, "too heavy": PARCEL_UNITS_MAX + 3}.get(fault, pick.randint(1, PARCEL_UNITS_MAX))
            price = CENTS + 1 if fault == "declined" else pick.randint(0, 900)
            rows.append([f"N{number}", pick.choice("ABCDEFG"), pick.choice(["axe", "rake, long", 'saw 12"']), quantity, price])
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])
        return path

    def command(self, orders, journal, *more, units=UNITS):
        return [ARGUMENTS.program, os.fspath(orders), "--journal", os.fspath(journal), "--units", str(units), "--cents", str(CENTS), *more]

    def run_it(self, *arguments, **options):
        return subprocess.run(self.command(*arguments, **options), capture_output=True, text=True, timeout=300)

    def assert_consistent(self, journal, orders):
        """At any moment: effects and keys are one, and nothing was done that the journal had not announced."""
        if journal.holdings is None:
            return
        done = {key for key, is_done in journal.applied if is_done}
        split = [key.rsplit("/", 2) for key in done]
        effects = [(id, step) for id, step, action in split if action == "do" and f"{id}/{step}/undo" not in done]
        self.assertEqual(journal.holdings, holdings_of(orders, effects))
        said = {(saga, event, step) for saga, event, step, *_ in journal.records}
        for key, _ in journal.applied:
            id, step, action = key.rsplit("/", 2)
            self.assertIn((id, "step begun" if action == "do" else "undo begun", step), said)

    def assert_over(self, journal, orders, report):
        """In the end: each order done or undone, and every unit and cent where the journal says."""
        self.assert_consistent(journal, orders)
        ends = journal.ends()
        self.assertEqual(sorted(ends), sorted(orders))
        done = [id for id, event in ends.items() if event == "completed"]
        self.assertEqual(journal.holdings, holdings_of(orders, [(id, step) for id in done for step in STEPS]))
        self.assertEqual(sorted(report["done"]), sorted(done))
        self.assertEqual({("stock", item): units for item, units in report["stock"]["left"].items()} |
                         {("money", name): cents for name, cents in report["money"]["left"].items()} |
                         {("paid", ""): report["money"]["paid"], ("shipped", ""): report["stock"]["shipped"]}, journal.holdings)
        for amount in journal.holdings.values():
            self.assertGreaterEqual(amount, 0)
        states = collections.defaultdict(dict)
        for saga, event, step, *_ in journal.records:
            if step:
                states[saga][step] = event
        for id, event in ends.items():
            whole = {"step done"} if event == "completed" else {"step refused", "undo done"}
            self.assertLessEqual(set(states[id].values()), whole, id)

    def how_long_to_begin(self):
        """Until there are records: much longer under a sanitizer."""
        orders, journal = self.some_orders("first.csv", 400), self.folder / "first.db"
        begun = time.monotonic()
        with subprocess.Popen(self.command(orders, journal), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not Journal.of_a_live_process(journal).records:
                time.sleep(0.005)
            process.kill()
        return time.monotonic() - begun

    @contextlib.contextmanager
    def in_mid_run(self, orders, journal):
        """Beside a process that has done something, and stands there, before its end; it is killed then. One that was faster
        than we begins anew."""
        for _ in range(50):
            process = subprocess.Popen(self.command(orders, journal), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and not Journal.of_a_live_process(journal).applied:
                time.sleep(0.005)
            process.send_signal(signal.SIGSTOP)
            is_in_middle = process.poll() is None and len(Journal.of_a_live_process(journal).ends()) < len(read_orders(orders))
            try:
                if is_in_middle:
                    yield
            finally:
                process.kill()
                process.wait()
            if is_in_middle:
                return
            for each in journal.parent.glob(f"{journal.name}*"):
                each.unlink()
        raise AssertionError("each was over too early")

    def test_killed_at_random_moments_it_goes_on(self):
        start = self.how_long_to_begin()
        kills, in_middle, lives, hit = 0, 0, 0, collections.Counter()
        before = 0  # records

        def enough():
            # How many random moments fall before the first record is the machine's load: so it goes on until both are there.
            whole = in_middle >= KILLS_IN_THE_MIDDLE * KILLS and not KINDS - set(hit)
            return kills >= KILLS and (whole or kills >= KILLS_MAX)

        while not enough():
            lives += 1
            path = self.some_orders(f"orders {lives}.csv", 1000)
            orders, journal_path, report = read_orders(path), self.folder / f"{lives}.db", self.folder / f"{lives}.json"
            poisoned = self.random.sample(list(orders), 300)
            command = self.command(path, journal_path, "--json", os.fspath(report), "--in-flight", str(self.random.choice([2, 8, 16])),
                                   *(word for id in poisoned for word in ("--crash-on", id)))
            while True:
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                try:
                    _, error = process.communicate(timeout=300 if enough() else start / 2 + self.random.uniform(0, 4 * start))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    kills += 1
                    journal = Journal(journal_path)
                    self.assert_consistent(journal, orders)
                    if journal.records and len(journal.ends()) < len(orders):
                        in_middle += 1
                        hit.update(journal.last_batch())
                    # Where the machine has become busier since that was measured, nothing would ever come of it.
                    start *= 1.1 if len(journal.records) == before else 1
                    before = len(journal.records)
                    continue
                self.assertEqual(process.returncode, 0, error)
                break
            self.assert_over(Journal(journal_path), orders, json.loads(report.read_text()))
        print(f"\n{kills} kills, {in_middle} in mid-run, of {lives} runs; start {start:.3f} s; last writes before them:", flush=True)
        for event, step in sorted(KINDS):
            print(f"  {event} {step}: {hit[event, step]}", flush=True)
        self.assertGreaterEqual(in_middle, KILLS_IN_THE_MIDDLE * KILLS)
        self.assertEqual(KINDS - set(hit), set(), "each kind of transition was the last one before some kill")

    def test_a_power_cut_takes_no_transition_that_something_was_done_about(self):
        if not ARGUMENTS.power_cut:
            self.skipTest("nothing can be loaded in front of the C library here")
        path, report = self.some_orders("orders.csv", 1000), self.folder / "report.json"
        orders, in_middle = read_orders(path), 0
        for number in range(20):  # how far it comes until the power is cut is the machine's load
            folder = self.folder / f"disk {number}"
            folder.mkdir()
            power = PowerCuts(folder, self.folder / f"mirror {number}", ARGUMENTS.power_cut)
            in_middle += self.cut_again_and_again(path, orders, folder / "j.db", report, power)
            if in_middle >= 3:
                break
        self.assertGreaterEqual(in_middle, 3)
        ran = self.run_it(path, folder / "j.db", "--json", report)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assert_over(Journal(folder / "j.db"), orders, json.loads(report.read_text()))

    def cut_again_and_again(self, path, orders, journal_path, report, power):
        """How many of the cuts came in mid-run."""
        command = self.command(path, journal_path, "--json", os.fspath(report), "--in-flight", "8")
        start = self.how_long_to_begin()
        cuts, in_middle, taken = 0, 0, 0
        while cuts < 20:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=power.environment)
            try:
                _, error = process.communicate(timeout=start / 2 + self.random.uniform(0, 2 * start))
                self.assertEqual(process.returncode, 0, error)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            before = Journal(journal_path)
            power.cut(self.random)
            after = Journal(journal_path)
            cuts += 1
            in_middle += bool(after.records) and len(after.ends()) < len(orders)
            taken += len(before.records) - len(after.records)
            self.assert_consistent(after, orders)
            self.assertEqual(after.records, before.records[:len(after.records)])
            # The journal writes one batch at a time, and goes on when it is synchronized.
            self.assertLessEqual(len({batch for *_, batch in before.records[len(after.records):]}), 1)
            if process.returncode == 0:
                self.assertEqual(after.records, before.records)
                break
        print(f"\n{cuts} power cuts, {in_middle} in mid-run, took {taken} transitions that were under way", flush=True)
        return in_middle

    def test_crashes_and_kills_together(self):
        path, journal_path, report = self.some_orders("orders.csv", 200), self.folder / "j.db", self.folder / "report.json"
        orders = read_orders(path)
        for _ in range(5):
            process = subprocess.Popen(self.command(path, journal_path, "--crash-every", "5"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(self.random.uniform(0, 0.3))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.assert_consistent(Journal(journal_path), orders)
        ran = self.run_it(path, journal_path, "--crash-every", "5", "--json", report)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assert_over(Journal(journal_path), orders, json.loads(report.read_text()))

    def test_a_run_that_is_over_changes_nothing(self):
        path, journal_path = self.some_orders("orders.csv", 30), self.folder / "j.db"
        first = self.run_it(path, journal_path)
        self.assertEqual(first.returncode, 0, first.stderr)
        before = journal_path.read_bytes()
        again = self.run_it(path, journal_path)
        self.assertEqual((again.returncode, again.stdout), (0, first.stdout))
        self.assertEqual(journal_path.read_bytes(), before)

    def assert_refused(self, orders, journal, said):
        before = journal.read_bytes()
        ran = self.run_it(orders, journal)
        self.assertEqual((ran.returncode, ran.stdout), (1, ""), ran.stderr)
        self.assertRegex(ran.stderr, f"^saga: --journal .*: .*{said}.*\n$")
        self.assertEqual(journal.read_bytes(), before, "it was changed")

    def test_what_is_no_journal_is_explained_and_left_alone(self):
        orders, file = self.some_orders("orders.csv", 5), self.folder / "file"
        file.write_text("my diary")
        self.assert_refused(orders, file, "not an SQLite database")
        file.write_bytes(self.random.randbytes(20_000))
        self.assert_refused(orders, file, "not an SQLite database")
        file.unlink()
        database = sqlite3.connect(file)
        database.execute("CREATE TABLE diary(day)")
        database.commit()
        self.assert_refused(orders, file, "of another program")
        database.execute("PRAGMA application_id = 1129271379")
        database.execute("PRAGMA user_version = 7")
        database.commit()
        self.assert_refused(orders, file, "version 7; this program knows version 1")
        database.close()
        ran = self.run_it(orders, self.folder)
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertIn("Is a directory", ran.stderr)

    def test_a_journal_of_other_orders_is_refused(self):
        orders, others, journal = self.some_orders("a.csv", 20), self.some_orders("b.csv", 20), self.folder / "j.db"
        self.assertEqual(self.run_it(orders, journal).returncode, 0)
        self.assert_refused(others, journal, "it was begun with")
        ran = self.run_it(orders, journal, units=UNITS + 1)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("it was begun with", ran.stderr)

    def test_a_damaged_journal_is_refused(self):
        orders, journal = self.some_orders("orders.csv", 20), self.folder / "j.db"
        self.assertEqual(self.run_it(orders, journal).returncode, 0)
        whole = journal.read_bytes()
        journal.write_bytes(whole[:len(whole) // 2])
        self.assert_refused(orders, journal, "it is damaged")
        journal.write_bytes(whole[:8_192] + self.random.randbytes(len(whole) - 8_192))
        self.assert_refused(orders, journal, "it is damaged")
        for sql in ("UPDATE saga_record SET event = 'completed' WHERE event = 'compensated'", "DELETE FROM saga_record WHERE number = 9",
                    "UPDATE saga_record SET step = 'charge' WHERE number = 3"):
            journal.write_bytes(whole)
            database = sqlite3.connect(journal)
            database.execute(sql)
            database.commit()
            database.close()
            self.assert_refused(orders, journal, "is not as it was written")

    def test_a_full_disk_is_explained_and_with_room_it_goes_on(self):
        path, journal_path, report = self.some_orders("orders.csv", 300), self.folder / "j.db", self.folder / "report.json"

        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

        ran = subprocess.run(self.command(path, journal_path), preexec_fn=little_room, capture_output=True, text=True, timeout=300)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, "(?m)^saga: [0-9]+ orders are neither done nor undone, N[0-9]+ the first of them$")
        self.assertRegex(ran.stderr, "(?m)^saga: the coordinator gave up: .*(disk|full|I/O)")
        self.assertEqual(len(ran.stderr.splitlines()), 2, ran.stderr)
        ran = self.run_it(path, journal_path, "--json", report)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assert_over(Journal(journal_path), read_orders(path), json.loads(report.read_text()))

    def test_a_storage_that_fails_does_not_keep_the_journal_from_writing(self):
        path, journal_path, report = self.some_orders("orders.csv", 1500), self.folder / "j.db", self.folder / "report.json"
        with self.in_mid_run(path, journal_path):
            pass
        with contextlib.closing(sqlite3.connect(journal_path)) as database:
            database.execute("CREATE TRIGGER fail BEFORE UPDATE ON holding BEGIN SELECT RAISE(FAIL, 'no more of it'); END")
        for _ in range(5):  # not each time is something to be written to the journal at that moment
            ran = self.run_it(path, journal_path, "--in-flight", "16")
            self.assertEqual(ran.returncode, 1)
            # Also where the storage has failed before the clerk had anything to do.
            self.assertRegex(ran.stderr, "the coordinator gave up: error: no more of it\n")
            # What waits for a lock would be killed when half of the shutdown's 5 s are over.
            self.assertNotIn("did not shut down in order", ran.stderr)
        with contextlib.closing(sqlite3.connect(journal_path)) as database:
            database.execute("DROP TRIGGER fail")
        ran = self.run_it(path, journal_path, "--json", report)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assert_over(Journal(journal_path), read_orders(path), json.loads(report.read_text()))

    def test_what_is_copied_in_the_middle_of_a_write_has_no_records_yet(self):
        orders, journal = self.some_orders("orders.csv", 20), self.folder / "j.db"
        self.assertEqual(self.run_it(orders, journal).returncode, 0)
        self.assertTrue(Journal.of_a_live_process(journal).records)
        journal.write_bytes(journal.read_bytes()[:-8_192])  # the first page says that there are more
        self.assertEqual(Journal.of_a_live_process(journal).records, [])

    def test_two_at_a_time_are_one_too_many(self):
        orders, journal = self.some_orders("orders.csv", 1500), self.folder / "j.db"
        with self.in_mid_run(orders, journal):
            second = self.run_it(orders, journal)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another process has it open", second.stderr)


def main():
    global ARGUMENTS, KILLS
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--power-cut", help="the library that power_cut.py loads")
    ARGUMENTS, rest = parser.parse_known_args()
    KILLS = ARGUMENTS.kills
    print(f"seed {ARGUMENTS.seed}", flush=True)
    unittest.main(argv=[__file__, *rest], verbosity=2)


main()
