"""What one machine has open on servers: sessions, files its user holds, and files its programs left
open.

The law: a connection lives while something is open on it, or while it is being used; then it is
closed. When the power goes, nothing is closed: the server's lease does it. Exists only while there
is something in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from despoolr_client.agent.machine.execution import close_all
from despoolr_client.agent.settings import Connect, KnownServer
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import OpenFile, Share, ShareError, ShareUnreachable


class UserHold:
    """A file that a user of this machine keeps open, until it is released."""

    __slots__ = ("opened", "path", "server", "share")

    def __init__(self, server: str, share: str, path: str, opened: OpenFile) -> None:
        self.server = fold(server)
        self.share = fold(share)
        self.path = path
        self.opened = opened


class MachineConnections:
    """One machine's connections. `connect` makes one; names of servers are compared without regard
    to case.
    """

    __slots__ = ("_machine", "_servers", "_user", "_users", "holds", "leaked")

    def __init__(self, machine: str, user: str) -> None:
        self._machine = machine
        self._user = user
        self._servers: dict[str, KnownServer] = {}
        self._users = 0
        self.holds: list[UserHold] = []
        self.leaked: list[OpenFile] = []

    def __enter__(self) -> MachineConnections:
        """Use the connections: they stay for as long as somebody does."""
        self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open and nobody uses them."""
        return not (self._users or self.holds or self.leaked)

    def share(self, connect: Connect, server: str, name: str) -> Share:
        """A share of a server, over the connection there is or a new one."""
        known = self._servers.get(server)  # most often it is said as it is known
        if known is None:
            key = fold(server)
            known = self._servers.get(key)
            if known is None:
                known = self._servers[key] = connect(key, self._machine, self._user)
        return known.share(name)

    def server(self, name: str) -> KnownServer | None:
        """The connection to a server, if there is one."""
        return self._servers.get(fold(name))

    async def release(self, chosen: Sequence[UserHold]) -> None:
        """Close the files that these holds keep open."""
        self.holds = [hold for hold in self.holds if hold not in chosen]
        await close_all(hold.opened for hold in chosen)

    async def close(self) -> None:
        """Close everything, as a logoff does. Servers that do not answer have lost it already."""
        if self.holds:
            await self.release(self.holds)
        leaked, self.leaked = self.leaked, []
        if leaked:
            await close_all(leaked)
        servers, self._servers = self._servers, {}
        for server in servers.values():
            try:
                await server.close()
            except (ShareError, ShareUnreachable):
                continue

    def abandon(self) -> None:
        """Fall silent: what is open stays open on the servers until their leases run out."""
        self.holds = []
        self.leaked = []
        servers, self._servers = self._servers, {}
        for server in servers.values():
            server.abandon()


def same_path(one: str, other: str) -> bool:
    """Whether two paths name one file of a share."""
    return fold(one.replace("\\", "/").strip("/")) == fold(other.replace("\\", "/").strip("/"))
