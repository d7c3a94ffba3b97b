#!/usr/bin/env python3
"""What ./dev compare makes of figures: its arithmetic by hand, and whole runs over programs that pretend to be peers."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tools"))

from compare_growth import Curve  # noqa: E402
from compare_report import Series, against_earlier, chart, growth_chart, short, speed_ratio, table  # noqa: E402

# A program of the suite: answers about itself, and takes so many nanoseconds.
PRETENDER = """#!/bin/sh
case "$*" in
  --about) echo "{peer} that pretends" ;;
  "--list --json") echo '{{"workload":"ping_pong","full":1000,"quick":10,"counts":"round trips"}}' ;;
  *) {act} ;;
esac
"""
FIGURE = """echo '{{"workload":"ping_pong","peer":"{peer}","workers":1,"metric":"round trip","value":{value},"unit":"ns"}}'"""


def ping_pong(**values: list[float]) -> Series:
    return Series("ping_pong", 1, "round trip", "ns", dict(values))


class Arithmetic(unittest.TestCase):
    def test_less_time_is_more_speed_and_a_larger_rate_is_too(self) -> None:
        self.assertEqual(speed_ratio("ns", 50, 200), 4)
        self.assertEqual(speed_ratio("M/s", 50, 200), 0.25)

    def test_the_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_medians(self) -> None:
        # Ratios 10, 2, 1; the medians are 20 and 40.
        self.assertEqual(ping_pong(coppice=[10, 20, 40], caf=[100, 40, 40]).ratio("caf"), 2)
        self.assertIsNone(ping_pong(coppice=[10]).ratio("caf"))

    def test_a_row_has_the_median_the_least_and_the_most(self) -> None:
        row = ping_pong(coppice=[3, 1, 2, 10]).rows()[0]
        self.assertEqual((row["peer"], row["median"], row["min"], row["max"], row["unit"]), ("coppice", 2.5, 1, 10, "ns"))

    def test_a_target_is_met_at_its_bound_and_missed_beyond_it(self) -> None:
        self.assertEqual(ping_pong(coppice=[80], caf=[1200], erlang=[640]).verdict(), "ok")
        self.assertEqual(ping_pong(coppice=[80.1], caf=[1300], erlang=[700]).verdict(), "**missed**: its own bound")
        self.assertEqual(ping_pong(coppice=[80], caf=[1199], erlang=[640]).verdict(), "**missed**: CAF: 14.99×")

    def test_what_was_not_measured_is_not_met(self) -> None:
        self.assertEqual(ping_pong(coppice=[80], caf=[1200]).verdict(), "**missed**: Erlang: not measured")
        self.assertEqual(ping_pong(caf=[1200]).verdict(), "**not measured**")

    def test_a_rate_has_its_bound_below(self) -> None:
        series = Series("counting", 1, "messages", "M/s", {"coppice": [15], "caf": [7.5], "erlang": [7.5]})
        self.assertEqual(series.verdict(), "ok")
        series.values["coppice"] = [14.9]
        self.assertIn("its own bound", series.verdict())

    def test_what_is_counted_for_a_piece_of_work_is_shown_without_a_ratio_or_a_bar(self) -> None:
        series = Series("barber", 1, "messages", "a haircut", {"coppice": [8], "caf": [4]})
        self.assertIsNone(series.ratio("caf"))
        self.assertIn("| messages | a haircut | 8 (8–8) | 4 (4–4) | – |", table([series], {}))
        self.assertNotIn("barber", chart([series]))
        self.assertEqual(Curve("barber", "messages", "a haircut", {2: [6], 8: [10]}).oversubscribed(), "")

    def test_figures_have_three_digits(self) -> None:
        self.assertEqual([short(value) for value in (0.1234, 12.34, 1234.5, float("nan"))], ["0.123", "12.3", "1,234", "–"])

    def test_a_peer_that_failed_says_so_in_its_cell_and_one_without_the_program_has_a_dash(self) -> None:
        text = table([ping_pong(coppice=[80], caf=[1200])], {("ping_pong", 1, "erlang"): "exit code 1"})
        self.assertIn("| 80 (80–80) | 1,200 (1,200–1,200) · 15× | **failed**: exit code 1 | – | – |", text)

    def test_peers_that_stand_apart_from_an_earlier_machine_are_explained_or_said_not_to_be(self) -> None:
        row = {"workload": "ping_pong", "workers": 1, "metric": "round trip", "unit": "ns", "caf": 1000, "erlang": 500}
        seen = [ping_pong(caf=[1000], erlang=[250])]
        self.assertIn("| 2 | 4 | 2.00× | apart: not explained |", against_earlier(seen, {"notes": {}, "rows": [row]}))
        self.assertIn("apart: why", against_earlier(seen, {"notes": {"ping_pong": "why"}, "rows": [row]}))
        self.assertIn("apart: this", against_earlier(seen, {"notes": {"ping_pong": "why", "ping_pong erlang": "this"}, "rows": [row]}))
        self.assertIn("apart: why", against_earlier(seen, {"notes": {"ping_pong": "why", "ping_pong asio": "this"}, "rows": [row]}))
        self.assertIn("| 1.00× | ok |", against_earlier([ping_pong(caf=[100], erlang=[50])], {"notes": {}, "rows": [row]}))

    def test_growth_is_flat_up_to_twice_and_eight_workers_keep_seven_tenths(self) -> None:
        self.assertEqual(Curve("actors", "hop", "ns", {10: [20], 1000: [40]}).verdict(), "flat")
        self.assertEqual(Curve("actors", "hop", "ns", {10: [20], 1000: [50]}).verdict(), "grows 2.5×")
        self.assertEqual(Curve("timers", "schedule", "ns", {10: [20], 100: [60], 1000: [20]}).verdict(), "grows 3×")
        self.assertEqual(Curve("idle", "wake-ups", "in 1 s", {2: [0, 0], 8: [0, 0]}).oversubscribed(), "ok (none at all)")
        self.assertEqual(Curve("idle", "wake-ups", "in 1 s", {2: [0, 0], 8: [5, 5]}).oversubscribed(), "**missed** (0.00)")
        self.assertEqual(Curve("counting", "messages", "M/s", {2: [10], 8: [0]}).oversubscribed(), "**missed** (0.00)")
        self.assertEqual(Curve("counting", "messages", "M/s", {2: [10], 8: [7]}).oversubscribed(), "ok (0.70)")
        self.assertEqual(Curve("ring", "hop", "ns", {2: [6], 8: [10]}).oversubscribed(), "**missed** (0.60)")
        self.assertEqual(Curve("ring", "hop", "ns", {2: [6]}).oversubscribed(), "**not measured**")

    def test_charts_are_well_formed_even_of_nothing(self) -> None:
        for text in (chart([ping_pong(coppice=[80], caf=[1200], erlang=[8])]), chart([]), growth_chart([]),
                     growth_chart([("a < b & c", [(1, 10.0), (1000, 3000.0)])])):
            xml.dom.minidom.parseString(text)


class Runs(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        (self.home / "bin").mkdir()

    def pretend(self, program: str, peer: str, act: str) -> None:
        path = self.home / "bin" / program
        path.write_text(PRETENDER.format(peer=peer, act=act), encoding="utf-8")
        path.chmod(0o755)

    def compare(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(TOP / "tools" / "compare.py"), str(self.home / "bin"), "--out",
                               str(self.home / "out"), "--rounds", "2", "--workers", "1", *options],
                              capture_output=True, text=True, check=False)

    def test_a_missing_and_a_failing_peer_stand_in_the_table_and_in_the_file(self) -> None:
        self.pretend("bench_classic", "coppice", FIGURE.format(peer="coppice", value=50))
        self.pretend("bench_caf", "caf", FIGURE.format(peer="caf", value=1000))
        self.pretend("bench_erlang", "erlang", "echo 'a message is missing' >&2; exit 1")
        done = self.compare()
        self.assertEqual(done.returncode, 0, done.stderr)
        page = (self.home / "out" / "comparison.md").read_text(encoding="utf-8")
        self.assertIn("1,000 (1,000–1,000) · 20×", page)
        self.assertIn("**failed**: exit code 1: a message is missing", page)
        self.assertIn("**missing**: bench_asio is not there", page)
        written = json.loads((self.home / "out" / "comparison.json").read_text(encoding="utf-8"))
        self.assertEqual([(row["peer"], row["median"]) for row in written["rows"]], [("coppice", 50), ("caf", 1000)])
        self.assertEqual({failed["peer"] for failed in written["failed"]}, {"erlang", "asio", "queue"})

    def test_a_failure_of_coppice_is_a_failure_and_a_missed_target_is_one_if_strict(self) -> None:
        self.pretend("bench_classic", "coppice", FIGURE.format(peer="coppice", value=5000))
        self.assertEqual(self.compare().returncode, 0)
        self.assertEqual(self.compare("--strict").returncode, 1)
        self.pretend("bench_classic", "coppice", "exit 1")
        self.assertEqual(self.compare().returncode, 1)

    def test_what_cannot_be_understood_is_refused(self) -> None:
        self.pretend("bench_classic", "coppice", FIGURE.format(peer="coppice", value=50))
        for options in (("--rounds", "0"), ("--rounds", "many"), ("--workers", "1,"), ("--only", "nothing"), ("--slow",)):
            self.assertEqual(self.compare(*options).returncode, 2, options)


if __name__ == "__main__":
    unittest.main()
