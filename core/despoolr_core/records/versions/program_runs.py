"""Who ran a package's program from which server, and what lay there then: what is true of a job
that runs a program.

The law: a start is known by its request, and a request's job by what follows: a machine's row of a
job changes after its report on the request.
"""

from __future__ import annotations

import sys
from typing import Final

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.site import DetailStatusChanged
from despoolr_core.records.stream import Record
from despoolr_core.records.versions.version_map import Truth, VersionMap
from despoolr_core.records.versions.versioned_folder import (
    GONE,
    MISSING,
    MIXED,
    NEW,
    OLD,
    ProgramRun,
    append,
)

RUNS_MAX: Final = 50_000
"""Starts of programs that are kept, each; all are counted."""


class ProgramRuns:
    """The fold: a record goes to the version map first, and then here."""

    def __init__(self, versions: VersionMap) -> None:
        self.versions = versions
        self.left_out = 0
        self._kept_count = 0
        self._runs: dict[str, list[ProgramRun]] = {}
        """By request."""
        self._requests: dict[str, list[str]] = {}
        """By job."""
        self._told: set[str] = set()
        """Requests whose job is known."""
        self._reported: dict[str, dict[str, str]] = {}
        """Machine to the requests that it reported on and whose job is not known, with their
        packages.
        """

    def apply(self, record: Record) -> None:
        """Take the next record in."""
        fact = record.data
        if isinstance(fact, ProgramStarted):
            self._started(fact, record)
        elif isinstance(fact, ResultReported):
            if fact.request not in self._told:
                self._reported.setdefault(record.actor, {})[fact.request] = fact.package
        elif isinstance(fact, DetailStatusChanged) and fact.machine in self._reported:
            self._detail_changed(fact)

    def truth_of(self, job: str) -> list[Truth]:
        """What was true of a job over time on the machines that ran its program; empty for one
        that runs none.
        """
        requests = self._requests.get(job, ())
        runs = sorted((run for one in requests for run in self._runs.get(one, ())), key=_at)
        total = len({run.machine for run in runs})
        last: dict[str, str] = {}
        count = dict.fromkeys((GONE, OLD, NEW, MIXED, MISSING), 0)
        found: list[Truth] = []
        for run in runs:
            if run.machine in last:
                count[last[run.machine]] -= 1
            last[run.machine] = run.state
            count[run.state] += 1
            now = Truth(run.at, count[NEW], count[OLD], count[MIXED], count[MISSING], total)
            append(found, now)
        return found

    def _started(self, fact: ProgramStarted, record: Record) -> None:
        folder = self.versions.folder(fact.package, fact.server)
        if folder is None:
            return
        now = folder.count
        machine, program, request = map(sys.intern, (record.actor, fact.program, fact.request))
        run = ProgramRun(record.at, machine, program, request, now.state, now.missing)
        is_kept = self._kept_count < RUNS_MAX
        folder.ran(run, is_kept=is_kept)
        if not is_kept:
            self.left_out += 1
            return
        self._kept_count += 1
        self._runs.setdefault(request, []).append(run)

    def _detail_changed(self, fact: DetailStatusChanged) -> None:
        job = self.versions.jobs.get(fact.job)
        package = job.package if job is not None else ""
        waiting = self._reported[fact.machine]
        for request in [one for one, its in waiting.items() if its == package]:
            if request not in self._told:
                self._told.add(request)
                self._requests.setdefault(fact.job, []).append(request)
            del waiting[request]


def _at(run: ProgramRun) -> float:
    return run.at
