"""A request as a client says it, and how a server is asked, whatever carries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from despoolr_client.transport.replies import Reply

if TYPE_CHECKING:
    from aiohttp import ClientTimeout

JOINED_MAX: Final = 64 * 1024
"""Bytes of body that are joined with the head; more are not copied once more."""


class Fenced(ConnectionError):
    """The request was not sent: whoever asks may not act any more."""

    def __init__(self) -> None:
        super().__init__("this process may not act for that machine any more")


class Said(msgspec.Struct, frozen=True):
    """A request: `lines` are all of its header lines."""

    method: str
    target: str
    lines: str
    data: bytes | None

    def head(self) -> bytes:
        """As it goes over the wire, without the body."""
        return head_of(self.method, self.target, self.lines)


Ask: TypeAlias = Callable[
    [str, str, str, bytes | None, "ClientTimeout", Callable[[], bool] | None], Awaitable[Reply]
]
"""`ask(method, target, lines, data, timeout, may_send)` of one server: `target` is percent-encoded,
`lines` are `header_lines`. `may_send` is asked right before the request goes out, after every wait.

Raises `OSError` for no answer, of these `TimeoutError`, and `Fenced` if it may not go out.
"""


def head_of(method: str, target: str, lines: str) -> bytes:
    """A request's head as it goes over the wire."""
    # an ETag goes back as the bytes it came as
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode(errors="surrogateescape")


def header_lines(headers: Mapping[str, str]) -> str:
    """Headers as they go over the wire. Raises `ValueError` for a value that would be two lines."""
    lines = ""
    for name, value in headers.items():
        if "\n" in value or "\r" in value or "\0" in value:
            raise ValueError(f"a line end in {name}: {value[:60]!r}")
        lines += f"{name}: {value}\r\n"
    return lines
