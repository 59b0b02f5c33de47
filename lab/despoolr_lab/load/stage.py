"""The running site, as a load run uses it: its clients' numbers, packages, jobs, updates, and what
became of them.

The law: what the run says of the servers is what the servers said, at the moment they were asked:
jobs and rows from the site's API, episodes from each server's, queues and refusals from `/metrics`.
A stack may have other jobs and other clients; what is counted here is this run's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from despoolr_app.fleet.lease import SlotLease
from despoolr_app.fleet.site_link import SiteLink
from despoolr_app.process.runtime import StartError
from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_core.rules.fold import fold
from despoolr_core.share.fleet_api import ServerCard, SiteCard
from despoolr_core.share.site_api import PackageSpec
from despoolr_core.share.wire import EpisodeList
from despoolr_core.times import span_s
from despoolr_lab.breaking.stack import BreakableStack
from despoolr_lab.breaking.tables import ClockJumpsTable, FaultTable, HandleLeaksTable, asked
from despoolr_lab.load.measure.judgement import EndedJob
from despoolr_lab.load.plan import ClientLayout
from despoolr_lab.load.spec.model import LoadFile, LoadJob, LoadPackage, Update, file_name, size_of
from despoolr_lab.samples import Sample, ScrapeFailure, sample_all
from despoolr_server.site.jobs.model import (
    ENDED,
    DistributePhase,
    JobSpec,
    JobType,
    RunPhase,
    SendPhase,
)
from despoolr_server.site.services.scheduler.targets import DEFAULT_SERVERS
from despoolr_server.site.state.boxes import SOURCE_SHARE

T = TypeVar("T")

UPLOADS_MAX: Final = 8
"""Files of packages under way at one time."""
MEET_AGAIN_S: Final = 0.5
EPISODES_MAX: Final = 10_000
ANSWER_S_MAX: Final = 60.0
LOOK_S_MAX: Final = 2.0
"""Seconds that the site has to say how its jobs are, while the load goes on."""
ATTEMPTS_S_MAX: Final = 120.0
"""Seconds a site server may be away while it is asked for a job, or for what became of one."""


@dataclass(slots=True)
class StagedPackage:
    """A package that was made: its id, its directory on the source share, how often it was
    uploaded.
    """

    table: LoadPackage
    id: str
    directory: str
    version: int = 1


@dataclass(slots=True)
class Stage:
    """See the module. `open` first; `close` in the end. `tag` keeps the names of one run apart from
    those of another.
    """

    load: LoadFile
    url: str
    token: str
    logons: Sequence[ServerCard]
    tag: str
    say: Callable[[str], None]
    layout: ClientLayout
    scale: float = 1.0
    site: SiteCard | None = None
    server: str = ""
    """The site server's name."""
    servers: dict[str, ServerCard] = field(default_factory=dict)
    packages: dict[str, StagedPackage] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    """Name in the file to JobID."""
    states: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Name in the file to the job's status when `look_at_jobs` last heard of it, and since which
    second of the run it has it.
    """
    lease: SlotLease | None = None
    began_at: float = 0.0
    """Site time at the start of the run."""
    broken: BreakableStack | None = None
    """The servers, where the file has faults for them."""
    _link: SiteLink | None = None

    async def open(self, wait_s: float) -> None:
        """Ask the site who it is. Raises `StartError`, `SiteError`."""
        self._link = link = SiteLink(self.url, self.token, self.say)
        setup, self.site = await link.meet(wait_s)
        self.scale, self.server = setup.clock.scale, setup.server
        there = setup.servers
        known = {server.name: server for server in there}
        for given in self.logons:  # another way to a server the site knows, or one more
            known[given.name] = (
                msgspec.structs.replace(known[given.name], url=given.url)
                if given.name in known
                else given
            )
        self.servers = known
        if not any(server.logon for server in known.values()):
            raise link.no_logon_server()
        await self.now()  # a token that may not administrate is refused here
        await self._meet_all(wait_s)

    async def _meet_all(self, wait_s: float) -> None:
        """Every server answers from here: a name that resolves for its neighbours need not do so
        for us. Raises `StartError`, `SiteError`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while silent := [told for told in await self.sample() if isinstance(told, ScrapeFailure)]:
            if loop.time() >= deadline:
                first = silent[0]
                url = next(source.url for source in self.sources() if source.name == first.name)
                raise StartError(
                    f"{first.name} does not answer at {url} ({first.reason}); say where it does "
                    f"with --logon {first.name}=URL"
                )
            await asyncio.sleep(MEET_AGAIN_S)

    async def close(self) -> None:
        """Mend what is broken, and give the clients' numbers back."""
        if self.broken is not None:
            await self.broken.mend_all()
        if self._link is not None:
            await self._link.close()

    async def _asked(self, call: Callable[[SiteClient], Awaitable[T]]) -> T:
        """What the site server answers, which may be starting again. Raises `SiteError`."""
        link = self._link
        assert link is not None
        return await link.asked(lambda: call(link.client), ATTEMPTS_S_MAX)

    # -- clients

    async def take_numbers(self, holder: str, count: int) -> int:
        """Lease numbers for so many clients in one piece; how many there are to be had.
        `lease.first` is the first.
        """
        assert self._link is not None
        self.lease = lease = SlotLease(self._link.client, holder, count, self.say)
        self._link.lease = lease
        asked_at = lease.now()
        lease.accept(await self._asked(lambda site: site.lease_slots(lease.request())), asked_at)
        return lease.size

    def keep_numbers(
        self,
        live: Callable[[], int],
        on_held: Callable[[float], None],
        on_clocks: Callable[[dict[str, float]], None],
    ) -> asyncio.Task[None]:
        """Renew the lease until `close`; `on_held` hears until when it holds, `on_clocks` whose
        clocks are to be wrong. The task ends with `SlotsLost` past that.
        """
        assert self.lease is not None and self._link is not None
        self.lease.on_held, self.lease.on_clocks = on_held, on_clocks
        on_held(self.lease.ends_at)
        return self._link.keep(live)

    def machines(self, names: Sequence[str]) -> list[str]:
        """The names of the machines of these groups, in order."""
        assert self.lease is not None
        first = self.lease.first
        return [
            f"PC{first + self.layout.slot(client):05}"
            for part in self.load.members(list(names))
            for client in part
        ]

    # -- packages and jobs

    async def make_packages(self) -> None:
        """Upload the packages of the file and make them known. Raises `StartError`, `SiteError`."""
        for table in self.load.package:
            directory = f"{table.name}-{self.tag}"
            package = StagedPackage(table, "", directory)
            await self._upload(package)
            spec = PackageSpec(directory, rf"\\{self.server}\{SOURCE_SHARE}\{directory}")
            package.id = await self._asked(partial(SiteClient.make_package, spec=spec))
            self.packages[table.name] = package

    async def make_job(self, job: LoadJob) -> None:
        """Make a job now. Raises `StartError`, `SiteError`."""
        now = await self.now()
        run = None
        if job.command:
            mandatory_after = now + span_s(job.mandatory_after) if job.mandatory_after else None
            run = RunPhase(command=job.command, mandatory_after=mandatory_after)
        spec = JobSpec(
            name=job.name,
            package=self.packages[job.package].id,
            type=JobType.RUN_COMMAND if run is not None else JobType.SHARE_PACKAGE,
            machines=tuple(self.machines(job.machines)) if run is not None else (),
            distribute=DistributePhase(tuple(job.put_on) or (DEFAULT_SERVERS,)),
            run=run,
        )
        self.jobs[job.name] = await self._asked(lambda site: site.make_job(spec))

    async def make_update(self, update: Update) -> None:
        """Upload the next version of a package, and make the job that refreshes it where it lies.
        Raises `StartError`, `SiteError`.
        """
        package = self.packages[update.package]
        package.version += 1
        await self._upload(package)
        spec = JobSpec(
            name=update.name,
            package=package.id,
            type=JobType.SHARE_PACKAGE,
            send=SendPhase.EVEN_IF_SENT,
            distribute=DistributePhase((), True),
        )
        self.jobs[update.name] = await self._asked(lambda site: site.make_job(spec))

    async def meet_to_break(self, now: Callable[[], float]) -> None:
        """Ask the servers whether they may be broken as the file says. Raises `StartError`."""
        assert self._link is not None
        if self.load.fault:
            self.broken = BreakableStack(self.scale, now)
            faults = [asked(table) for table in self.load.fault]
            await self.broken.meet(self._link.http, self.sources(), faults)

    async def begin_fault(self, table: FaultTable) -> None:
        """Break what a table says: packages and clients have other names at the site. Raises
        `SiteError`.
        """
        assert self.broken is not None
        changed: dict[str, str] = {}
        if isinstance(table, ClockJumpsTable):
            changed["machine"] = self.machines([table.machine])[0]
        if isinstance(table, HandleLeaksTable):
            changed["package"] = self.packages[table.package].id
            changed["file"] = file_name(int(table.file))
        row = await self.broken.begin(asked(table, **changed))
        self.say(f"despoolr: broken on purpose: {row.fault}, {row.where}")

    def distribution_servers(self, package: str) -> list[ServerCard]:
        """The servers that a package of the file is put on."""
        named = {
            fold(name) for job in self.load.job if job.package == package for name in job.put_on
        }
        return [
            server
            for server in self.servers.values()
            if server.distribution and (not named or fold(server.name) in named)
        ]

    async def _upload(self, package: StagedPackage) -> None:
        table, gate = package.table, asyncio.Semaphore(UPLOADS_MAX)
        await self._put("MKCOL", f"{package.directory}?parents=true", b"", gate)
        files = [
            (file_name(n), content(self.load, table, package.version, n))
            for n in range(1, table.files + 1)
        ]
        async with asyncio.TaskGroup() as group:
            for name, data in files:
                group.create_task(self._put("PUT", f"{package.directory}/{name}", data, gate))

    async def _put(self, method: str, path: str, data: bytes, gate: asyncio.Semaphore) -> None:
        assert self._link is not None
        place, _, asked = path.partition("?")
        target = f"/{SOURCE_SHARE}/{quote(place)}" + (f"?{asked}" if asked else "")
        async with gate:
            await self._link.client.send(method, target, data)

    # -- what became of it

    async def now(self) -> float:
        """The site's time in seconds since 1970."""
        return (await self._asked(SiteClient.site)).now

    def sources(self) -> list[ServerAddress]:
        """Whom to ask for metrics: the site server, then the others."""
        return [
            ServerAddress(self.server, self.url, self.token),
            *(ServerAddress(s.name, s.url, self.token) for s in self.servers.values()),
        ]

    async def sample(self) -> list[Sample | ScrapeFailure]:
        """What all servers say of themselves now."""
        assert self._link is not None
        return await sample_all(self._link.http, self.sources())

    async def look_at_jobs(self) -> None:
        """Ask for the `states` of the jobs that were made. A site that does not answer now has
        told what it told before.
        """
        link = self._link
        if link is None or not self.jobs:
            return
        with suppress(SiteError, TimeoutError):
            async with asyncio.timeout(LOOK_S_MAX):
                rows = {row.job: row for row in await link.client.jobs()}
            for name, job in self.jobs.items():
                if row := rows.get(job):
                    since = max(0.0, row.status_at - self.began_at) / self.scale
                    self.states[name] = (row.status, since)

    async def have_jobs_ended(self) -> bool:
        """Whether every job of this run has."""
        rows = {row.job: row.status for row in await self._asked(SiteClient.jobs)}
        return all(rows.get(job) in ENDED for job in self.jobs.values())

    async def job_facts(self) -> dict[str, EndedJob]:
        """Every job of this run with its rows."""
        found: dict[str, EndedJob] = {}
        commands = {job.name: job for job in self.load.job if job.command}
        for name, job in self.jobs.items():
            told = await self._asked(partial(SiteClient.job, job=job))
            targets = self.machines(commands[name].machines) if name in commands else []
            rows = [(row.kind, row.machine, row.status) for row in told.details]
            found[name] = EndedJob(job, told.job.status, rows, targets)
        return found

    async def episodes(self) -> tuple[list[str], list[str]]:
        """The states of the episodes that began during the run, of all servers; and what could not
        be asked.
        """
        assert self._link is not None
        states: list[str] = []
        notes: list[str] = []
        for source in self.sources():
            server = SiteClient(aiohttp_transport(self._link.http), source, timeout_s=ANSWER_S_MAX)
            try:
                told = await server.call("GET", f"episodes?limit={EPISODES_MAX}", EpisodeList)
            except SiteError as error:
                notes.append(f"{source.name} did not tell its episodes: {error}")
                continue
            states += [row.state for row in told.episodes if row.first_refused_at >= self.began_at]
            if told.count > len(told.episodes):
                notes.append(
                    f"{source.name} told {len(told.episodes):,} of {told.count:,} episodes"
                )
        return states, notes


def content(load: LoadFile, package: LoadPackage, version: int, number: int) -> bytes:
    """What is in the n-th file of a package's version: text that says so, as long as the file is to
    be.
    """
    size = size_of(package.size)
    what = f"{package.name} version {version}, file {number} of {package.files}"
    line = f"{what}, seed {load.load.seed}.\r\n".encode()
    return (line * (size // len(line) + 1))[:size]
