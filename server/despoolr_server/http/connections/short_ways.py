"""What an application says of the fast lane: which calls go by it, and which have a short way to
their usual answer, before there is a request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.handling.handler import AppKey
from despoolr_server.http.handling.single_write import SingleWriteResponse

LANE_CALLS: Final = AppKey("lane_calls", frozenset[tuple[str, str]])
"""Which calls of an application may go this way: methods and addresses as its router has them."""

Usual = Callable[[str, FieldBlock, bytes, Callable[[], float]], SingleWriteResponse | None]
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
