"""A kept connection whose short answers are read past aiohttp's parser (`replies`).

The law: a connection is made by aiohttp and its first answer read by aiohttp; then it is kept here
(`Wire`), where its transport calls us. An answer that comes whole, in one piece, with a plain head
is read here. Of everything else (a part of one, chunks, an interim answer, a field that says how to
read it, odd bytes, the end of the connection) each byte is fed to aiohttp's own protocol, which was
there before and is again from then on, and so what may go wrong is what goes wrong there. One
request at a time: nothing is sent before the last answer was read; several `GET`s may be one
(`ask_several`).

A connection that is kept here takes one of the places of aiohttp's pool (`limit`). So a part of
them (`POOLS_PART`) is never kept, for those who ask aiohttp itself; once those that are kept and
those that calls have from the pool, or seek there, are as many as may be kept, whoever seeks one
here first gives back one that is idle, and what becomes idle while somebody seeks one is given
back; none stays idle for longer than `IDLE_S`. What is given back, aiohttp's pool closes in its own
time.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any, Final, cast

from aiohttp import hdrs

from despoolr_client.transport.replies import Reply, ReplyReader, Several

IDLE_S: Final = 10.0
"""Seconds after which a connection that nobody used goes back to aiohttp's pool."""
POOLS_PART: Final = 32
"""One place in so many is not taken by what is kept here, and at least one."""


class Wires:
    """The connections of one session that are kept here."""

    __slots__ = (
        "_idle",
        "is_sweeping",
        "kept",
        "kept_max",
        "now",
        "over_pool_count",
        "reader",
        "seeking_count",
    )

    def __init__(self, limit: int, *, keeps_any: bool = True) -> None:
        """`limit` is that of the pool (0: none)."""
        self.kept: set[Wire] = set()
        self.kept_max: float = limit - max(1, limit // POOLS_PART) if limit else inf
        if not keeps_any:
            self.kept_max = 0
        self.now = asyncio.get_running_loop().time
        self.reader = ReplyReader()
        self._idle: list[list[Wire]] = []
        self.is_sweeping = False
        self.over_pool_count = 0
        """Calls that have a connection of aiohttp's pool, or seek one."""
        self.seeking_count = 0
        """Those of them that seek one."""

    @property
    def is_full(self) -> bool:
        """Whether it may be what is kept here that keeps somebody from a connection."""
        return len(self.kept) + self.over_pool_count > self.kept_max

    def of_one_server(self) -> list[Wire]:
        """The place for the idle connections to one more server: who was used last comes last."""
        self._idle.append([])
        return self._idle[-1]

    def make_room(self) -> None:
        """Before somebody seeks a connection: it may be an idle one of ours that has the place."""
        idle = next(filter(None, self._idle), None) if self.is_full else None
        if idle is not None:
            idle[0].give_back()

    def keep(self, connection: Any, idle: list[Wire]) -> bool:
        """Keep a connection on which all was said and read; False for one that is aiohttp's."""
        transport = cast("asyncio.Transport | None", connection.transport)
        if (
            len(self.kept) >= self.kept_max
            or transport is None
            or transport.is_closing()
            or connection.protocol.should_close
            or transport.get_extra_info("socket") is None  # no wire
            or transport.get_extra_info("sslcontext") is not None
        ):
            return False
        wire = Wire(self, connection, transport, idle)
        transport.set_protocol(wire)
        self.kept.add(wire)
        wire.rest()
        return True

    def sweep_later(self) -> None:
        """See to it that nothing stays idle."""
        self.is_sweeping = True
        asyncio.get_running_loop().call_later(IDLE_S, self._sweep)

    def _sweep(self) -> None:
        self.is_sweeping = False
        oldest = self.now() - IDLE_S
        for idle in self._idle:
            while idle and idle[0].asked_at <= oldest:
                idle[0].give_back()
        if any(self._idle):
            self.sweep_later()


class Wire(asyncio.Protocol):
    """One connection, `idle` or asked something: `ask`, then `rest`."""

    __slots__ = (
        "_connection",
        "_deadline",
        "_handler",
        "_idle",
        "_looks_at",
        "_loop",
        "_several",
        "_timer",
        "_waiter",
        "_wires",
        "asked_at",
        "transport",
    )

    def __init__(
        self, wires: Wires, connection: Any, transport: asyncio.Transport, idle: list[Wire]
    ) -> None:
        self._wires = wires
        self._connection = connection
        self._handler = connection.protocol
        self.transport = transport
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[Reply | None] | None = None
        self._several: Several | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = self._looks_at = inf
        self.asked_at = self._loop.time()

    def rest(self) -> None:
        """Be idle, and the first to be asked."""
        wires = self._wires
        if (wires.seeking_count and wires.is_full) or self.transport.get_write_buffer_size():
            self.leave()
        else:
            self._idle.append(self)
            if not wires.is_sweeping:
                wires.sweep_later()

    def leave(self) -> None:
        """Be kept no longer: aiohttp's pool has it, or it is closed."""
        self._leave()
        done_with(self._connection)

    def give_back(self) -> None:
        """Let aiohttp's pool have it, an idle one."""
        self._idle.remove(self)
        self._leave()
        self._connection.release()

    def _leave(self) -> None:
        """What comes now is aiohttp's."""
        self._wires.kept.discard(self)
        self._look_at(inf)
        self.transport.set_protocol(self._handler)

    def ask(self, request: bytes, now: float, deadline: float) -> asyncio.Future[Reply | None]:
        """One request. Who awaits its answer says `break_off` if that raises; for None, it is
        `rest_of` that has it.
        """
        self._waiter = waiter = self._loop.create_future()
        self.asked_at, self._deadline = now, deadline
        if deadline < self._looks_at:
            self._look_at(deadline)
        self.transport.write(request)
        return waiter

    async def rest_of(self, deadline: float) -> Reply:
        """An answer that aiohttp reads. Raises what aiohttp raises, and `TimeoutError`."""
        async with asyncio.timeout_at(deadline if deadline < inf else None):
            reply = await answer(self._handler)
        done_with(self._connection)
        return reply

    async def ask_several(
        self, requests: bytes, count: int, now: float, deadline: float
    ) -> list[Reply]:
        """So many requests in one write: their answers, in order, up to one that is not to be read
        here or did not come; then it is closed.
        """
        self._several = several = Several(count)
        waiter = self.ask(requests, now, deadline)
        try:
            await waiter
        except TimeoutError:
            pass
        finally:
            self.break_off(waiter)
        return several.replies

    def break_off(self, waiter: asyncio.Future[Reply | None]) -> None:
        """Close it, if what this one waits for was not read to its end."""
        if self._waiter is waiter:
            self._waiter = self._several = None
            self._wires.kept.discard(self)
            self._connection.close()

    def _look_at(self, when: float) -> None:
        """One timer does for all requests that it finds answered."""
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = when
        self._timer = self._loop.call_at(when, self._look) if when < inf else None

    def _look(self) -> None:
        self._timer, self._looks_at = None, inf
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() >= self._deadline:
            self._waiter.set_exception(TimeoutError())
        else:
            self._look_at(self._deadline)

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.transport.close()  # nobody asked
            return
        if self._several is not None:
            self._take(self._several, data, waiter)
            return
        reply = self._wires.reader.read(data)
        if reply is None:
            self._leave()
            begin(self._handler)
            self._handler.data_received(data)
        else:
            self._waiter = None
            self.rest()
        waiter.set_result(reply)

    def _take(self, several: Several, data: bytes, waiter: asyncio.Future[Reply | None]) -> None:
        if several.take(data, self._wires.reader):
            if several.is_whole:
                self._waiter = self._several = None
                self.rest()
            waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        waiter, handler = self._waiter, self._handler
        self._wires.kept.discard(self)
        self._look_at(inf)
        if waiter is not None and not waiter.done():
            begin(handler)  # it says what it is that goes wrong
            handler.connection_lost(exc)
            waiter.set_result(None)
            return
        handler.connection_lost(exc)
        if self in self._idle:
            self._idle.remove(self)
            self._connection.close()

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()


def begin(handler: Any, *, is_head: bool = False, read_timeout_s: float | None = None) -> None:
    """Make aiohttp's protocol ready for one answer."""
    handler.set_response_params(
        skip_payload=is_head,
        read_until_eof=True,
        auto_decompress=False,
        read_timeout=read_timeout_s,
    )


async def answer(protocol: Any) -> Reply:
    """The answer that aiohttp's protocol reads."""
    while True:
        message, payload = await protocol.read()
        if message.code == 101 or not 100 <= message.code < 200:
            break
    body = await payload.read()
    return Reply(message.code, message.headers.get(hdrs.ETAG, ""), body)


def done_with(connection: Any) -> None:
    """Let aiohttp's pool have a connection; it is closed where that is not possible."""
    transport = connection.transport
    if transport is not None and transport.get_write_buffer_size():
        # answered before it was all read: what is left to say would go before the next request
        connection.close()
    else:
        connection.release()
