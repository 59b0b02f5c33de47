"""All connections of one server: how many there may be, and which goes when there is no room.

The law: whoever comes finds room as long as anybody does nothing with theirs. Descriptors are
finite, and the process needs some for its files: where those took more than was left for them, and
nobody can be accepted, room is made as well. Past `connections_max` the connection that has
waited longest without having said one whole request is closed, then those that have been idle
longest, then those that take no answer; only where all are at work is the newcomer answered 503.
One address has at most `per_address_max` of them, so that others always find some.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from heapq import nsmallest
from typing import Any, Final

from aiohttp import web
from aiohttp.web_server import Server

from despoolr_server.http.base.counts.traffic import TRAFFIC, Traffic
from despoolr_server.http.connections.connection import Connection
from despoolr_server.http.connections.connection_limits import UNLIMITED, ConnectionLimits
from despoolr_server.http.connections.fast_lane import LaneConnection
from despoolr_server.http.connections.lane import FastLane
from despoolr_server.http.connections.served import application
from despoolr_server.http.connections.short_ways import LANE_CALLS
from despoolr_server.http.handling.application import App

CONNECTIONS_MAX: Final = 16_384
"""However many descriptors there are."""

FILES_MIN: Final = 96
"""Descriptors kept for files, the database and what else is no connection; an eighth of all, if
that is more.
"""

BACKLOG_MAX: Final = 128
"""Connections that wait to be accepted; they may all come at once, before any of them can be closed
again.
"""

NEWCOMERS: Final = 8
"""So many descriptors before the last one, room is made: uvloop drops whoever comes when there is
none.
"""

ROOM_S: Final = 0.1
"""Room for want of descriptors is made once in so many seconds."""

CLOSED_AT_ONCE: Final = 16
"""One in so many idle connections is closed for room, so that not every newcomer must look through
all of them.
"""

_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def limits_of(descriptors: int) -> ConnectionLimits:
    """The limits of a process with so many descriptors (`ulimit -n`)."""
    room = max(8, descriptors - max(FILES_MIN, descriptors // 8) - backlog_of(descriptors))
    connections = min(CONNECTIONS_MAX, room)
    return ConnectionLimits(connections_max=connections, per_address_max=connections * 3 // 4)


def backlog_of(descriptors: int) -> int:
    """How many connections may wait to be accepted in a process with so many descriptors."""
    return max(8, min(BACKLOG_MAX, descriptors // 16))


def descriptors() -> int:
    """How many descriptors this process may have."""
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


class Connections(Server):
    """aiohttp's server, which makes our connections and knows them."""

    def __init__(
        self,
        handler: Any,
        *,
        limits: ConnectionLimits,
        traffic: Traffic,
        lane: FastLane | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(handler, **kwargs)
        self.limits = limits
        self._lane = lane
        self.traffic = traffic
        self._live: dict[Connection, None] = {}
        self._silent: dict[Connection, None] = {}  # oldest first
        self._per_address: dict[str, int] = {}
        self._has_room_until = 0.0

    def __call__(self) -> Connection:
        if self._lane is not None:
            return LaneConnection(self, self, self._lane, loop=self._loop, **self._kwargs)
        return Connection(self, self, loop=self._loop, **self._kwargs)

    def __len__(self) -> int:
        return len(self._live)

    def __bool__(self) -> bool:
        """aiohttp's runner shuts down no server that is false; one without connections may have
        calls whose callers have gone.
        """
        return True

    def admit(self, connection: Connection) -> bool:
        """Admit a new connection, closing an idle one if need be. Returns False if there is no
        room.
        """
        address, limits = connection.address, self.limits
        missing = connection.descriptor + 1 + NEWCOMERS - descriptors()
        if missing > 0:
            self.traffic.count("no_descriptor")
            for _ in range(min(missing, NEWCOMERS)):
                self._make_room(None)
        if limits.per_address_max and self._per_address.get(address, 0) >= limits.per_address_max:
            self._make_room(address)
            if self._per_address.get(address, 0) >= limits.per_address_max:
                self.traffic.count("refused")
                return False
        if limits.connections_max and len(self._live) >= limits.connections_max:
            self._make_room(None)
            if len(self._live) >= limits.connections_max:
                self.traffic.count("refused")
                return False
        self._live[connection] = self._silent[connection] = None
        self._per_address[address] = self._per_address.get(address, 0) + 1
        self.traffic.connection_count = len(self._live)
        return True

    def find_no_descriptor(self) -> None:
        """Somebody could not be accepted for want of descriptors: close who does nothing. A loop
        may say so many times for one: that counts once in `ROOM_S`.
        """
        now = self._loop.time()
        if now >= self._has_room_until:
            self._has_room_until = now + ROOM_S
            self.traffic.count("no_descriptor")
            self._make_room(None)

    def spoke(self, connection: Connection) -> None:
        """It has said a whole request."""
        self._silent.pop(connection, None)

    def left(self, connection: Connection) -> None:
        """It is closed, or about to be."""
        if connection not in self._live:
            return
        del self._live[connection]
        self._silent.pop(connection, None)
        self._per_address[connection.address] -= 1
        if not self._per_address[connection.address]:
            del self._per_address[connection.address]
        self.traffic.connection_count = len(self._live)

    def _make_room(self, address: str | None) -> None:
        """Close who does nothing: of one address, or of all."""
        for connection in self._silent:
            if address is None or connection.address == address:
                return self._let_go(connection)
        mine = [one for one in self._live if address is None or one.address == address]
        idle = [one for one in mine if one.is_idle]
        for connection in nsmallest(
            max(1, len(idle) // CLOSED_AT_ONCE), idle, key=lambda one: one.idle_until
        ):
            self._let_go(connection)
        if not idle:
            stuck = [one for one in mine if one.stuck_since]
            for connection in nsmallest(1, stuck, key=lambda one: one.stuck_since):
                self._let_go(connection)
        return None

    def _let_go(self, connection: Connection) -> None:
        self.traffic.count("let_go")
        self.left(connection)
        if connection.is_idle:
            connection.force_close()
        else:
            connection.abort()


def is_want_of_descriptors(context: Mapping[str, Any]) -> bool:
    """Whether the loop could not accept a connection (`call_exception_handler`), and will try again
    by itself.
    """
    error = context.get("exception")
    return "socket" in context and isinstance(error, OSError) and error.errno in _NONE_LEFT


class Runner(web.AppRunner):
    """aiohttp's runner, whose server is `Connections`. Without `limits`, those of the process's
    descriptors. `lane`: calls that the application has for it are answered in the fast lane.

    No access log (the records are the log); bodies are taken as they are, never decompressed.
    """

    def __init__(
        self,
        app: App | web.Application,
        *,
        limits: ConnectionLimits | None = None,
        lane: bool = True,
        **kwargs: Any,
    ) -> None:
        self._limits = limits_of(descriptors()) if limits is None else limits
        if self._limits.idle_s:
            kwargs.setdefault("keepalive_timeout", self._limits.idle_s)
        self._lane = None
        if isinstance(app, App):
            self._lane = FastLane(app) if lane and LANE_CALLS in app.things else None
            app = application(app)
        super().__init__(app, access_log=None, auto_decompress=False, **kwargs)

    def serves(self, listening: Any) -> bool:
        """Whether a socket is one that it listens on."""
        return any(
            listening.fileno() == one.fileno()
            for site in self.sites
            for one in getattr(getattr(site, "_server", None), "sockets", None) or ()
        )

    def find_no_descriptor(self) -> None:
        """The system has no descriptor left: `Connections` makes room."""
        if isinstance(self.server, Connections):
            self.server.find_no_descriptor()

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        traffic = self._app.get(TRAFFIC)
        if traffic is None:
            traffic = Traffic(line_s=0.0)
        if self._limits is UNLIMITED:
            traffic.line_s = 0.0
        return Connections(
            made.request_handler,
            lane=self._lane,
            limits=self._limits,
            traffic=traffic,
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
            **made._kwargs,  # noqa: SLF001 - aiohttp tells its own server's settings nowhere else
        )

    async def _cleanup_server(self) -> None:
        traffic = self._app.get(TRAFFIC)
        if traffic is not None:
            traffic.close()
        await super()._cleanup_server()
