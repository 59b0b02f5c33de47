"""One server's HTTP application: the share, the opens, the questions, and whatever the composition
root adds.

No access log (the records are the log), no middleware, no per-request objects but aiohttp's own.
Every address answers a wrong method with 405 and `Allow`, every unknown call under `/api/` with
404, each as a problem body. A share's first path segment may not be one of `RESERVED`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

from despoolr_core.clock import Clock
from despoolr_core.rules.fold import fold
from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.browser_guard import BrowserGuard
from despoolr_server.http.base.metrics import Metrics
from despoolr_server.http.base.problem import Handler, Refused, answer, guarded, known
from despoolr_server.http.base.surface import EXPECTING, SURFACE, Surface, check_size
from despoolr_server.http.base.uploads import DOWNLOADS, UPLOADS, Downloads, Uploads
from despoolr_server.http.connections.broken_line import over
from despoolr_server.http.connections.connection import Connection
from despoolr_server.http.connections.connections import TRAFFIC
from despoolr_server.http.connections.fast_lane import LANE_CALLS, USUAL_CALLS, USUAL_READ
from despoolr_server.http.live.page import LivePageRoutes
from despoolr_server.http.openapi.routes import DocumentRoutes
from despoolr_server.http.openapi.table import Call
from despoolr_server.http.shares import handle_calls, server_calls, share_calls
from despoolr_server.http.shares.chain import ChainRoutes
from despoolr_server.http.shares.files import ShareRoutes
from despoolr_server.http.shares.introspection import IntrospectionRoutes
from despoolr_server.http.shares.opens import OpenRoutes
from despoolr_server.http.shares.usual_calls import UsualRoutes
from despoolr_server.shares.host import ShareHost

Check = Callable[[web.Request], None]

RESERVED: Final = frozenset(
    {"api", "docs", "healthz", "metrics", "openapi.json", "problems", "ready"}
)
"""First path segments that are calls, in lower case; no share may have such a name."""

FAULTS: Final = "/api/v1/faults"
"""Calls that pass where nothing else does: whoever cut a line mends it by them."""

CALLS: Final = (
    *share_calls.CALLS,
    *share_calls.OF_SHARES,
    *handle_calls.CALLS,
    *server_calls.CALLS,
    *share_calls.OF_ROOT,
)
"""Descriptions of what every server answers; a composition root adds its own
(`make_app(extra_calls=...)`).
"""

IN_LANE: Final = frozenset(
    {
        *((method, "/{share}/{path}") for method in ("GET", "PUT", "DELETE", "LOCK", "UNLOCK")),
        (hdrs.METH_POST, "/api/v1/chain"),
        (hdrs.METH_POST, "/api/v1/opens"),
        (hdrs.METH_DELETE, "/api/v1/opens/{open}"),
        (hdrs.METH_POST, "/api/v1/sessions"),
        (hdrs.METH_PUT, "/api/v1/sessions/{session}"),
        (hdrs.METH_DELETE, "/api/v1/sessions/{session}"),
    }
)
"""Calls for the fast lane: those that a site makes all day."""

METRICS: Final = web.AppKey("metrics", Metrics)
"""Where the composition root adds to what `/metrics` tells."""


def make_app(
    host: ShareHost,
    auth: Auth,
    clock: Clock,
    *,
    version: str = "",
    extra_routes: Iterable[web.RouteDef] = (),
    extra_calls: Sequence[Call] = (),
    uploads: Uploads | None = None,
    downloads: Downloads | None = None,
    host_names: Iterable[str] = (),
    line: ServerLine | None = None,
) -> web.Application:
    """The application that serves `host`. Run it with `http.connections.Runner`: time-outs and
    limits are its.

    Bodies are bounded by the host's `file_size_max` (JSON: 64 KiB). `extra_routes` get the same
    problem bodies, limits and counting as our own; `extra_calls` describe them. `host_names`: by
    what the server may be addressed (`http.base.browser_guard`). `line`, where it may be broken:
    over what all calls come but those of faults. Raises `ValueError` for a share whose name is the
    address of a call.
    """
    names = {fold(name) for name in host.share_names()}
    taken = {word for word in RESERVED if fold(word) in names}
    if taken:
        raise ValueError(
            f"no share may be called {' or '.join(sorted(taken))}: that address is a call"
        )
    surface = Surface(host, auth, clock, body_size_max=host.limits.file_size_max)
    app = web.Application(client_max_size=host.limits.file_size_max)
    app[SURFACE] = surface
    app[LANE_CALLS] = IN_LANE
    app[TRAFFIC] = surface.traffic
    app[UPLOADS] = Uploads() if uploads is None else uploads
    app[DOWNLOADS] = Downloads() if downloads is None else downloads

    shares = ShareRoutes(surface)
    app[METRICS] = Metrics(surface)
    questions = IntrospectionRoutes(surface, version, app[METRICS])
    described = DocumentRoutes(host.server, version, (*CALLS, *extra_calls))
    # Shares first: aiohttp looks for longer literal prefixes before shorter ones, and in order only
    # among equals.
    routes: list[web.RouteDef] = []
    # any byte: what is no name is refused as such
    for path in ("/{share:[^/]+}/{path:(?s:.*)}", "/{share:[^/]+}"):
        for method, call in shares.methods.items():
            routes.append(
                web.RouteDef(
                    method, path, call, {"allow_head": False} if method == hdrs.METH_GET else {}
                )
            )
    routes += [web.RouteDef(method, "/", call, {}) for method, call in shares.root_methods.items()]
    routes += [
        *OpenRoutes(surface).routes(),
        *ChainRoutes(surface).routes(),
        *questions.routes(),
        *LivePageRoutes().routes(),
        *described.routes(),
        *extra_routes,
    ]
    routes += [
        web.route("*", path, _unknown_call)
        for path in ("/api", "/api/{rest:.*}", "/{rest:(?s:.*)}")
    ]

    browser_guard = BrowserGuard(host_names)
    usual = UsualRoutes(surface, shares, browser_guard, line)
    app[USUAL_CALLS], app[USUAL_READ] = usual.calls(), usual.looks()
    guard = browser_guard.check
    expect = _expecting(surface, guard)
    for route in routes:
        kwargs = {"expect_handler": expect, **route.kwargs}
        counts, latency = surface.counts(route.method), surface.latencies[route.method]
        is_broken = line is not None and not route.path.startswith(FAULTS)
        handler = over(line, auth, route.handler) if line and is_broken else route.handler
        app.router.add_routes(
            [
                web.RouteDef(
                    route.method, route.path, guarded(handler, counts, latency, guard), kwargs
                )
            ]
        )
    described.describe(app.router.resources())
    _refuse_other_methods(app, surface, expect, guard)
    return app


def _refuse_other_methods(
    app: web.Application, surface: Surface, expect: Handler, guard: Check
) -> None:
    """Give every address that has no `*` route one that answers 405."""
    last: dict[str, web.Resource] = {}
    methods: dict[str, set[str]] = {}
    for resource in app.router.resources():
        if isinstance(resource, web.Resource):
            last[resource.canonical] = resource
            methods.setdefault(resource.canonical, set()).update(route.method for route in resource)
    for canonical, resource in last.items():
        if hdrs.METH_ANY not in methods[canonical]:
            counts, latency = surface.counts(hdrs.METH_ANY), surface.latencies[hdrs.METH_ANY]
            refuse = guarded(_wrong_method(methods[canonical]), counts, latency, guard)
            resource.add_route(hdrs.METH_ANY, refuse, expect_handler=expect)


def _wrong_method(methods: set[str]) -> Handler:
    allow = ", ".join(sorted(methods))

    async def wrong_method(request: web.Request) -> web.StreamResponse:
        raise Refused(
            known("method-not-allowed", f"{request.path} answers {allow}, not {request.method}."),
            {hdrs.ALLOW: allow},
        )

    return wrong_method


async def _unknown_call(request: web.Request) -> web.StreamResponse:
    raise Refused(
        known(
            "unknown-call",
            f"{request.path} is not a call of this server; docs/share-api.md lists them.",
        )
    )


def _expecting(surface: Surface, guard: Check) -> Handler:
    """Answers `Expect: 100-continue`: a body that would be refused is refused before it is sent.

    The handler is run as ever; it is `read_body` that says `100 Continue`, so that all is said
    first that needs no body.
    """

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
