#!/usr/bin/env python3
"""Runs the suite's programs of coppice and of its peers in turn, and writes docs/benchmarks/: a table, the figures, a chart.

    tools/compare.py build/compare/bin [--quick] [--rounds N] [--workers 1,2] [--only TEXT] [--growth] [--out FOLDER]

A round of a workload is one process of each peer, one after the other; then comes the next round. Ratios are taken round by
round. A peer that is missing, fails or does not come to an end says so in the table. Exits with 1 when coppice failed, or with
--strict when a target was missed; with 2 for a command line that cannot be understood."""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time
from datetime import date

import compare_growth
from compare_report import OURS, PEERS, TITLES, Series, against_earlier, chart, table
from machine import commit, processor

TOP = pathlib.Path(__file__).resolve().parent.parent
EARLIER = TOP / "benchmarks" / "peers" / "figures.json"
PROGRAMS = {"coppice": "bench_classic", **{peer: f"bench_{peer}" for peer in PEERS}}
GROWTH_ONLY = ("depth", "actors", "subscriptions")
PATIENCE_S = 180


class Trouble(RuntimeError):
    """Why a program has no figure."""


def run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except FileNotFoundError:
        raise Trouble(f"{pathlib.Path(command[0]).name} is not there") from None
    except OSError as error:
        raise Trouble(f"{pathlib.Path(command[0]).name} does not start: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Trouble(f"no end after {PATIENCE_S} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Trouble(f"exit code {done.returncode}: {last[:120]}")
    return done.stdout


def measure(program: pathlib.Path, workload: str, workers: int, size: int) -> list[dict[str, object]]:
    """The figures of one process, one round."""
    output = run([str(program), "--workload", workload, "--workers", str(workers), "--size", str(size), "--json"])
    try:
        seen = [json.loads(line) for line in output.splitlines()]
    except json.JSONDecodeError:
        raise Trouble("its output is no JSON") from None
    if not seen:
        raise Trouble("it printed no figure")
    return seen


class Comparison:
    """What was measured, and what could not be."""

    def __init__(self, programs: pathlib.Path) -> None:
        self.programs = programs
        self.series: dict[tuple[str, int, str], Series] = {}
        self.troubles: dict[tuple[str, int, str], str] = {}
        self.about: dict[str, str] = {}
        self.offers: dict[str, dict[str, dict[str, object]]] = {}
        for peer in PROGRAMS:
            try:
                self.about[peer] = run([str(self.program(peer)), "--about"]).strip()
                listed = run([str(self.program(peer)), "--list", "--json"])
                self.offers[peer] = {row["workload"]: row for row in map(json.loads, listed.splitlines())}
            except Trouble as trouble:
                self.about[peer] = f"**missing**: {trouble}"

    def program(self, peer: str) -> pathlib.Path:
        return self.programs / PROGRAMS[peer]

    def round(self, workload: str, workers: int, size: int) -> None:
        """Each peer once, one after the other."""
        for peer in PROGRAMS:
            if peer not in self.offers:
                self.troubles[workload, workers, peer] = "missing"
                continue
            if workload not in self.offers[peer] or (workload, workers, peer) in self.troubles:
                continue
            try:
                for seen in measure(self.program(peer), workload, workers, size):
                    key = (workload, workers, str(seen["metric"]))
                    series = self.series.setdefault(key, Series(*key, str(seen["unit"])))
                    series.values.setdefault(peer, []).append(float(seen["value"]))
            except Trouble as trouble:
                self.troubles[workload, workers, peer] = str(trouble)
                print(f"{workload}, {workers} workers, {TITLES[peer]}: {trouble}", file=sys.stderr)
                self.series.setdefault((workload, workers, ""), Series(workload, workers, "", ""))

    def all_series(self) -> list[Series]:
        """Without the places of workloads that failed at first and were measured by others."""
        measured = {(series.workload, series.workers) for series in self.series.values() if series.values}
        return [series for series in self.series.values()
                if series.values or (series.workload, series.workers) not in measured]


def first_line(command: list[str]) -> str:
    try:
        return run(command).splitlines()[0]
    except (Trouble, IndexError):
        return f"{command[0]} of an unknown version"


def machine() -> dict[str, object]:
    return {"processor": processor(), "processors": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown system"),
            "compiler": first_line(["c++", "--version"]), "load before": round(os.getloadavg()[0], 2),
            "commit": commit("docs/benchmarks")}


def flags(programs: pathlib.Path) -> str:
    """How coppice and its programs were compiled, as CMake's cache has it."""
    cache = programs.parent / "CMakeCache.txt"
    if not cache.is_file():
        return "unknown flags"
    entries = dict(re.findall(r"^(CMAKE_BUILD_TYPE|CMAKE_CXX_FLAGS|CMAKE_CXX_FLAGS_RELEASE):\w+=(.*)$",
                              cache.read_text(encoding="utf-8"), re.MULTILINE))
    return " ".join(entries.get(name, "") for name in ("CMAKE_BUILD_TYPE", "CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_RELEASE")).strip()


def method(rounds: int, quick: bool) -> str:
    return (f"{rounds} interleaved rounds: in each, one process of every peer after the other, with the same size. A process "
            "warms up with a tenth of the work, but for the programs that BENCHMARKING names, then measures the whole. Cells show "
            "the median (least–most), and behind the dot how many times as fast coppice is, the median of the rounds' ratios. A "
            "dash: that peer has no such program." +
            (" Sizes are those of --quick, and the figures rough." if quick else ""))


def page(comparison: Comparison, where: dict[str, object], how: str, compiled: str) -> str:
    facts = "\n".join(f"* {name}: {value}" for name, value in where.items())
    peers = "\n".join(f"* {text}" for text in comparison.about.values())
    earlier = json.loads(EARLIER.read_text(encoding="utf-8"))
    return (f"# Side by side\n\nWritten by `./dev compare` on {date.today().isoformat()}; "
            "[BENCHMARKING](../../BENCHMARKING.md) says how to read it.\n\n"
            f"{facts}\n* coppice and the programs: {compiled}\n\n{peers}\n\n{how}\n\n"
            f"![how many times as fast coppice is](comparison.svg)\n\n"
            f"{table(comparison.all_series(), comparison.troubles)}\n\n## The peers among themselves\n\n"
            f"Against figures of another machine ({earlier['source']}).\n\n"
            f"{against_earlier(comparison.all_series(), earlier)}\n")


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 1 to 1000')
    return int(text)


def whole_numbers(text: str) -> list[int]:
    return [whole_number(one) for one in text.split(",")]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder of bench_classic and the peers' programs")
    parser.add_argument("--quick", action="store_true", help="small sizes, in under five minutes; goes to build/compare/comparison")
    parser.add_argument("--rounds", type=whole_number, default=5)
    parser.add_argument("--workers", type=whole_numbers, default=[1, 2], metavar="N,…")
    parser.add_argument("--only", default="", metavar="TEXT", help="workloads whose name contains it")
    parser.add_argument("--growth", action="store_true", help="instead: how cost grows with workers, depth, actors …")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER",
                        help="instead of docs/benchmarks; with --only or --quick that is build/compare/comparison")
    parser.add_argument("--strict", action="store_true", help="a missed target is a failure")
    given = parser.parse_args()
    if not given.programs.is_dir():
        parser.error(f"there is no folder {given.programs}")
    if given.out is None:  # what is only a part, or rough, does not overwrite the whole
        is_part = bool(given.only) or given.quick
        given.out = given.programs.parent / "comparison" if is_part else TOP / "docs" / "benchmarks"
    return given


def compare(given: argparse.Namespace) -> int:
    where, begun = machine(), time.monotonic()
    comparison = Comparison(given.programs)
    ours = comparison.offers.get(OURS)
    if ours is None:
        print(f"compare: {comparison.about[OURS]}", file=sys.stderr)
        return 1
    chosen = [name for name in ours if given.only in name and name not in GROWTH_ONLY]
    if not chosen:
        print(f'compare: no workload contains "{given.only}"', file=sys.stderr)
        return 2
    for workload in chosen:
        for workers in given.workers:
            for _ in range(given.rounds):
                comparison.round(workload, workers, int(str(ours[workload]["quick" if given.quick else "full"])))
        print(f"{time.monotonic() - begun:6.0f} s  {workload}", file=sys.stderr, flush=True)

    where["took"] = f"{time.monotonic() - begun:.0f} s"
    how, compiled = method(given.rounds, given.quick), flags(given.programs)
    text = page(comparison, where, how, compiled)
    rows = [row for series in comparison.all_series() for row in series.rows()]
    failed = [{"workload": workload, "workers": workers, "peer": peer, "reason": reason}
              for (workload, workers, peer), reason in comparison.troubles.items()]
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "comparison.md").write_text(text, encoding="utf-8")
    (given.out / "comparison.svg").write_text(chart(comparison.all_series()), encoding="utf-8")
    (given.out / "comparison.json").write_text(json.dumps(
        {"date": date.today().isoformat(), "machine": where, "flags": compiled, "method": how, "peers": comparison.about,
         "rows": rows, "failed": failed}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(text)
    verdicts = [series.verdict() for series in comparison.all_series()]
    print(f"written to {given.out}; {sum(v == 'ok' for v in verdicts)} targets met, {sum('**' in v for v in verdicts)} missed",
          file=sys.stderr)
    broken = any(peer == OURS for _, _, peer in comparison.troubles)
    return 1 if broken or (given.strict and any("**" in verdict for verdict in verdicts)) else 0


def main() -> int:
    given = arguments()
    if not given.growth:
        return compare(given)
    try:
        listed = run([str(given.programs / PROGRAMS[OURS]), "--list", "--json"])
    except Trouble as trouble:
        print(f"compare: {trouble}", file=sys.stderr)
        return 1
    return compare_growth.grow(given, measure, listed, machine(), flags(given.programs))


if __name__ == "__main__":
    sys.exit(main())
