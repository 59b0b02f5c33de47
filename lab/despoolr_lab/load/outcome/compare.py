"""Two load runs side by side: what changed, by how much, and whether that is more than the runs
differ within themselves.

The law: only runs of one load are compared (clients, shapes, packages, pace of the site; the seed
may differ); an invalid or interrupted one is compared only by force, and said to be so. A
difference **matters** if it is larger than what seconds of one run differ from its other seconds
by: percentiles are drawn again and again from blocks of each run's seconds (polls of neighbouring
seconds are no strangers to each other), and the middle 95 % of the drawn differences must lie on
one side of zero; and it must be at least `RATIO_MIN`. One run each says nothing of how much two
runs of the same stack differ: so "matters" is a reason to run again, not a proof. Numbers that must
be zero matter as soon as they are not alike. Pure: samples in, rows out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

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
    """One measure. `ratio` is B to A, None where A has nothing; `matters` is None where that cannot
    be said.
    """

    name: str
    unit: str
    a: float | None
    b: float | None
    ratio: float | None
    matters: bool | None
    why: str


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
    for name in ("for", "warm_up", "settle", "until_settled"):
        mine, its = a["load"].get(name, _DEFAULT), b["load"].get(name, _DEFAULT)
        if mine != its:
            found.append(f"[load] {name} is {mine} in A, {its} in B")
    return found


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


def warnings(samples: Iterable[ComparedRun]) -> list[str]:
    """What makes a comparison worth less."""
    found = []
    for letter, sample in zip("AB", samples, strict=True):
        if sample.summary["interrupted"]:
            found.append(f"{letter} was interrupted")
        elif not sample.summary["valid"]:
            found.append(f"{letter} is invalid: {sample.summary['reasons'][0]}")
    return found


def compare(a: ComparedRun, b: ComparedRun) -> list[ComparedMeasure]:
    """Every measure of two comparable runs."""
    lines = _percentiles(a, b)
    lines.append(
        _plain(
            "poll max",
            "ms",
            _of(a, "polls", "max_ms"),
            _of(b, "polls", "max_ms"),
            "one poll decides it",
        )
    )
    lines.append(
        _plain(
            "polls a second",
            "",
            _of(a, "polls", "per_s"),
            _of(b, "polls", "per_s"),
            "the pace was given",
        )
    )
    lines.append(_zero("failed polls", _of(a, "polls", "failed"), _of(b, "polls", "failed")))
    lines.append(_plain("refusals", "", _sum(a, "refusals"), _sum(b, "refusals"), "one run each"))
    lines.append(
        _plain("settled after", "s", a.summary["settled_s"], b.summary["settled_s"], "one run each")
    )
    lines.append(_zero("reports not counted", _uncounted(a), _uncounted(b)))
    for name, key in (("generator busy", "cpu_shares"),):
        shares = [max(sample.summary["generator"][key], default=0.0) for sample in (a, b)]
        lines.append(_plain(name, "", shares[0], shares[1], "not the servers'"))
    return [line for line in lines if line.a is not None or line.b is not None]


def _percentiles(a: ComparedRun, b: ComparedRun) -> list[ComparedMeasure]:
    before, after = _merged(a.seconds), _merged(b.seconds)
    is_enough = min(len(a.seconds), len(b.seconds)) >= SECONDS_MIN
    spreads = _spreads(a, b) if is_enough else {}
    lines: list[ComparedMeasure] = []
    for name, percent in PERCENTILES.items():
        was, now = before.percentile_s(percent) * 1e3, after.percentile_s(percent) * 1e3
        ratio = now / was if was else None
        matters, why = None, f"fewer than {SECONDS_MIN} seconds were measured"
        if is_enough:
            low, high = spreads[percent]
            matters = (low > 0 or high < 0) and ratio is not None and abs(ratio - 1) >= RATIO_MIN
            why = f"95 % of draws differ by {low:+.3g} to {high:+.3g} ms"
        lines.append(ComparedMeasure(f"poll {name}", "ms", was, now, ratio, matters, why))
    return lines


def _spreads(a: ComparedRun, b: ComparedRun) -> dict[float, tuple[float, float]]:
    """Of each percentile, the middle 95 % of the differences (B less A, in ms) of blocks drawn with
    replacement.
    """
    rng = Random("compare")
    blocks = [_blocks(sample.seconds) for sample in (a, b)]
    drawn: dict[float, list[float]] = {percent: [] for percent in PERCENTILES.values()}
    for _ in range(DRAWS):
        before, after = (_merged(rng.choices(each, k=len(each))) for each in blocks)
        for percent, found in drawn.items():
            found.append((after.percentile_s(percent) - before.percentile_s(percent)) * 1e3)
    cut = int(DRAWS * 0.025)
    return {
        percent: (sorted(found)[cut], sorted(found)[-1 - cut]) for percent, found in drawn.items()
    }


def _blocks(seconds: Sequence[Histogram]) -> list[Histogram]:
    """Neighbouring seconds together, in at most `BLOCKS_MAX` blocks."""
    size = -(-len(seconds) // BLOCKS_MAX)
    return [_merged(seconds[n : n + size]) for n in range(0, len(seconds), size)]


def _merged(seconds: Iterable[Histogram]) -> Histogram:
    found = Histogram()
    for second in seconds:
        found.merge(second)
    return found


def _plain(name: str, unit: str, a: float | None, b: float | None, why: str) -> ComparedMeasure:
    return ComparedMeasure(name, unit, a, b, b / a if a and b is not None else None, None, why)


def _zero(name: str, a: float | None, b: float | None) -> ComparedMeasure:
    return ComparedMeasure(
        name,
        "",
        a,
        b,
        b / a if a and b is not None else None,
        None if None in (a, b) else a != b,
        "should be 0",
    )


def _of(sample: ComparedRun, *keys: str) -> float:
    found: Any = sample.summary
    for key in keys:
        found = found[key]
    return float(found)


def _sum(sample: ComparedRun, key: str) -> float | None:
    rows = sample.summary[key]
    return None if rows is None else float(sum(row["count"] for row in rows))


def _uncounted(sample: ComparedRun) -> float | None:
    reports = sample.summary["reports"]
    return None if reports["counted"] is None else float(reports["sent"] - reports["counted"])
