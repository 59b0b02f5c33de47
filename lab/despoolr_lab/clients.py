"""Many PCM clients in one process, against servers that run: registered, spread over the polling interval, counted.

The law: a client reaches the world only by HTTP with its own token. What all of them need (site, version, logon servers, the
pace of time) is asked of the site server once, so that clients and servers agree on it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from despoolr_client.agent import PcmAgent
from despoolr_client.fleet import Fleet
from despoolr_client.gate import Gate
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.settings import ClientSettings
from despoolr_client.share import ShareServer
from despoolr_core.clock import Clock
from despoolr_core.formats.sms_id import SmsId
from despoolr_core.records import Record, Recorder
from despoolr_core.rules.fold import fold
from despoolr_lab.churning import Churn, keep_churning
from despoolr_lab.clock import LoopClock
from despoolr_lab.config import NamedServer, parse_profile
from despoolr_lab.garbage import leave_in_peace
from despoolr_lab.ground import FLUSH_S, StartError, clock_of
from despoolr_lab.leasing import SlotLease
from despoolr_lab.record_log import log_record
from despoolr_lab.runs import RecordFile
from despoolr_lab.sim.network import session_options
from despoolr_lab.site_caller import SiteCaller

BATCH: Final = 1000
"""Machines registered, and tokens asked for, in one request."""
CONNECTIONS_MAX: Final = 64
RANGE_SIZE: Final = 44_065
"""SMSIDs of one range (Q127052)."""


@dataclass(frozen=True, slots=True)
class ClientsSettings:
    """Which clients. `first` is the number of the first: two fleets of one site need numbers that do not meet."""

    count: int
    site_url: str
    token: str
    logons: tuple[NamedServer, ...] = ()
    first: int = 1
    prefix: str = "PC"
    poll_every_s: float = 3600.0
    seed: int = 1
    holder: str = ""
    """Lease the clients' numbers from the site server under this name, instead of counting from `first`."""
    churn: Churn | None = None
    """Machines that lose their power now and then, and start up again."""
    records: Path | None = None
    """Where to append what the clients did, one record a line."""


@dataclass(slots=True)
class Clients:
    """The clients of one process. `start`, then let time pass, then `stop`."""

    settings: ClientsSettings
    say: Callable[[str], None]
    clock: Clock | None = None
    scale: float = 1.0
    fleet: Fleet | None = None
    lease: SlotLease | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _http: aiohttp.ClientSession | None = None
    _site: SiteCaller | None = None
    _urls: dict[str, str] = field(default_factory=dict)
    _logon_names: list[str] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)
    _records: RecordFile | None = None
    _background: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Ask the site, lease, register, begin to poll. Raises `StartError`."""
        if self.settings.records is not None:
            self._records = RecordFile(self.settings.records)
        settings = await self.prepare()
        assert self.clock is not None
        self.fleet = Fleet(self.clock, settings.gate)
        self.fleet.add_spread(self.agents(settings))
        leave_in_peace()
        await self.fleet.start()
        if self._records is not None:
            self._background.append(asyncio.create_task(_keep_flushing(self._records)))
        if self.settings.churn is not None:
            label = f"{self.settings.seed}/{self.names[0]}"
            churning = keep_churning(self.settings.churn, self.fleet.agents, self.clock, label)
            self._background.append(asyncio.create_task(churning))

    async def prepare(self) -> ClientSettings:
        """Ask the site, lease, register; the settings of all these clients, whom nobody drives yet. Raises `StartError`."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
        self._http = aiohttp.ClientSession(connector=connector, **session_options({}))
        self._site = SiteCaller(self._http, self.settings.site_url, self.settings.token, self.say)
        setup = await self._site.patiently("GET", "setup")
        now, self.scale = clock_of(setup)
        if self.clock is None:
            self.clock = LoopClock(now, self.scale)
        if "site" not in setup:
            raise StartError(f"{self.settings.site_url} is {setup.get('server')}, which is no site server; give the site's URL")
        logons = self._logon_servers(setup)
        site = setup["site"]
        if self.settings.holder:
            self.lease = SlotLease(self._site.call, self.settings.holder, self.settings.count, self.say)
            await self.lease.take()
        await self._register(self.names, [sms_id_of(site["code"], n) for n in self.numbers], site["domain"])
        return self._client_settings(site, logons)

    def agents(self, settings: ClientSettings) -> Iterator[PcmAgent]:
        """These clients, in the order of their numbers, spread over the logon servers as a domain's controllers share logons."""
        servers = settings.logon_servers
        for name, number in zip(self.names, self.numbers, strict=True):
            agent = PcmAgent(name, sms_id_of(settings.site, number), settings, user=_user(name))
            agent.logon_server = servers[number % len(servers)]
            yield agent

    async def stop(self) -> None:
        """Log all clients off, as at the end of a day."""
        for task in self._background:
            task.cancel()
        ends = await asyncio.gather(*self._background, return_exceptions=True)
        try:
            if self.fleet is not None:
                await self.fleet.stop()
        finally:
            if self._records is not None:
                self._records.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end
        if self.lease is not None and self.lease.size:
            await self.lease.give_back()
        if self._http is not None:
            await self._http.close()

    @property
    def numbers(self) -> range:
        """The clients' numbers."""
        first, count = (self.lease.first, self.lease.size) if self.lease else (self.settings.first, self.settings.count)
        return range(first, first + count)

    @property
    def names(self) -> list[str]:
        """Their machines' names."""
        return [f"{self.settings.prefix}{n:05}" for n in self.numbers]

    @property
    def live_count(self) -> int:
        """How many clients exist: registered, and driven."""
        return len(self.fleet) if self.fleet is not None else 0

    def summary(self) -> dict[str, Any]:
        """What the clients did so far. `late` counts polls that began over a second of site time after their time."""
        done = self.fleet.counts if self.fleet is not None else None
        return {
            "clients": done.clients if done else 0,
            "polls": done.polls if done else 0,
            "changed": done.changed if done else 0,
            "failed": done.failed if done else 0,
            "late": done.late_count if done else 0,
            "late_s_max": round(done.late_s_max / self.scale, 3) if done else 0.0,
            "runs": self.counts["pcm.run"],
            "reports": self.counts["pcm.reported"],
        }

    @property
    def logon_urls(self) -> list[str]:
        """Where the clients' logon servers answer."""
        return [self._urls[fold(name)] for name in self._logon_names]

    # -- asking the site

    def _logon_servers(self, setup: Any) -> list[str]:
        there = [msgspec.convert(server, NamedServer) for server in setup.get("servers", ())]
        servers = {server.name: server for server in [*there, *self.settings.logons]}
        self._urls = {fold(server.name): server.url for server in servers.values()}
        wanted = [s.name for s in self.settings.logons] or [s.name for s in there if s.logon]
        if not wanted:
            raise StartError(f"the site at {self.settings.site_url} has no logon server; give one with --logon NAME=URL")
        self._logon_names = wanted
        return wanted

    async def _register(self, names: Sequence[str], ids: Sequence[str], domain: str) -> None:
        assert self._site is not None
        for start in range(0, len(names), BATCH):
            part = slice(start, start + BATCH)
            machines = [{"name": n, "sms_id": i, "domain": domain} for n, i in zip(names[part], ids[part], strict=True)]
            await self._site.patiently("POST", "machines", machines)
            asked = [{"machine": name, "user": _user(name)} for name in names[part]]
            self._tokens |= zip(names[part], (await self._site.patiently("POST", "tokens", asked))["tokens"], strict=True)

    def _client_settings(self, site: Any, logons: list[str]) -> ClientSettings:
        assert self.clock is not None
        seed = self.settings.seed
        return ClientSettings(
            clock=self.clock,
            connect=self._connect,
            recorder=Recorder(self.clock.now, [self._count]),
            random=lambda label: random.Random(f"{seed}/{label}"),
            gate=Gate(CONNECTIONS_MAX),
            site=site["code"],
            domain=site["domain"],
            logon_servers=tuple(logons),
            behaviour=PcmBehaviour.of(parse_profile(site["version"], site["set"])),
            polling_interval_s=self.settings.poll_every_s,
            records_idle_polls=False,
        )

    def _count(self, record: Record) -> None:
        self.counts[record.kind] += 1
        log_record(record)
        if self._records is not None:
            self._records(record)

    def _connect(self, server: str, machine: str, user: str) -> ShareServer:
        assert self._http is not None and self.clock is not None
        # A distribution server the site named and nobody gave a URL for: its name may be one that resolves.
        url = self._urls.get(fold(server), f"http://{server.lower()}")
        token = self._tokens[machine]
        return ShareServer(self._http, url, token, self.clock, name=server, lease_s=60.0 * self.scale)


async def _keep_flushing(records: RecordFile) -> None:
    """A reader finds what happened in the file soon after; a process that is killed has lost no more than that."""
    while True:
        await asyncio.sleep(FLUSH_S)
        records.flush()


def sms_id_of(site: str, number: int) -> str:
    """The SMSID of a site's n-th client, counted from 0, as if one logon server had handed them out range by range."""
    return str(SmsId(site, number // RANGE_SIZE, number % RANGE_SIZE))


def _user(machine: str) -> str:
    return f"USER_{machine}"
