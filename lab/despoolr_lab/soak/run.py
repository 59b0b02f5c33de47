"""One soak from beginning to end: stack up, plan done, everything mended and drained, stopped,
counted.

The law: the plan's time begins when the last process is up. Whatever ends it (the time, an
interruption, a process that fell) leaves no process behind, and leaves the samples that were taken.
Only a soak whose time was up is drained: everybody lets go, links are mended, and it is waited
until nothing is under way any more, or `DRAIN_S_MAX`; what is left then is left, and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.process.children.output import ProcessDied
from despoolr_app.runs.directory import write_whole
from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_client.transport.session_options import session_options
from despoolr_core.formats.nt_event import without_lines
from despoolr_core.share.fleet_api import SlotSum, TokenRequest
from despoolr_core.share.site_api import EventList
from despoolr_lab.breaking.stack import BreakableStack
from despoolr_lab.breaking.tables import FaultTable, asked
from despoolr_lab.samples import sample_all
from despoolr_lab.soak.administrator import REQUEST_S, SoakAdministrator, is_passing
from despoolr_lab.soak.counts import ENDED, Found
from despoolr_lab.soak.evidence import read_clients, read_database
from despoolr_lab.soak.holders import SoakHolders
from despoolr_lab.soak.plan import HELD_PACKAGE, LOGONS, SITE, Asked, SoakPlan
from despoolr_lab.soak.stack import FLEET_STOPPED, Stack
from despoolr_lab.soak.watch import SoakWatch
from despoolr_lab.soak.work import Work
from despoolr_server.site.state import boxes

CHURN: Final = "5%/1h"
"""Five of a hundred machines lose their power in every hour of site time."""
HOLDERS: Final = 8
SAMPLE_TIMEOUT_S: Final = 5.0
DRAIN_S_MAX: Final = 300.0
SITE_HOUR_S: Final = 3600.0
ASKED: Final = "asked.json"
"""What was asked for, beside the samples: with both, a soak can be judged that did not come to its
end.
"""
SAMPLES: Final = "samples.csv"
PASSING: Final = tuple(
    name.rpartition("/")[2]
    for name in (
        *(
            boxes.LOGON_DESPOOLER,
            boxes.SITE_SHARE,
            boxes.BAD_MIFS,
            boxes.BAD_INSTRUCTIONS,
            boxes.LAN_OUTBOX,
        ),
        *(boxes.DELTA_MIFS, boxes.SITE_REPORTS, boxes.INVENTORY),
    )
)
"""Boxes that nothing stays in."""

Tell = Callable[[str], None]


@dataclass
class Soak:
    """A soak that is run. `directory` takes the samples and the stack; `tell` hears of what
    happens, one line each.
    """

    plan: SoakPlan
    directory: Path
    tell: Tell
    on_sample: Callable[[Soak], None] = lambda _: None
    faults: Sequence[FaultTable] = ()
    """What is broken besides, and when."""
    broken: BreakableStack | None = None
    watch: SoakWatch = field(default_factory=SoakWatch)
    restart_count: int = 0
    phase: str = "starting"
    left: list[str] = field(default_factory=list)
    """What is still under way at the end."""
    fell: ProcessDied | SiteError | None = None
    work: Work | None = None
    holders: SoakHolders | None = None
    found: Found | None = None
    stack: Stack = field(init=False)
    ended_at_s: float = 0.0
    _began: float = 0.0

    def __post_init__(self) -> None:
        self.stack = Stack(self.plan.asked, self.directory / "stack")

    @property
    def now(self) -> float:
        """The plan's time in seconds."""
        return asyncio.get_running_loop().time() - self._began if self._began else 0.0

    @property
    def warm_up_s(self) -> float:
        """Seconds of every life of a process that are not judged."""
        return warm_up_s(self.plan.asked)

    async def run(self) -> None:
        """Do it all. `found` is there when it ran to its end; `fell` when a process ended by
        itself.
        """
        asked = self.plan.asked
        write_whole(self.directory / ASKED, msgspec.json.encode(asked) + b"\n")
        self.watch.open(self.directory / SAMPLES)
        try:
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=64), **session_options({})
            ) as http:
                await self._run(http)
        except* (ProcessDied, SiteError) as group:
            self.fell = _first(group)
        finally:
            self.ended_at_s = self.now
            self.watch.close()
            await self.stack.end()

    async def _run(self, http: aiohttp.ClientSession) -> None:
        asked = self.plan.asked
        await self.stack.start(CHURN, asked.duration_s, may_break=bool(self.faults))
        address = ServerAddress(SITE, self.stack.url(SITE), self.stack.token())
        site = SiteClient(aiohttp_transport(http), address, timeout_s=REQUEST_S)
        administrator = SoakAdministrator(site, self.stack.site_now)
        work = self.work = Work(self.plan, administrator, lambda: self.now)
        await work.prepare()
        wanted = [TokenRequest(f"USER{n}", f"USER{n}") for n in range(1, HOLDERS + 1)]
        tokens = await site.tokens(wanted)
        clock = LoopClock(self.stack.site_now(), asked.scale)
        self.holders = SoakHolders(
            http,
            clock,
            asked.scale,
            lambda n: self.stack.links[f"FLEETS-{n}"].url,
            tokens,
            work.packages[HELD_PACKAGE],
        )
        self._began = asyncio.get_running_loop().time()
        self.phase = "running"
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(self._keep_sampling(http, over)),
                group.create_task(self._keep_watch(over)),
            ]
            async with asyncio.TaskGroup() as plan:
                plan.create_task(work.do())
                plan.create_task(self._hold())
                plan.create_task(self._restart())
                plan.create_task(self._cut())
                plan.create_task(self._break(http))
                plan.create_task(asyncio.sleep(asked.duration_s))
            if self.broken is not None:
                await self.broken.mend_all()
            self.phase = "draining"
            await self._drain(work)
            over.set()
            await asyncio.gather(*background)
        self.phase = "stopping"
        found = await self._final(http, work)
        found.stops = await self.stack.stop()
        self.phase = "counting"
        found.reported = await asyncio.to_thread(read_clients, self.stack.directory, asked.fleets)
        await asyncio.to_thread(
            read_database, self.stack.directory / SITE.lower() / "BPC.db", found
        )
        self.found = found
        self.phase = "over"

    # -- what happens

    async def _hold(self) -> None:
        assert self.holders is not None
        async with asyncio.TaskGroup() as group:
            for step in self.plan.of("hold"):
                await asyncio.sleep(max(0.0, step.at_s - self.now))
                group.create_task(self.holders.hold(step, lambda: self.now))

    async def _restart(self) -> None:
        for step in self.plan.of("restart"):
            await asyncio.sleep(max(0.0, step.at_s - self.now))
            self.tell(f"{step.on} gets {step.how}")
            code = await self.stack.down(step.on, step.how)
            await asyncio.sleep(max(0.0, step.until_s - self.now))
            await self.stack.up(step.on)
            self.restart_count += 1
            self.tell(
                f"{step.on} is up again"
                + (
                    f" (it had ended with {code})"
                    if step.how == "SIGTERM" and code not in (0, FLEET_STOPPED)
                    else ""
                )
            )

    async def _cut(self) -> None:
        for step in self.plan.of("cut"):
            await asyncio.sleep(max(0.0, step.at_s - self.now))
            link = self.stack.links[step.on]
            self.tell(f"link {step.on} is cut ({step.how}) for {step.until_s - step.at_s:.1f} s")
            link.cut(step.how)
            try:
                await asyncio.sleep(max(0.0, step.until_s - self.now))
            finally:
                link.mend()

    async def _break(self, http: aiohttp.ClientSession) -> None:
        """Past all links: a link that is cut hides no server from who breaks it."""
        if self.faults:
            self.broken = BreakableStack(self.plan.asked.scale, lambda: self.now)
            servers = [
                ServerAddress(name, self.stack.url(name), self.stack.token())
                for name in (SITE, *LOGONS)
            ]
            await self.broken.meet(http, servers, [asked(table) for table in self.faults])
            await self.broken.begin_all(self.faults, self.tell)

    async def _keep_watch(self, over: asyncio.Event) -> None:
        while not over.is_set():
            for died in self.stack.deaths():
                raise died
            await asyncio.sleep(0.2)

    async def _keep_sampling(self, http: aiohttp.ClientSession, over: asyncio.Event) -> None:
        while not over.is_set():
            began = self.now
            await self._sample(http)
            self.on_sample(self)
            await asyncio.sleep(max(0.05, began + self.plan.asked.sample_every_s - self.now))

    async def _sample(self, http: aiohttp.ClientSession) -> None:
        is_judged = self.phase == "running"
        for told in await sample_all(
            http, self.stack.sources(self.stack.token()), timeout_s=SAMPLE_TIMEOUT_S
        ):
            self.watch.take(self.now, told, is_judged=is_judged)

    # -- the end

    async def _drain(self, work: Work) -> None:
        deadline = self.now + DRAIN_S_MAX + 3 * SITE_HOUR_S / self.plan.asked.scale
        await work.end()
        quiet = 0
        while self.now < deadline and quiet < 3:
            self.left = await self._left(work)
            quiet = 0 if self.left else quiet + 1
            self.on_sample(self)
            await asyncio.sleep(max(0.5, self.plan.asked.sample_every_s))
        self.tell(
            "everything has ended" if quiet else f"not everything has ended: {'; '.join(self.left)}"
        )

    async def _left(self, work: Work) -> list[str]:
        """What is still under way, as far as it can be asked of processes that run."""
        run = set(work.run)
        await work.look()
        left = [f"{row.name} is {row.status}" for row in work.rows if row.status not in ENDED]
        for row in work.rows:
            if (
                row.name in run
                and row.status == "Retrying"
                and not await self._is_silent(work, row.job)
            ):
                # a package that failed on a machine: it is retried for a week
                left.remove(f"{row.name} is Retrying")
        left += [f"{box} holds {depth}" for box, depth in self._passing().items()]
        for name, told in self.watch.last.items():
            opens, waiting, unsent = (
                told.share.opens or 0,
                told.share.episodes_waiting or 0,
                told.fleet.reports_unsent or 0,
            )
            left += [
                f"{name} has {n:g} {what}"
                for n, what in ((opens, "opens"), (waiting, "updates"), (unsent, "reports"))
                if n
            ]
            if (
                told.site.clients_live is not None
                and told.site.clients_live != self.plan.asked.clients
            ):
                left.append(f"{told.site.clients_live:g} clients are live")
        return left

    async def _is_silent(self, work: Work, job: str) -> bool:
        try:
            details = (await work.administrator.site.job(job)).details
        except SiteError as error:
            if not is_passing(error):
                raise
            return True
        return any(d.status not in ENDED for d in details if d.kind == "Workstation")

    def _passing(self) -> dict[str, int]:
        return {
            name: n
            for name, n in self.watch.boxes().items()
            if n and name.rpartition(" ")[2].rpartition("/")[2] in PASSING
        }

    async def _final(self, http: aiohttp.ClientSession, work: Work) -> Found:
        await self._sample(http)
        site = work.administrator.site
        slots = await site.call("GET", "slots", SlotSum)
        last = self.watch.last
        events = (await site.call("GET", "events?limit=1000", EventList)).events
        return Found(
            clients_wanted=self.plan.asked.clients,
            clients_live=slots.live if slots.leased == slots.wanted else slots.leased,
            fleets_lapsed=self.watch.lapsed_count,
            ordered=tuple(work.ordered),
            run=tuple(work.run),
            left_open={name: int(last[name].share.opens or 0) for name in (SITE, *LOGONS)},
            left_waiting=int(sum(told.share.episodes_waiting or 0 for told in last.values())),
            left_unsent=int(sum(told.fleet.reports_unsent or 0 for told in last.values())),
            left_files=self._passing(),
            events=tuple(
                f"{row.code}: {without_lines(row.text)}" for row in events if row.code in LOSSES
            ),
        )


def warm_up_s(asked: Asked) -> float:
    """Seconds of every life of a process that are not judged."""
    return min(120.0, max(2.0, asked.duration_s / 10))


LOSSES: Final = (41, 245)
"""Events that say a report found no row, or was moved to BADMIFS."""


def _first(group: BaseExceptionGroup[ProcessDied | SiteError]) -> ProcessDied | SiteError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
