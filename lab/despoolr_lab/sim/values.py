"""Requests and answers that cross the simulated network as values, not as bytes: nothing is put
together or parsed, and no task, stream or queue is made for them.

The law: connections, their pool, links, faults and time are those of the byte carrier, and routing,
rights, handlers and problems are the server's own. A request is on its way until its moment comes
and then looks at the connection; so is its answer. What then is not a plain request to a server
that waits for one (`LaneConnection.asked`), or whose way is cut, goes on as the bytes that it would
have been, in the same pipe. So both carriers record the same.

A call is bounded in time like any other; its timer is set where it does not end of itself.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Protocol

from despoolr_client.transport.message import Said
from despoolr_client.transport.replies import Reply
from despoolr_lab.sim.late import bytes_side
from despoolr_lab.sim.time.queued import Journey
from despoolr_lab.sim.transport import MemoryTransport, Pipe
from despoolr_lab.sim.value_server import FarEnd
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.connections.lane import FirstLine
from despoolr_server.http.handling.single_write import SingleWriteResponse


class Near(Protocol):
    """The client's end of a connection, as a call sees it."""

    def wait(self) -> asyncio.Future[None]:
        """What is done when the answer is there."""

    def stop_waiting(self) -> None:
        """Go on as if nobody had waited for an answer."""

    def become_real(self) -> Any:
        """Let aiohttp read what comes; its protocol."""


class CallInFlight(Journey):
    """A request on its way, and its answer on the way back."""

    __slots__ = (
        "_asked",
        "_connection",
        "_loop",
        "_near",
        "_said",
        "_timer",
        "_until",
        "_waiter",
        "answer",
    )

    _asked: tuple[FirstLine, FieldBlock]
    _connection: Any

    def __init__(
        self, protocol: Near, near: MemoryTransport, said: Said, until: float | None
    ) -> None:
        self._loop = near.loop
        self._near = near
        self._said = said
        self._until = until
        self._timer: asyncio.TimerHandle | None = None
        self.answer: SingleWriteResponse | None = None
        self._waiter = protocol.wait()
        there = near.outgoing
        super().__init__(there.receiver.context)
        self._callback = self._arrive
        self._send(there)

    def _send(self, pipe: Pipe) -> None:
        due = self._loop.time() + pipe.link.delay()
        if self._until is not None and due >= self._until:
            self._set_timer()
        pipe.send_value(self, due)

    def _arrive(self) -> None:
        """The request is there. Its handler runs in that turn of the loop in which aiohttp's would:
        what else arrives in the same moment is handled in the order in which it came, as bytes or
        not.
        """
        there, said = self._near.outgoing, self._said
        far, body = there.receiver, said.data or b""
        connection = far.protocol
        if not there.link.blocked and not far.lost and hasattr(connection, "asked"):
            line = f"{said.method} {said.target} HTTP/1.1".encode(errors="surrogateescape")
            fields = said.lines[:-2].encode(errors="surrogateescape")
            asked = connection.asked(line, fields, len(body))
            if asked is not None:
                self._asked, self._connection = asked, connection
                # before 3.12 a handler is a task, which waits its turn
                self._callback = self._soon if sys.version_info < (3, 12) else self._handle
                self._loop.take_along(self)
                there.value_is_there()
                return
        self._set_timer()
        there.hand_in(said.head() + body)

    def _soon(self) -> None:
        self._callback = self._handle
        self._loop.take_along(self)

    def _handle(self) -> None:
        connection = self._connection
        if connection.is_lost:
            return self._set_timer()
        data = self._said.data or b""
        if isinstance(connection, FarEnd):
            answer = connection.respond(*self._asked, data, self._say)
        else:
            answer = connection.respond(*self._asked, data)
        return self._set_timer() if answer is None else self._say(answer)

    def _say(self, answer: SingleWriteResponse) -> None:
        self.answer = answer
        back = self._near.incoming
        if back.is_empty:
            self._callback, self._context = self._wake, self._near.context
            return self._send(back)
        self._set_timer()
        self.answer = None
        self._near.outgoing.receiver.write(_bytes_of(answer))
        return None

    def _wake(self) -> None:
        """The answer is there."""
        back = self._near.incoming
        if self.answer is not None and (back.link.blocked or self._near.lost):
            data, self.answer = _bytes_of(self.answer), None
            self._set_timer()
            return back.hand_in(data)
        back.value_is_there()
        if not self._waiter.done():
            self._waiter.set_result(None)
        return None

    def _set_timer(self) -> None:
        if self._until is not None and self._timer is None and not self._waiter.done():
            self._timer = self._loop.call_at(self._until, self._give_up)

    def _give_up(self) -> None:
        if not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    async def reply(self, protocol: Near) -> Reply:
        """The answer, however it came."""
        try:
            await self._waiter
        finally:
            if self._timer is not None:
                self._timer.cancel()
        protocol.stop_waiting()
        told = self.answer
        if told is None:
            async with asyncio.timeout_at(self._until):
                read: Reply = await bytes_side().answer(protocol.become_real())
                return read
        return Reply(told.status, told.told_etag, told.content)


def _bytes_of(answer: SingleWriteResponse) -> bytes:
    bytes_side()  # aiohttp, which the answer is dated by, has the simulation's time from now on
    return answer.rendered()
