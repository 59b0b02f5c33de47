"""What a soak came to: the table of resources, the counts, one sentence, an exit code. Pure.

The law: the sentence names the worst thing first, with its number. Exit codes: 0 nothing grows and
every count is right; 10 a resource drifts, a count is wrong or a process fell; 12 not all clients
existed. What is unclear or too short to judge is said, and fails nothing: nobody has shown that it
grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from despoolr_lab.soak.counts import Count
from despoolr_lab.soak.drift import DriftVerdict, Judgement, Point
from despoolr_lab.soak.resources import MEMORY, MIB
from despoolr_lab.soak.watch import Judged

EXIT_OK: Final = 0
EXIT_WRONG: Final = 10
EXIT_INVALID: Final = 12
COLUMNS: Final = (
    "PROCESS",
    "RESOURCE",
    "FROM",
    "TO",
    "PER HOUR",
    "INTERVAL",
    "LIMIT",
    "OVER TIME",
    "VERDICT",
)
BARS: Final = "▁▂▃▄▅▆▇█"
BARS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What a soak came to: the exit code, the JSON, and what the tables show."""

    code: int
    summary: dict[str, Any]
    judged: list[Judged]
    counts: list[Count]


def exit_code(
    judged: Iterable[Judged],
    counts: Iterable[Count],
    fell: str = "",
    *,
    has_lost_clients: bool = False,
) -> int:
    """`EXIT_OK`; `EXIT_WRONG` for a drift, a wrong count or a process that fell; `EXIT_INVALID`
    where the soak itself did not go as planned.
    """
    counts = list(counts)
    if has_lost_clients or any(not count.ok for count in counts if count.is_about_validity):
        return EXIT_INVALID
    is_wrong = (
        fell or any(not count.ok for count in counts) or any(_is_drift(row) for row in judged)
    )
    return EXIT_WRONG if is_wrong else EXIT_OK


def sentence(judged: Sequence[Judged], counts: Sequence[Count], fell: str = "") -> str:
    """What to say of it all."""
    parts = [f"{fell}"] if fell else []
    wrong = [count for count in counts if not count.ok]
    parts += [_wrong(count) for count in wrong]
    parts += [_drift(row) for row in judged if _is_drift(row)]
    if parts:
        return "; ".join(parts) + "."
    unclear = [
        f"{row.resource} of {row.process}"
        for row in judged
        if row.judgement.verdict is DriftVerdict.UNCLEAR
    ]
    short = [row for row in judged if row.judgement.verdict is DriftVerdict.TOO_SHORT]
    steady = len(judged) - len(unclear) - len(short)
    text = f"No drift in {steady} resources"
    if unclear:
        text += f"; {', '.join(unclear[:4])}{' and others' if len(unclear) > 4 else ''} unclear"
    if short:
        kinds = sorted({row.resource for row in short})
        named = ", ".join([*kinds[:4], *(["..."] if len(kinds) > 4 else [])])
        text += f"; {len(short)} watched too briefly to judge ({named})"
    return (
        f"{text}; all {len(counts)} counts are exact."
        if counts
        else f"{text}; nothing was counted."
    )


def table(judged: Iterable[Judged]) -> list[tuple[str, ...]]:
    """The rows of the table, under `COLUMNS`."""
    rows: list[tuple[str, ...]] = []
    for row in judged:
        judgement, trend = row.judgement, row.judgement.trend
        name, kind = row.resource, row.resource
        if trend is None:
            last = row.points[-1].value if row.points else 0.0
            cells = ("-", amount(kind, last), "-", "-")
        else:
            between = f"{rate(kind, trend.low)} .. {rate(kind, trend.high)}"
            cells = (
                amount(kind, trend.first),
                amount(kind, trend.last),
                rate(kind, trend.per_hour),
                between,
            )
        limit = rate(kind, judgement.limit_per_hour)
        rows.append(
            (row.process, name, *cells, limit, sparkline(row.points), str(judgement.verdict))
        )
    return rows


def count_rows(counts: Iterable[Count]) -> list[tuple[str, ...]]:
    """The rows of the counts: what, expected, actual, and whether that is right."""
    return [
        (
            c.name,
            f"{c.expected:,}",
            f"{c.actual:,}",
            "yes" if c.ok else "NO: " + ", ".join(c.examples),
        )
        for c in counts
    ]


def sparkline(points: Sequence[Point]) -> str:
    """The course of a series in a few characters, between its own smallest and largest value."""
    if not points:
        return ""
    size = max(1, -(-len(points) // BARS_MAX))
    values = [
        sum(p.value for p in part) / len(part)
        for part in (points[i : i + size] for i in range(0, len(points), size))
    ]
    low, high = min(values), max(values)
    if high <= low:
        return BARS[0] * len(values)
    return "".join(
        BARS[min(len(BARS) - 1, int((value - low) / (high - low) * len(BARS)))] for value in values
    )


def amount(resource: str, value: float) -> str:
    """A value in the resource's unit."""
    return f"{value / MIB:,.1f} MiB" if resource == MEMORY else f"{value:,.1f}".removesuffix(".0")


def rate(resource: str, per_hour: float) -> str:
    """Growth an hour in the resource's unit."""
    value = per_hour / MIB if resource == MEMORY else per_hour
    text = f"{value:+,.1f}" if abs(value) >= 0.05 else "0"
    return f"{text} MiB" if resource == MEMORY else text


def as_json(judged: Iterable[Judged], counts: Iterable[Count]) -> dict[str, Any]:
    """The judgement and the counts as one JSON object."""
    return {
        "resources": [
            {"process": row.process, "resource": row.resource, **_judgement_json(row.judgement)}
            for row in judged
        ],
        "counts": [
            {
                "count": c.name,
                "expected": c.expected,
                "actual": c.actual,
                "ok": c.ok,
                "examples": list(c.examples),
            }
            | ({"is_about_validity": True} if c.is_about_validity else {})
            for c in counts
        ],
    }


def _judgement_json(judgement: Judgement) -> dict[str, Any]:
    trend = judgement.trend
    facts: dict[str, Any] = {
        "verdict": str(judgement.verdict),
        "limit_per_hour": round(judgement.limit_per_hour, 3),
    }
    if trend is not None:
        names = ("per_hour", "low", "high", "level", "first", "last", "span_s")
        facts |= {name: round(getattr(trend, name), 3) for name in names}
    return facts


def _is_drift(row: Judged) -> bool:
    return row.judgement.verdict is DriftVerdict.DRIFT


def _drift(row: Judged) -> str:
    trend = row.judgement.trend
    assert trend is not None
    between = f"{rate(row.resource, trend.low)} to {rate(row.resource, trend.high)}"
    return (
        f"{row.resource} of {row.process} grows by {rate(row.resource, trend.per_hour)} an "
        f"hour ({between})"
    )


def _wrong(count: Count) -> str:
    about = f" ({', '.join(count.examples)})" if count.examples else ""
    return f"{count.name}: {count.actual:,} instead of {count.expected:,}{about}"
