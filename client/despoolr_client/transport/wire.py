"""A kept connection whose short answers are read past aiohttp's parser (`replies`).

The law: a connection is made by aiohttp and its first answer read by aiohttp; then it is kept here
(`Wire`), where its transport calls us. An answer that comes whole, in one piece, with a plain head
is read here. Of everything else (a part of one, chunks, an interim answer, a field that says how to
read it, odd bytes, the end of the connection) each byte is fed to aiohttp's own protocol, which was
there before and is again from then on, and so what may go wrong is what goes wrong there. One
request at a time: nothing is sent before the last answer was read; several `GET`s may be one
(`ask_several`).

Short chains wait for nobody. Those that are made in one turn of the loop go out together, and are
answered in order (RFC 9112, 9.3.2): one write, one read and one turn for all, here and at the
server. They have the same time, and are as many as a server of ours answers in one turn. Who breaks
off leaves the connection to the others; if it ends, it ends for all, and none is sent again: who
has no answer is told so, as one alone is. (The RFC advises against calls behind one that may not be
repeated, for whoever could not live with that.) A server that was slow (`SLOW_S`) or odd then is
asked alone for a while (`ALONE_S`): who is late, or whose line is cut, takes few others along, and
seldom.

A connection that is kept here takes one of the places of aiohttp's pool (`limit`). So a part of
them (`POOLS_PART`) is never kept, for those who ask aiohttp itself; once those that are kept and
those that calls have from the pool, or seek there, are as many as may be kept, whoever seeks one
here first gives back one that is idle, and what becomes idle while somebody seeks one is given
back; none stays idle for longer than `IDLE_S`. What is given back, aiohttp's pool closes in its own
time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import Any, Final, cast

from aiohttp import ServerDisconnectedError, hdrs

from despoolr_client.transport.replies import SEVERAL_MAX, Reply, ReplyReader, Several

IDLE_S: Final = 10.0
"""Seconds after which a connection that nobody used goes back to aiohttp's pool."""
TOGETHER_SIZE_MAX: Final = 4096
"""Bytes of a call that goes together with others: longer ones come in parts, and hold up others."""
_TOGETHER: Final = "/api/v1/chain"
_GETS: Final = b'{"calls":[{"call":"get",'
"""How a chain of those begins, as `calls.encode` says it; its answer is long, and no short way."""
SLOW_S: Final = 1.0
"""Seconds of this machine after which an answer to one of several calls is late."""
ALONE_S: Final = 60.0
"""Seconds of this machine in which a server that was slow or odd is asked nothing together: it
holds up others once, and not again and again.
"""
POOLS_PART: Final = 32
"""One place in so many is not taken by what is kept here, and at least one."""


class Idle(list["Wire"]):
    """The idle connections to one server: who was used last comes last."""

    __slots__ = ("alone_until", "joined")

    def __init__(self) -> None:
        self.joined: Wire | None = None
        """The one on which others of the same turn may ask, too."""
        self.alone_until = -inf
        """Until when, by the loop, nothing is asked of the server together with other things."""

    def ask_alone(self) -> None:
        """The server was slow or odd when it was asked several things."""
        self.alone_until = asyncio.get_running_loop().time() + ALONE_S


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
        self._idle: list[Idle] = []
        self.is_sweeping = False
        self.over_pool_count = 0
        """Calls that have a connection of aiohttp's pool, or seek one."""
        self.seeking_count = 0
        """Those of them that seek one."""

    @property
    def is_full(self) -> bool:
        """Whether it may be what is kept here that keeps somebody from a connection."""
        return len(self.kept) + self.over_pool_count > self.kept_max

    def of_one_server(self) -> Idle:
        """The place for the idle connections to one more server."""
        self._idle.append(Idle())
        return self._idle[-1]

    def make_room(self) -> None:
        """Before somebody seeks a connection: it may be an idle one of ours that has the place."""
        idle = next(filter(None, self._idle), None) if self.is_full else None
        if idle is not None:
            idle[0].give_back()

    def keep(self, connection: Any, idle: Idle) -> bool:
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
        "_is_plain",
        "_looks_at",
        "_loop",
        "_others",
        "_part",
        "_several",
        "_shared",
        "_timer",
        "_waiter",
        "_wires",
        "asked_at",
        "transport",
    )

    def __init__(
        self, wires: Wires, connection: Any, transport: asyncio.Transport, idle: Idle
    ) -> None:
        self._wires = wires
        self._connection = connection
        self._handler = connection.protocol
        self.transport = transport
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[Reply | None] | None = None
        self._others: deque[asyncio.Future[Reply | None]] = deque()
        """Those whose answers come behind that of `_waiter`."""
        self._shared: object = None
        """The time that those have who may ask behind others; None: nobody may."""
        self._part = b""
        self._is_plain = False
        """Whether an answer was read here."""
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
        self._shared = None
        self._wires.kept.discard(self)
        self._look_at(inf)
        self.transport.set_protocol(self._handler)

    def ask(
        self, request: bytes, now: float, deadline: float, shared: object = None
    ) -> asyncio.Future[Reply | None]:
        """One request. Who awaits its answer says `break_off` if that raises; for None, it is
        `rest_of` that has it. Those who have the time `shared` may ask behind it.
        """
        self._waiter = waiter = self._loop.create_future()
        self.asked_at, self._deadline, self._shared = now, deadline, shared
        if deadline < self._looks_at:
            self._look_at(deadline)
        if shared is not None:
            self._idle.joined = self
        self.transport.write(request)
        return waiter

    def takes_more(self, now: float, shared: object) -> bool:
        """Whether one may `ask_behind`: in the turn in which it was asked, what has that time."""
        return (
            self.asked_at == now
            and self._shared is shared
            and self._is_plain
            and self._waiter is not None
            and len(self._others) < SEVERAL_MAX - 1
            and now >= self._idle.alone_until
            and not self.transport.is_closing()
        )

    def ask_behind(self, request: bytes) -> asyncio.Future[Reply | None]:
        """One more request, as `ask` has it."""
        waiter: asyncio.Future[Reply | None] = self._loop.create_future()
        self._others.append(waiter)
        self.transport.write(request)
        return waiter

    async def rest_of(self, deadline: float) -> Reply:
        """An answer that aiohttp reads. Raises what aiohttp raises, and `TimeoutError`."""
        async with asyncio.timeout_at(deadline if deadline < inf else None):
            reply = await answer(self._handler)
        if self._others:
            self._waiter = self._others.popleft()
            self._tell_of_rest(self._waiter)
        else:
            done_with(self._connection)
        return reply

    def _tell_of_rest(self, waiter: asyncio.Future[Reply | None]) -> None:
        """It is `rest_of` that has the answer to this one."""
        if waiter.done():
            self._end()  # nobody reads it
        else:
            waiter.set_result(None)

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
        """Close it, if what this one waits for was not read to its end; who was cancelled leaves
        it to those who still wait.
        """
        asked = self._asked()
        if waiter in asked and not (waiter.cancelled() and _waiting(asked)):
            self._end()

    def _asked(self) -> list[asyncio.Future[Reply | None]]:
        """Those whose answers were not read to their ends."""
        return [] if self._waiter is None else [self._waiter, *self._others]

    def _end(self) -> None:
        """Close it; there will be no answer for who still waits."""
        left, self._waiter, self._several = self._asked(), None, None
        self._others.clear()
        self._wires.kept.discard(self)
        self._connection.close()
        for waiter in _waiting(left):
            waiter.set_exception(ServerDisconnectedError())

    def _look_at(self, when: float) -> None:
        """One timer does for all requests that it finds answered."""
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = when
        self._timer = self._loop.call_at(when, self._look) if when < inf else None

    def _look(self) -> None:
        self._timer, self._looks_at = None, inf
        left = _waiting(self._asked())
        if not left:
            return
        if self._loop.time() >= self._deadline:
            if len(left) > 1:
                self._idle.ask_alone()
            for waiter in left:
                waiter.set_exception(TimeoutError())
        else:
            self._look_at(self._deadline)

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if self._others or self._part:
            self._take_in_order(data)
            return
        if waiter is None or waiter.done():
            self._end()  # nobody asked, or who did has left
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
            self._waiter, self._is_plain = None, True
            self.rest()
        waiter.set_result(reply)

    def _take_in_order(self, data: bytes) -> None:
        """Answers to what was asked together. From the first on that is odd aiohttp reads them, one
        after the other.
        """
        data, self._part = self._part + data, b""
        others, reader, at = self._others, self._wires.reader, 0
        if self._loop.time() - self.asked_at > SLOW_S:
            self._idle.ask_alone()
        while (waiter := self._waiter) is not None and at < len(data):
            reply, end = reader.first(data, at)
            if reply is None:
                if not end:
                    self._part, at = data[at:], len(data)
                    break
                self._idle.ask_alone()
                self._leave()
                begin(self._handler)
                self._handler.data_received(data[at:])
                self._tell_of_rest(waiter)
                return
            self._waiter = others.popleft() if others else None
            if not waiter.done():
                waiter.set_result(reply)
            at = end
        if self._waiter is None and at == len(data):
            self.rest()
        elif not _waiting(self._asked()):
            self._end()  # nobody asked, or all who did have left

    def _take(self, several: Several, data: bytes, waiter: asyncio.Future[Reply | None]) -> None:
        if several.take(data, self._wires.reader):
            if several.is_whole:
                self._waiter = self._several = None
                self.rest()
            waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        left, handler = _waiting(self._asked()), self._handler
        self._wires.kept.discard(self)
        self._look_at(inf)
        if left:
            if len(left) > 1:
                self._idle.ask_alone()
            begin(handler)  # it says what it is that goes wrong, to one
            handler.connection_lost(exc)
            self._waiter, *others = left
            self._others = deque(others)
            self._waiter.set_result(None)
            return
        handler.connection_lost(exc)
        if self in self._idle:
            self._idle.remove(self)
            self._connection.close()

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()


def goes_with_others(target: str, data: bytes) -> bool:
    """Whether a call waits for nobody, is short, and is answered shortly."""
    return target == _TOGETHER and len(data) <= TOGETHER_SIZE_MAX and not data.startswith(_GETS)


def _waiting(asked: list[asyncio.Future[Reply | None]]) -> list[asyncio.Future[Reply | None]]:
    return [waiter for waiter in asked if not waiter.done()]


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
