"""`GET /openapi.json` and `GET /docs`: the description and its page, both from this server alone,
both without a token.

They hold no data and name nobody, like the live page. They are made when first asked for, so that a
server that nobody asks pays nothing; then they are kept, with an ETag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from despoolr_server.http.base.conditions import matches
from despoolr_server.http.base.surface import query
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.application import canonical
from despoolr_server.http.handling.handler import Request, Route, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.http.openapi.document import make_document
from despoolr_server.http.openapi.page import (
    POLICY,
    SCRIPT_PATH,
    compressed_script,
    render,
    script,
)
from despoolr_server.http.openapi.table import Call


class DocumentRoutes:
    """The three calls of one application. `calls` may have more than it routes; `describe` is told
    what it routes before the first request.
    """

    def __init__(self, server: str, version: str, calls: Sequence[Call]) -> None:
        self._server = server
        self._version = version
        self._calls = calls
        self._routed: list[tuple[str, str]] = []
        self._kept: dict[str, tuple[bytes, str]] = {}

    def routes(self) -> list[Route]:
        """The calls and their handlers."""
        return [
            Route("GET", "/openapi.json", self.openapi),
            Route("GET", "/docs", self.docs),
            Route("GET", SCRIPT_PATH, self.script),
        ]

    def describe(self, routes: Iterable[Route]) -> None:
        """Remember what the application answers: every method of every address."""
        self._routed = [
            (route.method, canonical(route.path))
            for route in routes
            if route.method != hdrs.METH_ANY
        ]

    def document(self) -> dict[str, Any]:
        """The description as Python values, made once."""
        return make_document(self._routed, self._calls, server=self._server, version=self._version)

    async def openapi(self, request: Request) -> StreamResponse:
        """Answer `GET /openapi.json`: the description as JSON."""
        query(request)
        if "openapi" not in self._kept:
            self._keep("openapi", msgspec.json.encode(self.document()))
        return self._answer(request, "openapi", {hdrs.CONTENT_TYPE: "application/json"})

    async def docs(self, request: Request) -> StreamResponse:
        """The description as a page."""
        query(request)
        if "docs" not in self._kept:
            self._keep("docs", render(f"Despoolr {self._server}"))
        headers = {
            hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        return self._answer(request, "docs", headers)

    async def script(self, request: Request) -> StreamResponse:
        """Answer with the viewer's script, which the page runs."""
        query(request)
        headers = {
            hdrs.CONTENT_TYPE: "text/javascript; charset=utf-8",
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
            "X-Content-Type-Options": "nosniff",
        }
        if _takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            name, headers[hdrs.CONTENT_ENCODING] = "script, gzip", "gzip"
        else:
            name = "script"
        if name not in self._kept:
            self._keep(name, script() if name == "script" else compressed_script())
        return self._answer(request, name, headers)

    def _keep(self, name: str, body: bytes) -> None:
        self._kept[name] = (body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')

    def _answer(self, request: Request, name: str, headers: dict[str, str]) -> StreamResponse:
        body, etag = self._kept[name]
        always: dict[str, str] = {hdrs.ETAG: etag, hdrs.CACHE_CONTROL: "no-cache"}
        if matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
            return SingleWriteResponse(304, always)
        return SingleWriteResponse(200, headers | always, body)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding (RFC 9110, 12.5.3) takes gzip."""
    for part in accepted.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
