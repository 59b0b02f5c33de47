"""What must hold of every client, read from the records alone.

The law: a command runs once on a machine, its result is reported once, and what was reported
arrives at the site, some time after the last disturbance. An expiry is no result: sites pass it
over, as they should, and some clients tell it at each poll (Q188042).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.site import MifLoaded, MifRefused
from despoolr_core.records.stream import Record
from despoolr_core.times import span
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.calm import SETTLED_S

RUN_TWICE: Final = "a program run twice"
REPORTED_TWICE: Final = "a result reported twice"
LOST_REPORT: Final = "a report lost"
RUN_EXPIRED: Final = "a program run after its expiry"
LATE_S: Final = 60.0
"""Seconds between what a poll decides and the start of a program."""
PCM: Final = "PCM"
EXPIRED: Final = "Expired"


@dataclass(slots=True)
class ClientRules:
    """The fold: feed it all records in order, then ask `at_end`."""

    _done: set[tuple[str, str]] = field(default_factory=set)
    """Machine and request whose result was handed in."""
    _reported: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    """Machine and number of a report to when it was handed in, and its request."""
    _started: list[tuple[Record, str]] = field(default_factory=list)
    """Starts of programs, and the requests that they are for."""
    _counted: set[str] = field(default_factory=set)
    """Reports that a site has counted: one may be before its client is done with handing it in."""
    _has_refused: bool = False
    """A MIF was refused: what it said is told nowhere else."""

    def apply(self, record: Record) -> Iterator[Breach]:
        """What the next record breaks."""
        fact = record.data
        machine = record.actor
        if isinstance(fact, ProgramStarted):
            self._started.append((record, fact.request))
            # what a machine that was switched off had begun, it begins again
            if (machine, fact.request) in self._done:
                text = f"{machine} ran request {fact.request} again, whose result it had handed in"
                yield Breach(RUN_TWICE, text, record.at, record.seq, "", PCM)
        elif isinstance(fact, ResultReported):
            if fact.result == EXPIRED:
                return
            if (machine, fact.report) in self._reported:
                text = f"{machine} handed report {fact.report} in a second time"
                yield Breach(REPORTED_TWICE, text, record.at, record.seq, "", PCM)
            self._reported[machine, fact.report] = record.at, fact.request
            self._done.add((machine, fact.request))
        elif isinstance(fact, MifLoaded):
            self._counted.add(fact.report)
        elif isinstance(fact, MifRefused):
            self._has_refused = True
        elif isinstance(fact, StepTaken) and fact.do == "delete_history":
            self._done.clear()  # PCM has run nothing, as far as it knows (Q122202)

    def at_end(
        self,
        end: float,
        calm: float,
        waiting: Collection[str] = (),
        taken_back: Collection[str] = (),
        expires: Mapping[str, float] = MappingProxyType({}),
    ) -> Iterator[Breach]:
        """What was handed in and never arrived, in a run that ended then and was left in peace
        since. `waiting` are the reports that wait for their time at a site, `taken_back` the
        requests that no site knows any more, `expires` the site times at which commands do.
        """
        for record, request in self._started:
            expiry = expires.get(request, math.inf)
            if record.at > expiry + LATE_S:
                late_s = record.at - expiry
                text = f"{record.actor} ran request {request} {span(late_s)} after its expiry"
                yield Breach(RUN_EXPIRED, text, record.at, record.seq, "", PCM)
        for (machine, report), (at, request) in self._reported.items():
            if report in self._counted or report in waiting or self._has_refused:
                continue
            if request in taken_back:
                continue
            if end - max(at, calm) >= SETTLED_S:
                text = f"{machine} handed report {report} in, and no site has heard of it"
                yield Breach(LOST_REPORT, text, at, 0, "", PCM)
