"""The shapes of a picture, and the colours and symbols of statuses: what `timeline` fills in and
the template draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from despoolr_lab.report.axis import Tick
from despoolr_lab.report.words import clean

WIDTH: Final = 1200
LEFT: Final = 250
RIGHT: Final = 160

STATUS_CLASS: Final = {
    "Pending": "pending",
    "None": "none",
    "Active": "active",
    "Retrying": "retrying",
    "Complete": "complete",
    "Failed": "failed",
    "Cancelling": "canceled",
    "Canceled": "canceled",
    "Cancelled": "canceled",
}
"""The colour of each status; a status that is not here is drawn like a pending one, with its
name.
"""
SYMBOL: Final = {
    "complete": "✓",
    "failed": "✗",
    "canceled": "⊘",
    "retrying": "↻",
    "active": "▸",
    "pending": "·",
    "none": "·",
}
FINAL: Final = frozenset(["complete", "failed", "canceled"])


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time. `is_open`: it goes on after the end."""

    x: float
    width: float
    kind: str
    title: str
    label: str = ""
    is_open: bool = False
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class LaneMark:
    """A moment on a lane, drawn as a sign."""

    x: float
    kind: str
    title: str


@dataclass(slots=True)
class Lane:
    """One row: a name at the left, shapes, an outcome at the right. `y` is its top."""

    label: str
    sub: str
    title: str
    height: int
    bars: list[Bar] = field(default_factory=list)
    marks: list[LaneMark] = field(default_factory=list)
    outcome: str = ""
    outcome_sub: str = ""
    outcome_kind: str = ""
    y: int = 0
    bar_height: int = 16


@dataclass(slots=True)
class LaneGroup:
    """Lanes that belong together, under a heading."""

    heading: str
    note: str
    lanes: list[Lane] = field(default_factory=list)
    rest: str = ""
    y: int = 0
    bottom: int = 0


@dataclass(slots=True)
class Picture:
    """The whole timeline. `description` says in words what it shows."""

    ticks: list[Tick]
    groups: list[LaneGroup]
    description: str
    rest: str
    height: int = 0
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    legend: list[tuple[str, str]] = field(default_factory=list)


LEGEND: Final = (
    ("hold", "file held open, in the way"),
    ("release", "let go"),
    ("refused", "attempt refused"),
    ("dense", "many refusals (higher: more)"),
    ("wait", "the update waits"),
    ("through", "got through, complete"),
    ("gave-up", "given up, failed"),
    ("none", "None: no report yet"),
    ("pending", "Pending"),
    ("active", "Active"),
    ("retrying", "Retrying"),
    ("complete", "Complete"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
    ("run", "ran the package"),
    ("reported", "reported"),
    ("expired", "told that it expired"),
    ("fault", "broken on purpose"),
    ("quiet", "file held open, in nobody's way"),
)


def tally(statuses: Iterable[str]) -> str:
    """`Complete 40, None 3`: most frequent first."""
    found: dict[str, int] = {}
    for status in statuses:
        found[status] = found.get(status, 0) + 1
    return ", ".join(
        f"{clean(status)} {number:,}"
        for status, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    )
