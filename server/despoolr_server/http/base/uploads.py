"""Bodies on their way in: how many bytes of them a server holds at one time, in all and for each caller.

The law: a body is in memory until it is whole, so what is on its way is bounded by what callers say (or, where
they do not, by what has come). Whoever is past the bound is told to come again; nothing waits in a queue.
"""

from __future__ import annotations

from aiohttp import web

from despoolr_server.http.problem import Refused, known

MIB = 1024 * 1024


class Uploads:
    """The bodies that one server reads. A caller is known by its `Authorization`."""

    def __init__(self, *, size_max: int = 1024 * MIB, per_caller_max: int = 256 * MIB) -> None:
        self.size_max = size_max
        self.per_caller_max = per_caller_max
        self.size = 0
        self._sizes: dict[str, int] = {}

    def take(self, caller: str, size: int) -> None:
        """Make room for so many more bytes of a caller. Raises `Refused` (503) where there is none.

        A body that is alone has room, however large: its own limit is elsewhere.
        """
        mine = self._sizes.get(caller, 0)
        if (mine and mine + size > self.per_caller_max) or (self.size and self.size + size > self.size_max):
            whose = "You send" if mine and mine + size > self.per_caller_max else "This server is being sent"
            detail = f"{whose} as much at one time as it takes. Wait for an answer, then send this again."
            raise Refused(known("server-busy", detail), {"Retry-After": "1"})
        self.size += size
        self._sizes[caller] = mine + size

    def give_back(self, caller: str, size: int) -> None:
        """So many bytes of a caller's are no longer on their way."""
        self.size -= size
        left = self._sizes.get(caller, 0) - size
        if left > 0:
            self._sizes[caller] = left
        else:
            self._sizes.pop(caller, None)


UPLOADS = web.AppKey("uploads", Uploads)
"""Where an application has the bodies that it reads."""
