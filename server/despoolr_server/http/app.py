"""One server's HTTP application: the share, the opens, the questions, and whatever the composition
root adds.

No access log (the records are the log), no middleware, no per-request objects but aiohttp's own.
Every address answers a wrong method with 405 and `Allow`, every unknown call under `/api/` with
404, each as a problem body. A share's first path segment may not be one of `RESERVED`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from despoolr_core.clock import Clock
from despoolr_core.rules.fold import fold
from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.browser_guard import BrowserGuard
from despoolr_server.http.base.counts.traffic import TRAFFIC
from despoolr_server.http.base.metrics import Metrics
from despoolr_server.http.base.problem import Refused, guarded, known
from despoolr_server.http.base.surface import SURFACE, Surface
from despoolr_server.http.base.uploads import DOWNLOADS, UPLOADS, Downloads, Uploads
from despoolr_server.http.connections.broken_line import over
from despoolr_server.http.connections.short_ways import LANE_CALLS, USUAL_CALLS, USUAL_OF_FILES
from despoolr_server.http.dav.usual_locks import UsualLocks
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.application import App, with_heads, with_refusals
from despoolr_server.http.handling.handler import AppKey, Handler, Request, Route, StreamResponse
from despoolr_server.http.live.page import LivePageRoutes
from despoolr_server.http.openapi.routes import DocumentRoutes
from despoolr_server.http.openapi.table import Call
from despoolr_server.http.shares import handle_calls, share_calls
from despoolr_server.http.shares.chain import ChainRoutes
from despoolr_server.http.shares.files import ShareRoutes
from despoolr_server.http.shares.opens import OpenRoutes
from despoolr_server.http.shares.server import server_calls
from despoolr_server.http.shares.server.introspection import IntrospectionRoutes
from despoolr_server.http.shares.usual_calls import UsualRoutes
from despoolr_server.shares.host import ShareHost

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

METRICS: Final = AppKey("metrics", Metrics)
"""Where the composition root adds to what `/metrics` tells."""


def make_app(
    host: ShareHost,
    auth: Auth,
    clock: Clock,
    *,
    version: str = "",
    extra_routes: Iterable[Route] = (),
    extra_calls: Sequence[Call] = (),
    uploads: Uploads | None = None,
    downloads: Downloads | None = None,
    host_names: Iterable[str] = (),
    line: ServerLine | None = None,
) -> App:
    """The application that serves `host`. Run it with
    `http.connections.connections.Runner`: time-outs and limits are its.

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
    shares, chains = ShareRoutes(surface), ChainRoutes(surface)
    metrics = Metrics(surface)
    questions = IntrospectionRoutes(surface, version, metrics)
    described = DocumentRoutes(host.server, version, (*CALLS, *extra_calls))
    # Shares first: they are looked at in order among those with as long a text before their parts.
    # any byte: what is no name is refused as such
    routes = [
        Route(method, path, call, has_head=False)
        for path in ("/{share:[^/]+}/{path:(?s:.*)}", "/{share:[^/]+}")
        for method, call in shares.methods.items()
    ]
    routes += [
        Route(method, "/", call, has_head=False) for method, call in shares.root_methods.items()
    ]
    routes += [
        *OpenRoutes(surface).routes(),
        *chains.routes(),
        *questions.routes(),
        *LivePageRoutes().routes(),
        *described.routes(),
        *extra_routes,
    ]
    routes += [
        Route(hdrs.METH_ANY, path, _unknown_call)
        for path in ("/api", "/api/{rest:.*}", "/{rest:(?s:.*)}")
    ]

    browser_guard = BrowserGuard(host_names)
    usual = UsualRoutes(surface, shares, chains, browser_guard, line)
    locks = UsualLocks(surface, shares.locks, browser_guard, line)
    guard = browser_guard.check

    def watched(route: Route) -> Route:
        counts, latency = surface.counts(route.method), surface.latencies[route.method]
        is_broken = line is not None and not route.path.startswith(FAULTS)
        handler = over(line, auth, route.handler) if line and is_broken else route.handler
        return replace(route, handler=guarded(handler, counts, latency, guard))

    def refusal(methods: set[str]) -> Handler:
        counts, latency = surface.counts(hdrs.METH_ANY), surface.latencies[hdrs.METH_ANY]
        return guarded(_wrong_method(methods), counts, latency, guard)

    heads = list(with_heads(watched(route) for route in routes))
    described.describe(heads)
    things = {
        SURFACE: surface,
        LANE_CALLS: IN_LANE,
        TRAFFIC: surface.traffic,
        UPLOADS: Uploads() if uploads is None else uploads,
        DOWNLOADS: Downloads() if downloads is None else downloads,
        METRICS: metrics,
        USUAL_CALLS: usual.calls(),
        USUAL_OF_FILES: {**usual.of_files(), **locks.of_files()},
    }
    return App(with_refusals(heads, refusal), host.limits.file_size_max, guard, things)


def _wrong_method(methods: set[str]) -> Handler:
    allow = ", ".join(sorted(methods))

    async def wrong_method(request: Request) -> StreamResponse:
        raise Refused(
            known("method-not-allowed", f"{request.path} answers {allow}, not {request.method}."),
            {hdrs.ALLOW: allow},
        )

    return wrong_method


async def _unknown_call(request: Request) -> StreamResponse:
    raise Refused(
        known(
            "unknown-call",
            f"{request.path} is not a call of this server; docs/share-api.md lists them.",
        )
    )
