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
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from despoolr_app.process import discovery
from despoolr_app.process.discovery import RunningServer
from despoolr_app.process.http_listener import why_not
from despoolr_app.process.logs.process_log import ServiceLines
from despoolr_app.process.metrics import ProcessMetrics
from despoolr_app.process.private_file import NoRoomToWrite
from despoolr_app.process.runtime import Runtime, StartError
from despoolr_app.process.settings import Listen, LogonSettings, SiteAddress, SiteSettings
from despoolr_app.servers.breakable import BreakableServer
from despoolr_app.servers.metrics import BoxMetrics, FaultMetrics, SiteMetrics
from despoolr_app.servers.ports import OPTIONS
from despoolr_app.servers.reach import Reach
from despoolr_app.servers.server_clocks import keep_comparing
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.rules.fold import fold
from despoolr_core.share.fleet_api import ServerCard
from despoolr_server.assembly import Extras, SiteAssembly
from despoolr_server.database.protocol import DatabaseLost
from despoolr_server.faults.book import FaultBook
from despoolr_server.faults.full_disk import FillableFileStore
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import FileStore, StoreError
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.http.app import METRICS
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
from despoolr_server.shares.host import ShareHost
from despoolr_server.site.services.netware_inventory import take_inventory
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.logs import LogDirectory
from despoolr_server.site.state.rows.slots import SlotTable
from despoolr_server.site_server import SiteServer, SiteSetup

if TYPE_CHECKING:
    from despoolr_app.servers.database_url import SiteDatabase

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
    reach: Reach = field(init=False)
    _assembly: SiteAssembly = field(init=False)
    _live: LiveFeeds = field(init=False)
    _records: RecordRoutes = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _databases: dict[str, SiteDatabase] = field(default_factory=dict)
    _logs: list[LogDirectory] = field(default_factory=list)
    _stores: list[JournalledFileStore] = field(default_factory=list)
    _books: list[FaultBook] = field(default_factory=list)
    _lost: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def __post_init__(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._on_trouble)
        self.reach = Reach(self.runtime, self._host, self.announced)
        self._assembly = SiteAssembly(
            self.runtime.clock,
            self._store,
            lambda code: self._databases[code].database,
            self.reach.connect,
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
            depths = BoxMetrics(
                boxes.LOGON_SHARE,
                self._assembly.stores[name, boxes.LOGON_SHARE],
                boxes.LOGON_DIRECTORIES,
            )
            metrics.add(depths, depths.count)
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
        urls = {s.name: s.url for s in servers}
        urls |= {one.server: one.url for one in _others_of(settings)}
        opened = await self._open_database(settings)
        self.reach.urls[name] = urls
        elsewhere = {s.name: s.url for s in servers if s.name not in self._assembly.logons}
        followers = self.reach.followed(name, elsewhere, self._live)
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
                _setup_of(settings, servers),
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
        self._add_metrics(site.app, name, counts)
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
            self.watch(self.reach.follow(name, followers), f"{settings.code}/LIVE")
        self._tasks.append(self._assembly.start_services(settings.code, asyncio.create_task))
        self._announce(name, "site", url, settings.code)
        return url

    def _host(self, name: str) -> ShareHost | None:
        found = self._assembly.host(name)
        if found is None:  # it may be spelled in another case
            hosts = self._assembly.hosts.values()
            found = next((host for host in hosts if fold(host.server) == fold(name)), None)
        return found

    async def _open_database(self, settings: SiteSettings) -> SiteDatabase:
        from despoolr_app.servers.database_url import (  # noqa: PLC0415 - a logon server has none
            open_site_database,
        )

        runtime, code = self.runtime, settings.code
        file = runtime.data / f"{code}.db"
        if not settings.database and runtime.starts > 1 and not file.exists():
            self.say(f"note: there is no {file}: the site begins without jobs and machines")
        opened = await open_site_database(
            settings.database, file, runtime.settings.database_password, code, self.say
        )
        self._databases[code] = opened
        opened.database.on_lost = self._end
        return opened

    def _add_metrics(self, app: App, name: str, counts: SiteMetrics) -> None:
        stores, metrics = self._assembly.stores, app[METRICS]
        for more in (ProcessMetrics(), self._fault_metrics(name), counts):
            metrics.add(more)
        directories = [one for one in boxes.SITE_DIRECTORIES if one != boxes.RECEIVE]
        for share, within in ((boxes.ROOT_SHARE, directories), (boxes.SITE_SHARE, [""])):
            depths = BoxMetrics(share, stores[name, share], within)
            metrics.add(depths, depths.count)

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
                await self.reach.close()
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
        line = self.reach.lines[name] = ServerLine(self.runtime.clock)
        machine = BreakableServer(
            name, line, partial(self._stores_of, name), self.reach.url_of, site
        )
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

    def _extras(self, name: str, routes: Iterable[Route], listen: Listen) -> Extras:
        """The calls of a process, and what its servers may be called by somebody without a Bearer
        token.
        """
        names = (*self.runtime.settings.allow_hosts, listen.host, socket.gethostname())
        return Extras(routes, (*SETUP_CALLS, *LIVE_CALLS), names, self.reach.lines.get(name))

    def _live_routes(self, name: str, scope: str = "") -> list[Route]:
        """The live page's calls of a server; `scope` is its name if it tells of itself alone."""
        release = partial(self.reach.release, name)
        live = LiveRoutes(self._live, name, scope, self.runtime.scale, self.runtime.auth, release)
        return [*live.routes(), *self._records.routes()]

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


def _others_of(settings: SiteSettings) -> list[SiteAddress]:
    """The sites that one has an address of."""
    return [*settings.addresses, *([settings.parent] if settings.parent else [])]


def _setup_of(settings: SiteSettings, servers: Iterable[ServerCard]) -> SiteSetup:
    return SiteSetup(
        code=settings.code,
        server=settings.name,
        domain=settings.domain,
        profile=settings.profile,
        response=settings.response,
        servers=tuple(
            SiteServerRole(s.name, s.domain, s.logon, s.distribution, s.package_share, s.netware)
            for s in servers
        ),
        addresses={one.code: one.server for one in _others_of(settings)},
        parent=settings.parent.code if settings.parent else "",
    )


def _place_of(error: Exception) -> str:
    """Which file it is about, where that is known."""
    cause = error.__cause__
    return f" ({cause.filename})" if isinstance(cause, OSError) and cause.filename else ""
