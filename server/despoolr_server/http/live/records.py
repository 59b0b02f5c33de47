"""A process's records as they come, for whoever makes a page of several processes.

The law: first what is still on file, then an empty line, then each record as it is made, none left
out between; a line is one of `records.jsonl`. A reader that is too slow is cut off: it comes again,
and knows where it was by the last line it read. An empty line every few seconds says that all is
well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from despoolr_core.records.stream import Record, Recorder, encode_all
from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.base.surface import SURFACE, query, switch
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, Route, StreamResponse, over_aiohttp
from despoolr_server.loop.pace import BATCH, batches, turn

if TYPE_CHECKING:
    from despoolr_server.http.handling.over_aiohttp import StreamedResponse

JSON_LINES: Final = "application/jsonl"
READERS_MAX: Final = 8
"""Who read at one time, in a process."""
BEHIND_MAX: Final = 20_000
"""Records that wait for a reader."""
QUIET_S: Final = 20.0
"""Seconds after which an empty line is sent."""
GATHER_S: Final = 0.1
"""Seconds in which records are gathered that are sent together: each alone costs its reader, and
this process, more to send than to make.
"""


class RecordRoutes:
    """The call of one server; all servers of a process share one of these. `history` reads what is
    on file, up to the last record.
    """

    def __init__(self, recorder: Recorder, history: Callable[[], Iterator[Record]]) -> None:
        self._recorder = recorder
        self._history = history
        self._readers: list[_Reader] = []
        self._is_closed = False
        recorder.listeners.append(self._hear)

    def routes(self) -> list[Route]:
        """What `make_app` takes as `extra_routes`."""
        return [Route("GET", "/api/v1/records", self.records)]

    def close(self) -> None:
        """End every answer: the server stops."""
        self._is_closed = True
        for reader in self._readers:
            reader.has_news.set()

    async def records(self, request: Request) -> StreamResponse:
        """What is on file; with `follow`, then what comes. Raises `Refused` (503) if too many
        read.
        """
        request.app[SURFACE].operator(request, "read the records")
        follow = switch("follow", query(request, "follow")["follow"])
        if len(self._readers) >= READERS_MAX:
            raise Refused(known("server-busy", f"{READERS_MAX} read the records already."))
        reader = _Reader()
        self._readers.append(reader)
        try:
            return await self._send(request, reader, follow=follow)
        finally:
            self._readers.remove(reader)

    async def _send(self, request: Request, reader: _Reader, *, follow: bool) -> StreamResponse:
        last = count = self._recorder.count
        stream: StreamedResponse = over_aiohttp().StreamedResponse(
            headers={hdrs.CONTENT_TYPE: JSON_LINES}
        )
        await stream.prepare(request)
        if stream.is_head_only:
            return stream
        for batch in batches(self._history(), BATCH):
            await stream.write(encode_all(batch))
            # the file is read while it grows; its last record is of this start if there is any
            last = max(count, batch[-1].seq) if count else 0
            await turn()
        if not follow:
            return stream
        await stream.write(b"\n")
        while not self._is_closed and not reader.is_behind:
            if not reader.waiting:
                reader.has_news.clear()
                try:
                    async with asyncio.timeout(QUIET_S):
                        await reader.has_news.wait()
                except TimeoutError:
                    await stream.write(b"\n")
                else:
                    await asyncio.sleep(GATHER_S)
                continue
            told = [record for record in reader.waiting if record.seq > last]
            reader.waiting.clear()
            for batch in batches(told, BATCH):
                await stream.write(encode_all(batch))
                await turn()
        return stream

    def _hear(self, record: Record) -> None:
        for reader in self._readers:
            reader.hear(record)


class _Reader:
    """What waits for one who reads."""

    def __init__(self) -> None:
        self.waiting: list[Record] = []
        self.has_news = asyncio.Event()
        self.is_behind = False

    def hear(self, record: Record) -> None:
        """One more; past the bound, the reader is cut off."""
        if len(self.waiting) >= BEHIND_MAX:
            self.is_behind = True
            return
        self.waiting.append(record)
        self.has_news.set()
