"""The shapes of a picture, and the colours and symbols of statuses: what `timeline` fills in and
the template draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from despoolr_lab.report.axis import Axis
from despoolr_lab.report.content.words import clean

WIDTH: Final = 800
"""Units of the axis on which shapes are laid out. A page draws them as parts of its own width."""

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


class Bar(msgspec.Struct, frozen=True):
    """A stretch of time, from `since` to `until` (site seconds). `is_open`: it goes on after the
    end.
    """

    since: float
    until: float
    kind: str
    title: str
    label: str = ""
    is_open: bool = False


class LaneMark(msgspec.Struct, frozen=True):
    """A moment on a lane, drawn as a sign."""

    at: float
    kind: str
    title: str


class Column(msgspec.Struct, frozen=True):
    """So many refusals between two moments."""

    since: float
    until: float
    count: int
    title: str


class Attempts(msgspec.Struct):
    """The refusals of one lane: each, where there is room, else columns of `step_s` seconds."""

    at: list[float]
    crosses: list[LaneMark] = msgspec.field(default_factory=list)
    columns: list[Column] = msgspec.field(default_factory=list)

    @property
    def data(self) -> str:
        """Moments for the page's script: each is the distance from the one before, in tenths of a
        second in base 36.
        """
        before, parts = 0, []
        for at in self.at:
            now = round(at * 10)
            parts.append(_base36(now - before))
            before = now
        return " ".join(parts)


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number > 0:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text or "0"


class Lane(msgspec.Struct):
    """One row: a name at the left, shapes, an outcome at the right. `is_thin`: one line of text
    at most.
    """

    label: str
    sub: str
    title: str
    bars: list[Bar] = msgspec.field(default_factory=list)
    marks: list[LaneMark] = msgspec.field(default_factory=list)
    outcome: str = ""
    outcome_sub: str = ""
    outcome_kind: str = ""
    attempts: Attempts | None = None
    is_thin: bool = False


class LaneGroup(msgspec.Struct):
    """Lanes that belong together, under a heading; `says` is all of it in a sentence. `episodes`
    are those that an address may name.
    """

    heading: str
    note: str
    lanes: list[Lane] = msgspec.field(default_factory=list)
    rest: str = ""
    says: str = ""
    episodes: list[str] = msgspec.field(default_factory=list)


class Picture(msgspec.Struct):
    """The whole timeline. `description` says in words what it shows; `most` is the highest column.
    `moments` are those at which something changed, `refusals` all refusals in columns for the
    overview.
    """

    axis: Axis
    groups: list[LaneGroup]
    strips: list[LaneGroup]
    files: list[LaneGroup]
    description: str
    rest: str
    strips_rest: str = ""
    files_rest: str = ""
    most: int = 1
    legend: list[tuple[str, str]] = msgspec.field(default_factory=list)

    @property
    def lanes(self) -> list[Lane]:
        """The lanes of all groups, strips and folders."""
        groups = (*self.groups, *self.strips, *self.files)
        return [lane for group in groups for lane in group.lanes]


LEGEND: Final = (
    ("hold", "file held open, in the way"),
    ("quiet", "file held open, in nobody's way"),
    ("release", "let go"),
    ("refused", "attempt refused"),
    ("column", "so many refusals"),
    ("wait", "the update waits"),
    ("through", "got through"),
    ("gave-up", "given up"),
    ("none", "None: no report yet"),
    ("pending", "Pending"),
    ("active", "Active"),
    ("retrying", "Retrying"),
    ("complete", "Complete, true"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
    ("was", "an earlier version"),
    ("old", "old"),
    ("new", "new"),
    ("mixed", "mixed: some old, some new"),
    ("missing", "missing"),
    ("ran-old", "ran the package: old"),
    ("ran-new", "new"),
    ("ran-wrong", "files mixed or missing"),
    ("run", "ran the package"),
    ("reported", "reported"),
    ("expired", "told that it expired"),
    ("fault", "broken on purpose"),
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
