"""A recording as a scenario: its holds and its refused attempts at their times, and an update of
the files that were refused, whose first attempt comes when the recorded one did. So `despoolr run`
runs it and a what-if can change it.

The law: what is staged is what the records have, to the millisecond; what they do not tell, or what
no scenario can hold, is left out or made up, and said in the scenario's story. Holds are `exact`:
other worlds vary the site and leave the recording as it was.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from despoolr_core.phrases import counted
from despoolr_core.records.kinds.share import (
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
)
from despoolr_core.records.kinds.site import CopyStarted, JobStatusChanged
from despoolr_core.records.stream import Record, of
from despoolr_core.records.whatif.hold_table import FileKey, key_of
from despoolr_core.records.whatif.waits import TAIL_S
from despoolr_core.rules.fold import fold
from despoolr_core.rules.text import why_unfit
from despoolr_core.share.modes import Access, parse_flags
from despoolr_core.times import moment
from despoolr_lab.scenario.model import (
    Clients,
    HeldRange,
    HoldStep,
    JobStep,
    Package,
    Run,
    Scenario,
    Server,
    Site,
    SourceStep,
    Step,
    Worlds,
)
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_lab.scenario.tables.steps import LOCKS_MAX
from despoolr_lab.scenario.worlds import span_text
from despoolr_lab.whatif.recording.recorded_waits import RecordedWaits
from despoolr_server.engine.names import BadName, parse_name

FILE: Final = "simulated.toml"
"""Its name beside the records of the recording."""
STEPS_MAX: Final = 5_000
"""Holds of one scenario: of those open at the first refusal or after it, those opened first."""
PACKAGE: Final = "RECORDED"
UPDATE: Final = "UPDATE"
FIRST_S: Final = 3600.0
"""What the site has to put the package there before anybody opens it."""
BEFORE_S: Final = 86_400.0
"""How long before the first refusal a hold begins at the earliest: what is older began then."""
AFTER_S: Final = 86_400.0
"""How long the run goes on after the first refusal, at least: retries have hours between them."""
TRY_S: Final = 0.01
"""How long an attempt that is let in keeps the file open."""
UNTOLD_PROGRAM: Final = "UNKNOWN"
_NAME: Final = re.compile(r"[A-Za-z0-9_.$-]{1,15}")
_SERVICE: Final = "SITE1"
_PENDING: Final = "STATUS_DELETE_PENDING"


class CannotStage(ValueError):
    """A recording of which no scenario can be made; the message says why."""


@dataclass
class _Hold:
    """One open of the recording, or (`is_attempt`) one that was refused."""

    at: float
    key: FileKey
    machine: str
    user: str
    program: str
    access: str
    share_mode: str
    closed_at: float | None = None
    is_attempt: bool = False
    ranges: list[tuple[str, int, int, float, float | None]] = field(default_factory=list)


@dataclass(frozen=True)
class Staged:
    """The scenario, and what could not be made part of it."""

    scenario: Scenario
    notes: tuple[str, ...]


def staged(source: str, read: Callable[[], Iterable[Record]]) -> Staged:
    """The scenario of a recording; `read` gives its records anew each time. Raises
    `CannotStage`.
    """
    refusals = RecordedWaits(read())
    waits = [row for row in refusals.waits if not row.purpose and row.nt_status != _PENDING]
    if not waits:
        raise CannotStage(
            "no open was refused in this recording, so there is no update to run again"
        )
    place = Counter((row.server, fold(row.share)) for row in waits).most_common(1)[0][0]
    waits = [row for row in waits if (row.server, fold(row.share)) == place]
    wanted = {
        key_of(row.server, row.share, path): path
        for row in waits
        for path in (*(hold.path for hold in row.holds if hold.path), row.path)
    }
    notes: Counter[str] = Counter()
    files = {key: path for key, path in wanted.items() if _is_file(path, wanted)}
    notes["file with a name that no package can have"] = len(wanted) - len(files)
    if not files:
        raise CannotStage("no file that was refused can lie in a package")
    first = min(row.first_refused_at for row in waits)
    reading = _Reading(files)
    for record in read():
        reading.take(record)
    notes["attempt that a pending delete refused, which is not staged"] = reading.pending_count
    holds = _around(reading.holds, first, notes)
    for one in holds:  # whoever ended the recording closed it
        if one.closed_at is not None and one.closed_at > refusals.end - TAIL_S:
            one.closed_at = None
    machines = _Machines(holds, place[0])
    share = next(row.share for row in waits if fold(row.share) == place[1])
    stage = _Stage(source, first, refusals.end, files, holds, machines, share)
    return Staged(stage.whole(notes), tuple(_told(notes)))


class _Stage:
    """What a scenario is made of, and where its time begins."""

    def __init__(
        self,
        source: str,
        first: float,
        end: float,
        files: dict[FileKey, str],
        holds: list[_Hold],
        machines: _Machines,
        share: str,
    ) -> None:
        self._source = source
        self._first, self._end = first, end
        self._files = files
        self._holds = holds
        self._machines = machines
        self._share = share if _NAME.fullmatch(share) else "SMS_PKGD"
        earliest = min((one.at for one in holds), default=first)
        self._job_s = max(FIRST_S, first - max(earliest, first - BEFORE_S) + FIRST_S)

    def whole(self, notes: Counter[str]) -> Scenario:
        """The scenario: its start is such that the update is tried first at the first refusal."""
        delay_s = self._measured()
        start = self._first - self._job_s - delay_s
        return self._scenario(start, self._steps(start, notes), notes)

    def _measured(self) -> float:
        """How long the site takes from the job to the first attempt, by a run without holds."""
        scenario = self._scenario(0.0, [], Counter())
        scenario.run.for_ = span_text(self._job_s + FIRST_S)
        result = run_scenario(scenario, RunOptions())
        jobs = {fact.job for _, fact in of(result.records, JobStatusChanged) if fact.name == UPDATE}
        for record, fact in of(result.records, CopyStarted):
            if fact.job in jobs:
                return record.at - scenario.start - self._job_s
        raise CannotStage("the update is not tried within an hour on an idle site")

    def _scenario(self, start: float, steps: list[Step], notes: Counter[str]) -> Scenario:
        goes_s = max(self._end, self._first + AFTER_S) - start
        files = sorted(self._files.values())
        job = span_text(self._job_s)
        update: list[Step] = [
            JobStep(at="0s", name="FIRST", package=PACKAGE, type="share", exact=True),
            SourceStep(
                at=job, package=PACKAGE, files=dict.fromkeys(files, "new version"), exact=True
            ),
            JobStep(
                at=job,
                name=UPDATE,
                package=PACKAGE,
                type="share",
                send="even if previously sent",
                refresh_existing=True,
                exact=True,
            ),
        ]
        return Scenario(
            name="recorded",
            title=f"What {self._source[:100]} recorded, with an update of the refused files",
            story=self._story(notes),
            run=Run(start=_moment(start), for_=span_text(goes_s)),
            worlds=Worlds(),
            site=[Site(server=_SERVICE, version="1.1", response="Very Fast")],
            server=[Server(name=self._machines.server, package_share=self._share)],
            clients=self._machines.clients(),
            package=[Package(name=PACKAGE, files=dict.fromkeys(files, "old version"))],
            step=[*update, *steps],
        )

    def _steps(self, start: float, notes: Counter[str]) -> list[Step]:
        made: list[Step] = []
        earliest = start + FIRST_S
        for one in self._holds:
            at = max(one.at, earliest)
            if one.closed_at is not None and one.closed_at <= at:
                continue
            if not one.is_attempt and not one.share_mode:
                notes["open whose share mode nobody told: sharing READ here"] += 1
            for_s = TRY_S if one.is_attempt else None
            if one.closed_at is not None:
                for_s = max(0.001, one.closed_at - at)
            ranges = [
                HeldRange(
                    offset=offset,
                    length=length,
                    shared=kind == "SHARED",
                    after=span_text(max(0.0, since - at)),
                    for_="" if until is None else span_text(max(0.001, until - max(since, at))),
                )
                for kind, offset, length, since, until in one.ranges[:LOCKS_MAX]
            ]
            made.append(
                HoldStep(
                    at=span_text(at - start),
                    machine=self._machines.of(one),
                    package=PACKAGE,
                    file=self._files[one.key],
                    program=_program(one.program),
                    access=one.access or ("READ|WRITE" if one.is_attempt else "READ"),
                    share_mode=one.share_mode or "READ",
                    for_="" if for_s is None else span_text(for_s),
                    may_fail=True,
                    locks=ranges,
                    exact=True,
                )
            )
        return made

    def _story(self, notes: Counter[str]) -> str:
        told = [
            f"Of the recording {self._source}: {len(self._holds):,} opens and refused attempts of "
            f"{len(self._files):,} files, first refused at {moment(self._first, seconds=True)}.",
            "The update is ours: SMS 1.1 (Very Fast) copies the files at the time of the first "
            "refusal.",
            f"After {moment(self._end, seconds=True)} nothing is recorded: what is open then stays "
            "so.",
            *_told(notes),
        ]
        return "\n".join(told)


class _Machines:
    """What the machines of a recording are called where names are NetBIOS's."""

    def __init__(self, holds: list[_Hold], server: str) -> None:
        self.server = server if _NAME.fullmatch(server) and fold(server) != _SERVICE else "SRV"
        self._names: dict[str, str] = {}
        self._users: dict[str, str] = {}
        taken = {fold(self.server), _SERVICE}
        for one in holds:
            told = one.machine or f"?{one.user}"
            if told in self._names:
                continue
            plain = one.machine if _NAME.fullmatch(one.machine) else ""
            number = len(self._names) + 1
            while not plain or fold(plain) in taken:
                plain = f"PC{number}"
                number += 1
            taken.add(fold(plain))
            self._names[told] = plain
            self._users[plain] = "" if why_unfit(one.user) else one.user

    def of(self, one: _Hold) -> str:
        """The machine of an open."""
        return self._names[one.machine or f"?{one.user}"]

    def clients(self) -> list[Clients]:
        """The tables of all machines, those of one user together. They poll for nothing."""
        by_user: dict[str, list[str]] = {}
        for name, user in self._users.items():
            by_user.setdefault(user, []).append(name)
        return [
            Clients(names=names, user=user, poll_every="3650d", first_poll="3650d")
            for user, names in by_user.items()
        ]


class _Reading:
    """The opens and refused attempts of some files, in their order."""

    def __init__(self, files: dict[FileKey, str]) -> None:
        self.holds: list[_Hold] = []
        self.pending_count = 0
        """Attempts that a pending delete refused: no step deletes a file that is open."""
        self._files = files
        self._held: dict[tuple[str, str], _Hold] = {}

    def take(self, record: Record) -> None:
        """Take the next record in."""
        fact = record.data
        if isinstance(fact, OpenGranted):
            one = self._added(record.at, fact)
            if one is not None:
                self._held[fact.server, fact.open] = one
        elif isinstance(fact, OpenRefused):
            if fact.blockers and not fact.purpose:
                self._refused(record.at, fact)
        elif isinstance(fact, OpenClosed):
            ended = self._held.pop((fact.server, fact.open), None)
            if ended is not None:
                ended.closed_at = record.at
        elif isinstance(fact, LockGranted | LockReleased):
            held = self._held.get((fact.server, fact.open))
            if held is not None:
                _lock(held, fact, record.at)

    def _refused(self, at: float, fact: OpenRefused) -> None:
        if fact.nt_status == _PENDING:
            self.pending_count += 1
            return
        self._added(at, fact)

    def _added(self, at: float, fact: OpenGranted | OpenRefused) -> _Hold | None:
        key = key_of(fact.server, fact.share, fact.path)
        if key not in self._files or (fact.access and not parse_flags(Access, fact.access)):
            return None
        one = _Hold(
            at=at,
            key=key,
            machine=fact.machine,
            user=fact.user,
            program=fact.program,
            access=fact.access,
            share_mode=fact.share_mode,
            is_attempt=isinstance(fact, OpenRefused),
        )
        self.holds.append(one)
        return one


def _lock(held: _Hold, fact: LockGranted | LockReleased, at: float) -> None:
    if isinstance(fact, LockGranted):
        held.ranges.append((fact.lock, fact.offset, fact.length, at, None))
        return
    for index, (kind, offset, length, since, until) in enumerate(held.ranges):
        if until is None and (offset, length) == (fact.offset, fact.length):
            held.ranges[index] = (kind, offset, length, since, at)
            return


def _around(holds: list[_Hold], first: float, notes: Counter[str]) -> list[_Hold]:
    """Those that may matter: not closed before the first refusal, and so many at most."""
    found = [one for one in holds if one.closed_at is None or one.closed_at > first]
    notes["open past the bound"] = max(0, len(found) - STEPS_MAX)
    return sorted(found, key=lambda one: one.at)[:STEPS_MAX]


def _is_file(path: str, others: dict[FileKey, str]) -> bool:
    if not path or path == "?" or isinstance(parse_name(path), BadName):
        return False
    below = fold(path).rstrip("/") + "/"
    return not any(key[2].startswith(below) for key in others)


def _program(told: str) -> str:
    return told if told and not why_unfit(told) else UNTOLD_PROGRAM


def _moment(at: float) -> str:
    return dt.datetime.fromtimestamp(round(at, 3), dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _told(notes: Counter[str]) -> Iterator[str]:
    for text, count in notes.items():
        if count:
            noun, _, rest = text.partition(" ")
            yield f"{counted(count, noun)} {rest}."
