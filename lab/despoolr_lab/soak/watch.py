"""What the processes of a soak are seen to use over time: one series for each resource of each
process, a piece for each life.

The law: every sample goes to `samples.csv` at once, judged or not, and can be read from there; what
is judged is kept in memory, thinned out by half whenever a series reaches its bound, so that a soak
of days needs no more than one of minutes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from despoolr_lab.samples import Sample, ScrapeFailure
from despoolr_lab.soak.drift import DriftVerdict, Judgement, Point, judge, without_beginning
from despoolr_lab.soak.resources import is_resource, limit_of, values_of

POINTS_MAX: Final = 4000
"""Points of one piece that are kept."""
PIECES_MAX: Final = 200
"""Lives of one process that are kept; the oldest go first."""
COLUMNS: Final = ("seconds", "process", "started", "resource", "value", "judged")
"""Of `samples.csv`; `judged` is 1 for what was taken while the plan was under way."""
RESIDENT: Final = "resident memory"
"""Memory as the system counts it, with what is the process's due."""
CLIENTS: Final = "clients"
REPORTS: Final = "reports counted"
HANDED_IN: Final = "reports handed in"
REFUSALS: Final = "refusals"
"""Of `samples.csv`, for pictures alone: the site's clients that are live; counters of one life of a
process.
"""
Key = tuple[str, str]
"""Process and resource."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One resource of one process, judged; `points` are those of its last life, for a picture."""

    process: str
    resource: str
    judgement: Judgement
    points: tuple[Point, ...]


@dataclass
class SoakWatch:
    """Takes samples; writes them, keeps them, judges them."""

    series: dict[Key, list[list[Point]]] = field(default_factory=dict)
    last: dict[str, Sample] = field(default_factory=dict)
    """The last sample of each process."""
    silence_count: int = 0
    lapsed_count: int = 0
    """The most that a site server told of fleets that lost their clients."""
    _lives: dict[str, float] = field(default_factory=dict)
    _file: IO[str] | None = None

    def open(self, path: Path) -> None:
        """Open the file that the samples are written to."""
        self._file = path.open("w", encoding="ascii", newline="", buffering=64 * 1024)
        self._csv = csv.writer(self._file)
        self._csv.writerow(COLUMNS)

    def close(self) -> None:
        """Write the samples that are buffered, and close the file."""
        if self._file is not None:
            self._file.close()

    def take(self, at_s: float, told: Sample | ScrapeFailure, *, is_judged: bool = True) -> None:
        """Take what one process said, or that it said nothing."""
        if isinstance(told, ScrapeFailure):
            self.silence_count += 1
            return
        self.last[told.name] = told
        self.lapsed_count = max(self.lapsed_count, int(told.site.fleets_lapsed or 0))
        born = told.process.started_at or 0.0
        is_new = self._lives.get(told.name) != born
        self._lives[told.name] = born
        values = values_of(told)
        if self._file is not None:
            raw = told.process.memory or 0.0
            kept = {
                name: value
                for name, value in values.items()
                if value or (told.name, name) in self.series
            }
            for name, value in {
                **kept,
                RESIDENT: raw,
                "processor": told.process.cpu_s or 0.0,
                **told_of(told),
            }.items():
                self._csv.writerow(
                    (f"{at_s:.2f}", told.name, f"{born:.2f}", name, _written(value), int(is_judged))
                )
            self._file.flush()  # whoever kills the soak leaves what was seen until then
        if is_judged:
            for name, value in values.items():
                # As it is written, so that a judgement from the file is the same.
                self._keep(
                    (told.name, name),
                    Point(float(f"{at_s:.2f}"), float(_written(value))),
                    is_new=is_new,
                )

    def read(self, path: Path) -> None:
        """Take what another watch has written: what it judged, this one judges.

        A line that was cut off is none. Raises `OSError`.
        """
        lives: dict[Key, str] = {}
        with path.open(encoding="ascii", errors="replace", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("judged") != "1" or not is_resource(row["resource"]):
                    continue
                try:
                    point = Point(float(row["seconds"]), float(row["value"]))
                except (TypeError, ValueError):
                    continue
                key = (row["process"], row["resource"])
                is_new = lives.get(key) != row["started"]
                lives[key] = row["started"]
                self._keep(key, point, is_new=is_new)

    def judged(self, warm_up_s: float, round_s: float) -> list[Judged]:
        """Every series that was ever anything but 0, the worst verdicts first."""
        found = []
        for (process, resource), pieces in self.series.items():
            if any(point.value for piece in pieces for point in piece):
                settled = without_beginning(pieces, warm_up_s)
                found.append(
                    Judged(
                        process,
                        resource,
                        judge(settled, limit_of(resource), round_s),
                        tuple(pieces[-1]),
                    )
                )
        order = list(DriftVerdict)
        return sorted(
            found, key=lambda row: (order.index(row.judgement.verdict), row.process, row.resource)
        )

    def boxes(self) -> Mapping[str, int]:
        """Box to files that wait, as last told."""
        found: dict[str, int] = {}
        for name, told in self.last.items():
            for (_, box), depth in told.share.boxes.items():
                found[f"{name} {box}"] = int(depth)
        return found

    def _keep(self, key: Key, point: Point, *, is_new: bool) -> None:
        pieces = self.series.setdefault(key, [[]])
        if is_new and pieces[-1]:
            pieces.append([])
            del pieces[:-PIECES_MAX]
        piece = pieces[-1]
        piece.append(point)
        if len(piece) >= POINTS_MAX:
            del piece[1:-1:2]


def _written(value: float) -> str:
    return f"{value:.0f}" if value > 1000 else f"{value:g}"


def told_of(sample: Sample) -> dict[str, float]:
    """What a sample tells of the work, which is judged by no limit."""
    refusals = sample.share.refusals.values()
    told = {
        CLIENTS: sample.site.clients_live,
        REPORTS: sample.site.reports_loaded,
        HANDED_IN: sample.fleet.reports,
        REFUSALS: sum(refusals) if refusals else None,
    }
    return {name: value for name, value in told.items() if value is not None}
