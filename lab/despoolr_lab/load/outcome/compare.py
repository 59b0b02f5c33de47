"""Load runs side by side, one or several a side: what changed, by how much, and whether that is
more than runs differ anyway.

The law: only runs of one load are compared (clients, shapes, packages, faults, pace of the site;
the seed may differ); an invalid or interrupted one is compared only by force, and said to be so. A
difference **matters** if it is at least `RATIO_MIN` and beyond the spread. Of percentiles: runs of
each side, and blocks of their seconds, are drawn again and again (polls of neighbouring seconds are
no strangers to each other), and the middle 95 % of the drawn differences must lie on one side of
zero. With several runs a side, of every measure: no run of one side lies among those of the other.
One run each says nothing of how much two runs of the same stack differ: there "matters" is a reason
to run again, not a proof. Numbers that must be zero matter as soon as they are not alike. Pure:
samples in, rows out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from despoolr_core.times import span_s
from despoolr_lab.load.measure.histogram import ERROR, Histogram

PERCENTILES: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
DRAWS: Final = 200
"""How often the seconds of each run are drawn anew."""
BLOCKS_MAX: Final = 60
"""Blocks of neighbouring seconds that are drawn; a run of a minute has its seconds."""
RATIO_MIN: Final = 0.05
"""A difference of less than this share does not matter, however sure it is; an error of the classes
is below it.
"""
SECONDS_MIN: Final = 10
"""Fewer measured seconds than this decide nothing."""
assert RATIO_MIN > 2 * ERROR


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One run to be compared: its name, its `summary.json`, and the histogram of each measured
    second.
    """

    name: str
    summary: Mapping[str, Any]
    seconds: Sequence[Histogram]


@dataclass(frozen=True, slots=True)
class ComparedMeasure:
    """One measure; of several runs a side, of all their polls or the mean. `ratio` is B to A, None
    where A has nothing; `matters` is None where that cannot be said. `is_worse`: it matters, and B
    is the worse side.
    """

    name: str
    unit: str
    a: float | None
    b: float | None
    ratio: float | None
    matters: bool | None
    why: str
    is_worse: bool = False


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Why two runs are not comparable; nothing if they are."""
    found = [
        f"{name} is {one[name]} in A and {other[name]} in B"
        for name in ("load", "time")
        if one[name] != other[name]
    ]
    a, b = one["file"], other["file"]
    for name in _PARTS:
        if a.get(name) != b.get(name):
            found.append(f"{name} differ: {_first_difference(a.get(name), b.get(name))}")
    mine, its = (_faults(file) for file in (a, b))
    if mine != its:
        found.append(f"broken on purpose is {_and_more(mine)} in A, {_and_more(its)} in B")
    for name in ("for", "warm_up", "settle", "until_settled"):
        mine, its = a["load"].get(name, _DEFAULT), b["load"].get(name, _DEFAULT)
        if mine != its:
            found.append(f"[load] {name} is {mine} in A, {its} in B")
    return found


FAULTS_TOLD_MAX: Final = 4


def _faults(file: Mapping[str, Any]) -> list[str]:
    """The faults of a load file, each in words, in the order of their beginnings."""
    found = []
    for fault in file.get("fault") or ():
        given = [f"{k} {v}" for k, v in fault.items() if k not in ("fault", "at") and v]
        found.append((span_s(fault["at"]), f"{fault['fault']} at {fault['at']}", ", ".join(given)))
    return [f"{name} ({given})" if given else name for _, name, given in sorted(found)]


def _and_more(faults: Sequence[str]) -> str:
    more = len(faults) - FAULTS_TOLD_MAX
    rest = [f"{more} more"] if more > 0 else []
    return ", ".join([*faults[:FAULTS_TOLD_MAX], *rest]) or "nothing"


_PARTS: Final = ("clients", "package", "program", "job", "holders", "update")


def _first_difference(one: Any, other: Any) -> str:
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            for key in sorted({*a, *b}):
                if a.get(key) != b.get(key):
                    first, second = a.get(key, _DEFAULT), b.get(key, _DEFAULT)
                    return f"{a.get('name', '')} {key} is {first} in A, {second} in B".strip()
    return "there are not as many"


_DEFAULT: Final = "the default"


def warnings(sides: Iterable[Sequence[ComparedRun]]) -> list[str]:
    """What makes a comparison worth less."""
    found = []
    for letter, runs in zip("AB", sides, strict=True):
        for number, run in enumerate(runs, 1):
            which = letter if len(runs) == 1 else f"{letter}{number}"
            if run.summary["interrupted"]:
                found.append(f"{which} was interrupted")
            elif not run.summary["valid"]:
                reasons = run.summary["reasons"] or [f"aborted {run.summary.get('aborted', '')}"]
                found.append(f"{which} is invalid: {reasons[0]}")
    return found


def compare(a: Sequence[ComparedRun], b: Sequence[ComparedRun]) -> list[ComparedMeasure]:
    """Every measure of two sides that are comparable, one run or more each."""
    lines = _percentiles(a, b)
    for measure in _MEASURES:
        values = [[measure.of(run) for run in side] for side in (a, b)]
        known = [[one for one in side if one is not None] for side in values]
        if not any(known):
            continue
        before, after = (_mean(side) for side in known)
        is_whole = all(len(side) == len(runs) for side, runs in zip(known, (a, b), strict=True))
        matters, why = measure.judged(known[0], known[1]) if is_whole else (None, "not known")
        is_worse = bool(matters) and None not in (before, after) and (before or 0) < (after or 0)
        lines.append(
            ComparedMeasure(
                measure.name,
                measure.unit,
                before,
                after,
                _ratio(before, after),
                matters,
                why,
                is_worse and measure.is_judged,
            )
        )
    return lines


def _percentiles(a: Sequence[ComparedRun], b: Sequence[ComparedRun]) -> list[ComparedMeasure]:
    before, after = (_merged(second for run in side for second in run.seconds) for side in (a, b))
    is_enough = min(len(run.seconds) for run in (*a, *b)) >= SECONDS_MIN
    spreads = _spreads(a, b) if is_enough else {}
    lines: list[ComparedMeasure] = []
    for name, percent in PERCENTILES.items():
        was, now = before.percentile_s(percent) * 1e3, after.percentile_s(percent) * 1e3
        ratio = _ratio(was, now)
        matters, why = None, f"fewer than {SECONDS_MIN} seconds were measured"
        if is_enough:
            low, high = spreads[percent]
            matters = (low > 0 or high < 0) and ratio is not None and abs(ratio - 1) >= RATIO_MIN
            why = f"95 % of draws differ by {low:+.3g} to {high:+.3g} ms"
            if min(len(a), len(b)) > 1:
                own = [[_percentile_ms(run, percent) for run in side] for side in (a, b)]
                matters = matters and _are_apart(*own)
                why = _ranges(*own)
        is_worse = bool(matters) and now > was
        lines.append(ComparedMeasure(f"poll {name}", "ms", was, now, ratio, matters, why, is_worse))
    return lines


def _percentile_ms(run: ComparedRun, percent: float) -> float:
    return _merged(run.seconds).percentile_s(percent) * 1e3


def _are_apart(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether no run of one side lies among those of the other."""
    return max(a) < min(b) or max(b) < min(a)


def _ranges(a: Sequence[float], b: Sequence[float]) -> str:
    return f"A {min(a):.3g} to {max(a):.3g}, B {min(b):.3g} to {max(b):.3g}"


def _ratio(before: float | None, after: float | None) -> float | None:
    return after / before if before and after is not None else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _spreads(
    a: Sequence[ComparedRun], b: Sequence[ComparedRun]
) -> dict[float, tuple[float, float]]:
    """Of each percentile, the middle 95 % of the differences (B less A, in ms) of runs, and of
    blocks of them, drawn with replacement.
    """
    rng = Random("compare")
    sides = [[_blocks(run.seconds) for run in side] for side in (a, b)]
    drawn: dict[float, list[float]] = {percent: [] for percent in PERCENTILES.values()}
    for _ in range(DRAWS):
        before, after = (_drawn(side, rng) for side in sides)
        for percent, found in drawn.items():
            found.append((after.percentile_s(percent) - before.percentile_s(percent)) * 1e3)
    cut = int(DRAWS * 0.025)
    return {
        percent: (sorted(found)[cut], sorted(found)[-1 - cut]) for percent, found in drawn.items()
    }


def _drawn(runs: Sequence[Sequence[Histogram]], rng: Random) -> Histogram:
    chosen = rng.choices(runs, k=len(runs)) if len(runs) > 1 else runs
    return _merged(block for blocks in chosen for block in rng.choices(blocks, k=len(blocks)))


def _blocks(seconds: Sequence[Histogram]) -> list[Histogram]:
    """Neighbouring seconds together, in at most `BLOCKS_MAX` blocks."""
    size = -(-len(seconds) // BLOCKS_MAX)
    return [_merged(seconds[n : n + size]) for n in range(0, len(seconds), size)]


def _merged(seconds: Iterable[Histogram]) -> Histogram:
    found = Histogram()
    for second in seconds:
        found.merge(second)
    return found


# -- measures that a run has one number of


@dataclass(frozen=True, slots=True)
class _Measure:
    """`alone` is why one run each decides nothing; of what should be 0, any difference does."""

    name: str
    unit: str
    of: Callable[[ComparedRun], float | None]
    alone: str = "one run each"
    is_zero: bool = False
    is_judged: bool = True
    """More of it is worse."""

    def judged(self, a: Sequence[float], b: Sequence[float]) -> tuple[bool | None, str]:
        """Whether it matters, and why."""
        if self.is_zero:
            return _mean(a) != _mean(b), "should be 0"
        if not self.is_judged or min(len(a), len(b)) < 2:
            return None, self.alone
        ratio = _ratio(_mean(a), _mean(b))
        is_large = ratio is None or abs(ratio - 1) >= RATIO_MIN
        return _are_apart(a, b) and is_large, _ranges(a, b)


def _number(*keys: str) -> Callable[[ComparedRun], float | None]:
    def of(run: ComparedRun) -> float | None:
        found: Any = run.summary
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return None if found is None else float(found)

    return of


def _refusals(run: ComparedRun) -> float | None:
    rows = run.summary["refusals"]
    return None if rows is None else float(sum(row["count"] for row in rows))


def _uncounted(run: ComparedRun) -> float | None:
    reports = run.summary["reports"]
    return None if reports["counted"] is None else float(reports["sent"] - reports["counted"])


def _generator(run: ComparedRun) -> float | None:
    return max(run.summary["generator"]["cpu_shares"], default=0.0)


_MEASURES: Final = (
    _Measure("poll max", "ms", _number("polls", "max_ms"), "one poll decides it"),
    _Measure(
        "polls a second", "", _number("polls", "per_s"), "the pace was given", is_judged=False
    ),
    _Measure("failed polls", "", _number("polls", "failed"), is_zero=True),
    _Measure("refusals", "", _refusals),
    _Measure("settled after", "s", _number("settled_s")),
    _Measure("reports not counted", "", _uncounted, is_zero=True),
    _Measure("generator busy", "", _generator, "not the servers'", is_judged=False),
    _Measure(
        "machine busy", "", _number("machine", "busy_share"), "servers and all", is_judged=False
    ),
    _Measure(
        "machine stolen", "", _number("machine", "stolen_share"), "by others", is_judged=False
    ),
)
