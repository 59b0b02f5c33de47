"""One connection of a caller, on top of aiohttp's: how long each of its parts may take, and what is
answered when it breaks.

The law: nobody is waited for without an end. A head has `head_s`, a body `body_s` for its next byte
and `body_rate_min` on the whole (as Apache's `RequestReadTimeout`), a kept connection `idle_s`, an
answer `send_s` for its next bytes to be taken. What is no HTTP is answered once, as a problem body,
and closed: in a head, and in the middle of a body, which aiohttp 3.14 leaves waiting for ever. A
caller that goes ends what waits for it; what it broke is counted, not printed.

A process that was stopped (SIGSTOP, a suspended machine) finds all its timers due at once. Whoever
is found more than `LATE_S` past the end gets the time again, since it was we who were away.

This and `fast_lane` lean on the inside of `aiohttp.web_protocol.RequestHandler`. What both touch
stands in `TOUCHED`; `tests/contract/test_connection.py` fails when an aiohttp has it otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec
from aiohttp import HttpVersion11, StreamReader, hdrs, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from aiohttp.web_server import Server

from despoolr_server.http.base.counts.traffic import Traffic
from despoolr_server.http.base.problem import CONTENT_TYPE, Refused, known
from despoolr_server.http.connections.connection_limits import ConnectionLimits
from despoolr_server.http.connections.heads import judge_error, judge_head

TOUCHED: Final[dict[str, tuple[str, ...]]] = {
    "overridden": (
        "connection_made",
        "connection_lost",
        "data_received",
        "pause_writing",
        "resume_writing",
        "handle_error",
        "shutdown",
    ),
    "set": (
        "_current_request",
        "_handler_waiter",
        "_keepalive_handle",
        "_lingering_time",
        "_next_keepalive_close_time",
        "_request_in_progress",
        "_task_handler",
        "_waiter",
    ),
    "called": ("_handle_request", "_process_keepalive", "close", "force_close", "log_exception"),
    "read": (
        "_buffer_paused",
        "_close",
        "_force_close",
        "_keepalive_timeout",
        "_loop",
        "_manager",
        "_messages",
        "_paused",
        "_reading_paused",
        "_upgraded",
        "transport",
    ),
}
"""What of `RequestHandler` is overridden, set, called and read here and in `fast_lane`."""

LATE_S: Final = 2.0
"""Seconds after which a timer that fires too late says that this process was stopped."""

GONE_S: Final = 5.0
"""Seconds for which a caller who waits may have sent more than is read ahead (aiohttp's 32
requests): where the end of what it sends is not read, nobody sees whether it has gone.
"""

LINGER_S: Final = 1.0
"""Seconds for which a body is still read and thrown away that was refused before it was to be
sent.
"""


class Admission(Protocol):
    """Who knows all connections of a server, and decides which one makes room
    (`connections.Connections`).
    """

    limits: ConnectionLimits
    traffic: Traffic

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for a new one."""

    def spoke(self, connection: Connection) -> None:
        """It has said a whole request."""

    def left(self, connection: Connection) -> None:
        """It is closed, or about to be."""


class Connection(RequestHandler):
    """One connection of a caller, with its time-outs. Not to be confused with the database's."""

    __slots__ = (
        "_body",
        "_body_at",
        "_body_read_at",
        "_body_size",
        "_connections",
        "_gone",
        "_has_begun",
        "_has_odd_bytes",
        "_head_at",
        "_is_head",
        "_is_plain",
        "_unsent",
        "_watch",
        "_watch_at",
        "_write_at",
        "address",
        "descriptor",
        "is_silent",
    )

    def __init__(self, manager: Server, admission: Admission, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._connections = admission
        self.address = ""
        self.descriptor = -1
        """Of its socket; the system gives the lowest that is free."""
        self.is_silent = True
        """Whether it has not said one whole head yet."""
        self._gone: list[Callable[[], None]] = []
        self._has_begun = self._has_odd_bytes = self._is_head = False
        self._is_plain = False
        """Whether a head that comes now needs no look: it is not the first, nor the end of a
        part.
        """
        self._head_at = 0.0
        self._body: StreamReader | None = None
        self._body_at = self._body_read_at = 0.0
        self._body_size = 0
        self._write_at = 0.0
        self._unsent = 0
        self._watch: asyncio.TimerHandle | None = None
        self._watch_at = 0.0

    # -- what a handler asks of its connection

    def when_gone(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this, once, in the turn in which the caller goes; returns what takes the wish
        back.
        """
        self._gone.append(callback)
        if self._connections.limits.head_s:
            self._watch_by(self._loop.time() + GONE_S)

        def forget() -> None:
            if callback in self._gone:
                self._gone.remove(callback)

        return forget

    def wait_little(self) -> None:
        """Do not wait long, after the answer, for a body that will not be sent."""
        self._lingering_time = LINGER_S

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done for it: it may be closed without anybody missing an
        answer.
        """
        # for a head, or for what is left of a refused body
        waits = self._waiter is not None or self._body is not None
        return waits and self._current_request is None and not self._messages

    @property
    def idle_until(self) -> float:
        """When it is closed for being idle, in the loop's time: who has been idle longest has the
        smallest.
        """
        return self._next_keepalive_close_time

    @property
    def stuck_since(self) -> float:
        """Since when it takes none of its answer, in the loop's time; 0 if it does."""
        return self._write_at

    # -- what aiohttp and the event loop tell

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        socket = transport.get_extra_info("socket")
        self.descriptor = -1 if socket is None else socket.fileno()
        if not self._connections.admit(self):
            self.refuse(
                "server-busy",
                "This server has as many connections as it takes. Try again in a second.",
            )
        elif self._connections.limits.head_s:
            self._head_at = self._loop.time()
            self._watch_by(self._head_at + self._connections.limits.head_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None and not isinstance(exc, ConnectionError):
            exc = ConnectionResetError(str(exc))  # ETIMEDOUT and such: the caller's doing as well
        body, self._body = self._body, None
        is_read = self._current_request is not None
        if is_read and not self._force_close:
            self._connections.traffic.count("hung_up")
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if body is not None and not is_read and not body.is_eof():
            body.feed_eof()  # nobody reads it but aiohttp, to the end that will not come
        gone, self._gone = self._gone, []
        for callback in gone:
            callback()
        self._connections.left(self)

    def data_received(self, data: bytes) -> None:
        if not data.isascii():
            self._has_odd_bytes, self._is_plain = True, False
        if self._body is not None:
            self._body_size += len(data)
            self._body_read_at = self._loop.time()
        before = len(self._messages)
        # not `super()`, which is another object for every request
        RequestHandler.data_received(self, data)
        if len(self._messages) > before:
            for at in range(before, len(self._messages)):
                message, payload = self._messages[at]
                if (
                    payload is not EMPTY_PAYLOAD
                    or not self._is_plain
                    or isinstance(message, _ErrInfo)
                    or message.version is not HttpVersion11
                    or message.path[0] != "/"
                ):  # no poll
                    self._look_at_head(data, at)
            self._has_odd_bytes = False
        elif self._body is not None:
            if self._body.is_eof():
                self._body = None
        elif self._waiter is not None:  # a part of a head
            self._has_begun, self._is_plain = True, False
            if not self._head_at and self._connections.limits.head_s:
                self._head_at = self._loop.time()
                self._watch_by(self._head_at + self._connections.limits.head_s)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._connections.limits.send_s:
            self._write_at = self._loop.time()
            self._unsent = self._left_to_send()
            self._watch_by(self._write_at + self._connections.limits.send_s)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_at = 0.0

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is answered to no HTTP at all. A caller that has gone is counted; a mistake of ours
        is aiohttp's to print. Raises `ConnectionError` where nothing can be answered any more.
        """
        if isinstance(exc, ConnectionError):
            raise exc
        if status >= 500 and not isinstance(exc, Refused):
            return super().handle_error(request, status, exc, message)
        self._connections.traffic.count("malformed")
        if request.writer.output_size > 0:
            raise ConnectionResetError("an answer has begun")
        headers: dict[str, str] = {hdrs.CONTENT_TYPE: CONTENT_TYPE, hdrs.CONNECTION: "close"}
        if isinstance(exc, Refused):
            problem = exc.problem
            headers |= exc.headers or {}
        elif isinstance(exc, LineTooLong):
            problem = known("headers-too-large")
        else:
            problem = known(
                "bad-request",
                "That is not an HTTP/1.1 request. Nothing was done; the connection is closed.",
            )
        body = b"" if self._is_head else msgspec.json.encode(problem)
        response = web.Response(status=problem.status, body=body, headers=headers)
        response.force_close()
        # aiohttp's stand-in for what it could not read says 1.0; what is answered is our version
        request._version = HttpVersion11  # noqa: SLF001
        return response

    # -- inside

    def refuse(self, name: str, detail: str) -> None:
        """Answer nobody in particular with a problem, and close."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            problem = known(name, detail)
            body = msgspec.json.encode(problem)
            head = (
                f"HTTP/1.1 {problem.status} "
                f"{HTTPStatus(problem.status).phrase}\r\nContent-Type: {CONTENT_TYPE}\r\n"
            )
            transport.write(
                f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
            )
        self.force_close()

    def _look_at_head(self, data: bytes, at: int) -> None:
        """A head has been read, or what is none; several, if they came together."""
        message, payload = self._messages[at]
        if isinstance(message, _ErrInfo):
            self._look_at_error(data, message)
        else:
            if payload is not EMPTY_PAYLOAD and not payload.is_eof() and payload is not self._body:
                self._body, self._body_size = payload, 0
                self._body_at = self._body_read_at = self._loop.time()
                if self._connections.limits.body_s:
                    self._watch_by(self._body_at + self._connections.limits.body_s)
            judged = judge_head(
                message, has_body=payload is not EMPTY_PAYLOAD, may_be_odd=self._has_odd_bytes
            )
            self._messages[at] = (judged, payload)
            if isinstance(judged, _ErrInfo):
                self._is_head = message.method == hdrs.METH_HEAD
        self._has_begun = False
        self._is_plain = not self._has_odd_bytes
        self._has_spoken()

    def _has_spoken(self) -> None:
        """It has said a whole head."""
        self._head_at = 0.0
        if self.is_silent:
            self.is_silent = False
            self._connections.spoke(self)

    def _look_at_error(self, data: bytes, error: _ErrInfo) -> None:
        if self._body is not None and not self._body.is_eof():
            self._messages.pop()  # it is in the middle of a body: that request answers it
            self._connections.traffic.count("malformed")
            self._break_body(
                "bad-request",
                "The body breaks the framing of its chunks. Nothing was done with it.",
            )
        else:
            self._messages[-1] = (judge_error(error, data), self._messages[-1][1])

    def _break_body(self, name: str, detail: str) -> None:
        """End a body that will not be whole: whoever reads it answers with this problem, and the
        connection is closed.
        """
        body, self._body = self._body, None
        assert body is not None
        self.close()
        if self._current_request is None and not self._messages:
            self.force_close()  # it has been answered already
        else:
            body.set_exception(Refused(known(name, detail), closes=True))
        body.feed_eof()

    def _watch_by(self, due: float) -> None:
        """Look at this connection again by then."""
        if self._watch is not None:
            if self._watch_at <= due:
                return
            self._watch.cancel()
        self._watch_at = due
        self._watch = self._loop.call_at(due, self._look)

    def _look(self) -> None:  # noqa: C901 - a hot path, one clause for each limit
        """Something may have taken too long."""
        self._watch = None
        if self.transport is None or self._force_close:
            return None
        now, limits = self._loop.time(), self._connections.limits
        was_away = now - self._watch_at > LATE_S
        if was_away:
            self._head_at = self._head_at and now
            self._body_at = self._body_read_at = now
        dues = []
        if self._gone and limits.head_s:
            if self._buffer_paused:
                return self.abort()
            dues.append(now + GONE_S)
        if self._head_at:
            dues.append(self._head_at + limits.head_s)
            if dues[-1] <= now:
                return self._head_is_late()
        if self._body is not None and not self._body.is_eof() and limits.body_s:
            if self._reading_paused:  # it is we who do not read
                self._body_read_at = self._body_at = now
                self._body_size = 0
            whole_by = self._body_at + limits.body_s + self._body_size / limits.body_rate_min
            dues.append(min(self._body_read_at + limits.body_s, whole_by))
            if dues[-1] <= now:
                self._connections.traffic.count("too_slow")
                return self._break_body(
                    "request-timeout",
                    "The body came too slowly, or not at all. Nothing was done with it.",
                )
        if self._write_at:
            dues.append(self._write_at + limits.send_s)
            if dues[-1] <= now:
                unsent = self._left_to_send()
                if not was_away and self._unsent - unsent < limits.send_s * limits.body_rate_min:
                    return self._reader_is_late()
                self._write_at, self._unsent = now, unsent
                dues[-1] = now + limits.send_s
        if dues:
            self._watch_by(min(dues))
        return None

    def _head_is_late(self) -> None:
        self._connections.traffic.count("too_slow")
        if self._has_begun:
            self.refuse("request-timeout", "The head of the request did not come in time.")
        else:
            self.force_close()

    def _reader_is_late(self) -> None:
        self._connections.traffic.count("too_slow")
        self.abort()

    def abort(self) -> None:
        """Close, and forget what has not been sent."""
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """The server stops. One that came in the turn in which it was told to close began to wait
        for a request only then, and would be waited for until the time is over.
        """
        self.close()
        await super().shutdown(timeout)

    def _left_to_send(self) -> int:
        transport = self.transport
        return 0 if transport is None else transport.get_write_buffer_size()
