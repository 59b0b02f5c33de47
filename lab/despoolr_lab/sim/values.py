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
from typing import Any

from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler

from despoolr_client.transport.exchange import Said
from despoolr_client.transport.wire import Reply, answer, begin
from despoolr_lab.sim.transport import MemoryTransport
from despoolr_server.http.base.single_write import SingleWriteResponse
from despoolr_server.http.connections.fast_lane import FieldBlock, FirstLine, LaneConnection


class LateParser(ResponseHandler):
    """The client's end of a connection. It has a parser when bytes come: most answers are none."""

    transport: MemoryTransport | None
    is_answer_due = False
    """Whether what comes is the answer to a call."""

    async def wait(self, waiter: asyncio.Future[None]) -> None:
        """Wait for `waiter`, which is woken as well when bytes have come. Raises what the
        connection is lost for.
        """
        self._waiter, self._parser, self.is_answer_due = waiter, None, True
        await waiter
        self._waiter = None

    def data_received(self, data: bytes) -> None:
        if self.is_answer_due:
            self.is_answer_due = False
            begin(self)
        super().data_received(data)


class CallInFlight:
    """A request on its way, and its answer on the way back."""

    __slots__ = ("_loop", "_near", "_said", "_timer", "_until", "answer", "waiter")

    def __init__(self, near: MemoryTransport, said: Said, total_s: float | None) -> None:
        self._loop = loop = near.loop
        self._near = near
        self._said = said
        self._until = loop.time() + total_s if total_s else None
        self._timer: asyncio.TimerHandle | None = None
        self.answer: SingleWriteResponse | None = None
        self.waiter = loop.create_future()
        near.outgoing.send_value(self._arrive)

    def _arrive(self) -> None:
        """The request is there. Its handler runs in that turn of the loop in which aiohttp's would:
        what else arrives in the same moment is handled in the order in which it came, as bytes or
        not.
        """
        there, said = self._near.outgoing, self._said
        far, body = there.receiver, said.data or b""
        connection = far.protocol
        if not there.link.blocked and not far.lost and type(connection) is LaneConnection:
            line = f"{said.method} {said.target} HTTP/1.1".encode(errors="surrogateescape")
            fields = said.lines[:-2].encode(errors="surrogateescape")
            asked = connection.asked(line, fields, len(body))
            if asked is not None:
                turn = self._soon if sys.version_info < (3, 12) else self._handle
                self._loop.call_soon(turn, connection, asked, context=far.context)
                there.value_is_there()
                return
        self._set_timer()
        there.hand_in(said.head() + body)

    def _soon(self, *what: Any) -> None:
        """Before 3.12 a handler is a task, which waits its turn."""
        context = self._near.outgoing.receiver.context
        self._loop.call_soon(self._handle, *what, context=context)

    def _handle(self, connection: LaneConnection, asked: tuple[FirstLine, FieldBlock]) -> None:
        if connection.is_lost:
            return self._set_timer()
        self.answer = connection.respond(*asked, self._said.data or b"")
        if self.answer is None:
            return self._set_timer()
        back = self._near.incoming
        if back.is_empty:
            return back.send_value(self._wake)
        data, self.answer = self.answer.rendered(), None
        self._near.outgoing.receiver.write(data)
        return None

    def _wake(self) -> None:
        """The answer is there."""
        back = self._near.incoming
        if self.answer is not None and back.link.blocked:
            data, self.answer = self.answer.rendered(), None
            self._set_timer()
            return back.hand_in(data)
        back.value_is_there()
        if not self.waiter.done():
            self.waiter.set_result(None)
        return None

    def _set_timer(self) -> None:
        if self._until is not None and not self.waiter.done():
            self._timer = self._loop.call_at(self._until, self._give_up)

    def _give_up(self) -> None:
        if not self.waiter.done():
            self.waiter.set_exception(TimeoutError())

    async def reply(self, protocol: LateParser) -> Reply:
        """The answer, however it came."""
        try:
            await protocol.wait(self.waiter)
        finally:
            if self._timer is not None:
                self._timer.cancel()
        told = self.answer
        if told is not None:
            protocol.is_answer_due = False
            plain = told._plain or {}
            tag = plain.get("ETag") or plain.get(hdrs.ETAG, "")
            return Reply(told._status, tag, told._content)
        async with asyncio.timeout_at(self._until):
            return await answer(protocol)
