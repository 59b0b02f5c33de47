"""Ports for processes that must be told theirs before they start and keep it over a restart.

A port that was free a moment ago may be given to anybody's outgoing connection before its server
listens. So each is kept bound, without listening: Linux gives it to nobody who asks for any port,
and still lets a server that asks for this one (with `SO_REUSEADDR`, as asyncio's do) bind and
listen. Until it does, connections are refused as on any closed port.
"""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


class ReservedPorts:
    """`count` ports of the loopback address, all different, until `release`. Raises `OSError` when
    there are not as many.
    """

    def __init__(self, count: int) -> None:
        self._sockets: list[socket.socket] = []
        try:
            for _ in range(count):
                self._sockets.append(one := socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((LOOPBACK, 0))
        except OSError:
            self.release()
            raise
        self.ports = tuple(int(one.getsockname()[1]) for one in self._sockets)

    def release(self) -> None:
        """Anybody may have them from now on."""
        for one in self._sockets:
            one.close()
        self._sockets.clear()
