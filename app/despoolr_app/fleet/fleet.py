"""Many PCM clients in one process, against servers that run: registered, spread over the polling
interval, counted.

The law: a client reaches the world only by HTTP with its own token, and only while its number is
this process's: past the end of the lease nothing is sent any more but what lets go. What all of
them need (site, version, logon servers, the pace of time) is asked of the site server once, so that
clients and servers agree on it.
"""

from __future__ import annotations

import asyncio
import math
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.fleet.churn import Churn, keep_churning
from despoolr_app.fleet.instructions import InstructionFiles
from despoolr_app.fleet.lease import SlotLease, SlotsLost, steady_now
from despoolr_app.fleet.site_link import SiteLink
from despoolr_app.process.gc_tuning import freeze_gc
from despoolr_app.process.logs.record_log import log_record
from despoolr_app.process.runtime import FLUSH_S
from despoolr_app.runs.directory import RecordFile
from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.settings import ClientSettings
from despoolr_client.fleet import Fleet
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.clock import Clock
from despoolr_core.formats.client_number import name_of, sms_id_of
from despoolr_core.phrases import counted
from despoolr_core.records.kinds.client import Polled, ProgramStarted, ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.rules.fold import fold
from despoolr_core.share.fleet_api import ServerCard, SetupFacts, SiteCard, TokenRequest
from despoolr_core.share.site_api import MachineSpec

BATCH: Final = 1000
"""Machines registered, and tokens asked for, in one request."""
CONNECTIONS_MAX: Final = 64
CONNECTIONS_SPARE: Final = 32
"""Connections beyond those that talk, so that each server keeps its own: where all places are
taken, one is closed and another made whenever a client turns to another server.
"""
TICK_S: Final = 0.02
"""Clients that are due within so many seconds of this machine are woken, and ask, together: a wake
costs more than a poll.
"""
TICK_SITE_S_MAX: Final = 0.5
"""The same in seconds of the site's time: half of what counts as late."""
_COUNTED: Final[frozenset[type[Fact]]] = frozenset((Polled, ProgramStarted, ResultReported))
"""What is counted here or told by the log (polls that failed), of all that clients record."""
REACH_S_MAX: Final = 3.0
"""Seconds a logon server has to answer when somebody asks whether this fleet is ready."""


@dataclass(frozen=True, slots=True)
class ClientsSettings:
    """Which clients. `first` is the number of the first: two fleets of one site need numbers that
    do not meet.
    """

    count: int
    site_url: str
    token: str
    logons: tuple[ServerCard, ...] = ()
    first: int = 1
    prefix: str = "PC"
    poll_every_s: float = 3600.0
    seed: int = 1
    holder: str = ""
    """The name under which the site server keeps these clients' numbers; empty: somebody else keeps
    them.
    """
    takes_any: bool = False
    """Take whatever numbers are free, instead of exactly those from `first` on."""
    churn: Churn | None = None
    """Machines that lose their power now and then, and start up again."""
    records: Path | None = None
    """Where to append what the clients did, one record a line."""


@dataclass(slots=True)
class FleetClients:
    """The clients of one process. `start`, then let time pass, then `stop`."""

    settings: ClientsSettings
    say: Callable[[str], None]
    clock: Clock | None = None
    scale: float = 1.0
    fleet: Fleet | None = None
    lease: SlotLease | None = None
    counts: Counter[str] = field(default_factory=Counter)
    lapse_count: int = 0
    """How often these clients were stopped because their lease was over."""
    are_stopped: bool = False
    """Whether they stand still, because their numbers are not this process's now."""
    held_until: float = math.inf
    """When a lease that somebody else keeps ends (`steady_now`)."""
    _link: SiteLink | None = None
    _urls: dict[str, str] = field(default_factory=dict)
    _logon_names: list[str] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)
    _records: RecordFile | None = None
    _background: list[asyncio.Task[None]] = field(default_factory=list)
    _settings: ClientSettings | None = None
    _registered: list[str] = field(default_factory=list)
    _churning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask the site, lease, register, begin to poll. `keep` then keeps what was leased. Raises
        `StartError`, `SiteError`.
        """
        if self.settings.records is not None:
            self._records = RecordFile(self.settings.records)
        self._settings = await self.prepare()
        await self._make()
        freeze_gc()
        if self._records is not None:
            self._background.append(asyncio.create_task(_keep_flushing(self._records)))

    async def prepare(self) -> ClientSettings:
        """Ask the site, lease numbers, register the clients. Returns the settings of all these
        clients, which nobody drives yet. Raises `StartError`, `SiteError`.
        """
        wanted = self.settings
        self._link = link = SiteLink(
            wanted.site_url,
            wanted.token,
            self.say,
            connections_max=CONNECTIONS_MAX + CONNECTIONS_SPARE,
        )
        setup, site = await link.meet()
        self.scale = setup.clock.scale
        if self.clock is None:
            self.clock = LoopClock(setup.clock.now, self.scale)
        settings = self._client_settings(link, site, self._logon_servers(link, setup))
        if wanted.holder:
            await self._take(SlotLease(link.client, wanted.holder, wanted.count, self.say))
        await self._register(settings)
        return settings

    async def keep(self) -> None:
        """Keep what was leased, for ever. When it is lost: stop the clients, ask anew, go on with
        what is given.

        Raises `SlotsTaken`, or `SiteRefused` when the site server refuses to give numbers.
        """
        assert self.lease is not None and self._link is not None and self._settings is not None
        while True:
            assert self._link.keeping is not None
            try:
                await self._link.keeping
            except SlotsLost as lost:
                self.say(f"despoolr: {lost}; they are stopped, and the site server is asked anew")
                await self._halt()
                before = self.names
                await self._take(self.lease, has_stopped=True)
                if self.names != self._registered:
                    await self._register(self._settings)
                if self.names != before:
                    unsent = (
                        sum(agent.unsent_count for agent in self.fleet.agents)
                        if self.fleet is not None
                        else 0
                    )
                    self.say(
                        f"despoolr: {before[0]} to {before[-1]} are no longer this fleet's, with "
                        f"{counted(unsent, 'report')} unsent"
                    )
                    await self._make()
                elif self.fleet is not None:
                    await self._begin(self.fleet)
                who = counted(self.live_count, "client")
                self.say(f"despoolr: {who} from number {self.numbers.start} on: polling again")

    async def _take(self, lease: SlotLease, *, has_stopped: bool = False) -> None:
        """Wait for numbers, and keep them from that moment on."""
        assert self._link is not None
        self.lease = self._link.lease = lease
        lease.prefix, lease.instance = self.settings.prefix, lease.instance or secrets.token_hex(8)
        lease.on_clocks = lambda _clocks: self._turn_clocks()
        lease.wanted_first = 0 if self.settings.takes_any else self.settings.first
        await lease.take(has_stopped=has_stopped)
        self._link.keep(lambda: self.live_count)

    async def _make(self) -> None:
        """New clients, with these numbers."""
        assert self.clock is not None and self._settings is not None
        counts = self.fleet.counts if self.fleet is not None else None
        tick_s = min(TICK_S * self.scale, TICK_SITE_S_MAX)
        fleet = Fleet(self.clock, self._settings.limiter, tick_s)
        if counts is not None:
            fleet.counts = replace(counts, clients=0)
        fleet.add_spread(self.agents(self._settings))
        await self._begin(fleet)
        self._turn_clocks()

    def _turn_clocks(self) -> None:
        if self.fleet is not None and self.lease is not None:
            turn_clocks(self.fleet.agents, self.lease.clocks)

    async def _begin(self, fleet: Fleet) -> None:
        await fleet.start()
        self.fleet, self.are_stopped = fleet, False
        if self.settings.churn is not None:
            assert self.clock is not None
            label = f"{self.settings.seed}/{self.names[0]}"
            self._churning = asyncio.create_task(
                keep_churning(self.settings.churn, fleet.agents, self.clock, label)
            )

    async def _halt(self) -> None:
        """Stop all clients; half of the time until the site may give their numbers away is enough,
        or they fall silent.
        """
        assert self.lease is not None
        self.lapse_count += 1
        self.are_stopped = True
        await self._stop_churning()
        if self.fleet is not None:
            await self.fleet.halt(self.lease.stop_s / 2)

    async def _stop_churning(self) -> None:
        churning, self._churning = self._churning, None
        if churning is not None:
            churning.cancel()
            await asyncio.wait([churning])
            if not churning.cancelled() and (error := churning.exception()) is not None:
                raise error

    async def reaches_logon_server(self) -> bool:
        """Whether one of the clients' logon servers answers now; the clients know them all."""
        assert self._link is not None
        for url in self.logon_urls:
            address = ServerAddress(url, url, "")
            logon = SiteClient(aiohttp_transport(self._link.http), address, timeout_s=REACH_S_MAX)
            try:
                await logon.send("GET", "/healthz")
            except SiteError:
                continue
            return True
        return False

    def may_act(self) -> bool:
        """Whether these clients' numbers are this process's now."""
        lease = self.lease
        return lease.is_held if lease is not None else steady_now() < self.held_until

    def agents(self, settings: ClientSettings) -> Iterator[PcmAgent]:
        """These clients, in the order of their numbers, spread over the logon servers as a domain's
        controllers share logons.
        """
        servers = settings.logon_servers
        for name, number in zip(self.names, self.numbers, strict=True):
            agent = PcmAgent(name, sms_id_of(settings.site, number), settings, user=_user(name))
            agent.logon_server = servers[number % len(servers)]
            yield agent

    async def stop(self) -> None:
        """Log all clients off, as at the end of a day, and give their numbers back. Raises what
        ended it early, once all is done.
        """
        for task in self._background:
            task.cancel()
        ends = await asyncio.gather(*self._background, return_exceptions=True)
        try:
            await self._stop_churning()
            if self.fleet is not None:
                await self.fleet.stop()
        finally:
            if self._records is not None:
                self._records.close()
                if self._records.loss:
                    self.say(f"despoolr: {self._records.loss}")
        if self._link is not None:
            await self._link.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    @property
    def numbers(self) -> range:
        """The numbers of the clients this fleet has leased."""
        first, count = (
            (self.lease.first, self.lease.size)
            if self.lease
            else (self.settings.first, self.settings.count)
        )
        return range(first, first + count)

    @property
    def names(self) -> list[str]:
        """The names of the clients' machines, by number."""
        return [name_of(self.settings.prefix, n) for n in self.numbers]

    @property
    def live_count(self) -> int:
        """How many clients exist: registered, driven, and this process's."""
        return (
            len(self.fleet)
            if self.fleet is not None and not self.are_stopped and self.may_act()
            else 0
        )

    def summary(self) -> dict[str, Any]:
        """What the clients did so far. `late` counts polls that began over a second of site time
        after their time.
        """
        done = self.fleet.counts if self.fleet is not None else None
        return {
            "clients": done.clients if done else 0,
            "polls": done.polls if done else 0,
            "changed": done.changed if done else 0,
            "failed": done.failed if done else 0,
            "late": done.late_count if done else 0,
            "late_s_max": round(done.late_s_max / self.scale, 3) if done else 0.0,
            "runs": self.counts[ProgramStarted.KIND],
            "reports": self.counts[ResultReported.KIND],
            "lapses": self.lapse_count,
        }

    @property
    def logon_urls(self) -> list[str]:
        """Where the clients' logon servers answer."""
        return [self._urls[fold(name)] for name in self._logon_names]

    # -- asking the site

    def _logon_servers(self, link: SiteLink, setup: SetupFacts) -> list[str]:
        there = setup.servers
        servers = {server.name: server for server in [*there, *self.settings.logons]}
        self._urls = {fold(server.name): server.url for server in servers.values()}
        wanted = [s.name for s in self.settings.logons] or [s.name for s in there if s.logon]
        if not wanted:
            raise link.no_logon_server()
        self._logon_names = wanted
        return wanted

    async def _register(self, settings: ClientSettings) -> None:
        link = self._link
        assert link is not None
        names = self.names
        ids = [sms_id_of(settings.site, n) for n in self.numbers]
        for start in range(0, len(names), BATCH):
            if not self.may_act():
                return  # whoever has the numbers now registers them
            part = slice(start, start + BATCH)
            machines = [
                MachineSpec(n, i, settings.domain)
                for n, i in zip(names[part], ids[part], strict=True)
            ]
            await link.asked(partial(link.client.add_machines, machines))
            wanted = [TokenRequest(name, _user(name)) for name in names[part]]
            tokens = await link.asked(partial(link.client.tokens, wanted))
            self._tokens |= zip(names[part], tokens, strict=True)
        self._registered = names

    def _client_settings(self, link: SiteLink, site: SiteCard, logons: list[str]) -> ClientSettings:
        assert self.clock is not None
        seed = self.settings.seed
        files = InstructionFiles(link.http, self._tokens, self._url, self.may_act)
        return ClientSettings(
            clock=self.clock,
            connect=self._connect,
            recorder=Recorder(
                self.clock.now, [self._count], wanted=None if self._records else _COUNTED
            ),
            random=lambda label: random.Random(f"{seed}/{label}"),
            limiter=PriorityLimiter(CONNECTIONS_MAX),
            site=site.code,
            domain=site.domain,
            logon_servers=tuple(logons),
            behaviour=link.behaviour_of(site),
            polling_interval_s=self.settings.poll_every_s,
            read_if_changed=files.read_if_changed,
            asks_several=files,
            records_idle_polls=False,
        )

    def _count(self, record: Record) -> None:
        self.counts[record.kind] += 1
        log_record(record)
        if self._records is not None:
            self._records(record)

    def _connect(self, server: str, machine: str, _user: str) -> ShareServer:
        assert self._link is not None and self.clock is not None
        token = self._tokens[machine]
        connected = ShareServer(
            self._link.http,
            self._url(server),
            token,
            self.clock,
            name=server,
            lease_s=60.0 * self.scale,
        )
        connected.may_act = self.may_act
        return connected

    def _url(self, server: str) -> str:
        # A distribution server the site named and nobody gave a URL for: its name may be one that
        # resolves.
        return self._urls.get(fold(server), f"http://{server.lower()}")


def turn_clocks(agents: Iterable[PcmAgent], clocks: Mapping[str, float]) -> None:
    """Let the clocks of these machines be wrong by so many seconds, and all others right."""
    for agent in agents:
        agent.turn_clock(clocks.get(fold(agent.machine), 0.0))


async def _keep_flushing(records: RecordFile) -> None:
    """A reader finds what happened in the file soon after; a process that is killed has lost no
    more than that.
    """
    while True:
        await asyncio.sleep(FLUSH_S)
        records.flush()


def _user(machine: str) -> str:
    return f"USER_{machine}"
