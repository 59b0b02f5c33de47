"""An application as aiohttp has it, for whoever serves sockets."""

from __future__ import annotations

from aiohttp import HttpVersion11, web

from despoolr_server.http.base.problem import Refused, answer, known
from despoolr_server.http.base.surface import SURFACE, check_size
from despoolr_server.http.connections.connection import Connection
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Handler
from despoolr_server.http.handling.over_aiohttp import EXPECTING


def application(app: App) -> web.Application:
    """Its routes and what its handlers find, on aiohttp's router."""
    made = web.Application(client_max_size=app.body_size_max)
    made._state.update(app.things)  # noqa: SLF001 - their keys are ours where there is no aiohttp
    expect = None if app.guard is None else _expecting(app)
    for route in app.routes:
        made.router.add_route(route.method, route.path, route.handler, expect_handler=expect)
    return made


def _expecting(app: App) -> Handler:
    """Answers `Expect: 100-continue`: a body that would be refused is refused before it is sent.

    The handler is run as ever; it is `read_body` that says `100 Continue`, so that all is said
    first that needs no body.
    """
    surface, guard = app[SURFACE], app.guard
    assert guard is not None

    async def expecting(request: web.Request) -> web.StreamResponse:
        try:
            if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
                raise Refused(
                    known(
                        "bad-request",
                        "This server meets no expectation but `100-continue`. Leave `Expect` out.",
                    )
                )
            guard(request)
            if request.body_exists:
                surface.principal(request)
                check_size(request, surface.body_size_max)
        except Refused as refused:
            surface.counts(hdrs.METH_ANY)[refused.problem.status] += 1
            response: web.StreamResponse = answer(refused.problem, refused.headers)
        else:
            request[EXPECTING] = request.version >= HttpVersion11
            response = await request.match_info.handler(request)
        if not request.content.is_eof() and request.get(EXPECTING, True):
            if isinstance(request.protocol, Connection):
                request.protocol.wait_little()
            # it may or may not be sent now: what comes next cannot be told apart
            response.force_close()
        return response

    return expecting
