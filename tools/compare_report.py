"""What compare.py makes of the figures it has seen: medians, ratios, verdicts, a table, a chart. No measuring here, so that
compare_test.py can hold it to numbers worked out by hand."""

import math
import statistics
from dataclasses import dataclass, field

OURS = "coppice"
PEERS = ("caf", "erlang", "asio", "queue")
TITLES = {"coppice": "coppice", "caf": "CAF", "erlang": "Erlang", "asio": "Asio", "queue": "raw queue"}


EARLIER_APART = 1.7  # times, that a ratio may differ from the earlier machine's without a word


@dataclass(frozen=True)
class Target:
    """What a workload's figure is held against: a bound of its own, or a multiple of a peer's speed in the same run."""
    workload: str
    metric: str
    bound: float | None = None  # time or bytes: at most; a rate: at least
    times: tuple[tuple[str, float], ...] = ()  # (peer, factor): at least so many times its speed
    workers: int | None = None  # None: with any number

    def text(self, unit: str) -> str:
        parts = []
        if self.bound is not None:
            parts.append(f"{'≥' if is_rate(unit) else '≤'} {self.bound:g} {unit}")
        parts += [f"≥ {factor:g}× {TITLES[peer]}" for peer, factor in self.times]
        return ", ".join(parts)


EITHER = (("caf", 2), ("erlang", 2))
TARGETS = (
    Target("ping_pong", "round trip", 80, (("caf", 15), ("erlang", 8)), workers=1),
    Target("ping_pong", "round trip", 100, (("caf", 15), ("erlang", 8)), workers=2),
    Target("ring", "hop", 40, (("caf", 12),)),
    Target("counting", "messages", 15, EITHER),
    Target("counting_bursts", "messages", 20, EITHER),
    Target("counting_8", "messages", 11, (*EITHER, ("queue", 0.8))),
    Target("counting_8_bounded", "messages", None, (("queue", 0.7),)),
    Target("spawn_stop", "actor", 600, (("caf", 8),)),
    Target("idle_bytes", "actor", 192),
    Target("fan_out", "deliveries", 40, (("caf", 8),)),
    Target("fork_join_throughput", "message", 100),
    Target("fork_join_create", "actor", 500),
    Target("big", "round trip", 65),
    Target("ask", "answer", 150),
    Target("ask_outside", "answer", 200),
    Target("ask_woken", "answer", 3000),
    Target("crash", "p50", 3000, (("erlang", 30),)),
    Target("timers", "schedule", 110),
    Target("timers", "cancel", 50),
    Target("timers_near", "late p50", 60),
    Target("timers_near", "late p99", 200),
    Target("idle", "wake-ups", 0),
    Target("idle", "processor", 500),
    Target("echo", "requests", None, (("asio", 0.95), ("caf", 1), ("erlang", 1))),
)


def is_rate(unit: str) -> bool:
    return unit.endswith("/s")


def is_count(unit: str) -> bool:
    """How many of something one piece of work took, such as "a haircut": not a speed, and nobody's ratio."""
    return unit.startswith("a ")


def speed_ratio(unit: str, ours: float, theirs: float) -> float:
    """How many times as fast as theirs ours is; how many times smaller, of bytes."""
    if min(ours, theirs) <= 0:
        return math.nan
    return ours / theirs if is_rate(unit) else theirs / ours


@dataclass
class Series:
    """One metric of one workload with so many workers: what each peer reached in each round, in the order of the rounds."""
    workload: str
    workers: int
    metric: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, peer: str) -> float | None:
        """The median of the rounds' ratios; None if either was not measured, or what was counted is no speed."""
        if is_count(self.unit):
            return None
        pairs = list(zip(self.values.get(OURS, []), self.values.get(peer, [])))
        return statistics.median(speed_ratio(self.unit, a, b) for a, b in pairs) if pairs else None

    def rows(self) -> list[dict[str, object]]:
        return [{"workload": self.workload, "workers": self.workers, "peer": peer, "metric": self.metric,
                 "median": statistics.median(seen), "min": min(seen), "max": max(seen), "unit": self.unit}
                for peer, seen in self.values.items() if seen]

    def target(self) -> Target | None:
        return next((target for target in TARGETS if (target.workload, target.metric) == (self.workload, self.metric)
                     and target.workers in (None, self.workers)), None)

    def verdict(self) -> str:
        """ok, **missed** with what was missed, or empty where there is no target. What was not measured is missed, too."""
        target = self.target()
        if target is None:
            return ""
        ours = self.values.get(OURS)
        if not ours:
            return "**not measured**"
        missed = []
        middle = statistics.median(ours)
        if target.bound is not None and not (middle >= target.bound if is_rate(self.unit) else middle <= target.bound):
            missed.append("its own bound")
        for peer, factor in target.times:
            ratio = self.ratio(peer)
            if ratio is None or not ratio >= factor:
                missed.append(f"{TITLES[peer]}: {'not measured' if ratio is None else f'{ratio:.2f}×'}")
        return f"**missed**: {', '.join(missed)}" if missed else "ok"


def short(value: float) -> str:
    """Three digits that mean something, without an exponent."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def figure(seen: list[float]) -> str:
    return f"{short(statistics.median(seen))} ({short(min(seen))}–{short(max(seen))})"


def table(all_series: list[Series], troubles: dict[tuple[str, int, str], str]) -> str:
    """Markdown. A peer that could not be measured says why in its cell; one that has no such program has a dash."""
    lines = ["| workload | workers | a | unit | " + " | ".join(TITLES[peer] for peer in (OURS, *PEERS)) +
             " | target | |", "|" + "---|" * (6 + len(PEERS) + 1)]
    for series in all_series:
        cells = []
        for peer in (OURS, *PEERS):
            seen = series.values.get(peer)
            trouble = troubles.get((series.workload, series.workers, peer))
            if not seen:
                cells.append(f"**failed**: {trouble}" if trouble else "–")
                continue
            ratio = series.ratio(peer) if peer != OURS else None
            cells.append(figure(seen) + (f" · {short(ratio)}×" if ratio is not None else "") +
                         (f" (some rounds **failed**: {trouble})" if trouble else ""))
        target = series.target()
        lines.append(f"| {series.workload.replace('_', ' ')} | {series.workers} | {series.metric} | {series.unit} | " +
                     " | ".join(cells) + f" | {target.text(series.unit) if target else ''} | {series.verdict()} |")
    return "\n".join(lines)


def against_earlier(all_series: list[Series], earlier: dict[str, object]) -> str:
    """Whether the peers stand to CAF as they did on an earlier machine: a peer that fell behind may be badly set up here."""
    lines = ["| workload | workers | a | peer | its speed over CAF's, then | now | apart | |", "|---|---|---|---|---|---|---|---|"]
    notes = earlier["notes"]
    for row in earlier["rows"]:
        series = next((series for series in all_series if (series.workload, series.workers, series.metric) ==
                       (row["workload"], row["workers"], row["metric"])), None)
        for peer in ("erlang", "asio", "queue"):
            if series is None or peer not in row or not series.values.get(peer) or not series.values.get("caf"):
                continue
            then = speed_ratio(series.unit, row[peer], row["caf"])
            now = statistics.median(speed_ratio(series.unit, theirs, caf)
                                    for theirs, caf in zip(series.values[peer], series.values["caf"]))
            apart = max(then / now, now / then)
            keys = (f"{row['workload']} {peer}", row["workload"], peer)  # the narrowest note that there is
            why = next((notes[key] for key in keys if key in notes), "not explained")
            note = "ok" if apart <= EARLIER_APART else f"apart: {why}"
            lines.append(f"| {row['workload'].replace('_', ' ')} | {row['workers']} | {row['metric']} | {TITLES[peer]} | "
                         f"{short(then)} | {short(now)} | {apart:.2f}× | {note} |")
    return "\n".join(lines)


# --- Charts: as SVG, by hand, on a logarithmic scale ----------------------------------------------------------------------

COLOURS = {"coppice": "#1b7837", "caf": "#d95f02", "erlang": "#7570b3", "asio": "#666666", "queue": "#bbbbbb"}
GROWTH_COLOURS = ("#1b7837", "#d95f02", "#7570b3", "#1f78b4", "#a6761d", "#e7298a", "#666666", "#66a61e")

DASHES = ("none", "6 3", "2 3", "8 3 2 3")


def svg(width: int, height: int, parts: list[str]) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n' +
            "\n".join(parts) + "\n</svg>\n")


def text_at(x: float, y: float, words: str, anchor: str = "start", colour: str = "#222") -> str:
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escaped}</text>'


def chart(all_series: list[Series]) -> str:
    """Bars: how many times slower than coppice each peer is, so that coppice is the line at 1."""
    bars = [(series, [(peer, ratio) for peer in PEERS if (ratio := series.ratio(peer)) is not None and ratio > 0])
            for series in all_series]
    bars = [(series, found) for series, found in bars if found]
    top = max([10.0] + [ratio for _, found in bars for _, ratio in found])
    low = min([1.0] + [ratio for _, found in bars for _, ratio in found])
    left, right, scale_begin = 250, 60, math.floor(math.log10(low))
    span = math.ceil(math.log10(top)) - scale_begin
    width = 900

    def x(ratio: float) -> float:
        return left + (math.log10(ratio) - scale_begin) / span * (width - left - right)

    bottom = 50.0 + sum(13 * len(found) + 8 for _, found in bars)
    parts, y = [text_at(left, 20, "coppice is so many times as fast (logarithmic)")], 50.0
    for power in range(scale_begin, scale_begin + span + 1):
        parts.append(f'<line x1="{x(10 ** power):.1f}" x2="{x(10 ** power):.1f}" y1="44" y2="{bottom:.1f}" '
                     f'stroke="#{"222" if power == 0 else "ddd"}"/>')
        parts.append(text_at(x(10 ** power), bottom + 14, f"{10.0 ** power:g}", "middle"))
    for place, peer in enumerate(PEERS):
        parts.append(f'<rect x="{left + 90 * place}" y="28" width="10" height="10" fill="{COLOURS[peer]}"/>')
        parts.append(text_at(left + 90 * place + 14, 37, TITLES[peer]))
    for series, found in bars:
        name = f"{series.workload.replace('_', ' ')}, {series.metric}, {series.workers} worker{'s' if series.workers > 1 else ''}"
        parts.append(text_at(left - 8, y + 5 + 7 * len(found), name, "end"))
        for peer, ratio in found:
            begin, end = sorted((x(1), x(ratio)))
            parts.append(f'<rect x="{begin:.1f}" y="{y:.1f}" width="{max(end - begin, 1):.1f}" height="11" '
                         f'fill="{COLOURS[peer]}"/>')
            parts.append(text_at(end + 3, y + 10, f"{short(ratio)}×"))
            y += 13
        y += 8
    return svg(width, int(bottom) + 24, parts)


def growth_chart(curves: list[tuple[str, list[tuple[float, float]]]]) -> str:
    """Lines: how cost grows with a number, each relative to its first point, both scales logarithmic."""
    curves = [(name, points) for name, points in curves if points and points[0][1] > 0]
    ticks = sorted({x for _, points in curves for x, _ in points} | {1.0})
    costs = [y / points[0][1] for _, points in curves for _, y in points] + [0.5, 4.0]
    left, top, width, height = 60, 30, 640, 400
    floor, ceiling = math.floor(math.log2(min(costs))), math.ceil(math.log2(max(costs)))

    def x(value: float) -> float:
        return left + math.log(value) / math.log(max(ticks[-1], 2.0)) * width

    def y(value: float) -> float:
        return top + (ceiling - math.log2(value)) / (ceiling - floor) * height

    parts = [text_at(left, 18, "cost of one, relative to the first point; both scales logarithmic")]
    for tick in ticks:
        parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top}" y2="{top + height}" stroke="#ddd"/>')
        parts.append(text_at(x(tick), top + height + 16, f"{tick:,.0f}", "middle"))
    for power in range(floor, ceiling + 1):
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y(2 ** power):.1f}" y2="{y(2 ** power):.1f}" '
                     f'stroke="#{"222" if power == 0 else "ddd"}"/>')
        parts.append(text_at(left - 6, y(2 ** power) + 4, f"{2.0 ** power:g}×", "end"))
    for place, (name, points) in enumerate(curves):
        look = (f'fill="none" stroke="{GROWTH_COLOURS[place % len(GROWTH_COLOURS)]}" stroke-width="2" '
                f'stroke-dasharray="{DASHES[place // len(GROWTH_COLOURS) % len(DASHES)]}"')
        line = " ".join(f"{x(n):.1f},{y(cost / points[0][1]):.1f}" for n, cost in points)
        parts.append(f'<polyline points="{line}" {look}/>')
        legend = top + 10 + 17 * place
        parts.append(f'<polyline points="{left + width + 12},{legend} {left + width + 40},{legend}" {look}/>')
        parts.append(text_at(left + width + 46, legend + 4, name))
    return svg(left + width + 260, max(top + height + 30, top + 10 + 17 * len(curves)), parts)
