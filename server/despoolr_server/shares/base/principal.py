"""Who asks, and what a path operation gives back: the small values of the share host's
interface.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from despoolr_core.share.modes import Role

LARGE_SIZE: Final = 256 * 1024
"""Bytes past which whoever asks for a file's content is told of its size before it is read."""

BeforeLarge = Callable[[int], None]
"""What is told of it. It may raise, and nothing has been done then."""


class Principal(msgspec.Struct, frozen=True):
    """Who a token says the caller is."""

    machine: str
    user: str
    role: Role


class Caller(msgspec.Struct, frozen=True):
    """One request's caller: the principal, and (optionally) the session it runs in, its program,
    and what it is for.

    `tokens` are the WebDAV lock tokens the request submits.
    """

    who: Principal
    session: str = ""
    program: str = ""
    purpose: str = ""
    tokens: frozenset[str] = frozenset()


class Content(msgspec.Struct, frozen=True):
    """A file's bytes as of one open: `etag` is strong and quoted, `modified_at` is site time in
    seconds.
    """

    data: bytes
    etag: str
    modified_at: float


class Written(msgspec.Struct, frozen=True):
    """A file that was put: its ETag now, and whether there was none before."""

    etag: str
    is_new: bool


class TooMany(msgspec.Struct, frozen=True):
    """There is more than one answer may hold: more than `found_max` things."""

    found_max: int


class NotModified:
    """The file still has the ETag the caller has."""


NOT_MODIFIED = NotModified()
