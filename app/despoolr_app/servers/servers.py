"""Long-running servers over real sockets: put together, run until told to stop, taken apart in
order.

The law: a server is announced when it answers and not before; a clean stop lets each service finish
its cycle, then closes sessions, flushes files and takes the announcement back, within `STOP_S_MAX`
in all. A service that fails ends the process: half a site is worse than none. Whatever keeps a
server from starting is a `StartError` of one line.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from despoolr_app.process import discovery
from despoolr_app.process.discovery import RunningServer
from despoolr_app.process.http_listener import why_not
from despoolr_app.process.logs.process_log import ServiceLines
from despoolr_app.process.metrics import ProcessMetrics
from despoolr_app.process.private_file import NoRoomToWrite
from despoolr_app.process.runtime import Runtime, StartError
from despoolr_app.process.settings import Listen, LogonSettings, SiteSettings
from despoolr_app.servers.breakable import BreakableServer
from despoolr_app.servers.database_url import SiteDatabase, open_site_database
from despoolr_app.servers.follower import Follower
from despoolr_app.servers.metrics import BoxMetrics, FaultMetrics, SiteMetrics
from despoolr_app.servers.ports import OPTIONS
from despoolr_app.servers.server_clocks import keep_comparing
from despoolr_app.servers.server_over_line import ServerOverLine
from despoolr_client.transport.session_options import session_options
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.fleet_api import ServerCard
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_server.assembly import Extras, SiteAssembly
from despoolr_server.database.protocol import DatabaseLost
from despoolr_server.faults.book import FaultBook
from despoolr_server.faults.full_disk import FillableFileStore
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import FileStore, StoreError
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.http.app import METRICS
from despoolr_server.http.base.problem import known
from despoolr_server.http.connections.connections import (
    Runner,
    backlog_of,
    descriptors,
    is_want_of_descriptors,
)
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.live.calls import LIVE_CALLS
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.http.live.records import RecordRoutes
from despoolr_server.http.live.routes import LiveRoutes
from despoolr_server.http.site.faults import FaultRoutes
from despoolr_server.http.site.setup import SetupRoutes, site_card
from despoolr_server.http.site.setup_calls import SETUP_CALLS
from despoolr_server.http.site.slots import SlotRoutes
from despoolr_server.server_watch import ServerWatch
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.host import ShareHost
from despoolr_server.site.services.netware_inventory import take_inventory
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import RemoteServer, SiteServerRole
from despoolr_server.site.state.logs import LogDirectory
from despoolr_server.site.state.slots import SlotTable
from despoolr_server.site_server import SERVICE_ACCOUNT, SiteServer, SiteSetup

STOP_S_MAX: Final = 4.5
"""Seconds a clean stop takes at most; what is not done then is left as a killed process would leave
it.
"""
FINISH_S_MAX: Final = 2.0
"""Seconds the services get to finish their cycles."""


@dataclass(slots=True)
class Servers:
    """The servers of one process. Add them, `announce`, `run`, `close`."""

    runtime: Runtime
    directory: Path
    say: Callable[[str], None]
    version: str = ""
    announced: list[RunningServer] = field(default_factory=list)
    _runners: list[Runner] = field(default_factory=list)
    _assembly: SiteAssembly = field(init=False)
    _live: LiveFeeds = field(init=False)
    _records: RecordRoutes = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _databases: dict[str, SiteDatabase] = field(default_factory=dict)
    _urls: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _logs: list[LogDirectory] = field(default_factory=list)
    _stores: list[JournalledFileStore] = field(default_factory=list)
    _connections: dict[tuple[str, str], ShareServer] = field(default_factory=dict)
    _session: aiohttp.ClientSession | None = None
    _followers: dict[tuple[str, str], Follower] = field(default_factory=dict)
    _lines: dict[str, ServerLine] = field(default_factory=dict)
    """Those that may be broken, by machine."""
    _books: list[FaultBook] = field(default_factory=list)
    _lost: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def __post_init__(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._on_trouble)
        self._assembly = SiteAssembly(
            self.runtime.clock,
            self._store,
            lambda code: self._databases[code].database,
            self._connect,
            recorder=self.runtime.recorder,
            auth=self.runtime.auth,
            lease_s=self.runtime.lease_s,
            time_scale=self.runtime.scale,
            version=self.version,
        )
        live = LiveFold()
        for record in self.runtime.history():
            live.apply(record)
        live.forget_opens()
        self._live = LiveFeeds(live, self.runtime.clock.now, start=str(self.runtime.starts))
        self.runtime.recorder.listeners.append(self._live.hear)
        self._records = RecordRoutes(self.runtime.recorder, self.runtime.history)

    def _on_trouble(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the loop cannot tell anybody else; a caller who finds no descriptor is no bug."""
        if not is_want_of_descriptors(context):
            loop.default_exception_handler(context)
            return
        for runner in self._runners:
            if runner.serves(context["socket"]):
                runner.find_no_descriptor()

    # -- up

    async def add_logon(self, settings: LogonSettings) -> ServerCard:
        """Serve a logon server, a distribution server, or both. Raises `StartError`."""
        runtime, name = self.runtime, settings.name
        share = settings.package_share
        role = SiteServerRole(name, "", settings.logon, settings.distribution, share)
        routes = [
            *SetupRoutes(runtime, name).routes(),
            *self._live_routes(name, name),
            *self._fault_routes(name),
        ]
        try:
            server = self._assembly.add_logon(
                role,
                id_prefix=runtime.id_prefix,
                extras=self._extras(name, routes, settings.listen),
            )
            metrics = server.app[METRICS]  # made here: it refuses some names of shares
        except (StoreError, ValueError) as error:
            raise StartError(
                f"cannot use the files of {name} in {runtime.data}: {error}{_place_of(error)}"
            ) from None
        for each in (ProcessMetrics(), self._fault_metrics(name)):
            metrics.add(each)
        if settings.logon:
            metrics.add(
                BoxMetrics(
                    boxes.LOGON_SHARE,
                    self._assembly.stores[name, boxes.LOGON_SHARE],
                    boxes.LOGON_DIRECTORIES,
                )
            )
        url = await self._serve(server.app, server.host, settings.listen)
        self._announce(name, "logon", url)
        return ServerCard(name, url, settings.logon, settings.distribution, share, "")

    async def add_site(self, settings: SiteSettings) -> str:
        """Serve a site server and run its services; its URL. Raises `StartError`, and `ConfigError`
        for a database that cannot be used.
        """
        runtime, name = self.runtime, settings.name
        servers = [
            msgspec.structs.replace(
                s, domain=s.domain or settings.domain, netware=s.name in settings.netware
            )
            for s in settings.servers
        ]
        others = [*settings.addresses, *([settings.parent] if settings.parent else [])]
        urls = {s.name: s.url for s in servers} | {a.server: a.url for a in others}
        setup = SiteSetup(
            code=settings.code,
            server=name,
            domain=settings.domain,
            profile=settings.profile,
            response=settings.response,
            servers=tuple(
                SiteServerRole(
                    s.name, s.domain, s.logon, s.distribution, s.package_share, s.netware
                )
                for s in servers
            ),
            addresses={a.code: a.server for a in others},
            parent=settings.parent.code if settings.parent else "",
        )
        file = runtime.data / f"{settings.code}.db"
        if not settings.database and runtime.starts > 1 and not file.exists():
            self.say(f"note: there is no {file}: the site begins without jobs and machines")
        opened = await open_site_database(
            settings.database,
            file,
            runtime.settings.database_password,
            settings.code,
            self.say,
        )
        self._databases[settings.code] = opened
        opened.database.on_lost = self._end
        self._urls[name] = urls
        elsewhere = {s.name: s.url for s in servers if s.name not in self._assembly.logons}
        followers = self._followed(name, elsewhere)
        slots = SlotRoutes(
            SlotTable(settings.clients_wanted, settings.fleet_lease_s),
            opened.database,
            runtime.recorder,
            settings.code,
        )
        await slots.restore()
        logs = LogDirectory(
            runtime.store_directory("LOGS", ""), settings.log_layout or settings.profile.log_layout
        )
        self._logs.append(logs)
        try:
            setup_routes = SetupRoutes(
                runtime,
                name,
                lambda: site_card(
                    settings.code, settings.domain, site.context.profile, settings.response
                ),
                servers,
            )
            routes = [
                *setup_routes.routes(),
                *slots.routes(),
                *self._live_routes(name),
                *self._fault_routes(name, settings.code, lambda: site, slots),
            ]
            site = self._assembly.add_site(
                setup,
                id_prefix=runtime.id_prefix,
                logs=ServiceLines(logs),
                extras=self._extras(name, routes, settings.listen),
            )
        except (StoreError, ValueError) as error:
            raise StartError(
                f"cannot use the files of {name} in {runtime.data}: {error}{_place_of(error)}"
            ) from None
        await opened.database.run(lambda db: take_inventory(db, site.context))
        counts = SiteMetrics(site.context, site.executive, slots.table)
        for more in (
            ProcessMetrics(),
            self._fault_metrics(name),
            BoxMetrics(
                boxes.ROOT_SHARE,
                self._assembly.stores[name, boxes.ROOT_SHARE],
                (b for b in boxes.SITE_DIRECTORIES if b != boxes.RECEIVE),
            ),
            BoxMetrics(boxes.SITE_SHARE, self._assembly.stores[name, boxes.SITE_SHARE], ("",)),
            counts,
        ):
            site.app[METRICS].add(more)
        url = await self._serve(site.app, site.host, settings.listen)
        runtime.recorder.listeners.append(counts.hear)
        self._tasks.append(asyncio.create_task(counts.refresh(), name=f"{settings.code}/metrics"))
        self._tasks.append(
            asyncio.create_task(slots.keep_looking(), name=f"{settings.code}/FLEETS")
        )
        apart = {name: url for name, url in urls.items() if name not in self._assembly.hosts}
        if apart:
            self.watch(keep_comparing(apart, self.say), f"{settings.code}/CLOCKS")
        if followers:  # a task that is over would end the servers
            self.watch(self._follow(name, followers), f"{settings.code}/LIVE")
        self._tasks.append(self._assembly.start_services(settings.code, asyncio.create_task))
        self._announce(name, "site", url, settings.code)
        return url

    def watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do this for as long as the servers run; what it fails with ends them."""
        self._tasks.append(asyncio.create_task(work, name=name))

    def announce(self) -> None:
        """Let the commands that ask find these servers; on a full disk they do not. Raises
        `ConfigError`.
        """
        try:
            discovery.publish(self.announced, self.directory, self.runtime.data)
        except NoRoomToWrite as error:
            self.say(f"{error}: commands find these servers by --url only")

    # -- run and stop

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises what a service failed with, or `DatabaseLost`."""
        stopping = asyncio.create_task(stop.wait())
        ends: list[asyncio.Future[Any]] = [self._lost, *self._tasks]
        try:
            await asyncio.wait([stopping, *ends], return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    end.result()
        finally:
            stopping.cancel()

    def _end(self, lost: DatabaseLost) -> None:
        if not self._lost.done():
            self._lost.set_exception(lost)
            self._lost.exception()  # a process that is ending already need not say it twice

    async def close(self) -> None:
        """Stop in order: announcement, services, connections to others, listeners, sessions, files,
        database, records.
        """
        discovery.withdraw(os.getpid(), self.directory, self.runtime.data)
        self._live.close()
        self._records.close()
        is_clean = False
        try:
            async with asyncio.timeout(STOP_S_MAX):
                for book in self._books:
                    await book.close()
                await self._finish_services()
                for server in self._connections.values():
                    await server.close()
                if self._session is not None:
                    await self._session.close()
                for runner in self._runners:
                    await runner.cleanup()
                for host in self._assembly.hosts.values():
                    host.stop()
                for store in self._stores:
                    await store.close()
                for database in self._databases.values():
                    await database.close()
                is_clean = True
        except TimeoutError:
            pass
        finally:
            for logs in self._logs:
                logs.close()
            self.runtime.end(is_clean=is_clean)

    async def _finish_services(self) -> None:
        services = [
            service for site in self._assembly.sites.values() for service in site.executive.services
        ]
        for service in services:
            service.pause()
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S_MAX):
                for service in services:
                    await service.wait_until_idle()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- parts

    def _fault_routes(
        self,
        name: str,
        code: str = "",
        site: Callable[[], SiteServer] | None = None,
        slots: SlotRoutes | None = None,
    ) -> list[Route]:
        """The calls that break a server, which refuse where it was not started for that."""
        if not self.runtime.settings.allow_faults:
            return FaultRoutes(name, code, None).routes()
        line = self._lines[name] = ServerLine(self.runtime.clock)
        machine = BreakableServer(name, line, partial(self._stores_of, name), self._url_of, site)
        machine.slots = slots
        runtime = self.runtime
        book = FaultBook(name, machine, runtime.clock, runtime.recorder, runtime.id_prefix)
        self._books.append(book)
        return FaultRoutes(name, code, book).routes()

    def _fault_metrics(self, name: str) -> FaultMetrics:
        return FaultMetrics(next((book for book in self._books if book.server == name), None))

    def _stores_of(self, name: str) -> dict[str, FileStore]:
        stores = self._assembly.stores
        return {share: store for (machine, share), store in stores.items() if machine == name}

    def _url_of(self, name: str) -> str | None:
        known = {fold(server): url for urls in self._urls.values() for server, url in urls.items()}
        return known.get(name) or next((s.url for s in self.announced if s.name == name), None)

    def _extras(self, name: str, routes: Iterable[Route], listen: Listen) -> Extras:
        """The calls of a process, and what its servers may be called by somebody without a Bearer
        token.
        """
        names = (*self.runtime.settings.allow_hosts, listen.host, socket.gethostname())
        return Extras(routes, (*SETUP_CALLS, *LIVE_CALLS), names, self._lines.get(name))

    def _live_routes(self, name: str, scope: str = "") -> list[Route]:
        """The live page's calls of a server; `scope` is its name if it tells of itself alone."""
        release = partial(self._release, name)
        live = LiveRoutes(self._live, name, scope, self.runtime.scale, self.runtime.auth, release)
        return [*live.routes(), *self._records.routes()]

    def _followed(self, machine: str, urls: Mapping[str, str]) -> list[Follower]:
        """Those that are to hear, for a site, what its servers in other processes record."""
        token = self.runtime.auth.issue(machine, SERVICE_ACCOUNT, Role.SERVICE)
        clock, stir = self.runtime.clock, partial(self.runtime.stir, None)
        for name, url in urls.items():
            is_cut = partial(self._is_cut, machine, name)
            self._followers[machine, fold(name)] = Follower(
                name, url, token, self._live, clock.now, is_cut, stir
            )
        return [self._followers[machine, fold(name)] for name in urls]

    async def _follow(self, machine: str, followers: Iterable[Follower]) -> None:
        async with (
            aiohttp.ClientSession(**session_options({})) as http,
            asyncio.TaskGroup() as group,
        ):
            for follower in followers:
                group.create_task(follower.run(http), name=f"{machine}/{follower.name}")

    async def _release(
        self, machine: str, who: Principal, server: str, handle: str, reason: str
    ) -> Problem | None:
        """Close an open on a server of this process, or on one that `machine` knows."""
        hosts = {fold(name): host for name, host in self._assembly.hosts.items()}
        host = hosts.get(fold(server))
        if host is not None:
            if self._is_cut(machine, host.server):
                return known("another-server", f"{server} was not reached: the line is cut.")
            return host.close_by_force(who, handle, reason)
        if fold(server) not in {fold(name) for name in self._urls.get(machine, ())}:
            return known("not-found", f"{machine} knows no server {server}.")
        try:
            await self._connect(machine, server, "").close_by_force(handle, reason)
        except ShareError as error:
            return error.problem
        except ShareUnreachable as error:
            return known("another-server", f"{server} was not reached: {error}.")
        return None

    def _store(self, machine: str, share: str) -> FileStore:
        store = JournalledFileStore(self.runtime.store_directory(machine, share))
        self._stores.append(store)
        return FillableFileStore(store) if self.runtime.settings.allow_faults else store

    async def _serve(self, app: App, host: ShareHost, listen: Listen) -> str:
        self.runtime.remember(host.ledger, host.server)
        lane = self.runtime.settings.fast_lane
        runner = Runner(app, lane=lane, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, listen.host, listen.port, backlog=backlog_of(descriptors()))
        try:
            await site.start()
        except OSError as error:
            raise StartError(why_not(listen, error, OPTIONS)) from None
        return Listen(listen.host, site.port).url

    def _announce(self, name: str, role: str, url: str, site: str = "") -> None:
        token_file = str(self.runtime.token_file.absolute())
        data = str(self.runtime.data.absolute())
        self.announced.append(RunningServer(name, role, url, token_file, os.getpid(), site, data))

    def _connect(self, machine: str, server: str, program: str) -> RemoteServer:
        key = (fold(server), program)
        if key not in self._connections:
            url = self._urls[machine].get(key[0])
            if url is None:
                raise ShareUnreachable(
                    f"no URL is known for {server}: start the site with --logon {server}=URL "
                    "or --address"
                )
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=64), **session_options({})
                )
            token = self.runtime.auth.issue(machine, SERVICE_ACCOUNT, Role.SERVICE)
            line = self._lines.get(machine)
            make = partial(ServerOverLine, line) if line is not None else ShareServer
            there = self._connections[key] = make(
                self._session,
                url,
                token,
                self.runtime.clock,
                name=server,
                program=program,
                lease_s=self.runtime.lease_s,
            )
            if any(fold(one.name) == key[0] and one.url == url for one in self.announced):
                there.watch = partial(ServerWatch, partial(self._within_reach, machine, server))
            elif (follower := self._followers.get((machine, key[0]))) is not None:
                there.watch = follower.watch
        return self._connections[key]

    def _is_cut(self, machine: str, server: str) -> bool:
        """Whether a server of this process does not get what another one asks of it."""
        ends = ((machine, server), (server, machine)) if machine != server else ()
        return any(one in self._lines and self._lines[one].is_cut(other) for one, other in ends)

    def _within_reach(self, machine: str, server: str) -> ShareHost | None:
        lines = [self._lines[name] for name in (machine, server) if name in self._lines]
        return self._assembly.host(server) if all(line.is_whole for line in lines) else None


def _place_of(error: Exception) -> str:
    """Which file it is about, where that is known."""
    cause = error.__cause__
    return f" ({cause.filename})" if isinstance(cause, OSError) and cause.filename else ""
