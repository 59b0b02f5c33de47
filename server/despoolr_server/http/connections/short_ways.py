"""What an application says of the fast lane: which calls go by it, and which have a short way to
their usual answer, before there is a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from despoolr_server.files.protocol import StoreError
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.handling.handler import AppKey, Request, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse

LANE_CALLS: Final = AppKey("lane_calls", frozenset[tuple[str, str]])
"""Which calls of an application may go this way: methods and addresses as its router has them."""


class Later(msgspec.Struct, frozen=True):
    """An answer to what was done and is not safe yet. `when_safe` calls back, in a later turn, with
    why it cannot be made safe, or None; `answer` makes the answer of that, and of the request.
    """

    when_safe: Callable[[Callable[[StoreError | None], None]], None]
    answer: Callable[[StoreError | None, Callable[[], Request]], StreamResponse]

    async def said(self, request: Request) -> StreamResponse:
        """The answer, when it may be said."""
        safe: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()

        def tell(error: StoreError | None) -> None:
            if not safe.done():  # who waited has given up
                safe.set_result(error)

        self.when_safe(tell)
        return self.answer(await safe, lambda: request)


class Unfinished(msgspec.Struct, frozen=True):
    """A call that was begun here, and whose answer has to be waited for, or is long: `rest` makes
    and counts it, of the request.
    """

    rest: Callable[[Request], Awaitable[StreamResponse]]


Usual = Callable[
    [str, FieldBlock, bytes, Callable[[], float]], SingleWriteResponse | Later | Unfinished | None
]
"""`usual(last, block, body, now)`: the answer to a call whose path ends with `last`, or None; `now`
is the loop's.
"""

USUAL_CALLS: Final = AppKey("usual_calls", dict[tuple[str, str], Usual])
"""Short ways to the answers of some of `LANE_CALLS`, whose last part is a word, or that have no
part of their own.
"""

UsualOfFile = Callable[[str, str], Usual | None]
"""`usual_of_file(share, path)`: the short way to the usual answer of a method for that file."""

USUAL_OF_FILES: Final = AppKey("usual_of_files", dict[str, UsualOfFile])
"""By method."""
