"""How coppice's costs grow with workers, waiting messages, actors, subscriptions and timers: a part of compare.py, with a page, a
file of figures and two charts of its own."""

import argparse
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from compare_report import figure, growth_chart, is_count, is_rate, short

PROGRAM = "bench_classic"
POWERS = tuple(10 ** power for power in range(7))
# What grows: a workload, the sizes, and what one of them is.
CURVES = (("depth", POWERS, "messages that wait in the mailbox"), ("actors", POWERS[1:], "actors that take turns"),
          ("subscriptions", POWERS[1:], "subscriptions of a broker"), ("timers", POWERS[2:], "timers of one actor"))
WORKERS = (1, 2, 4, 8)
# Of one size only, or not a matter of workers.
WITHOUT_WORKERS = {"depth", "actors", "subscriptions", "idle_bytes", "timers", "timers_near"}
FLAT = 2.0  # times the cost of the least
KEPT = 0.7  # of the speed with two workers: what eight must reach

Measure = Callable[[pathlib.Path, str, int, int], list[dict[str, object]]]


@dataclass
class Curve:
    """One metric of one workload over what grows."""
    workload: str
    metric: str
    unit: str
    values: dict[int, list[float]] = field(default_factory=dict)

    def costs(self) -> list[tuple[float, float]]:
        """(what grows, median cost of one); of a rate, its inverse."""
        return [(n, 1 / middle if is_rate(self.unit) else middle)
                for n, seen in sorted(self.values.items()) if (middle := statistics.median(seen)) > 0]

    def verdict(self) -> str:
        """By the dearest number there is, not by the last: a hump is no more flat than a slope."""
        costs = [cost for _, cost in self.costs()]
        if not costs:
            return "**not measured**"
        factor = max(costs) / costs[0]
        return "flat" if factor <= FLAT else f"grows {short(factor)}×"

    def oversubscribed(self) -> str:
        """Whether eight workers keep what two reach; empty for what is no speed."""
        if is_count(self.unit):
            return ""
        if 2 not in self.values or 8 not in self.values:
            return "**not measured**"
        if statistics.median(self.values[8]) == 0 and not is_rate(self.unit):
            return "ok (none at all)"
        costs = dict(self.costs())
        kept = costs.get(2, 0) / costs[8] if 8 in costs else 0  # a rate of nothing costs too much
        return f"ok ({kept:.2f})" if kept >= KEPT else f"**missed** ({kept:.2f})"


class Growth:
    def __init__(self, program: pathlib.Path, measure: Measure) -> None:
        self.program = program
        self.measure = measure
        self.curves: dict[tuple[str, str], Curve] = {}
        self.failures: list[str] = []

    def sample(self, workload: str, workers: int, size: int, grows: int) -> None:
        try:
            for seen in self.measure(self.program, workload, workers, size):
                key = (workload, str(seen["metric"]))
                curve = self.curves.setdefault(key, Curve(*key, str(seen["unit"])))
                curve.values.setdefault(grows, []).append(float(str(seen["value"])))
        except RuntimeError as trouble:
            self.failures.append(f"{workload}, {workers} workers, size {size}: {trouble}")
            print(f"failed: {self.failures[-1]}", file=sys.stderr)

    def taken(self) -> list[Curve]:
        """The curves since the last call."""
        curves, self.curves = list(self.curves.values()), {}
        return curves


def grid(curves: Iterable[Curve], columns: tuple[int, ...], verdict: Callable[[Curve], str], title: str) -> str:
    lines = [f"| workload | a | unit | {' | '.join(f'{n:,}' for n in columns)} | {title} |", "|" + "---|" * (4 + len(columns))]
    for curve in curves:
        cells = [figure(curve.values[n]) if n in curve.values else "–" for n in columns]
        lines.append(f"| {curve.workload.replace('_', ' ')} | {curve.metric} | {curve.unit} | {' | '.join(cells)} | "
                     f"{verdict(curve)} |")
    return "\n".join(lines)


def rows(curves: Iterable[Curve], over: str) -> list[dict[str, object]]:
    return [{"workload": curve.workload, "peer": "coppice", "over": over, "number": n, "metric": curve.metric,
             "median": statistics.median(seen), "min": min(seen), "max": max(seen), "unit": curve.unit}
            for curve in curves for n, seen in sorted(curve.values.items())]


def run(growth: Growth, sizes: dict[str, int], given: argparse.Namespace) -> tuple[list[Curve], list[Curve]]:
    """The curves over numbers, and those over workers. A round passes through all numbers, then comes the next."""
    begun = time.monotonic()
    for workload, numbers, _ in CURVES:
        if given.only not in workload:
            continue
        for _ in range(given.rounds):
            for number in numbers[:-1] if given.quick else numbers:
                growth.sample(workload, 1, number, number)
        print(f"{time.monotonic() - begun:6.0f} s  {workload}", file=sys.stderr, flush=True)
    over_numbers = growth.taken()
    for workload, size in sizes.items():
        if workload in WITHOUT_WORKERS or given.only not in workload:
            continue
        for _ in range(given.rounds):
            for workers in WORKERS:
                growth.sample(workload, workers, size, workers)
        print(f"{time.monotonic() - begun:6.0f} s  {workload} with {WORKERS} workers", file=sys.stderr, flush=True)
    return over_numbers, growth.taken()


def page(where: dict[str, object], compiled: str, rounds: int, numbers: list[Curve], workers: list[Curve],
         failures: list[str]) -> str:
    facts = "\n".join(f"* {name}: {value}" for name, value in where.items())
    what = "\n".join(f"* {workload}: {words}" for workload, _, words in CURVES)
    failed = "\n## Failed\n\n" + "\n".join(f"* {failure}" for failure in failures) + "\n" if failures else ""
    return (f"# How cost grows\n\nWritten by `./dev compare --growth` on {date.today().isoformat()}; "
            "[BENCHMARKING](../../BENCHMARKING.md) says how to read it, and why what is not flat is not.\n\n"
            f"{facts}\n* coppice and the programs: {compiled}\n\n{rounds} rounds, each through all numbers of a workload; median "
            "(least–most).\n\n## With more of something around\n\n"
            f"One worker. What the number counts:\n\n{what}\n\n![cost of one over the number](growth.svg)\n\n"
            f"{grid(numbers, POWERS, Curve.verdict, f'flat: at most {FLAT:g}×')}\n\n## With more workers\n\n"
            f"More workers than processors must not bring the work down: eight must keep {KEPT:g} of the speed that two "
            f"have.\n\n![cost over workers](growth_workers.svg)\n\n"
            f"{grid(workers, WORKERS, Curve.oversubscribed, f'8 over 2: at least {KEPT:g}')}\n{failed}")


def grow(given: argparse.Namespace, measure: Measure, listed: str, where: dict[str, object], compiled: str) -> int:
    sizes = {row["workload"]: row["quick" if given.quick else "full"] for row in map(json.loads, listed.splitlines())}
    growth = Growth(given.programs / PROGRAM, measure)
    numbers, workers = run(growth, sizes, given)
    if not numbers and not workers and not growth.failures:
        print(f'compare: no workload that grows contains "{given.only}"', file=sys.stderr)
        return 2
    text = page(where, compiled, given.rounds, numbers, workers, growth.failures)
    given.out.mkdir(parents=True, exist_ok=True)
    for name, curves in (("growth", numbers), ("growth_workers", workers)):
        lines = [(f"{curve.workload.replace('_', ' ')}, {curve.metric}", curve.costs()) for curve in curves
                 if not is_count(curve.unit)]
        (given.out / f"{name}.svg").write_text(growth_chart(lines), encoding="utf-8")
    (given.out / "growth.md").write_text(text, encoding="utf-8")
    (given.out / "growth.json").write_text(json.dumps(
        {"date": date.today().isoformat(), "machine": where, "flags": compiled,
         "rows": rows(numbers, "number") + rows(workers, "workers"), "failed": growth.failures},
        indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(text)
    print(f"written to {given.out}", file=sys.stderr)
    return 1 if growth.failures else 0
