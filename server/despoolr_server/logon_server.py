r"""A logon server, which may also be a distribution server: `SMS_SHR` with its boxes, `SMS_PKGx`
with the packages.

The composition root of one process: stores in, an HTTP application out. It runs no service of its
own; the site server's Maintenance Manager and Despooler work on it from outside, over the same
shares as the clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Final

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed
from despoolr_core.records.stream import Recorder
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import FileStore
from despoolr_server.files.pending_renames import carry_out
from despoolr_server.files.protocol import StoreError, make_directories
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.openapi.table import Call
from despoolr_server.http.shares.server.administration import AdministrationRoutes
from despoolr_server.shares.base import rights
from despoolr_server.shares.base.limits import limits_of_lease
from despoolr_server.shares.host import ShareHost
from despoolr_server.site.state import boxes

AT_START: Final = "pending when the server started"


class LogonServer(msgspec.Struct, frozen=True, dict=True):
    """One logon server, ready to be served."""

    name: str
    host: ShareHost
    make_app: Callable[[], App]

    @cached_property
    def app(self) -> App:
        """Made for who serves it: it is most of what a server costs to make."""
        return self.make_app()


def make_logon_server(
    name: str,
    clock: Clock,
    recorder: Recorder,
    auth: Auth,
    *,
    logon: FileStore | None,
    packages: dict[str, FileStore],
    lease_s: float = 60.0,
    id_prefix: str = "",
    dav_time_scale: float = 1.0,
    version: str = "",
    extra_routes: Iterable[Route] = (),
    extra_calls: Sequence[Call] = (),
    host_names: Iterable[str] = (),
    line: ServerLine | None = None,
) -> LogonServer:
    """Returns a server made of these parts. `logon` is the store of `SMS_SHR` (None: no logon
    server); `packages` are the package shares' stores; `dav_time_scale` is how many site seconds
    pass in one of a WebDAV client's.
    """
    host = ShareHost(
        name,
        clock,
        recorder,
        limits_of_lease(lease_s),
        id_prefix=id_prefix,
        dav_time_scale=dav_time_scale,
    )
    if logon is not None:
        make_directories(logon, boxes.LOGON_DIRECTORIES, clock.now())
        host.add_share(boxes.LOGON_SHARE, logon, rights.SMS_SHR)
    for share, store in packages.items():
        _carry_out_renames(name, share, store, recorder, clock.now())
        host.add_share(share, store, rights.PACKAGE_SHARE)
    routes = [*AdministrationRoutes(host, recorder).routes(), *extra_routes]
    application = partial(
        make_app,
        host,
        auth,
        clock,
        version=version,
        extra_routes=routes,
        extra_calls=extra_calls,
        host_names=host_names,
        line=line,
    )
    return LogonServer(name, host, application)


def _carry_out_renames(
    server: str, share: str, store: FileStore, recorder: Recorder, at: float
) -> None:
    """What waited for this start takes its place, as if the session manager did it."""
    by = {"server": server, "share": share, "machine": server, "program": "SMSS.EXE"}
    with suppress(StoreError):  # the share itself says what is wrong with it
        for path, place in carry_out(store, at):
            fact = (
                FileRenamed(path=path, new_path=place, purpose=AT_START, **by)
                if place
                else FileDeleted(path=path, purpose=AT_START, **by)
            )
            recorder.record(server, fact)
