"""A load run from its file to its outcome: numbers, packages, clients, the pace, what happens
meanwhile, what became of it.

The law: the pace is made before the first poll, and nothing that goes wrong later bends it.
Whatever ends the run early (Ctrl-C, a worker that dies, numbers that were lost) ends it in order:
clients log off, the site gets its numbers back, and what was measured until then is told. What
keeps it from starting is a `StartError` or a `SiteError` of one line.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from despoolr_app.clocks.time_source import wall_now
from despoolr_app.fleet.lease import SlotsLost, SlotsTaken
from despoolr_app.process.runtime import StartError
from despoolr_app.site_client.errors import SiteError
from despoolr_core.phrases import how_often
from despoolr_core.share.fleet_api import ServerCard
from despoolr_core.times import span_s
from despoolr_core.timing import parse_timing
from despoolr_lab.breaking.tables import BrokenSpan, FaultTable
from despoolr_lab.load.measure.judgement import (
    EndedJob,
    LoadFacts,
    LoadFinding,
    findings,
    invalid,
    unbearable,
)
from despoolr_lab.load.measure.machine import BusyMachine, MachineUse
from despoolr_lab.load.measure.tally import Second, total
from despoolr_lab.load.plan import LoadSite, layout_of, orders_of
from despoolr_lab.load.spec.model import SECONDS_MAX, LoadFile, file_name
from despoolr_lab.load.stage import Stage
from despoolr_lab.load.watch import LoadSecond, LoadWatch
from despoolr_lab.load.workers.gate import JoinGate
from despoolr_lab.load.workers.protocol import Word, WorkerStatus
from despoolr_lab.load.workers.workers import Workers
from despoolr_lab.scenario.tables.loads import AbortTable

T = TypeVar("T")

LOOK_S: Final = 1.0
"""Seconds between two looks at the servers."""
LOOKS_AT_JOBS: Final = 5
"""Looks at the servers from one at the jobs to the next."""
WAIT_S: Final = 20.0
"""Seconds the servers have to answer at all, at first."""


class LoadOptions(msgspec.Struct, frozen=True):
    """Against which stack, with how many processes. `stamp` names the run; `seed` None: the
    file's.
    """

    url: str
    token: str
    logons: Sequence[ServerCard]
    stamp: str
    processes: int = 1
    processors: int = 1
    gate: JoinGate | None = None
    """Where the processes join, if they are of other machines."""


class LoadProgress(msgspec.Struct, frozen=True):
    """How far a run is. `second` of `seconds`; `now` are the last ten seconds that are over."""

    phase: str
    second: float
    seconds: float
    status: WorkerStatus
    now: Second
    row: LoadSecond | None
    scale: float = 1.0
    first_measured: int = 0
    course: Mapping[int, Second] = msgspec.field(default_factory=dict)
    """Every second so far, as far as its polls have ended."""
    rows: Sequence[LoadSecond] = ()
    made: Collection[str] = ()
    """Jobs and updates that were made."""
    cpu_shares: Sequence[float] = ()
    """What each process used of a processor in its last second."""
    states: Mapping[str, tuple[str, float]] = msgspec.field(default_factory=dict)
    """What the site said last of the jobs that were made, and since which second it is so."""


ShowProgress = Callable[[LoadProgress], None]


class LoadOutcome(msgspec.Struct):
    """What a run came to."""

    load: LoadFile
    facts: LoadFacts
    reasons: list[str]
    findings: list[LoadFinding]
    seconds: dict[int, Second]
    """Every second, the warm-up's too."""
    rows: list[LoadSecond]
    first_measured: int
    scale: float
    processes: int
    notes: list[str] = msgspec.field(default_factory=list)
    is_interrupted: bool = False
    aborted: str = ""
    """Why it was not worth going on (`abort_when`), or nothing."""
    wall_s: float = 0.0
    began_utc: float = 0.0
    """Seconds since 1970 at the run's second 0, of this machine's clock; 0: it never began."""
    machine: MachineUse = msgspec.field(default_factory=MachineUse)
    faults: list[BrokenSpan] = msgspec.field(default_factory=list)
    """What was broken on purpose."""


class LoadRun:
    """See the module. `stop` may be set at any time: the run then ends in order, as an interrupted
    one.
    """

    def __init__(
        self,
        load: LoadFile,
        options: LoadOptions,
        progress: ShowProgress,
        say: Callable[[str], None],
    ) -> None:
        self._load = load
        self._options = options
        self._progress = progress
        self.stop = asyncio.Event()
        layout = layout_of(load, options.processes)
        self._stage = Stage(
            load, options.url, options.token, options.logons, options.stamp[-7:-1], say, layout
        )
        self._workers = Workers(options.gate)
        self._watch = LoadWatch([])
        self._troubles: list[str] = []
        self._notes: list[str] = []
        self._began = 0.0
        self._settled_s: float | None = None
        self._is_interrupted = False
        self._aborted = ""
        self._began_utc = 0.0
        self._machine = BusyMachine()
        self._episodes: list[str] | None = None
        self._jobs: dict[str, EndedJob] | None = None

    async def run(self) -> LoadOutcome:
        """The whole run. Raises `StartError`, `SiteError`."""
        began = time.perf_counter()
        try:
            if await self._or_stopped(self._set_up()):
                await self._go()
                if self._workers.ended_early and not self._troubles:
                    self._troubles.append(self._workers.ended_early)
            self._is_interrupted = self.stop.is_set() and not (self._troubles or self._aborted)
        finally:
            await self._workers.end()
            with suppress(StartError, SiteError):
                await self._stage.close()
        return self._outcome(time.perf_counter() - began)

    # -- before

    async def _set_up(self) -> bool:
        """Everything that is there before the first poll; False if the run is invalid already."""
        load, stage = self._load, self._stage
        await self._workers.meet()
        await stage.open(WAIT_S)
        await stage.meet_to_break(self._now)
        table = load.load
        if table.time and parse_timing(table.time).scale != stage.scale:
            raise StartError(
                f"this load is for a site at {table.time}, and {stage.url} runs at x{stage.scale:g}"
            )
        if span_s(table.for_) / stage.scale > SECONDS_MAX:
            raise StartError(
                f"{table.for_} of site time are more than {SECONDS_MAX // 3600} hours here, the "
                "limit of one run"
            )
        names = [stage.server, *stage.servers]
        self._watch = LoadWatch(names)
        count = await stage.take_numbers(
            f"load-{self._options.stamp}-{os.getpid()}", load.client_count
        )
        if count != load.client_count:
            return False
        workers = self._workers
        self._keep(
            stage.keep_numbers(lambda: workers.sum().clients, workers.hold, workers.turn_clocks)
        )
        await stage.make_packages()
        await self._workers.start(orders_of(load, self._place(), stage.layout))
        return True

    def _keep(self, keeping: asyncio.Task[None]) -> None:
        def lost(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and isinstance(
                error := task.exception(), (SlotsLost, SlotsTaken)
            ):
                self._troubles.append(str(error))
                self.stop.set()

        keeping.add_done_callback(lost)

    def _place(self) -> LoadSite:
        stage = self._stage
        assert stage.lease is not None
        meet = {name: stage.distribution_servers(name) for name in stage.packages}
        for table in self._load.holders:
            if not meet[table.package]:
                raise StartError(
                    f"{table.package} is put on no distribution server, so nobody can hold "
                    "its files"
                )
        files = {
            name: [file_name(n) for n in range(1, package.table.files + 1)]
            for name, package in stage.packages.items()
        }
        return LoadSite(
            url=stage.url,
            token=stage.token,
            scale=stage.scale,
            logons=[server for server in stage.servers.values() if server.logon],
            first=stage.lease.first,
            packages={name: (package.id, files[name]) for name, package in stage.packages.items()},
            holders_meet=meet,
        )

    # -- the run

    async def _go(self) -> None:
        stage = self._stage
        stage.began_at = await stage.now()
        self._watch.begin(await stage.sample())
        head_start_s = self._workers.head_start_s
        self._began = time.perf_counter() + head_start_s
        stage.began_at += head_start_s * stage.scale
        self._began_utc = wall_now() + head_start_s
        self._machine.begin()
        self._workers.say(Word("start", self._began))
        acting = [asyncio.ensure_future(self._act(at, work)) for at, work in self._acts()]
        looking = asyncio.ensure_future(self._look())
        try:
            await self._or_stopped(self._pace())
            if not self.stop.is_set():
                await self._or_stopped(self._settle())
        finally:
            for task in [*acting, looking]:
                task.cancel()
            ends = await asyncio.gather(*acting, looking, return_exceptions=True)
        self._notes += [str(end) for end in ends if isinstance(end, StartError | SiteError)]
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, StartError | SiteError):
                raise end
        await self._ask_what_became()

    def _acts(self) -> list[tuple[float, Callable[[], Coroutine[Any, Any, None]]]]:
        """What happens meanwhile, and at which second."""
        scale, stage = self._stage.scale, self._stage
        found: list[tuple[float, Callable[[], Coroutine[Any, Any, None]]]] = []
        for job in self._load.job:
            found.append((span_s(job.at) / scale, lambda job=job: stage.make_job(job)))  # type: ignore[misc]
        for update in self._load.update:
            found.append(
                (span_s(update.at) / scale, lambda update=update: stage.make_update(update))  # type: ignore[misc]
            )
        for fault in self._load.fault:
            found.append(
                (span_s(fault.at) / scale, lambda fault=fault: self._break(fault))  # type: ignore[misc]
            )
        return found

    async def _break(self, fault: FaultTable) -> None:
        """Begin a fault. A run that was to be broken and was not proves nothing."""
        try:
            await self._stage.begin_fault(fault)
        except SiteError as error:
            self._troubles.append(f"{fault.name} at {fault.at} did not begin: {error}")

    async def _act(self, at: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await asyncio.sleep(max(0.0, at - self._now()))
        await work()

    async def _pace(self) -> None:
        """Until every poll that was meant is made, or, if that is asked for, until all is
        settled.
        """
        paced = asyncio.ensure_future(self._workers.until(lambda worker: worker.is_paced))
        settled = asyncio.ensure_future(
            self._until_settled() if self._load.load.until_settled else asyncio.Event().wait()
        )
        try:
            await asyncio.wait([paced, settled], return_when=asyncio.FIRST_COMPLETED)
            if self._workers.ended_early:
                self._troubles.append(self._workers.ended_early)
                self.stop.set()
            for task in (paced, settled):
                if task.done():
                    task.result()
            if not paced.done():
                self._workers.say(Word("settle"))
                await paced
        finally:
            for task in (paced, settled):
                task.cancel()

    async def _settle(self) -> None:
        """Give the site its time to count what was handed in."""
        if self._settled_s is None and self._stage.jobs:
            with suppress(TimeoutError):
                async with asyncio.timeout(span_s(self._load.load.settle) / self._stage.scale):
                    await self._until_settled()

    async def _until_settled(self) -> None:
        """Until every job of the file was made and has ended, and every report is counted."""
        while True:
            await asyncio.sleep(LOOK_S)
            status, rows = self._workers.sum(), self._watch.rows
            if len(self._stage.jobs) < len(self._load.job) + len(self._load.update):
                continue
            if status.unsent or status.running or (rows and rows[-1].rows_ended < status.reports):
                continue
            if await self._stage.have_jobs_ended():
                self._settled_s = max(0.0, self._now() - (status.first_report_at or 0.0))
                return

    async def _look(self) -> None:
        """Ask all servers every second, and tell how far it is."""
        count = 0
        while True:
            count += 1
            await asyncio.sleep(max(0.0, count * LOOK_S - self._now()))
            row = self._watch.take(math.floor(self._now()), await self._stage.sample())
            row.reports = self._workers.sum().reports
            if count % LOOKS_AT_JOBS == 0:
                await self._stage.look_at_jobs()
            now = math.floor(self._now())
            recent = self._last(10, now)
            if self._load.load.abort_when is not None and not self._aborted:
                self._abort_if(self._load.load.abort_when, now)
            end = span_s(self._load.load.for_) / self._stage.scale
            phase = (
                "settling" if now > end else "warm-up" if now < self._first_measured else "running"
            )
            workers = self._workers
            self._progress(
                LoadProgress(
                    phase,
                    self._now(),
                    end,
                    workers.sum(),
                    recent,
                    row,
                    self._stage.scale,
                    self._first_measured,
                    workers.seconds,
                    self._watch.rows,
                    self._stage.jobs,
                    [worker.last.cpu_share for worker in workers.all],
                    dict(self._stage.states),
                )
            )

    def _last(self, count: int, now: int) -> Second:
        """The last seconds that are over, together."""
        known = self._workers.seconds
        return total(known[n] for n in range(now - count - 1, now - 1) if n in known)

    def _abort_if(self, when: AbortTable, now: int) -> None:
        over_s = math.ceil(span_s(when.over))
        if now - over_s - 1 < self._first_measured:
            return
        reason = unbearable(self._last(over_s, now), when)
        if reason:
            self._aborted = f"after {now:,} s: {reason}"
            self.stop.set()

    async def _ask_what_became(self) -> None:
        """The last look at the servers. One that does not answer any more has told nothing."""
        try:
            row = self._watch.take(math.floor(self._now()), await self._stage.sample())
            row.reports = self._workers.sum().reports
            if self.stop.is_set():
                return
            self._jobs = await self._stage.job_facts()
            self._episodes, notes = await self._stage.episodes()
            if notes:
                self._episodes = None
                self._notes += notes
        except SiteError as error:
            self._notes.append(str(error))

    async def _or_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do it, until it is done or the run is to stop; None if it was stopped."""
        doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
            return doing.result() if doing.done() else None
        finally:
            for task in (doing, stopping):
                task.cancel()
            await asyncio.gather(doing, stopping, return_exceptions=True)

    def _now(self) -> float:
        return time.perf_counter() - self._began

    # -- after

    @property
    def _first_measured(self) -> int:
        return math.ceil(span_s(self._load.load.warm_up) / self._stage.scale)

    def _outcome(self, wall_s: float) -> LoadOutcome:
        status, watch, first = self._workers.sum(), self._watch, self._first_measured
        seconds = dict(sorted(self._workers.seconds.items()))
        lease = self._stage.lease
        there = (
            min(status.clients, lease.size)
            if lease is not None and self._workers.all
            else (lease.size if lease is not None else 0)
        )
        shares = [w.cpu_shares[first:] or w.cpu_shares for w in self._workers.all]
        facts = LoadFacts(
            clients_wanted=self._load.client_count,
            clients_there=there,
            polls=total(second for number, second in seconds.items() if number >= first),
            groups=dict(sorted(self._workers.groups.items())),
            servers=dict(sorted(self._workers.servers.items())),
            cpu_shares=[sum(share) / len(share) if share else 0.0 for share in shares],
            cpu_peaks=[max(share, default=0.0) for share in shares],
            refusals=watch.refusals if watch.has_heard_all else None,
            episodes=self._episodes,
            jobs=self._jobs,
            reports_sent=status.reports,
            reports_unsent=status.unsent,
            settled_s=self._settled_s,
            queues=watch.queues,
            holders_wanted=sum(table.count for table in self._load.holders),
            holders_made=status.holds_made,
            holders_refused=status.holds_refused,
            holders_broken=status.holds_broken,
            holders_lost=status.holds_lost,
            looks=len(watch.rows),
            troubles=self._troubles,
        )
        processes = max(1, len(self._workers.all))
        is_over = not (self._is_interrupted or self._aborted)
        reasons = invalid(self._load, facts, processes, self._options.processors) if is_over else []
        if self._options.gate is not None and self._workers.all:
            self._notes.append(self._options.gate.told())
        if status.others:
            self._notes.append(
                f"clients ran {status.others:,} packages of earlier jobs, which were still in "
                "their instruction files: a stack that is new measures this load alone"
            )
        self._notes += [
            f"{name} did not answer {how_often(count)}"
            for name, count in sorted(watch.silences.items())
        ]
        return LoadOutcome(
            self._load,
            facts,
            reasons,
            findings(self._load, facts) if is_over else [],
            seconds,
            watch.rows,
            first,
            self._stage.scale,
            processes,
            self._notes,
            self._is_interrupted,
            self._aborted,
            wall_s,
            self._began_utc,
            self._machine.use(),
            self._stage.broken.spans if self._stage.broken is not None else [],
        )
