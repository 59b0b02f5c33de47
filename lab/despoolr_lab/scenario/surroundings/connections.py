"""Who of a scenario's machines is connected to which server, as whom. Each connection is made once,
and kept until the world ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from despoolr_client.agent.polling import INSTRUCTIONS, LOGON_SHARE
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.share.contract import Watch
from despoolr_core.share.modes import Role
from despoolr_lab.scenario.surroundings.surroundings import Surroundings
from despoolr_server.http.base.auth import Auth
from despoolr_server.server_watch import ServerWatch
from despoolr_server.shares.host import ShareHost
from despoolr_server.site.state.context import RemoteServer
from despoolr_server.site_server import SERVICE_ACCOUNT

if TYPE_CHECKING:
    import aiohttp

ADMINISTRATOR: Final = "ADMIN1"
CLIENTS: Final = "CLIENTS"
"""Where all clients are on the network: one host."""
LOGGED_ON: Final = "logged on"
"""In the place of a program: the connection of a person."""


class WorldConnections:
    """The connections of a world. `host` is the share host of a server that runs."""

    def __init__(
        self, surroundings: Surroundings, auth: Auth, host: Callable[[str], ShareHost | None]
    ) -> None:
        self._surroundings = surroundings
        self._auth = auth
        self._host = host
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._servers: dict[tuple[str, str, str], ShareServer] = {}
        self._watches: dict[tuple[str, str], Watch] = {}

    def service(self, source: str, server: str, program: str) -> RemoteServer:
        """A server as a service on another machine has it."""
        there = self._connection(source, server, SERVICE_ACCOUNT, Role.SERVICE, program)
        there.watch = partial(ServerWatch, partial(self._host_within_reach, source, server))
        return there

    def administrator(self, server: str) -> ShareServer:
        """A server as an administrator at another machine sees it."""
        return self._connection(
            ADMINISTRATOR, server, "Administrator", Role.ADMIN, "SMS_ADMINISTRATOR"
        )

    def client(self, server: str, machine: str, user: str, role: Role = Role.CLIENT) -> ShareServer:
        """A server as a client's machine has it."""
        token = self._auth.issue(machine, user, role)
        return ShareServer(
            self.session(CLIENTS),
            f"http://{server.lower()}",
            token,
            self._surroundings.clock,
            name=server,
            lease_s=self._surroundings.lease_s,
        )

    def log_on(self, machine: str, user: str, server: str, role: Role = Role.CLIENT) -> ShareServer:
        """A machine's own connection to a server, kept until the world ends: logged on, nothing
        open.
        """
        key = (machine, server, LOGGED_ON)
        if key not in self._servers:
            self._servers[key] = self.client(server, machine, user, role)
        return self._servers[key]

    def instruction_watch(self, server: str, sms_id: str) -> Watch:
        """What tells of a client's instructions on a logon server: one each, for it keeps what it
        was told.
        """
        key = (server, sms_id)
        if key not in self._watches:
            self._watches[key] = ServerWatch(
                partial(self._host_within_reach, CLIENTS, server),
                LOGON_SHARE,
                [INSTRUCTIONS],
                [f"{INSTRUCTIONS}/{sms_id}.INS"],
            )
        return self._watches[key]

    def abandon(self, source: str) -> None:
        """The process that services of a machine run in is gone, and so is what they have."""
        for key in [key for key in self._servers if key[0] == source and key[2] != LOGGED_ON]:
            self._servers.pop(key).abandon()

    async def close(self) -> None:
        """Let go of all servers."""
        for server in self._servers.values():
            await server.close()
        for session in self._sessions.values():
            await session.close()

    def _host_within_reach(self, source: str, server: str) -> ShareHost | None:
        if not self._surroundings.network.reaches(source.lower(), server.lower()):
            return None
        return self._host(server)

    def _connection(
        self, machine: str, server: str, user: str, role: Role, program: str = ""
    ) -> ShareServer:
        key = (machine, server, program)
        if key not in self._servers:
            token = self._auth.issue(machine, user, role)
            self._servers[key] = ShareServer(
                self.session(machine if role is Role.SERVICE else ADMINISTRATOR),
                f"http://{server.lower()}",
                token,
                self._surroundings.clock,
                name=server,
                program=program,
                lease_s=self._surroundings.lease_s,
            )
        return self._servers[key]

    def session(self, source: str) -> aiohttp.ClientSession:
        """What a machine's calls go out by."""
        if source not in self._sessions:
            self._sessions[source] = self._surroundings.network.session(source.lower())
        return self._sessions[source]
