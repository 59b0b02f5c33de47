"""Bodies on their way in, files on their way out, answers in the making: how much of them a server
has at one time, in all and for each caller.

The law: a body is in memory until it is whole, so what is on its way is bounded by what callers say
(or, where they do not, by what has come). A file that is sent is in memory until its reader has
taken it, so that is bounded, too. Whoever is past the bound is told to come again; none waits in a
queue that has no end.
"""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import AppKey, Request

MIB = 1024 * 1024

LOOKING_MAX: Final = 8
"""Looks of more than one resource that are made at one time; others wait."""

LOOKS_MAX: Final = 256
"""Those that are made and wait, of a server."""
CALLER_LOOKS_MAX: Final = 64
"""Of them, those of one caller."""


class Uploads:
    """The bodies that one server reads. A caller is known by its `Authorization`."""

    words = ("You send", "This server is being sent")
    """Who does too much, as a refusal says it."""

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
        if (mine and mine + size > self.per_caller_max) or (
            self.size and self.size + size > self.size_max
        ):
            whose = self.words[0] if mine and mine + size > self.per_caller_max else self.words[1]
            detail = (
                f"{whose} as much at one time as it takes. Wait for an answer, then send "
                "this again."
            )
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


class Downloads(Uploads):
    """The large files that one server sends."""

    words = ("You are being sent", "This server sends")

    def __init__(self, *, size_max: int = 512 * MIB, per_caller_max: int = 256 * MIB) -> None:
        super().__init__(size_max=size_max, per_caller_max=per_caller_max)


class Queries(Uploads):
    """The answers that are long in the making: those that one server is asked for, being made or
    waiting for their turn.
    """

    words = ("You ask for", "This server is asked for")

    def __init__(self, *, count_max: int, per_caller_max: int) -> None:
        super().__init__(size_max=count_max, per_caller_max=per_caller_max)

    @contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """The place of one. Raises `Refused` (503) where there is none."""
        self.take(caller, 1)
        try:
            yield
        finally:
            self.give_back(caller, 1)


class Looks:
    """The looks of one server at what is in a directory. Each has descriptors while it is made;
    what is found is then sent, at the pace of who asked.
    """

    def __init__(self) -> None:
        self._places = Queries(count_max=LOOKS_MAX, per_caller_max=CALLER_LOOKS_MAX)
        self._making = Semaphore(LOOKING_MAX)

    @asynccontextmanager
    async def one(self, caller: str) -> AsyncIterator[None]:
        """The time of one. Raises `Refused` (503) where too many wait for theirs."""
        with self._places.one(caller):
            async with self._making:
                yield


class Sending:
    """The room that the answer to one request takes: none until it is asked for (a call), and none
    after it (`with`).
    """

    __slots__ = ("_request", "_size")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._size = 0

    def __call__(self, size: int) -> None:
        """Make room for so many more bytes. Raises `Refused` (503) where there is none."""
        self._request.app[DOWNLOADS].take(self._request.headers.get(hdrs.AUTHORIZATION, ""), size)
        self._size += size

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        if self._size:
            self._request.app[DOWNLOADS].give_back(
                self._request.headers.get(hdrs.AUTHORIZATION, ""), self._size
            )


UPLOADS = AppKey("uploads", Uploads)
"""Where an application has the bodies that it reads."""

DOWNLOADS = AppKey("downloads", Downloads)
"""Where it has the files that it sends."""
