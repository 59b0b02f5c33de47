"""How the servers of this process reach others, here and in other processes.

The law: a machine knows the servers that it was started with, and reaches them by HTTP, also those
of this process; over its own line, where that may be broken. Of a server here it is told without a
call whether something changed there; of one elsewhere, as far as it is followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import aiohttp

from despoolr_app.process.discovery import RunningServer
from despoolr_app.process.runtime import Runtime
from despoolr_app.servers.follower import Follower
from despoolr_app.servers.server_over_line import ServerOverLine
from despoolr_client.transport.session_options import session_options
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.problem import known
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.server_watch import ServerWatch
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.host import ShareHost
from despoolr_server.site.state.context import RemoteServer
from despoolr_server.site_server import SERVICE_ACCOUNT


class Reach:
    """The servers that machines of this process know. `host` finds one of this process by its name,
    `announced` are those that run.
    """

    def __init__(
        self,
        runtime: Runtime,
        host: Callable[[str], ShareHost | None],
        announced: Sequence[RunningServer],
    ) -> None:
        self.urls: dict[str, Mapping[str, str]] = {}
        """The URLs of the servers that each machine knows."""
        self.lines: dict[str, ServerLine] = {}
        """Those that may be broken, by machine."""
        self._runtime = runtime
        self._host = host
        self._announced = announced
        self._connections: dict[tuple[str, str], ShareServer] = {}
        self._session: aiohttp.ClientSession | None = None
        self._followers: dict[tuple[str, str], Follower] = {}

    async def close(self) -> None:
        """End the sessions on others, and the connections."""
        for server in self._connections.values():
            await server.close()
        if self._session is not None:
            await self._session.close()

    def connect(self, machine: str, server: str, program: str) -> RemoteServer:
        """A server as a machine knows it. Raises `ShareUnreachable` where it knows no URL of it."""
        key = (fold(server), program)
        if key not in self._connections:
            url = self.urls[machine].get(key[0])
            if url is None:
                raise ShareUnreachable(
                    f"no URL is known for {server}: start the site with --logon {server}=URL "
                    "or --address"
                )
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=64), **session_options({})
                )
            token = self._runtime.auth.issue(machine, SERVICE_ACCOUNT, Role.SERVICE)
            line = self.lines.get(machine)
            make = partial(ServerOverLine, line) if line is not None else ShareServer
            there = self._connections[key] = make(
                self._session,
                url,
                token,
                self._runtime.clock,
                name=server,
                program=program,
                lease_s=self._runtime.lease_s,
            )
            if any(fold(one.name) == key[0] and one.url == url for one in self._announced):
                there.watch = partial(ServerWatch, partial(self._within_reach, machine, server))
            elif (follower := self._followers.get((machine, key[0]))) is not None:
                there.watch = follower.watch
        return self._connections[key]

    def is_cut(self, machine: str, server: str) -> bool:
        """Whether a server of this process does not get what another one asks of it."""
        ends = ((machine, server), (server, machine)) if machine != server else ()
        return any(one in self.lines and self.lines[one].is_cut(other) for one, other in ends)

    def _within_reach(self, machine: str, server: str) -> ShareHost | None:
        lines = [self.lines[name] for name in (machine, server) if name in self.lines]
        return self._host(server) if all(line.is_whole for line in lines) else None

    def url_of(self, name: str) -> str | None:
        """Where a server is, as far as anybody here knows; by its folded name."""
        known = {fold(server): url for urls in self.urls.values() for server, url in urls.items()}
        return known.get(name) or next((s.url for s in self._announced if s.name == name), None)

    def followed(self, machine: str, urls: Mapping[str, str], feeds: LiveFeeds) -> list[Follower]:
        """Those that are to hear, for a site, what its servers in other processes record."""
        token = self._runtime.auth.issue(machine, SERVICE_ACCOUNT, Role.SERVICE)
        clock, stir = self._runtime.clock, partial(self._runtime.stir, None)
        for name, url in urls.items():
            is_cut = partial(self.is_cut, machine, name)
            self._followers[machine, fold(name)] = Follower(
                name, url, token, feeds, clock.now, is_cut, stir
            )
        return [self._followers[machine, fold(name)] for name in urls]

    async def follow(self, machine: str, followers: Iterable[Follower]) -> None:
        async with (
            aiohttp.ClientSession(**session_options({})) as http,
            asyncio.TaskGroup() as group,
        ):
            for follower in followers:
                group.create_task(follower.run(http), name=f"{machine}/{follower.name}")

    async def release(
        self, machine: str, who: Principal, server: str, handle: str, reason: str
    ) -> Problem | None:
        """Close an open on a server of this process, or on one that `machine` knows."""
        host = self._host(server)
        if host is not None:
            if self.is_cut(machine, host.server):
                return known("another-server", f"{server} was not reached: the line is cut.")
            return host.close_by_force(who, handle, reason)
        if fold(server) not in {fold(name) for name in self.urls.get(machine, ())}:
            return known("not-found", f"{machine} knows no server {server}.")
        try:
            await self.connect(machine, server, "").close_by_force(handle, reason)
        except ShareError as error:
            return error.problem
        except ShareUnreachable as error:
            return known("another-server", f"{server} was not reached: {error}.")
        return None
