"""A block of header fields: what one means that comes whole, and is stricter than HTTP asks for.

The law: no field twice, no coding of the body, no upgrade, no expectation, nothing folded, plain
ASCII, and the connection is kept. Every other block is None: aiohttp's to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from multidict import CIMultiDict, CIMultiDictProxy, istr

from despoolr_core.rules.memory import remembered
from despoolr_server.http.handling import hdrs

BLOCK_SIZE_MAX: Final = 4096
FIELDS_MAX: Final = 64
"""A larger head, or more fields, are aiohttp's to read."""

_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\x20-\x7e\t]*)")
_VALUE: Final = re.compile(rb"[\x20-\x7e\t]*")
_LOCK_TOKEN_FIELD: Final = b"\r\nLock-Token:"
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
_DIGITS_MAX: Final = 12
_LENGTH_FIELD: Final = b"\r\nContent-Length: "
_BEARER_FIELD: Final = b"\r\nAuthorization: Bearer "
_ETAG_FIELD: Final = b"\r\nIf-None-Match:"
_TOKEN: Final = re.compile(rb"[!-~]+")
SIZES_MAX: Final = 8
"""Sizes of bodies that are remembered beside what is the same of heads."""
_FRAMING: Final = frozenset(
    (
        "transfer-encoding",
        "upgrade",
        "expect",
        "trailer",
        "te",
        "proxy-connection",
        "sec-websocket-key1",
    )
)
"""Fields that change how a message is read, or have aiohttp do something about it."""


class FieldBlock:
    """The header fields of a request, and how many bytes of body they say."""

    __slots__ = (
        "body_size",
        "headers",
        "is_plain",
        "locks",
        "look",
        "raw",
        "recurs",
        "sizes",
        "who",
    )

    def __init__(
        self,
        headers: CIMultiDictProxy[str],
        raw: tuple[tuple[bytes, bytes], ...],
        body_size: int,
    ) -> None:
        self.headers = headers
        self.raw = raw
        self.body_size = body_size
        self.who: object = None
        """What usual calls have found out about who speaks so; the same for all calls."""
        self.look: object = None
        """What usual looks at files have found out about what is asked so; the same for all
        files.
        """
        self.locks: object = None
        """What usual locks have found out about what is asked so; the same for all files."""
        self.is_plain: bool | None = None
        """What usual calls have found out about these fields, whatever token is beside them."""
        self.sizes: tuple[int, ...] = ()
        """Sizes of bodies that were said beside these fields of late."""
        self.recurs = False
        """Whether it is worth remembering."""

    @property
    def beside(self) -> FieldBlock:
        """The same without a token that was read apart."""
        return self

    def value(self, name: istr) -> str | None:
        """The field of this name, spelled as HTTP's registry has it."""
        return self.headers.get(name)

    @property
    def count(self) -> int:
        """How many fields there are."""
        return len(self.raw)

    def says(self, name: istr) -> bool:
        """Whether there is a field of this name."""
        return name in self.headers


class _PartBlock(FieldBlock):
    """A block that is another one but for one field among its own. Few ask for the fields; who does
    asks again.
    """

    __slots__ = ("_field", "_headers", "_place", "_raw", "_value", "around")

    def __init__(self, around: FieldBlock, field: istr, value: str, place: int) -> None:
        # Not `super().__init__()`, which is what is saved.
        self.around = around
        self._field = field
        self._value = value
        self._place = place
        self.sizes = ()
        self.recurs = around.recurs
        self._headers: CIMultiDictProxy[str] | None = None
        self._raw: tuple[tuple[bytes, bytes], ...] | None = None

    @property
    def headers(self) -> CIMultiDictProxy[str]:  # type: ignore[override]
        if self._headers is None:
            fields = [*self.around.headers.items()]
            fields.insert(self._place, (self._field, self._value))
            self._headers = CIMultiDictProxy(CIMultiDict(fields))
        return self._headers

    @property
    def raw(self) -> tuple[tuple[bytes, bytes], ...]:  # type: ignore[override]
        if self._raw is None:
            fields = [*self.around.raw]
            fields.insert(self._place, (self._field.encode(), self._value.encode()))
            self._raw = tuple(fields)
        return self._raw

    @property
    def beside(self) -> FieldBlock:
        return self.around.beside

    @property
    def count(self) -> int:
        return self.around.count + 1

    def says(self, name: istr) -> bool:
        return name == self._field or self.around.says(name)

    def value(self, name: istr) -> str | None:
        return self._value if name == self._field else self.around.value(name)


class BearerBlock(_PartBlock):
    """A block that is another one but for a token: the others who speak so have their own."""

    __slots__ = ()

    def __init__(self, around: FieldBlock, token: bytes, place: int) -> None:
        super().__init__(around, hdrs.AUTHORIZATION, f"Bearer {token.decode()}", place)
        self.body_size = around.body_size
        self.who = self.look = self.locks = None


def _of_around(name: str) -> Any:
    """What calls have found out about the block around one."""

    def keep(block: _PartBlock, found: object) -> None:
        setattr(block.around, name, found)

    return property(attrgetter(f"around.{name}"), keep)


class LikeBlock(_PartBlock):
    """A block that is another one but for a field which says nothing of who speaks: a
    `Content-Length`, a `Lock-Token`.
    """

    __slots__ = ()

    def __init__(
        self, around: FieldBlock, field: istr, value: bytes, place: int, body_size: int
    ) -> None:
        super().__init__(around, field, value.decode(), place)
        self.body_size = body_size

    who, look, locks = _of_around("who"), _of_around("look"), _of_around("locks")


@remembered(256, 64, len)
def _name(data: bytes) -> tuple[istr, str, bytes]:
    """A field's name for its dictionary, in small letters, and as it came; the same objects for
    all blocks, which makes a block smaller by 1 KiB.
    """
    name = istr(data.decode())
    return name, name.lower(), data


def read_block(data: bytes) -> FieldBlock | None:
    """What the bytes between a request line and the empty line say."""
    lines = data.split(b"\r\n")
    if len(data) > BLOCK_SIZE_MAX or len(lines) > FIELDS_MAX:
        return None
    headers: CIMultiDict[str] = CIMultiDict()
    raw: list[tuple[bytes, bytes]] = []
    names: set[str] = set()
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            return None
        name, folded, as_sent = _name(found[1])
        value = found[2].strip(b" \t")
        if folded in names or folded in _FRAMING:
            return None
        names.add(folded)
        headers.add(name, value.decode())
        raw.append((as_sent, value))
    length = headers.get(hdrs.CONTENT_LENGTH, "0")
    is_kept = headers.get(hdrs.CONNECTION, "keep-alive").lower() == "keep-alive"
    if "host" not in names or not is_kept or not _LENGTH.fullmatch(length):
        return None
    return FieldBlock(CIMultiDictProxy(headers), tuple(raw), int(length))


def read_once(data: bytes, read: Callable[[bytes], FieldBlock | None]) -> FieldBlock | None:
    """What the bytes of a block with a field `Lock-Token` say, `read` asked for what is around that
    field; None where it has none, after another one. No other head will have the same token, and
    the rest will come again.
    """
    cut = _cut(data, _LOCK_TOKEN_FIELD)
    if cut is None:
        return None
    value, rest, place = cut
    if not _VALUE.fullmatch(value) or _LOCK_TOKEN_FIELD in rest:
        return None
    around = read(rest)
    if around is None or around.count >= FIELDS_MAX or around.says(hdrs.LOCK_TOKEN):
        return None
    return LikeBlock(around, hdrs.LOCK_TOKEN, value.strip(b" \t"), place, around.body_size)


def read_around(
    data: bytes, read: Callable[[bytes], FieldBlock | None]
) -> tuple[FieldBlock | None, bool] | None:
    """What the bytes of a block with a `Content-Length` say, `read` asked for what is around that
    field; and whether they have been seen of late. None where there is no such field, after
    another one.

    A client says much under one token, and hardly two of its bodies have the same size.
    """
    cut = _cut(data, _LENGTH_FIELD)
    if cut is None:
        return None
    text, rest, place = cut
    if not text.isdigit() or len(text) > _DIGITS_MAX:
        return None
    if _LENGTH_FIELD in rest:
        return None, False  # not asked for what is around it, which would find the next one
    around = read(rest)
    if around is None or around.count >= FIELDS_MAX or around.says(hdrs.CONTENT_LENGTH):
        return None, False
    size, is_known = int(text), True
    if size not in around.sizes:
        around.sizes, is_known = (*around.sizes[1 - SIZES_MAX :], size), False
    return LikeBlock(around, hdrs.CONTENT_LENGTH, text, place, size), is_known


def read_beside(data: bytes, read: Callable[[bytes], FieldBlock | None]) -> FieldBlock | None:
    """What the bytes of a block with a Bearer token say, `read` asked for what is beside it; None
    where there is no such field, after another one, or where it needs another look.

    Thousands of clients say the same under their own tokens. What they know of a file is their own
    as well: such a block is read whole.
    """
    cut = None if _ETAG_FIELD in data else _cut(data, _BEARER_FIELD)
    if cut is None:
        return None
    token, rest, place = cut
    if not _TOKEN.fullmatch(token) or _BEARER_FIELD in rest:
        return None
    around = read(rest)
    if around is None or around.count >= FIELDS_MAX or around.says(hdrs.AUTHORIZATION):
        return None
    return BearerBlock(around, token, place)


def _cut(data: bytes, field: bytes) -> tuple[bytes, bytes, int] | None:
    """The value of a field that stands behind another one, the bytes of the others, and how many
    are before it; None where there is none.
    """
    at = data.find(field)
    if at < 0:
        return None
    begin = at + len(field)
    end = data.find(b"\r\n", begin)
    if end < 0:
        end = len(data)
    return data[begin:end], data[:at] + data[end:], data.count(b"\r\n", 0, at) + 1
