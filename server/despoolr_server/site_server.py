r"""A site server: its root share with the boxes of `SITE.SRV`, `SMS_SITE`, the package sources, and
the SMS Executive.

The composition root of one process. Its services use its own shares through the same engine as
everyone else (a local open is checked like any other) and other machines through `connect_as`,
which the process's owner provides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.profile import Profile
from despoolr_core.records.kinds.share import MessageSent
from despoolr_core.records.stream import Recorder
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import OpenRow
from despoolr_server.database.protocol import Database
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import FileStore
from despoolr_server.files.protocol import make_directories
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.openapi.table import Call
from despoolr_server.http.shares.server.administration import AdministrationRoutes
from despoolr_server.http.shares.server.messages import MessageBoard
from despoolr_server.http.site.calls import SITE_CALLS
from despoolr_server.http.site.routes import SiteRoutes
from despoolr_server.shares.base import rights
from despoolr_server.shares.base.limits import limits_of_lease
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.rights import FixedNames, Rights, RightsTable
from despoolr_server.shares.host import ShareHost
from despoolr_server.shares.local import LocalShare
from despoolr_server.site.administrator import Administrator
from despoolr_server.site.despooler.service import Despooler
from despoolr_server.site.hotfixes import Hotfixes
from despoolr_server.site.loader.service import DataLoader
from despoolr_server.site.services.distribution_manager import DistributionManager
from despoolr_server.site.services.inventory_processor import InventoryProcessor
from despoolr_server.site.services.maintenance import MaintenanceManager
from despoolr_server.site.services.scheduler.service import Scheduler
from despoolr_server.site.services.sender import LanSender
from despoolr_server.site.services.service import Executive, Service
from despoolr_server.site.services.site_reporter import SiteReporter
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import Connect, RemoteServer, SiteContext, SiteServerRole
from despoolr_server.site.state.logs import LogSink, NoLogFiles

SERVICE_ACCOUNT = "SMSSERVICE"


class SiteSetup(msgspec.Struct, frozen=True):
    """What a site is told at set-up: the answers to Setup's questions, and who its machines are."""

    code: str
    server: str
    domain: str
    profile: Profile
    response: Response
    servers: tuple[SiteServerRole, ...]
    addresses: dict[str, str]
    parent: str = ""


class SiteStores(msgspec.Struct, frozen=True):
    r"""Where a site server's shares keep their files: the SMS root, `RECEIVE` (which is
    `SMS_SITE`), the package sources.
    """

    root: FileStore
    receive: FileStore
    sources: FileStore


def root_rights() -> RightsTable:
    """The root share serves everything but `RECEIVE`: that is reached as `SMS_SITE`, so that its
    opens are seen in one place.
    """
    nobody = dict.fromkeys(Role, Rights.NONE)
    return RightsTable(
        {boxes.RECEIVE: nobody},
        FixedNames(
            [*boxes.SITE_DIRECTORIES, *boxes.DISTRIBUTION_MANAGER_DIRECTORIES], [boxes.PCM_DOMAINS]
        ),
    )


class SiteServer:
    """One site server, ready to be served and run."""

    def __init__(
        self,
        setup: SiteSetup,
        clock: Clock,
        recorder: Recorder,
        database: Database,
        stores: SiteStores,
        auth: Auth,
        connect: Connect,
        *,
        lease_s: float = 60.0,
        id_prefix: str = "",
        time_scale: float = 1.0,
        version: str = "",
        logs: LogSink | None = None,
        extra_routes: Iterable[Route] = (),
        extra_calls: Sequence[Call] = (),
        host_names: Iterable[str] = (),
        line: ServerLine | None = None,
    ) -> None:
        self.host = ShareHost(
            setup.server,
            clock,
            recorder,
            limits_of_lease(lease_s),
            id_prefix=id_prefix,
            dav_time_scale=time_scale,
        )
        make_directories(stores.root, boxes.SITE_DIRECTORIES, clock.now())
        if setup.profile.package_status_by_sta:
            make_directories(stores.root, boxes.DISTRIBUTION_MANAGER_DIRECTORIES, clock.now())
        self.host.add_share(boxes.ROOT_SHARE, stores.root, root_rights())
        self.host.add_share(boxes.SITE_SHARE, stores.receive, rights.SERVICE_ONLY)
        self.host.add_share(boxes.SOURCE_SHARE, stores.sources, rights.SOURCE)
        self._board = MessageBoard()
        self._remote = connect
        self.context = SiteContext(
            code=setup.code,
            server=setup.server,
            domain=setup.domain,
            profile=setup.profile,
            response=setup.response,
            clock=clock,
            recorder=recorder,
            database=database,
            connect_as=self._connect,
            servers=list(setup.servers),
            addresses={setup.code: setup.server, **setup.addresses},
            parent=setup.parent,
            logs=logs or NoLogFiles(),
            time_scale=time_scale,
        )
        self.executive = Executive(self.context, _services(self.context))
        self.administrator = Administrator(self.context)
        self.hotfixes = Hotfixes(self.context, self.executive)
        self.executive.before_start = self.hotfixes.restore
        routes = SiteRoutes(
            self.context, self.executive, self.administrator, self.hotfixes
        ).routes()
        routes += AdministrationRoutes(self.host, recorder, self._board).routes()
        self._make_app = partial(
            make_app,
            self.host,
            auth,
            clock,
            version=version,
            extra_routes=[*routes, *extra_routes],
            extra_calls=(*SITE_CALLS, *extra_calls),
            host_names=host_names,
            line=line,
        )

    @cached_property
    def app(self) -> App:
        """Made for who serves it: it is most of what a server costs to make."""
        return self._make_app()

    def _connect(self, server: str, program: str) -> RemoteServer:
        if fold(server) == fold(self.host.server):
            return _Local(self.host, self._board, self.context.recorder, program)
        return self._remote(server, program)


def _services(site: SiteContext) -> list[Service]:
    """The services of a site, in the order in which files travel through them."""
    services: list[Service] = [Scheduler(site), LanSender(site), Despooler(site)]
    if site.profile.package_status_by_sta:
        services.append(DistributionManager(site))
    services += [MaintenanceManager(site), InventoryProcessor(site), DataLoader(site)]
    if site.parent:
        services.append(SiteReporter(site))
    return services


class _OpenList(msgspec.Struct, frozen=True):
    opens: list[OpenRow]


class _Local:
    """This machine's own shares, as the service account."""

    def __init__(
        self, host: ShareHost, board: MessageBoard, recorder: Recorder, program: str
    ) -> None:
        self._host = host
        self._board = board
        self._recorder = recorder
        self._program = program
        self._who = Principal(host.server, SERVICE_ACCOUNT, Role.SERVICE)

    def share(self, name: str) -> Share:
        return LocalShare(self._host, name, self._who, program=self._program)

    async def opens(self, share: str = "", path: str = "", machine: str = "") -> _OpenList:
        return _OpenList(self._host.opens(share, path, machine))

    async def close_by_force(self, handle: str, reason: str = "") -> None:
        self._host.close_by_force(self._who, handle, reason)

    async def set_rights(
        self, share: str, prefix: str, role: Role, rights: str | None
    ) -> str | None:
        former = self._host.set_rights(
            share, prefix, role, None if rights is None else Rights[rights]
        )
        return None if former is None else former.name

    async def send_message(self, machine: str, text: str) -> None:
        self._board.post(machine, text)
        self._recorder.record(
            f"{self._host.server}/{self._host.server}", MessageSent(machine=machine, text=text)
        )
