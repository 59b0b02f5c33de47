"""Sites put together: logon servers, site servers, the shares that each of them has, and how one
reaches another.

The law: whoever runs, studies or tests servers puts them together here, so that a share, a right or
a service that a server gains is there for all of them. What differs is an argument: the clock,
where files lie, where rows lie, and what carries a call from one machine to another. Nothing here
opens a socket or a file, and nothing runs until its owner has it run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.records.stream import Recorder
from despoolr_server.database.protocol import Database
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import FileStore
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.openapi.table import Call
from despoolr_server.logon_server import LogonServer, make_logon_server
from despoolr_server.shares.host import ShareHost
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import RemoteServer, SiteServerRole
from despoolr_server.site.state.logs import LogSink
from despoolr_server.site_server import SiteServer, SiteSetup, SiteStores

Stores = Callable[[str, str], FileStore]
"""`stores(machine, share)`: where the files of a share lie. Asked once for each."""
Databases = Callable[[str], Database]
"""`databases(site)`: where the rows of a site lie, by its code. Asked once for each."""
ConnectFrom = Callable[[str, str, str], RemoteServer]
"""`connect(machine, server, program)`: how a service on `machine` reaches another server."""


class CreateTask(Protocol):
    """`asyncio.create_task`, or that of a `TaskGroup`."""

    def __call__(self, work: Coroutine[Any, Any, None], /, *, name: str) -> asyncio.Task[None]:
        """Have it done."""


class Extras(msgspec.Struct, frozen=True):
    """What its owner adds to a server: routes, their rows in the description, names it goes by, and
    the line to it where that may be broken.
    """

    routes: Iterable[Route] = ()
    calls: Sequence[Call] = ()
    host_names: Iterable[str] = ()
    line: ServerLine | None = None


class SiteAssembly:
    """The servers of one site, or of several that know each other. A server that is added again is
    started again: new tables and tokens, on the files and rows that are there.
    """

    def __init__(
        self,
        clock: Clock,
        stores: Stores,
        database: Databases,
        connect: ConnectFrom,
        *,
        recorder: Recorder,
        auth: Auth,
        lease_s: float = 60.0,
        time_scale: float = 1.0,
        version: str = "",
    ) -> None:
        self.clock = clock
        self.recorder = recorder
        self.auth = auth
        self.lease_s = lease_s
        self.time_scale = time_scale
        self.version = version
        self.logons: dict[str, LogonServer] = {}
        """Logon and distribution servers, by name."""
        self.sites: dict[str, SiteServer] = {}
        """Site servers, by the code of their site."""
        self.stores: dict[tuple[str, str], FileStore] = {}
        """By machine and share."""
        self.databases: dict[str, Database] = {}
        self._make_store = stores
        self._make_database = database
        self._connect = connect

    def add_logon(
        self, role: SiteServerRole, *, id_prefix: str = "", extras: Extras | None = None
    ) -> LogonServer:
        """A logon server, a distribution server, or both. Raises what `stores` raises."""
        extras = extras or Extras()
        share = role.package_share
        server = make_logon_server(
            role.name,
            self.clock,
            self.recorder,
            self.auth,
            logon=self.store(role.name, boxes.LOGON_SHARE) if role.logon else None,
            packages={share: self.store(role.name, share)} if role.distribution else {},
            lease_s=self.lease_s,
            id_prefix=id_prefix,
            dav_time_scale=self.time_scale,
            version=self.version,
            extra_routes=extras.routes,
            extra_calls=extras.calls,
            host_names=extras.host_names,
            line=extras.line,
        )
        self.logons[role.name] = server
        return server

    def add_site(
        self,
        setup: SiteSetup,
        *,
        id_prefix: str = "",
        logs: LogSink | None = None,
        extras: Extras | None = None,
    ) -> SiteServer:
        """A site server with its services. Raises what `stores` and `database` raise."""
        extras = extras or Extras()
        name = setup.server
        site = SiteServer(
            setup,
            self.clock,
            self.recorder,
            self.database(setup.code),
            SiteStores(
                root=self.store(name, boxes.ROOT_SHARE),
                receive=self.store(name, boxes.SITE_SHARE),
                sources=self.store(name, boxes.SOURCE_SHARE),
            ),
            self.auth,
            lambda server, program: self._connect(name, server, program),
            lease_s=self.lease_s,
            id_prefix=id_prefix,
            time_scale=self.time_scale,
            version=self.version,
            logs=logs,
            extra_routes=extras.routes,
            extra_calls=extras.calls,
            host_names=extras.host_names,
            line=extras.line,
        )
        self.sites[setup.code] = site
        return site

    def start_services(self, code: str, create_task: CreateTask) -> asyncio.Task[None]:
        """Have the services of a site run until they are cancelled."""
        return create_task(self.sites[code].executive.run(), name=f"{code}/SMS_EXECUTIVE")

    @property
    def hosts(self) -> dict[str, ShareHost]:
        """Every server's shares, by its name: logon servers, then site servers."""
        made = [
            *(logon.host for logon in self.logons.values()),
            *(site.host for site in self.sites.values()),
        ]
        return {host.server: host for host in made}

    def host(self, server: str) -> ShareHost | None:
        """A server's shares, by its name as it was added; None for no server of these."""
        logon = self.logons.get(server)
        if logon is not None:
            return logon.host
        return next((site.host for site in self.sites.values() if site.host.server == server), None)

    def database(self, site: str) -> Database:
        """The rows of a site. Raises what `database` raises."""
        if site not in self.databases:
            self.databases[site] = self._make_database(site)
        return self.databases[site]

    def store(self, machine: str, share: str) -> FileStore:
        """The files of a share. Raises what `stores` raises."""
        key = (machine, share)
        if key not in self.stores:
            self.stores[key] = self._make_store(machine, share)
        return self.stores[key]
