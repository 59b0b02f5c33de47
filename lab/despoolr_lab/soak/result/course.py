"""The course of a soak as its samples tell it: lines for pictures, and when processes were started
again.

The law: it is read from `samples.csv` alone, whatever ended the soak, and line by line; what it
keeps is bounded by the plan: so many places for each process that the plan has. A place keeps the
greatest of its values. What counts since the start of a process is added up over its lives.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from despoolr_lab.measured.charts import POINTS_MAX
from despoolr_lab.soak.plan import LOGONS, SITE, Asked
from despoolr_lab.soak.run import DRAIN_S_MAX, SITE_HOUR_S
from despoolr_lab.soak.watch import CLIENTS, HANDED_IN, REFUSALS, REPORTS, RESIDENT

WAITING: Final = "waiting updates"
LIVES_MAX: Final = 1000
"""Restarts that are kept, of all processes."""
_GAUGES: Final = frozenset((RESIDENT, CLIENTS, REPORTS, WAITING))
_COUNTERS: Final = frozenset((HANDED_IN, REFUSALS))

Line = dict[int, float]
"""Second to value."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A process that was there before, from the last that was heard of it to the first."""

    process: str
    from_s: float
    until_s: float


@dataclass(slots=True)
class SoakCourse:
    """What happened, second by second; `width` of them are one place."""

    width: int
    end_s: float = 0.0
    """When the last sample was taken."""
    gauges: dict[str, dict[str, Line]] = field(default_factory=lambda: defaultdict(dict))
    """Resource to process to line."""
    sums: dict[str, Line] = field(default_factory=lambda: defaultdict(dict))
    """Counter to line: of all processes, since the start of the soak."""
    restarts: list[Restart] = field(default_factory=list)

    def peak(self, resource: str) -> Mapping[str, float]:
        """The greatest value of each process."""
        return {name: max(line.values()) for name, line in self.gauges[resource].items()}


def read_course(path: Path, asked: Asked) -> SoakCourse:
    """The course in a file of samples. A line that is cut off or not understood is none. Raises
    `OSError`.
    """
    with path.open(encoding="ascii", errors="replace", newline="") as file:
        return course_of(csv.DictReader(file), asked)


def course_of(rows: Iterable[Mapping[str, str]], asked: Asked) -> SoakCourse:
    """The course that rows of samples tell."""
    processes = frozenset((SITE, *LOGONS, *asked.fleets))
    end_max = asked.duration_s + DRAIN_S_MAX + 4 * SITE_HOUR_S / asked.scale
    course = SoakCourse(max(1, math.ceil(end_max / POINTS_MAX)))
    lives: dict[str, tuple[str, float]] = {}
    counters: dict[str, _Counters] = {name: _Counters() for name in _COUNTERS}
    for row in rows:
        process, resource = row.get("process") or "", row.get("resource") or ""
        try:
            at_s, value = float(row.get("seconds") or ""), float(row.get("value") or "")
        except ValueError:
            continue
        if process not in processes or not (0 <= at_s <= end_max) or not math.isfinite(value):
            continue
        course.end_s = max(course.end_s, at_s)
        place = int(at_s) // course.width * course.width
        if resource in _GAUGES:
            _keep(course.gauges[resource].setdefault(process, {}), place, value)
        elif resource in _COUNTERS:
            _keep(course.sums[resource], place, counters[resource].take(process, value))
        if resource == RESIDENT:
            # what was never anything but 0 is not written
            course.gauges[WAITING].setdefault(process, {}).setdefault(place, 0.0)
            born = row.get("started") or ""
            before, last_s = lives.get(process, (born, at_s))
            if born != before and len(course.restarts) < LIVES_MAX:
                course.restarts.append(Restart(process, last_s, at_s))
            lives[process] = (born, at_s)
    return course


@dataclass(slots=True)
class _Counters:
    """A counter of several processes, through their lives: one that went back began again."""

    before: dict[str, float] = field(default_factory=dict)
    total: float = 0.0

    def take(self, process: str, value: float) -> float:
        last = self.before.get(process, 0.0)
        self.total += value - last if value >= last else value
        self.before[process] = value
        return self.total


def _keep(line: Line, place: int, value: float) -> None:
    line[place] = max(line.get(place, -math.inf), value)
