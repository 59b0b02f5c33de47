"""What must hold of every client, read from the records alone.

The law: a command runs once on a machine, its result is reported once, and what was reported
arrives at the site, some time after the last disturbance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.site import DetailStatusChanged, MifRefused
from despoolr_core.records.stream import Record
from despoolr_lab.explore.breach import Breach
from despoolr_lab.explore.calm import SETTLED_S

RUN_TWICE: Final = "a program run twice"
REPORTED_TWICE: Final = "a result reported twice"
LOST_REPORT: Final = "a report lost"
PCM: Final = "PCM"


@dataclass(slots=True)
class ClientRules:
    """The fold: feed it all records in order, then ask `at_end`."""

    _done: set[tuple[str, str]] = field(default_factory=set)
    """Machine and request whose result was handed in."""
    _reported: dict[tuple[str, str], float] = field(default_factory=dict)
    """Machine and number of a report to when it was handed in."""
    _told: dict[str, float] = field(default_factory=dict)
    """Machine to when a site last said anything of its results."""
    _has_refused: bool = False
    """A MIF was refused: what it said is told nowhere else."""

    def apply(self, record: Record) -> Iterator[Breach]:
        """What the next record breaks."""
        fact = record.data
        machine = record.actor
        if isinstance(fact, ProgramStarted):
            # what a machine that was switched off had begun, it begins again
            if (machine, fact.request) in self._done:
                text = f"{machine} ran request {fact.request} again, whose result it had handed in"
                yield Breach(RUN_TWICE, text, record.at, record.seq, "", PCM)
        elif isinstance(fact, ResultReported):
            if (machine, fact.report) in self._reported:
                text = f"{machine} handed report {fact.report} in a second time"
                yield Breach(REPORTED_TWICE, text, record.at, record.seq, "", PCM)
            self._reported[machine, fact.report] = record.at
            self._done.add((machine, fact.request))
        elif isinstance(fact, DetailStatusChanged) and fact.detail == "Workstation":
            self._told[fact.machine] = record.at
        elif isinstance(fact, MifRefused):
            self._has_refused = True
        elif isinstance(fact, StepTaken) and fact.do == "delete_history":
            self._done.clear()  # PCM has run nothing, as far as it knows (Q122202)

    def at_end(self, end: float, calm: float) -> Iterator[Breach]:
        """What was handed in and never arrived, in a run that ended then and was left in peace
        since.
        """
        for (machine, report), at in self._reported.items():
            is_told = self._told.get(machine, 0.0) >= at
            if not is_told and not self._has_refused and end - max(at, calm) >= SETTLED_S:
                text = f"{machine} handed report {report} in, and no site has heard of it"
                yield Breach(LOST_REPORT, text, at, 0, "", PCM)
