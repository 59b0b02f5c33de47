"""What the servers said of themselves over a run, sample after sample: counters added up through
restarts, the greatest depths kept.

The law: a counter that went back was a process that started again, and counts from 0; a server that
never answered has told nothing, and what only it can tell is not known. Pure: samples come in, sums
go out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from despoolr_lab.samples import Sample, ScrapeFailure


@dataclass(slots=True)
class LoadSecond:
    """One second of the run, of all servers together. `None`: nobody told."""

    second: int
    refusals: int = 0
    """Since the start of the run."""
    waiting: int = 0
    opens: int = 0
    boxes: dict[str, float] = field(default_factory=dict)
    """Files that wait, by `SERVER/SHARE/BOX`."""
    rows_ended: int = 0
    """Workstation rows that have ended, since the start of the run."""
    reports: int = 0
    """That clients handed in, since the start of the run."""
    silent: list[str] = field(default_factory=list)


@dataclass(slots=True)
class LoadWatch:
    """Takes samples of a run. `names` are all servers that can be asked."""

    names: list[str]
    refusals: dict[tuple[str, str], float] = field(default_factory=dict)
    queues: dict[str, float] = field(default_factory=dict)
    rows: list[LoadSecond] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    silences: dict[str, int] = field(default_factory=dict)
    _refused: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _rows_before: float | None = None

    def begin(self, samples: Iterable[Sample | ScrapeFailure]) -> None:
        """What there was before the run."""
        for sample in samples:
            if isinstance(sample, Sample):
                self._refusals(sample, counts=False)
                if sample.site.details:
                    self._rows_before = _ended(sample)
        self._rows_before = self._rows_before or 0.0

    def take(self, second: int, samples: Iterable[Sample | ScrapeFailure]) -> LoadSecond:
        """One moment of the run."""
        row = LoadSecond(second)
        for sample in samples:
            if isinstance(sample, ScrapeFailure):
                row.silent.append(sample.name)
                self.silences[sample.name] = self.silences.get(sample.name, 0) + 1
                continue
            self.answered.add(sample.name)
            self._refusals(sample, counts=True)
            row.waiting += round(sample.share.episodes_waiting or 0)
            row.opens += round(sample.share.opens or 0)
            for (share, box), depth in sample.share.boxes.items():
                name = f"{sample.name}/{share}/{box}"
                row.boxes[name] = depth
                self.queues[name] = max(self.queues.get(name, 0.0), depth)
            if sample.site.details:
                row.rows_ended = max(0, round(_ended(sample) - (self._rows_before or 0.0)))
        row.refusals = round(sum(self.refusals.values()))
        self.rows.append(row)
        return row

    @property
    def has_heard_all(self) -> bool:
        """Whether every server answered at least once."""
        return set(self.names) <= self.answered

    def _refusals(self, sample: Sample, *, counts: bool) -> None:
        for (share, program), value in sample.share.refusals.items():
            key = (sample.name, share, program)
            before = self._refused.get(key, 0.0)
            self._refused[key] = value
            if counts:
                more = value - before if value >= before else value
                self.refusals[share, program] = self.refusals.get((share, program), 0.0) + more


def _ended(sample: Sample) -> float:
    over = ("Complete", "Failed", "Canceled")
    return sum(
        count
        for (kind, status), count in sample.site.details.items()
        if kind == "Workstation" and status in over
    )
