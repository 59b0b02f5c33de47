"""A server's calls over a line that may be broken: what a caller sees of it is what a network shows
that is cut or slow. Only a server where faults are allowed has such a line.
"""

from __future__ import annotations

from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.problem import Refused
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Handler, Request, StreamResponse


def over(line: ServerLine, auth: Auth, handler: Handler) -> Handler:
    """`handler`, at the other end of `line`: who calls is known by its token."""

    async def carried(request: Request) -> StreamResponse:
        who = auth.check(request.headers.get(hdrs.AUTHORIZATION))
        other = who.machine if who is not None else ""

        def reset() -> None:
            _reset(request)

        if line.is_cut(other):
            raise lost(request)
        with line.carried(other, reset):
            await line.delay()
            try:
                response = await handler(request)
            except Refused:
                await line.delay()
                raise
            await line.delay()
        if line.is_cut(other):
            raise _gone()
        return response

    return carried


def lost(request: Request) -> ConnectionError:
    """What becomes of a request over a line that is cut: its connection is reset."""
    _reset(request)
    return _gone()


def _reset(request: Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _gone() -> ConnectionError:
    return ConnectionResetError("the line is cut on purpose")
