"""A run as a trace for ui.perfetto.dev, in Chrome's Trace Event Format: one track an open.

A file on a share is a process, and each of its opens a thread in which one slice lasts from grant
to close. An episode is a slice on a track of its own from its first refusal to its end, with an
instant for each refusal. Jobs have a track each, with a slice for each status; steps of the
scenario and the event log are instants, and what was broken on purpose has a slice each.

The law: times are microseconds since the run's first moment, which `otherData` tells; what nobody
closed lasts until the end of the run, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from despoolr_core.records.view import Holding, RunView
from despoolr_core.times import moment
from despoolr_lab.export.tables import unc

_MARKS: Final = "Scenario and event log"
_JOBS: Final = "Jobs"
_BROKEN: Final = "Broken on purpose"


def perfetto(view: RunView) -> Iterator[bytes]:
    """The pieces of one JSON object."""
    told = {"from": moment(view.start, seconds=True), "to": moment(view.end, seconds=True)}
    yield b'{"displayTimeUnit":"ms","otherData":' + msgspec.json.encode(told)
    yield b',"traceEvents":['
    is_first = True
    for event in _Trace(view).events():
        yield (b"\n" if is_first else b",\n") + msgspec.json.encode(event)
        is_first = False
    yield b"\n]}\n"


class _Trace:
    """Numbers processes and tracks in the order in which they are first needed."""

    def __init__(self, view: RunView) -> None:
        self._view = view
        self._processes: dict[str, int] = {}
        self._thread = 0

    def events(self) -> Iterator[dict[str, Any]]:
        view = self._view
        yield from self._marks()
        for job in view.jobs.values():
            yield from self._track(_JOBS, job.label)
            ends = [change.at for change in job.changes[1:]] + [view.end]
            for change, end in zip(job.changes, ends, strict=True):
                yield self._slice(change.status, change.at, end, {"reason": change.reason})
        for row in view.ledger.rows():
            waiter = f"{row.program or 'a program'} on {row.machine}"
            yield from self._track(unc(row.server, row.share, row.path), f"waits: {waiter}")
            end = view.end if row.ended_at is None else row.ended_at
            told = {"episode": row.episode, "purpose": row.purpose, "refusals": row.attempt_count}
            yield self._slice(row.state, row.first_refused_at, end, told)
            for at in view.attempts.get(row.episode, ()):
                yield self._instant("refused", at, {"nt_status": row.nt_status})
        for holding in (*view.holdings, *view.unseen):
            yield from self._open(holding)

    def _marks(self) -> Iterator[dict[str, Any]]:
        yield from self._track(_MARKS, "steps")
        for record, step in self._view.steps:
            yield self._instant(step.do, record.at, {})
        yield from self._track(_MARKS, "event log")
        for record, event in self._view.events:
            told = {"component": event.component, "job": event.job, "text": event.text}
            yield self._instant(str(event.event), record.at, told)

        for fault in self._view.faults:
            yield from self._track(_BROKEN, f"{fault.fault}: {fault.where}")
            end = self._view.end if fault.ended_at is None else fault.ended_at
            told = {"where": fault.where, "ended": "not ended" if fault.ended_at is None else ""}
            yield self._slice(fault.fault, fault.began_at, end, told)

    def _open(self, holding: Holding) -> Iterator[dict[str, Any]]:
        who = f"{holding.program or 'a program'} on {holding.machine or 'an unknown machine'}"
        file = unc(holding.server, holding.share, holding.path)
        yield from self._track(file, f"{who} ({holding.open})")
        told = {
            "user": holding.user,
            "access": holding.access,
            "sharing": holding.share_mode,
            "refused others": holding.refusal_count,
            "closed": "not closed" if holding.closed_at is None else holding.reason,
        }
        end = self._view.end if holding.closed_at is None else holding.closed_at
        yield self._slice(who, holding.opened_at, end, told)

    # -- events

    def _track(self, process: str, name: str) -> Iterator[dict[str, Any]]:
        """A new track, on which slices and instants are put until the next one."""
        if process not in self._processes:
            self._processes[process] = len(self._processes) + 1
            self._process = self._processes[process]
            yield self._named("process_name", process, 0)
        self._process = self._processes[process]
        self._thread += 1
        yield self._named("thread_name", name, self._thread)

    def _named(self, what: str, name: str, thread: int) -> dict[str, Any]:
        return {
            "ph": "M",
            "name": what,
            "pid": self._process,
            "tid": thread,
            "args": {"name": name},
        }

    def _slice(self, name: str, at: float, end: float, args: dict[str, Any]) -> dict[str, Any]:
        begun = self._us(at)
        return self._at(name, begun, args) | {"ph": "X", "dur": max(0, self._us(end) - begun)}

    def _instant(self, name: str, at: float, args: dict[str, Any]) -> dict[str, Any]:
        return self._at(name, self._us(at), args) | {"ph": "i", "s": "t"}

    def _at(self, name: str, us: int, args: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "pid": self._process, "tid": self._thread, "ts": us, "args": args}

    def _us(self, at: float) -> int:
        """An open may be older than the records: then it begins with them."""
        return max(0, round((at - self._view.start) * 1_000_000))
