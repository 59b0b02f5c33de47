"""What is known of request lines and of blocks of header fields, found again by their bytes: who
answers a call of the fast lane, and by which short way.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from multidict import istr

from despoolr_core.rules.memory import Bounded
from despoolr_server.http.connections.field_block import (
    BLOCK_SIZE_MAX,
    FieldBlock,
    read_around,
    read_beside,
    read_block,
    read_once,
)
from despoolr_server.http.connections.short_ways import (
    LANE_CALLS,
    USUAL_CALLS,
    USUAL_OF_FILES,
    Usual,
)
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.application import Addresses, App
from despoolr_server.http.handling.handler import Handler

LINE_SIZE_MAX: Final = 2048
"""A longer request line is aiohttp's to read."""

KNOWN_MAX: Final = 4096
KNOWN_SIZE_MAX: Final = 1024 * 1024
"""How many request lines are remembered, how many blocks of fields, and how many bytes of each.

A block of six fields (220 bytes) takes 2.3 KiB with what is found out about it, and 8 us to be read
anew; the line of a file 1.8 KiB. With four times as many a server grows by 50 MiB or more within
its first hour.
"""

FIELD_SIZE_KNOWN: Final = 24
"""Bytes of a field, in the mean of a block that is remembered: what a field becomes is as large
however short it is.
"""

_LINE: Final = re.compile(rb"([A-Z]{3,20}) (/[\x21-\x7e]*) HTTP/1\.1")
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?")
_END: Final = b" HTTP/1.1"
_LAST_MAX: Final = 64


_ONCE: Final = (hdrs.LOCK_TOKEN, istr("If"))
"""Fields with a lock's token: no other head will be like it."""


class FirstLine(msgspec.Struct, frozen=True):
    """A request line. Without a `handler` the call is none that goes this way."""

    method: str
    above: str
    """Its path, or with a `pattern` what stands before `last`."""
    handler: Handler | None = None
    parts: dict[str, str] | None = None
    """None with a `pattern`."""
    pattern: _Pattern | None = None
    last: str = ""
    usual: Usual | None = None

    @property
    def path(self) -> str:
        """The path that it asks for."""
        return f"{self.above}/{self.last}" if self.pattern is not None else self.above

    @property
    def match_info(self) -> dict[str, str]:
        """The parts of the path, by their names."""
        if self.pattern is not None:
            return {self.pattern.name: self.last}
        return self.parts or {}


class _Pattern(msgspec.Struct, frozen=True):
    """Addresses whose last part, a word of ASCII, is the only one that differs."""

    method: str
    above: str
    name: str
    handler: Handler
    usual: Usual | None


class FastLane:
    """What the connections of one application know of request lines and header fields."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._addresses = Addresses(app.routes)
        self._calls = app.things[LANE_CALLS]
        self._usual = app.things.get(USUAL_CALLS, {})
        self._usual_of_files = app.things.get(USUAL_OF_FILES, {})
        self._methods = frozenset(method for method, _ in self._calls)
        assert hdrs.METH_HEAD not in self._methods, "its answers have no body"
        self._lines: Bounded[FirstLine] = Bounded(KNOWN_MAX, KNOWN_SIZE_MAX)
        self._blocks: Bounded[FieldBlock] = Bounded(KNOWN_MAX, KNOWN_SIZE_MAX)
        self._patterns: dict[bytes, _Pattern] = {}  # by the line up to the last part

    def line(self, data: bytes) -> FirstLine | None:
        """What a request line says; None if it is not understood."""
        known = self._lines.get(data)
        if known is not None:
            return known
        cut = data.rfind(b"/", 0, -len(_END))
        pattern = self._patterns.get(data[:cut])
        if pattern is not None and (word := _last(data, cut)):
            return FirstLine(
                pattern.method,
                pattern.above,
                pattern.handler,
                None,
                pattern,
                word.decode(),
                pattern.usual,
            )
        found = _LINE.fullmatch(data) if len(data) <= LINE_SIZE_MAX else None
        if found is None or found[1] == b"CONNECT":
            return None
        method, path = found[1].decode(), found[2].decode()
        if method not in self._methods or not _PLAIN_PATH.fullmatch(path):
            return FirstLine(method, path)
        line = self._resolve(method, path)
        if not self._learn(data, line):
            self._lines.keep(data, line)
        return line

    def block(self, data: bytes) -> FieldBlock | None:
        """What header fields say; None if they are not understood."""
        if len(data) > BLOCK_SIZE_MAX:
            return None
        known = self._blocks.get(data)
        if known is not None or (known := read_once(data, self.block)) is not None:
            return known
        is_kept = True
        apart = read_around(data, self.block)
        if apart is not None:
            known, is_kept = apart
        elif (known := read_beside(data, self.block)) is None:
            known = read_block(data)
            if known is not None:
                known.recurs = not any(map(known.says, _ONCE))
        if (
            known is not None
            and is_kept
            and known.recurs
            and len(data) >= FIELD_SIZE_KNOWN * known.count
        ):
            self._blocks.keep(data, known)
        return known

    def _resolve(self, method: str, path: str) -> FirstLine:
        found = self._addresses.find(method, path)
        if found is None or (found.route.method, found.address) not in self._calls:
            return FirstLine(method, path)
        parts = found.parts
        if not parts:
            usual = self._usual.get((method, found.address))
        elif "share" in parts and method in self._usual_of_files and "%" not in path:
            usual = self._usual_of_files[method](parts["share"], parts["path"])
        else:
            usual = None
        return FirstLine(method, path, found.route.handler, parts, usual=usual)

    def _learn(self, data: bytes, line: FirstLine) -> bool:
        """Whether all addresses beside this one are the same call's, and so need not be resolved,
        nor remembered, one by one.
        """
        parts, cut = line.parts, data.rfind(b"/", 0, -len(_END))
        if line.handler is None or not parts or len(parts) != 1 or not _last(data, cut):
            return False
        (name,) = parts
        above = line.path.rpartition("/")[0]
        address = f"{above}/{{{name}}}"
        beside = {one for one in self._addresses.texts if one.rpartition("/")[0] == above}
        if beside != {address}:
            return False
        usual = self._usual.get((line.method, address))
        self._patterns[data[:cut]] = _Pattern(line.method, above, name, line.handler, usual)
        return True


def _last(line: bytes, cut: int) -> bytes:
    """The last part of a request line, if it is a word; `cut` is the place of the `/` before it."""
    word = line[cut + 1 : -len(_END)]
    is_word = len(word) <= _LAST_MAX and word.isalnum() and line.endswith(_END)
    return word if is_word else b""
