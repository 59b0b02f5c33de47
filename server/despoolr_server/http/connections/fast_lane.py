"""The fast lane: requests that came whole are answered in the turn in which they came, past
aiohttp's parser and its tasks.

The law: every byte is either answered here or fed to aiohttp, in order and at once; nothing is held
back, so that all time-outs and errors are `Connection`'s. A request is answered here only while
aiohttp has nothing of this connection in hand, and only if what came with it is whole requests for
the lane (aiohttp forgets those before a request that it cannot read, if they came together). What
the framing here does not understand makes the connection ordinary for good; what it understands is
stricter than what aiohttp takes: no field twice, no coding of the body, no upgrade, no expectation,
nothing folded, plain ASCII.

There are no handlers here. What answers is the route's own handler, with aiohttp's own request, so
counts, limits, rights, faults and words are those of every request. It is run until it waits; what
then is left of it, and an answer that is not one short write, is aiohttp's, in a task
(`RequestHandler._handle_request`): a handler is never begun twice. So a handler for `LANE_CALLS`
may not ask for its task before it first waits.

A call may have a short way to its usual answer (`http.connections.short_ways`), which is asked
before there is a request. It says None for all that is not usual, and has done nothing then; its
answers are made by the functions that make the handler's. An answer that waits for the disk
(`Later`) is said by who waits for the disk, in the turn in which all that was done is safe; what is
left of one that is `Unfinished` is aiohttp's, as that of a handler is. The body of either has been
read, and is kept no longer. While answers of a connection wait for the disk, calls that came behind
them go on by their short ways, and are answered in order (`_Unsaid`); one that has none is
aiohttp's, after them, and so are all behind it.

What is worked out of a request line, or of a block of header fields, is found again by its bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeGuard, cast

from aiohttp import HttpVersion11, web
from aiohttp.http import RawRequestMessage
from aiohttp.web_server import Server

from despoolr_server.files.protocol import StoreError
from despoolr_server.http.connections.call_count import fail
from despoolr_server.http.connections.connection import Admission, Connection
from despoolr_server.http.connections.field_block import (
    BLOCK_SIZE_MAX,
    FieldBlock,
)
from despoolr_server.http.connections.lane import FastLane, FirstLine
from despoolr_server.http.connections.short_ways import Later, Unfinished
from despoolr_server.http.connections.whole_request import WholeRequest
from despoolr_server.http.handling.handler import rest_of
from despoolr_server.http.handling.single_write import SingleWriteResponse

_Rest = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

TURN_MAX: Final = 16
"""Requests of one connection that are answered in one turn; what came after them waits its own."""

TOGETHER_MAX: Final = 64
"""Requests that are read here of what came together, in one turn; past them aiohttp reads, which
stops where it has no more room.
"""


class LaneConnection(Connection):
    """A connection that has the lane before aiohttp's parser."""

    __slots__ = (
        "_body_left",
        "_head_part",
        "_is_ordinary",
        "_lane",
        "_next",
        "_now",
        "_unsaid",
    )

    def __init__(
        self, manager: Server, admission: Admission, lane: FastLane, **kwargs: Any
    ) -> None:
        super().__init__(manager, admission, **kwargs)
        self._lane = lane
        self._now: Callable[[], float] = self._loop.time
        self._is_ordinary = False
        self._head_part = b""
        """What aiohttp has been fed of a head that is not whole."""
        self._body_left = 0
        """Bytes that aiohttp has yet to be fed of a request that it has begun to read."""
        self._unsaid: list[_Unsaid] = []
        """Answers that are not said yet, in the order of their requests."""
        self._next: asyncio.Future[None] | None = None
        """What aiohttp waits for, while some are to become safe."""

    def data_received(self, data: bytes) -> None:
        if self._is_ordinary or not data:  # nothing: aiohttp asks its parser for more
            Connection.data_received(self, data)
            return
        if not self._body_left and not self._head_part and self._is_answered_alone(data):
            return
        asked = self._frame(data)
        at = answered = 0
        for request in asked:
            line, block, body_at, end = request
            body = data[body_at:end]
            if answered == TURN_MAX:
                break
            if self._next is not None:
                if not self._is_done_behind(line, block, body):
                    break
            elif self._is_ready():
                answer = self.respond(line, block, body)
                if answer is not None:
                    self.transport.write(answer.rendered())  # type: ignore[union-attr]
            else:
                break
            at, answered = end, answered + 1
        if at < len(data):
            Connection.data_received(self, data[at:] if at else data)

    def _is_answered_alone(self, data: bytes) -> bool:
        """Answer a request that came alone and whole, as nearly all do."""
        head_end, line_end = data.find(b"\r\n\r\n"), data.find(b"\r\n")
        if head_end < 0:
            return False
        body = data[head_end + 4 :]
        asked = self.asked(data[:line_end], data[line_end + 2 : head_end], len(body))
        if asked is None:
            return False
        answer = self.respond(*asked, body)
        if answer is not None:
            self.transport.write(answer.rendered())  # type: ignore[union-attr]
        return True

    def _frame(self, data: bytes) -> list[tuple[FirstLine, FieldBlock, int, int]]:
        """Read where requests begin and end. Returns them, with the places of their bodies and
        ends, if there is nothing in these bytes but whole requests for the lane.
        """
        if self._body_left >= len(data):
            self._body_left -= len(data)
            return []
        is_for_lane = not self._body_left and not self._head_part
        at, self._body_left = self._body_left, 0
        if self._head_part:
            data, self._head_part = self._head_part + data, b""
        lane, size = self._lane, len(data)
        asked: list[tuple[FirstLine, FieldBlock, int, int]] = []
        while at < size:
            head_end = data.find(b"\r\n\r\n", at)
            if head_end < 0:
                self._head_part = data[at:]
                self._is_ordinary = size - at > BLOCK_SIZE_MAX
                return []
            line_end = data.find(b"\r\n", at)
            line = lane.line(data[at:line_end]) if len(asked) < TOGETHER_MAX else None
            block = lane.block(data[line_end + 2 : head_end])
            if line is None or block is None:
                self._is_ordinary = True
                return []
            body_at = head_end + 4
            at = body_at + block.body_size
            is_for_lane = is_for_lane and line.handler is not None
            asked.append((line, block, body_at, at))
        self._body_left = at - size
        return asked if is_for_lane and at == size else []

    def _is_done_behind(self, line: FirstLine, block: FieldBlock, body: bytes) -> bool:
        """Do what is asked behind calls whose answers wait for the disk, if it has a short way and
        may be done now. Whether it was.
        """
        unsaid = self._unsaid
        if (
            line.usual is None
            or len(unsaid) >= TURN_MAX
            or unsaid[-1].rest is not None
            or not self._is_free(self._next)
        ):
            return False
        usual = line.usual(line.last, block, body, self._now)
        if usual is None:
            return False
        assert self._manager is not None, "it is free"
        self._manager.requests_count += 1
        self._has_spoken()
        request_of = partial(self._request, line, block, b"")
        if isinstance(usual, Later):
            self._say_when_safe(usual, request_of)
        elif isinstance(usual, Unfinished):
            unsaid.append(_Unsaid(request_of, rest=partial(_rest, usual)))
        else:
            unsaid.append(_Unsaid(request_of, usual))
        return True

    def _is_ready(self) -> bool:
        """Whether aiohttp has nothing in hand, and waits for a request."""
        return self._is_free(self._waiter)

    def _is_free(self, waiter: asyncio.Future[None] | None) -> bool:
        transport = self.transport
        return (
            waiter is not None
            and not waiter.done()
            and not self._messages
            and not self._paused
            and not self._buffer_paused
            and not self._upgraded
            and not self._close
            and not self._force_close
            and transport is not None
            and not transport.is_closing()
        )

    @property
    def is_lost(self) -> bool:
        """Whether nobody hears an answer any more."""
        return self._manager is None

    def asked(self, line: bytes, fields: bytes, size: int) -> tuple[FirstLine, FieldBlock] | None:
        """What is asked by a head that needs no framing, with a body of so many bytes; None if it
        is not for the lane, or not now.
        """
        first, block = self._lane.line(line), self._lane.block(fields)
        if first is None or first.handler is None or block is None or block.body_size != size:
            return None
        return (first, block) if self._is_ready() else None

    def respond(
        self, line: FirstLine, block: FieldBlock, body: bytes
    ) -> SingleWriteResponse | None:
        """Have a request for the lane handled. Returns the answer that is to be said; None if
        aiohttp says it, later perhaps, or nobody is there any more.
        """
        manager, handler = self._manager, line.handler
        assert manager is not None and handler is not None
        manager.requests_count += 1
        self._has_spoken()
        if line.usual is not None:
            usual = line.usual(line.last, block, body, self._now)
            if isinstance(usual, Later):
                self._say_when_safe(usual, partial(self._request, line, block, b""))
                return None
            if isinstance(usual, Unfinished):
                self._hand_over(self._request(line, block, b""), partial(_rest, usual))
                return None
            if usual is not None:
                self._wait_for_next()
                return usual
        request = self._request(line, block, body)
        call = handler(request)
        response: web.StreamResponse
        try:
            waits = call.send(None)  # type: ignore[attr-defined]
        except StopIteration as done:
            response = done.value
        except Exception as error:
            self._hand_over(request, partial(fail, error))
            return None
        else:
            self._hand_over(request, lambda _request: rest_of(call, waits))
            return None
        if not _is_short(response):
            self._hand_over(request, partial(_say, response))
            return None
        if self.transport is None or self.transport.is_closing():
            return None
        self._wait_for_next()
        return response

    def _request(self, line: FirstLine, block: FieldBlock, body: bytes) -> WholeRequest:
        lane = self._lane
        return WholeRequest(
            _message(line, block), body, self, self._loop, line.match_info, lane.app
        )

    def _say_when_safe(self, later: Later, request_of: Callable[[], WholeRequest]) -> None:
        """Say an answer in the turn in which that may be. Until then the connection is as while
        aiohttp has a request in hand.
        """
        unsaid = _Unsaid(request_of)
        self._unsaid.append(unsaid)
        self._hold()

        def say(error: StoreError | None) -> None:
            try:
                answer = later.answer(error, request_of)
            except Exception as mistake:  # others wait to be told the same
                unsaid.rest = partial(fail, mistake)
            else:
                if _is_short(answer):
                    unsaid.answer = answer
                else:
                    unsaid.rest = partial(_say, answer)
            if self._next is not None:
                self._say_in_order()

        later.when_safe(say)

    def _hold(self) -> None:
        """Let aiohttp wait until there is nothing more to be said."""
        if self._next is None:
            assert self._waiter is not None, "it was not ready"
            self._next, self._waiter = self._waiter, None
            self._current_request, self._request_in_progress = _UNSAFE, True

    def _say_in_order(self) -> None:
        """Say what may be said now."""
        waiter, unsaid, transport = self._next, self._unsaid, self.transport
        assert waiter is not None
        while unsaid and unsaid[0].is_due:
            first = unsaid.pop(0)
            if first.answer is None:
                self._next, self._waiter = None, waiter
                assert first.rest is not None
                self._hand_over(first.request_of(), first.rest)
                return
            if transport is None or transport.is_closing():
                self._leave_unsaid()
            else:
                transport.write(first.answer.rendered())
        if not unsaid:
            self._next = None
            self._is_said()
            if transport is None or transport.is_closing():
                waiter.cancel()
            else:
                self._go_on(waiter)

    def _leave_unsaid(self) -> None:
        """Nobody hears what is not said yet. What was begun is done to its end all the same: only
        the last may be.
        """
        del self._unsaid[:-1]
        if self._unsaid and self._unsaid[0].rest is None:
            self._unsaid.clear()

    def _go_on(self, waiter: asyncio.Future[None]) -> None:
        """An answer was said: let `RequestHandler.start` wait, or end if the connection does."""
        if self._close or self._force_close:
            waiter.cancel()
            if self.transport is not None:
                self.transport.close()
            return
        self._waiter = waiter
        self._wait_for_next()
        if self._unsaid:
            self._hold()
            self._say_in_order()
        elif self._messages and not waiter.done():
            waiter.set_result(None)

    def _hand_over(self, request: web.BaseRequest, rest: _Rest) -> None:
        """Let aiohttp make the rest of an answer. `RequestHandler.start` waits on, as if idle."""
        waiter, loop_task = self._waiter, self._task_handler
        assert waiter is not None, "it was not ready"
        self._waiter = None
        self._task_handler = self._loop.create_task(self._finish(request, rest, waiter, loop_task))

    async def _finish(
        self,
        request: web.BaseRequest,
        rest: _Rest,
        waiter: asyncio.Future[None],
        loop_task: asyncio.Task[None] | None,
    ) -> None:
        is_kept = False
        try:
            is_kept = await self._say_rest(request, rest)
        except ConnectionError:
            pass  # the caller has gone
        except asyncio.CancelledError:
            self._unsaid.clear()
            raise
        except Exception as error:
            self.log_exception("Unhandled exception", exc_info=error)
            self.force_close()
        finally:
            self._end(waiter, loop_task, is_kept=is_kept)

    def _end(
        self,
        waiter: asyncio.Future[None],
        loop_task: asyncio.Task[None] | None,
        *,
        is_kept: bool,
    ) -> None:
        """The rest of an answer has been said, or nobody hears it (not `is_kept`)."""
        is_over = not is_kept or self._close or self._force_close
        if not is_kept:
            self._leave_unsaid()
        if is_over and not (is_kept and self._unsaid) and self.transport is not None:
            self.transport.close()
        if not is_over:
            self._task_handler = loop_task
            self._go_on(waiter)
        elif self._unsaid:
            # Whoever stops this connection has been told that a request is over, and waits for the
            # task now: it ends when what was done behind that one has been answered, too.
            self._handler_waiter = None
            self._task_handler, self._waiter = loop_task, waiter
            self._hold()
            self._say_in_order()
        else:
            waiter.cancel()

    async def _say_rest(self, request: web.BaseRequest, rest: _Rest) -> bool:
        """Say an answer when it is made, in one write if it is short, else as aiohttp says it;
        whether the connection is kept.
        """
        self._current_request, self._request_in_progress = request, True
        try:
            response = await rest(request)
        except (asyncio.CancelledError, ConnectionError):
            self._is_said()
            raise
        except Exception as error:
            rest = partial(fail, error)
        else:
            transport = self.transport
            if _is_short(response) and transport is not None and not transport.is_closing():
                transport.write(response.rendered())
                self._is_said()
                return True
            rest = partial(_say, response)
        response, is_lost = await self._handle_request(request, None, rest)
        return bool(response.keep_alive) and not is_lost

    def _is_said(self) -> None:
        """A request is over, and who stops this connection has that to wait for no more."""
        self._current_request, self._request_in_progress = None, False
        if self._handler_waiter is not None:
            self._handler_waiter.set_result(None)

    def _wait_for_next(self) -> None:
        """A request has been answered, and the connection is kept."""
        due = self._now() + self._keepalive_timeout
        self._next_keepalive_close_time = due
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(due, self._process_keepalive)


class _Unsaid:
    """An answer that is to be said when it is its turn: there already, or the rest of it, or
    neither, as it is not safe yet.
    """

    __slots__ = ("answer", "request_of", "rest")

    def __init__(
        self,
        request_of: Callable[[], WholeRequest],
        answer: SingleWriteResponse | None = None,
        rest: _Rest | None = None,
    ) -> None:
        self.request_of = request_of
        self.answer = answer
        self.rest = rest

    @property
    def is_due(self) -> bool:
        return self.answer is not None or self.rest is not None


class _Unsafe:
    """Stands for a request that has been handled, and is answered when that is safe."""

    def _cancel(self, _error: BaseException) -> None:
        """Nobody reads it."""


_UNSAFE: Any = _Unsafe()
_NO_URL: Any = None
"""`WholeRequest` makes it of the path where somebody asks for it."""


def _message(line: FirstLine, block: FieldBlock) -> RawRequestMessage:
    method, path, headers, raw = line.method, line.path, block.headers, block.raw
    return RawRequestMessage(
        method, path, HttpVersion11, headers, raw, False, None, False, False, _NO_URL
    )


def _is_short(response: web.StreamResponse) -> TypeGuard[SingleWriteResponse]:
    return type(response) is SingleWriteResponse and response.is_short


async def _say(response: web.StreamResponse, _request: web.BaseRequest) -> web.StreamResponse:
    return response


async def _rest(begun: Unfinished, request: web.BaseRequest) -> web.StreamResponse:
    return await begun.rest(cast("web.Request", request))
