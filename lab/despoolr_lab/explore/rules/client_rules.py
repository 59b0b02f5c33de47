"""What must hold of every client, read from the records alone.

The law: a command runs once on a machine and in its time, its result is reported once, and what was
reported arrives at the site, some time after the last disturbance. An expiry is no result: sites
pass it over, as they should, and some clients tell it at each poll (Q188042).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from despoolr_core.records.kinds.client import (
    CommandChanged,
    Polled,
    ProgramStarted,
    ResultReported,
)
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.site import MifLoaded, MifRefused
from despoolr_core.records.stream import Record
from despoolr_core.times import span
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.calm import SETTLED_S

RUN_TWICE: Final = "a program run twice"
REPORTED_TWICE: Final = "a result reported twice"
LOST_REPORT: Final = "a report lost"
UNREPORTED: Final = "a program that ran and was not reported"
RUN_EXPIRED: Final = "a program run after its expiry"
RUN_EARLY: Final = "a program run before its time"
RUN_LATE: Final = "a program run late"
EXPIRED_EARLY: Final = "a command that expired before its time"
RUN_CANCELLED: Final = "a program run after it was cancelled"
CANCELLED_TWICE: Final = "a command cancelled twice"
NEVER_RUN: Final = "a command that was never run"
LATE_S: Final = 60.0
"""Seconds between what a poll decides and the start of a program."""
ROUNDING_S: Final = 1.0
PCM: Final = "PCM"
EXPIRED: Final = "Expired"
EXECUTED: Final = "Executed"
NEW: Final = "New"
IS_OVER: Final = "expired"
IS_GONE: Final = "cancelled"
CHANGED: Final = "changed"


@dataclass(slots=True)
class KnownCommands:
    """What sites know of commands at the end of a run. Times are site times."""

    waiting: set[str] = field(default_factory=set)
    """Reports of clients that wait at a site for the date that their client had (Q172899)."""
    taken_back: set[str] = field(default_factory=set)
    """Requests of jobs that were cancelled, or whose package was removed: no site knows a report of
    them any more.
    """
    expires: dict[str, float] = field(default_factory=dict)
    """Request to when it expires."""
    mandatory: dict[tuple[str, str], float] = field(default_factory=dict)
    """Machine and request to when it is to be run by itself, and not before."""
    due: dict[tuple[str, str], float] = field(default_factory=dict)
    """Machine and request to when it should have been run at the latest, if nothing was disturbed
    after that.
    """
    polls: dict[str, float] = field(default_factory=dict)
    """Machine that is on to the seconds between two of its polls."""


@dataclass(slots=True)
class ClientRules:
    """The fold: feed it all records in order, then ask `at_end`."""

    _done: set[tuple[str, str]] = field(default_factory=set)
    """Machine and request whose result was handed in."""
    _reported: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    """Machine and number of a report to when it was handed in, and its request."""
    _executed: dict[tuple[str, str], float] = field(default_factory=dict)
    """Machine and request that it has run to when that ended."""
    _started: list[tuple[Record, str]] = field(default_factory=list)
    """Starts of programs, and the requests that they are for."""
    _new: dict[tuple[str, str], float] = field(default_factory=dict)
    """Machine and request to when its PCM showed it first."""
    _gone: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Machine to the requests that its PCM found cancelled, and has read no file since."""
    _gone_before: dict[str, tuple[int, set[str]]] = field(default_factory=dict)
    """Machine to its last poll that read a file, and what it had found cancelled before that."""
    _ever_gone: set[tuple[str, str]] = field(default_factory=set)
    """Machine and request that its PCM found cancelled at some time."""
    _over: list[tuple[Record, str]] = field(default_factory=list)
    """When PCMs found something expired."""
    _counted: set[str] = field(default_factory=set)
    """Reports that a site has counted: one may be before its client is done with handing it in."""
    _has_refused: bool = False
    """A MIF was refused: what it said is told nowhere else."""
    _is_by_hand: bool = False
    """Somebody runs what PCM shows, at any time."""

    def apply(self, record: Record) -> Iterator[Breach]:
        """What the next record breaks."""
        fact = record.data
        if isinstance(fact, ProgramStarted):
            yield from self._is_started(record, fact)
        elif isinstance(fact, CommandChanged):
            yield from self._is_changed(record, fact)
        elif isinstance(fact, Polled) and fact.result == CHANGED:
            # another logon server may have been behind, and the file has the command again
            self._gone_before[record.actor] = record.seq, self._gone.pop(record.actor, set())
        elif isinstance(fact, ResultReported):
            yield from self._is_reported(record, fact)
        elif isinstance(fact, MifLoaded):
            self._counted.add(fact.report)
        elif isinstance(fact, MifRefused):
            self._has_refused = True
        elif isinstance(fact, StepTaken) and fact.do == "delete_history":
            self._done.clear()  # PCM has run nothing, as far as it knows (Q122202)
        elif isinstance(fact, StepTaken) and fact.do == "execute":
            self._is_by_hand = True

    def _is_changed(self, record: Record, changed: CommandChanged) -> Iterator[Breach]:
        key = record.actor, changed.request
        if changed.state == EXECUTED:
            self._executed[key] = record.at
        elif changed.state == NEW:
            self._new.setdefault(key, record.at)
            self._gone[record.actor].discard(changed.request)
        elif changed.state == IS_OVER:
            self._over.append((record, changed.request))
        elif changed.state == IS_GONE:
            gone = self._gone[record.actor]
            read, before = self._gone_before.get(record.actor, (-1, set()))
            if changed.request in (before if record.cause == read else gone):
                text = f"{key[0]} found request {key[1]} cancelled a second time"
                yield Breach(CANCELLED_TWICE, text, record.at, record.seq, "", PCM)
            gone.add(changed.request)
            self._ever_gone.add(key)

    def _is_started(self, record: Record, started: ProgramStarted) -> Iterator[Breach]:
        self._started.append((record, started.request))
        # what a machine that was switched off had begun, it begins again
        if (record.actor, started.request) in self._done:
            text = (
                f"{record.actor} ran request {started.request} again, whose result it had handed in"
            )
            yield Breach(RUN_TWICE, text, record.at, record.seq, "", PCM)
        if started.request in self._gone.get(record.actor, ()):
            text = f"{record.actor} ran request {started.request}, which it had found cancelled"
            yield Breach(RUN_CANCELLED, text, record.at, record.seq, "", PCM)

    def _is_reported(self, record: Record, said: ResultReported) -> Iterator[Breach]:
        machine = record.actor
        self._executed.pop((machine, said.request), None)
        if said.result == EXPIRED:
            return
        if (machine, said.report) in self._reported:
            text = f"{machine} handed report {said.report} in a second time"
            yield Breach(REPORTED_TWICE, text, record.at, record.seq, "", PCM)
        self._reported[machine, said.report] = record.at, said.request
        self._done.add((machine, said.request))

    def at_end(
        self,
        end: float,
        calm: float,
        known: KnownCommands | None = None,
        cut_off: Sequence[tuple[float, float]] = (),
    ) -> Iterator[Breach]:
        """What was handed in and never arrived, and what was run at a wrong time or never, in a run
        that ended then and was left in peace since. `cut_off` are the spans in which a server could
        not be reached: who waited for one starts late, by a minute for each call.
        """
        known = known or KnownCommands()
        taken_back, expires = known.taken_back, known.expires
        yield from self._runs(end, calm, known)
        for record, request in self._started:
            expiry = expires.get(request, math.inf)
            waited = any(since <= record.at and expiry <= until for since, until in cut_off)
            if record.at > expiry + LATE_S and not waited:
                late_s = record.at - expiry
                text = f"{record.actor} ran request {request} {span(late_s)} after its expiry"
                yield Breach(RUN_EXPIRED, text, record.at, record.seq, "", PCM)
        for record, request in self._over:
            if record.at < expires.get(request, -math.inf) - ROUNDING_S:
                text = f"request {request} expired at {record.actor} before its time"
                yield Breach(EXPIRED_EARLY, text, record.at, record.seq, "", PCM)
        for (machine, report), (at, request) in self._reported.items():
            if report in self._counted or report in known.waiting or self._has_refused:
                continue
            if request in taken_back:
                continue
            if end - max(at, calm) >= SETTLED_S:
                text = f"{machine} handed report {report} in, and no site has heard of it"
                yield Breach(LOST_REPORT, text, at, 0, "", PCM)

    def _runs(self, end: float, calm: float, known: KnownCommands) -> Iterator[Breach]:
        """What was run too early, what was never run, and what was run and never told."""
        for (machine, request), at in self._executed.items():
            poll_s = known.polls.get(machine, math.inf)
            if end - max(at, calm) >= SETTLED_S + 2 * poll_s:
                text = f"{machine} ran request {request}, and never reported it"
                yield Breach(UNREPORTED, text, at, 0, "", PCM)
        begun = {(record.actor, request) for record, request in self._started}
        for record, request in self._started:
            due = known.mandatory.get((record.actor, request), -math.inf)
            if record.at < due - ROUNDING_S and not self._is_by_hand:
                text = f"{record.actor} ran request {request} {span(due - record.at)} early"
                yield Breach(RUN_EARLY, text, record.at, record.seq, "", PCM)
        yield from self._late(calm, known)
        for (machine, request), at in known.due.items():
            settled = max(at, calm) + SETTLED_S
            is_over = request in known.taken_back or (
                known.expires.get(request, math.inf) < settled
            )
            if (machine, request) not in begun and not is_over and end >= settled:
                text = f"{machine} was to run request {request}, and never did"
                yield Breach(NEVER_RUN, text, end, 0, "", PCM)

    def _late(self, calm: float, known: KnownCommands) -> Iterator[Breach]:
        """What was known in time, nothing disturbed any more, and waited for more than a poll."""
        if self._is_by_hand:  # a machine may run something over and over first
            return
        first: dict[tuple[str, str], Record] = {}
        for record, request in self._started:
            first.setdefault((record.actor, request), record)
        for key, record in first.items():
            if not (key in known.due and key in self._new and key[0] in known.polls):
                continue
            if key in self._ever_gone:
                continue  # nobody tells when it was there again
            mandatory, poll_s = known.mandatory[key], known.polls[key[0]]
            at = max(self._new[key], mandatory)
            busy_s = known.due[key] - mandatory - 2 * poll_s
            if at >= calm and record.at > at + busy_s + poll_s + LATE_S:
                text = f"{key[0]} ran request {key[1]} {span(record.at - at)} after it was due"
                yield Breach(RUN_LATE, text, record.at, record.seq, "", PCM)
