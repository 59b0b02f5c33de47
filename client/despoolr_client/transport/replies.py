"""Short answers, read past aiohttp's parser: nearly all that a fleet's calls are answered.

The law: an answer is read here if it came whole, with a plain head; what is read is what aiohttp
reads. Everything else (chunks, an interim answer, a field that says how to read it, odd bytes) is
left to it. Of several answers that come one after the other (RFC 9112, 9.3.2) those count that came
so, and before whom all did; more of an answer may come, up to a bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

import msgspec

HEAD_SIZE_MAX: Final = 4096
"""Bytes of a head that is read here; aiohttp has its own bounds."""
SEVERAL_MAX: Final = 16
"""Questions in one write: as many as a server of ours answers in one turn of its loop."""
BODY_SIZE_MAX: Final = 65_536
"""Bytes of a body that is waited for here, of one of several answers."""

_FIELD: Final = (
    rb"(?:(?!(?i:transfer-encoding|connection|content-length|etag|upgrade|trailer):)"
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)*+"
)
_PLAIN: Final = (
    rb"HTTP/1\.1 ([2-5][0-9][0-9]) [ -~]*\r\n"
    + _FIELD
    + rb"(?:(?i:etag):[ \t]*+([!-~]*+)[ \t]*+\r\n)?"
    + _FIELD
    + rb"(?:(?i:content-length): ?([0-9]{1,9})\r\n)?"
    + _FIELD
    + rb"\r\n"
)
"""A head in which nothing stands twice, and nothing that changes how what follows is read. No step
of it is taken back (`*+`): whoever answers could make it last for minutes.
"""
_SILENT: Final = frozenset((b"204", b"304"))


@cache
def _plain() -> Callable[[bytes, int, int], re.Match[bytes] | None]:
    return re.compile(_PLAIN).match


class Reply(msgspec.Struct, frozen=True):
    """A server's answer: status, headers and body."""

    status: int
    etag: str
    body: bytes


class ReplyReader:
    """Reads answers that came whole. Most of a fleet's are one 304 again and again, with another
    ETag: what stood before and after the last one's is kept, and only compared. So is the last one
    that had no body: most of those to closes, deletes and reports are the same.
    """

    __slots__ = ("_after", "_before", "_last", "_last_data")

    def __init__(self) -> None:
        self._before = self._after = self._last_data = b""
        self._last: Reply | None = None

    def read(self, data: bytes) -> Reply | None:
        """The answer that these bytes are, neither more nor less; None if aiohttp has to read
        them.
        """
        if data == self._last_data:
            return self._last
        reply, end = self.first(data, 0)
        if end != len(data):
            return None
        if reply is not None and not reply.body:
            self._last_data, self._last = data, reply
        return reply

    def first(self, data: bytes, at: int) -> tuple[Reply | None, int]:
        """The answer that begins there, and where it ends. Without one: 0 if more of it may come,
        -1 if aiohttp has to read it.
        """
        before, after = self._before, self._after
        if before and data.startswith(before, at):
            tag_at = at + len(before)
            tag_end = data.find(after, tag_at, at + HEAD_SIZE_MAX)
            etag = data[tag_at:tag_end].decode("latin-1") if tag_end >= 0 else " "
            if etag.isascii() and etag.isprintable() and " " not in etag:
                return Reply(304, etag, b""), tag_end + len(after)
        found = _plain()(data, at, at + HEAD_SIZE_MAX)
        if found is None:
            may_come = len(data) - at < HEAD_SIZE_MAX and data.find(b"\r\n\r\n", at) < 0
            return None, 0 if may_come else -1
        status, tag, told = found.groups()
        end = found.end()
        if status == b"304" and tag:
            self._before, self._after = data[at : found.start(2)], data[found.end(2) : end]
        if status not in _SILENT:  # a length there is of the body that it leaves out
            if told is None:
                return None, -1
            end += int(told)
            if end > len(data):
                return None, 0 if int(told) <= BODY_SIZE_MAX else -1
        return Reply(int(status), tag.decode() if tag else "", data[found.end() : end]), end


class Several:
    """The answers to so many questions, as they come."""

    __slots__ = ("_count", "_part", "is_whole", "replies")

    def __init__(self, count: int) -> None:
        self._count = count
        self._part = b""
        self.replies: list[Reply] = []
        self.is_whole = False
        """Whether all came, and nothing else."""

    def take(self, data: bytes, reader: ReplyReader) -> bool:
        """Read what has come. Whether no more is to be waited for."""
        if self._part:
            data = self._part + data
        replies, at = self.replies, 0
        while len(replies) < self._count:
            reply, end = reader.first(data, at)
            if reply is None:
                self._part = data[at:]
                return end < 0
            replies.append(reply)
            at = end
        self.is_whole = at == len(data)
        return True
