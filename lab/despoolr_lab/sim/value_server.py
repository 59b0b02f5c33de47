"""A server that is asked by values: its connections, and requests that its handlers take for
aiohttp's.

The law: routing, rights, handlers and problems are the server's own, and a handler runs when
aiohttp would run it. What is no value becomes bytes: the connection is aiohttp's from then on
(`FarEnd.real`), which is imported at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDictProxy, MultiDict

from despoolr_lab.sim.late import bytes_side
from despoolr_lab.sim.transport import MemoryTransport
from despoolr_server.http.base.counts.traffic import TRAFFIC
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.connections.lane import FastLane, FirstLine
from despoolr_server.http.connections.short_ways import Later, Unfinished
from despoolr_server.http.handling.application import Addresses, App
from despoolr_server.http.handling.handler import rest_of
from despoolr_server.http.handling.single_write import SingleWriteResponse

if TYPE_CHECKING:
    from despoolr_server.http.connections.fast_lane import LaneConnection

_HTTP_1_1: Final = (1, 1)


class ValueBody:
    """A body that is here already."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def exception(self) -> None:
        return None

    def is_eof(self) -> bool:
        return True

    def at_eof(self) -> bool:
        return not self._left

    def read_nowait(self, n: int = -1) -> bytes:
        data, self._left = (self._left, b"") if n < 0 else (self._left[:n], self._left[n:])
        return data


class ValueRequest:
    """A request that came as values, for a handler. What few ask for is asked of aiohttp's own."""

    version = _HTTP_1_1
    keep_alive = True

    def __init__(
        self,
        end: FarEnd,
        method: str,
        target: str,
        parts: dict[str, str],
        block: FieldBlock,
        body: bytes,
    ) -> None:
        self.protocol = end
        self.app = end.server.app
        self.method = method
        self.raw_path = target
        self.match_info = parts
        self.block = block
        self.headers: CIMultiDictProxy[str] = block.headers
        self.body = body
        self._loop = end.loop

    @cached_property
    def content(self) -> ValueBody:
        return ValueBody(self.body)

    @property
    def can_read_body(self) -> bool:
        return not self.content.at_eof()

    @property
    def body_exists(self) -> bool:
        return bool(self.body)

    @property
    def content_length(self) -> int | None:
        said = self.headers.get("Content-Length")
        return None if said is None else int(said)

    @property
    def path(self) -> str:
        return unquote(self.raw_path.partition("?")[0])

    @property
    def query_string(self) -> str:
        return unquote(self.raw_path.partition("?")[2].replace("+", " "))

    @property
    def query(self) -> MultiDict[str]:
        asked = self.raw_path.partition("?")[2]
        return MultiDict(parse_qsl(asked, keep_blank_values=True) if asked else ())

    @property
    def transport(self) -> MemoryTransport | None:
        end = self.protocol
        return end.transport if end.real is None else end.real.transport  # type: ignore[return-value]

    @cached_property
    def real(self) -> Any:
        """The same as aiohttp has it."""
        return bytes_side().request_of(self, self.protocol.become_real())

    def get(self, _key: object, default: object = None) -> object:
        return default

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class FarEnd(asyncio.Protocol):
    """The server's end of a connection on which nothing but values has come yet."""

    def __init__(self, server: ValueServer) -> None:
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.transport: MemoryTransport | None = None
        self.real: LaneConnection | None = None
        self.task: asyncio.Task[None] | None = None
        """What answers a call that waits."""
        self._gone: list[Callable[[], None]] = []
        self._idle_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, MemoryTransport)
        self.transport = transport
        self.server.ends[self] = None
        self._wait_for_next()

    def data_received(self, data: bytes) -> None:
        self.become_real().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.transport = None
        self._leave()
        if self._timer is not None:
            self._timer.cancel()
        gone, self._gone = self._gone, []
        for callback in gone:
            callback()

    def when_gone(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this, once, in the turn in which the caller goes; returns what takes the wish
        back.
        """
        self._gone.append(callback)

        def forget() -> None:
            if callback in self._gone:
                self._gone.remove(callback)

        return forget

    def become_real(self) -> LaneConnection:
        """Let aiohttp have the connection."""
        if self.real is None:
            self.real = real = self.server.real()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            transport, self.transport = self.transport, None
            self._leave()
            if transport is not None:
                transport.protocol = real
                real.connection_made(transport)
                real._gone = self._gone  # one list: what is added or taken back later counts
        return self.real

    @property
    def is_lost(self) -> bool:
        """Whether nobody hears an answer any more."""
        return self.transport is None

    def asked(self, first: bytes, fields: bytes, size: int) -> tuple[FirstLine, FieldBlock] | None:
        """What is asked; None if it has to come as bytes."""
        if self.task is not None or self.transport is None:
            return None
        block = self.server.lane.block(fields)
        if block is None or block.body_size != size:
            return None
        line = self.server.lane.line(first)
        if line is None or line.handler is None:
            method, target, _ = first.decode(errors="surrogateescape").split(" ")
            found = self.server.addresses.find(method, target.partition("?")[0])
            if found is None:
                return None
            line = FirstLine(method, target, found.route.handler, found.parts)
        return line, block

    def respond(
        self,
        line: FirstLine,
        block: FieldBlock,
        body: bytes,
        answered: Callable[[SingleWriteResponse], None],
    ) -> SingleWriteResponse | None:
        """Have a request handled. Returns the answer that is to be said; None if it is `answered`
        later, or goes as bytes.
        """
        assert line.handler is not None
        if line.usual is not None:
            usual = line.usual(line.last, block, body, self.loop.time)
            if isinstance(usual, Later | Unfinished):
                request = self._request(line, block, body)
                made = usual.said(request) if isinstance(usual, Later) else usual.rest(request)
                self.task = self.loop.create_task(self._finish(request, made, answered))
                return None
            if usual is not None:
                self._wait_for_next()
                return usual
        request = self._request(line, block, body)
        call: Any = line.handler(request)
        try:
            waits = call.send(None)
        except StopIteration as done:
            response = done.value
            if type(response) is SingleWriteResponse and response.is_short:
                self._wait_for_next()
                return response if request.transport is not None else None
            rest = _say(response)
        except Exception as error:
            rest = _fail(error)
        else:
            rest = rest_of(call, waits)
        self.task = self.loop.create_task(self._finish(request, rest, answered))
        return None

    def _request(self, line: FirstLine, block: FieldBlock, body: bytes) -> Any:
        return ValueRequest(self, line.method, line.path, line.match_info, block, body)

    async def _finish(
        self, request: Any, rest: Any, answered: Callable[[SingleWriteResponse], None]
    ) -> None:
        is_kept = False
        try:
            try:
                response = await rest
            except (asyncio.CancelledError, ConnectionError):
                raise
            except Exception as error:
                is_answer = hasattr(error, "prepare")
                real = self.become_real()
                response = error if is_answer else real.handle_error(request.real, 500, error)
            if type(response) is SingleWriteResponse and response.is_short:
                if request.transport is not None:
                    answered(response)
                    is_kept = True
                return
            await response.prepare(request.real)
            await response.write_eof()
            is_kept = bool(response.keep_alive)
        except ConnectionError:
            pass  # the caller has gone
        finally:
            self.task = None
            if is_kept:
                self._wait_for_next()
            elif request.transport is not None:
                request.transport.close()
            if self.transport is None:
                self._leave()

    async def shut_down(self) -> None:
        """Close it; a call that waits has its time before."""
        task = self.task
        if task is not None:
            await asyncio.wait([task], timeout=self.server.shutdown_s)
        transport = self.transport if self.real is None else self.real.transport
        if transport is None:
            return  # as aiohttp: what nobody hears goes on
        if task is not None:
            await asyncio.wait([task], timeout=self.server.shutdown_s)
            task.cancel()
        transport.close()

    def _leave(self) -> None:
        """Be forgotten, unless a call goes on: whoever stops the server waits for it."""
        if self.task is None:
            self.server.ends.pop(self, None)

    def _wait_for_next(self) -> None:
        if self.real is not None:
            self.real._wait_for_next()
            return
        self._idle_until = self.loop.time() + self.server.keepalive_s
        if self._timer is None:
            self._timer = self.loop.call_at(self._idle_until, self._look)

    def _look(self) -> None:
        self._timer = None
        if self.loop.time() < self._idle_until:
            self._timer = self.loop.call_at(self._idle_until, self._look)
        elif self.task is None and self.transport is not None:
            self.transport.close()


class ValueServer:
    """What a runner is to a socket: an application that is asked by values, on the connections of a
    listener. `setup`, and `cleanup` at the end.
    """

    def __init__(self, app: App, *, keepalive_s: float, shutdown_s: float) -> None:
        self.app = app
        self.keepalive_s = keepalive_s
        self.shutdown_s = shutdown_s
        self.lane = FastLane(app)
        self.addresses = Addresses(app.routes)
        self.ends: dict[FarEnd, None] = {}
        self.listeners: list[Any] = []

    def __call__(self) -> FarEnd:
        return FarEnd(self)

    async def setup(self) -> None:
        """Nothing has to be made before."""

    async def cleanup(self) -> None:
        """Listen no more, and close what is open: idle connections at once."""
        for listener in self.listeners:
            listener.close()
        await asyncio.sleep(0)
        ends = list(self.ends)
        shuts = [end.shut_down() for end in ends]
        if "real_server" in self.__dict__:
            at_work = [end.real for end in ends if end.task is not None]  # their ends wait for them
            others = [real for real in self.real_server.connections if real not in at_work]
            for real in others:
                real.close()
            shuts += [real.shutdown(self.shutdown_s) for real in others]
        await asyncio.gather(*shuts)
        traffic = self.app.things.get(TRAFFIC)
        if traffic is not None:
            traffic.close()

    @cached_property
    def real_server(self) -> Any:
        """aiohttp's server of the same application."""
        return bytes_side().server_of(self)

    def real(self) -> LaneConnection:
        """A connection as aiohttp has it."""
        made: LaneConnection = self.real_server()
        return made


async def _say(response: Any) -> Any:
    return response


async def _fail(error: Exception) -> Any:
    raise error
