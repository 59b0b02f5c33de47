"""What a site's page hears of servers in other processes: their records, as they are made.

The law: a server tells of its own shares; what it says of anything else is left out, since that is
told elsewhere. After an interruption it tells its file again, and what was heard is passed over:
the last record that was taken says where to go on. While a server is not heard, the page says since
when, and shows its rows as they were then.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import aiohttp
import msgspec

from despoolr_core.records.kinds import KINDS, share
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.kinds.share import ShareStarted
from despoolr_core.records.stream import Record, decode
from despoolr_core.rules import text
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Watch
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.http.live.records import QUIET_S
from despoolr_server.loop.pace import TurnSpan, batches, breathe

AGAIN_S: Final = 2.0
"""Seconds until a server that was lost is asked again."""
LOOK_S: Final = 30.0
"""Seconds after which a service may not rest any longer by what is heard."""
LINE_SIZE_MAX: Final = 1024 * 1024
TEXT_SIZE_MAX: Final = 6 * text.LINE_SIZE_MAX
"""Characters of a text in a record: no server of ours takes, or says, one that is longer. The
longest is a refused path whose characters are all escaped (`\\u202e`). What is remembered of a
server's records is bounded by how many there are, so each must be.
"""
_THEIRS: Final = frozenset(kind for kind in KINDS.values() if kind.__module__ == share.__name__)
"""Kinds that a share server records of itself."""
_FAULTS: Final = frozenset((FaultBegan, FaultEnded))
"""Kinds that it records as what it does itself."""
_ALIVE: Final = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2}
"""After how many seconds of silence the system asks a machine whether it is there, and how often:
one that has lost its power is noticed within 15 s, and no process wakes for it.
"""
_LATER: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=3 * QUIET_S)


class Follower:
    """Hears one server, for as long as it runs, but not while the line to it `is_cut`. `now` is
    site time; `stir` is called whenever something is heard.
    """

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        feeds: LiveFeeds,
        now: Callable[[], float],
        is_cut: Callable[[], bool] = lambda: False,
        stir: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self._url = url
        self._token = token
        self._feeds = feeds
        self._now = now
        self._is_cut = is_cut
        self._stir = stir
        self._last: Record | None = None
        self._heard_count: int | None = None
        """Goes up with everything that is heard; None while nothing is."""
        self._count = 0

    def watch(self, _share: str, _paths: Sequence[str]) -> Watch:
        """What tells, without a call, whether directories there are as they were."""
        time = asyncio.get_running_loop().time

        def told(_until: float) -> object | None:
            is_heard = self._heard_count is not None and not self._is_cut()
            return (self._heard_count, time() // LOOK_S) if is_heard else None

        return told

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Listen, and listen again when it breaks off, until this is cancelled."""
        while True:
            if not self._is_cut():
                with suppress(aiohttp.ClientError, TimeoutError, ValueError):
                    await self._listen(http)
            self._heard_count = None
            live = self._feeds.live
            live.silent.setdefault(self.name, self._now())
            self._feeds.has_changed()
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with http.get(
            f"{self._url}/api/v1/records?follow=true",
            headers=headers,
            timeout=_LATER,
            raise_for_status=True,
            read_bufsize=LINE_SIZE_MAX,
        ) as answer:
            if self._feeds.live.silent.pop(self.name, None) is not None:
                self._feeds.has_changed()
            _keep_alive(answer)
            past = _Past(self._last)
            self._hear()
            cut = b""
            async for data in answer.content.iter_any():
                *lines, cut = (cut + data).split(b"\n")
                if len(cut) > LINE_SIZE_MAX:
                    raise ValueError("a line is too long")
                for batch in batches(lines):
                    if self._is_cut():
                        return  # it is told again when the line is mended
                    news = [record for line in batch for record in past.news(line)]
                    await self._take_all(news)
                    if news:  # who looks, looks once at all of them
                        self._hear()
                    await breathe(len(batch))

    def _hear(self) -> None:
        self._count += 1
        self._heard_count = self._count
        self._stir()

    async def _take_all(self, records: list[Record]) -> None:
        """In turns: of a server that started again, a hundred thousand opens may end."""
        span, ledger = TurnSpan(), self._feeds.live.ledger
        for record in records:
            fact = record.data
            if isinstance(fact, ShareStarted) and self._is_its_own(record):
                for _ in ledger.ending(fact.server, record.at):
                    await span.breathe()
            self._take(record)
            await span.breathe()

    def _take(self, record: Record) -> None:
        self._last = record
        if self._is_its_own(record):
            self._feeds.hear(record)

    def _is_its_own(self, record: Record) -> bool:
        fact = record.data
        kind = type(fact)
        if kind in _THEIRS:
            server = getattr(fact, "server", self.name)
        elif kind in _FAULTS:
            server = record.actor
        else:
            return False
        return server == self.name or fold(server) == fold(self.name)


def _keep_alive(answer: aiohttp.ClientResponse) -> None:
    transport = answer.connection and answer.connection.transport
    wire = transport and transport.get_extra_info("socket")
    if wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _ALIVE.items():
            if hasattr(socket, name):  # some systems have none of their own for a connection
                wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Past:
    """Passes over what was heard before: all up to a record, if it comes; nothing if it does not
    come before the first empty line, which ends what is on file.
    """

    def __init__(self, last: Record | None) -> None:
        self._last = last
        self._held: list[Record] = []

    def news(self, line: bytes) -> list[Record]:
        """The records to take now that this line has come."""
        told = line.strip()
        if not told:
            held, self._held, self._last = self._held, [], None
            return held
        try:
            record = decode(told)
        except msgspec.MsgspecError:  # of another version
            return []
        if len(told) > TEXT_SIZE_MAX and _has_long_text(record):
            return []
        if self._last is None:
            return [record]
        if (record.seq, record.at, record.kind) == (self._last.seq, self._last.at, self._last.kind):
            self._held, self._last = [], None
        else:
            self._held.append(record)
        return []


def _has_long_text(told: object) -> bool:
    """Whether a text of a record, in it or deeper, is longer than `TEXT_SIZE_MAX`."""
    if isinstance(told, msgspec.Struct):
        return any(_has_long_text(getattr(told, name)) for name in told.__struct_fields__)
    if isinstance(told, dict):
        return any(map(_has_long_text, (*told, *told.values())))
    if isinstance(told, list | tuple):
        return any(map(_has_long_text, told))
    return isinstance(told, str) and len(told) > TEXT_SIZE_MAX
