"""Answers of any size: whole if they are small, in pieces if they are large, refused if they are
too large.

The law: how large an answer may become is worked out before its first byte is sent
(`check_size_of`), since after that there is no other status to give. It is then made piece by
piece, as the connection takes it: what waits for a slow reader is a piece, not an answer, and
between two pieces the loop is everybody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.base.uploads import Sending
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, StreamResponse, over_aiohttp
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.loop.pace import BATCH, batches, breathe, turn

T = TypeVar("T")

ANSWER_SIZE_MAX: Final = 32 * 1024 * 1024
"""Bytes of one answer, as they are estimated beforehand."""

ROWS_BATCH: Final = 64
"""Rows of a list that are made in one turn: one may have many ranges, or holds, in it."""

PIECE_SIZE: Final = 256 * 1024
"""Bytes after which a piece is sent; an answer with no more than this is sent whole, with its
length.
"""

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

_encode: Final = msgspec.json.Encoder().encode


def check_size_of(size: int, advice: str) -> None:
    """Raises `Refused` (507) if an answer would have more than `ANSWER_SIZE_MAX` bytes; `advice`
    says what to ask instead.
    """
    if size > ANSWER_SIZE_MAX:
        raise Refused(
            known(
                "answer-too-large",
                f"The answer might have more than {ANSWER_SIZE_MAX} bytes. {advice}",
            )
        )


async def gathered(things: Iterable[T | None], size: int = BATCH) -> list[T]:
    """All the things that are not None, asked for in batches."""
    found: list[T] = []
    for batch in batches(things, size):
        found += [thing for thing in batch if thing is not None]
        await breathe(len(batch), size)
    return found


async def rows_answer(request: Request, *fields: tuple[str, Any]) -> StreamResponse:
    """A JSON object with lists (or iterators, of what is as long as one of the lists) in it, in
    pieces.

    Raises `Refused` (507) for what is too large.
    """
    size = 0
    for _, value in fields:
        for batch in batches(value if isinstance(value, list) else (), ROWS_BATCH):
            size += len(_encode(batch))
            await breathe(len(batch), ROWS_BATCH)
    check_size_of(size, "Say `limit`, or ask about less.")
    texts = json_texts(
        (name, iter(value) if isinstance(value, list) else value) for name, value in fields
    )
    return await in_pieces(request, 200, "application/json", texts)


async def in_pieces(
    request: Request,
    status: int,
    content_type: str,
    texts: Iterable[bytes],
    more: Mapping[str, str] = NO_HEADERS,
    *,
    size_about: int = 0,
) -> StreamResponse:
    """An answer made of these texts, which are asked for as they are needed.

    What they are made of is in memory until the last is sent: of a large answer it takes room
    (`size_about` bytes). Raises `Refused` (503) where there is none, and nothing has been sent.
    """
    with Sending(request) as sending:
        if size_about > PIECE_SIZE:
            sending(size_about)
        return await _sent(request, status, content_type, texts, more)


async def _sent(
    request: Request,
    status: int,
    content_type: str,
    texts: Iterable[bytes],
    more: Mapping[str, str],
) -> StreamResponse:
    headers: dict[str, str] = {hdrs.CONTENT_TYPE: content_type, **more}
    stream: StreamResponse | None = None
    piece: list[bytes] = []
    size = 0
    for count, text in enumerate(texts, 1):
        piece.append(text)
        size += len(text)
        if size > PIECE_SIZE:
            if stream is None:
                stream = over_aiohttp().PieceResponse(status=status, headers=headers)
                await stream.prepare(request)
            await stream.write(b"".join(piece))
            piece, size = [], 0
            await turn()
        elif count % BATCH == 0:
            await turn()
    last = b"".join(piece)
    if stream is None:
        return SingleWriteResponse(status, headers, last)
    if last:
        await stream.write(last)
    await stream.write_eof()
    return stream


async def bytes_answer(
    request: Request, status: int, headers: dict[str, str], data: bytes
) -> StreamResponse:
    """An answer of these bytes: a large one goes out as its reader takes it, and is nowhere copied
    as a whole.
    """
    if len(data) <= PIECE_SIZE or request.method == hdrs.METH_HEAD:
        return SingleWriteResponse(status, headers, data)
    stream: StreamResponse = over_aiohttp().StreamedResponse(status=status, headers=headers)
    stream.content_length = len(data)
    await stream.prepare(request)
    view = memoryview(data)
    for at in range(0, len(data), PIECE_SIZE):
        await stream.write(view[at : at + PIECE_SIZE])
        await turn()
    await stream.write_eof()
    return stream


def json_texts(fields: Iterable[tuple[str, object]]) -> Iterator[bytes]:
    """A JSON object, field by field; a value that is an iterator becomes an array, element by
    element.
    """
    opened = b"{"
    for name, value in fields:
        yield opened + _encode(name) + b":"
        opened = b","
        if not isinstance(value, Iterator):
            yield _encode(value)
            continue
        between = b"["
        for element in value:
            yield between + _encode(element)
            between = b","
        yield b"]" if between == b"," else b"[]"
    yield b"}"
