"""What a bench found, and how it is told: medians with their spread, beside their goals.

The law: a measurement gives the values of its rounds by key, and nothing is told of it but their
median and how far they lie apart. A ratio is that of two figures of one round, in which both had
the same machine. `KEY_load` is how much of its core the load used in the round of `KEY`: where that
is nearly all of it, the load may have been the limit, and that is said.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

Found = dict[str, list[float]]
"""The values of all rounds, by key."""

LOAD_MAX: Final = 0.9
"""Share of its core beyond which a load may be the limit of what it measures."""


class FigureGoal(NamedTuple):
    """What is wanted of a figure: at least this much, or at most."""

    value: float
    is_bound: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a figure reaches it, or keeps below it."""
        return value <= self.value if self.is_bound else value >= self.value

    def __str__(self) -> str:
        return f"{'at most' if self.is_bound else 'at least'} {self.value:,g}"


class FigureRow(NamedTuple):
    """A line of the table: what, the key of its figure, that of the rate a second beside it (`""`:
    none), and its goal.
    """

    label: str
    key: str
    rate: str = ""
    goal: FigureGoal | None = None


def at_least(value: float) -> FigureGoal:
    """A ratio to be reached."""
    return FigureGoal(value)


def at_most(value: float) -> FigureGoal:
    """A bound not to be passed."""
    return FigureGoal(value, is_bound=True)


def add(found: Found, figures: Mapping[str, float]) -> None:
    """Take in the figures of one round."""
    for key, value in figures.items():
        found.setdefault(key, []).append(value)


def shown(value: float) -> str:
    """A number in the table."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """From the lowest to the highest round; nothing where there was but one."""
    return f"{shown(min(values))}-{shown(max(values))}" if len(values) > 1 else ""


def summary(found: Found) -> dict[str, dict[str, float]]:
    """Each figure for programs: its median, lowest and highest."""
    return {
        key: {
            "median": round(statistics.median(values), 4),
            "lowest": round(min(values), 4),
            "highest": round(max(values), 4),
            "rounds": len(values),
        }
        for key, values in found.items()
    }


def table(rows: Iterable[FigureRow], found: Found) -> list[str]:
    """The rows of which there is a figure, as lines."""
    lines = [f"{'what, to what':<58} {'median':>8} {'spread':>11} {'a second':>9}  goal"]
    for row in rows:
        if row.key not in found:
            continue
        median = statistics.median(found[row.key])
        rate = shown(statistics.median(found[row.rate])) if row.rate in found else ""
        said = f"{row.label:<58} {shown(median):>8} {spread(found[row.key]):>11} {rate:>9}"
        if row.goal is not None:
            said += f"  {row.goal}: {'met' if row.goal.is_met(median) else 'MISSED'}"
        lines.append(said.rstrip())
    return lines


def are_met(rows: Iterable[FigureRow], found: Found) -> bool:
    """Whether every goal is reached of which there is a figure."""
    return all(
        row.goal.is_met(statistics.median(found[row.key]))
        for row in rows
        if row.goal is not None and row.key in found
    )


def about_load(found: Found) -> str:
    """Whether the load was ever the limit, as a sentence; `""` where there was none."""
    busy = {
        key.removesuffix("_load"): max(values)
        for key, values in found.items()
        if key.endswith("_load")
    }
    if not busy:
        return ""
    limits = [key for key, share in busy.items() if share > LOAD_MAX]
    if limits:
        return (
            "The load used its core nearly all the time, and may be the limit, in: "
            f"{', '.join(limits)}."
        )
    most = max(busy, key=lambda key: busy[key])
    return (
        f"The load was never the limit: it used at most {busy[most]:.0%} of its core "
        f"(in a round of {most})."
    )
