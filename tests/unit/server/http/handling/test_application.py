"""Who answers where is what aiohttp's router says of the same routes."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Recorder
from despoolr_server.files import MemoryFileStore
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.served import application
from despoolr_server.http.connections.whole_request import url_of
from despoolr_server.http.handling.application import (
    Addresses,
    App,
    canonical,
    with_heads,
    with_refusals,
)
from despoolr_server.http.handling.handler import Handler, Route
from despoolr_server.shares.host import ShareHost


async def nothing(_request: Any) -> Any:
    return None


def made() -> App:
    clock = LoopClock(0.0)
    host = ShareHost("LOGON1", clock, Recorder(clock.now))
    host.add_share("SMS_SHR", MemoryFileStore())
    return make_app(host, Auth(bytes(16)), clock)


async def said_by_aiohttp(app: web.Application, method: str, path: str) -> Any:
    request = make_mocked_request(method, "/", payload=EMPTY_PAYLOAD)
    request._rel_url = url_of(path)
    info = await app.router.resolve(request)
    resource = info.route.resource
    return None if resource is None else (info.handler, dict(info), resource.canonical)


def said_by_us(addresses: Addresses, method: str, path: str) -> Any:
    found = addresses.find(method, path)
    return None if found is None else (found.route.handler, found.parts, found.address)


PATHS = [
    *("/", "/S", "/S/", "/S/A", "/S/A/B.TXT", "/S/A/", "//", "//A", "/S//A", "/api", "/api/"),
    *("/api/v1/opens", "/api/v1/opens/", "/api/v1/opens/O1", "/api/v1/opens/O1/locks"),
    *("/api/v1/opens/O1/no", "/api/v1/sessions/S1/shares/SMS_SHR", "/api/v1/nothing"),
    *("/healthz", "/healthz/A", "/openapi.json", "/problems/forbidden", "/docs", "/metrics"),
    *("/S/a%20b", "/S/a%2Fb", "/S/a%2fb", "/S/100%25", "/S/%C3%A9", "/S/%2B+", "/S%2FA", "/S/%0A"),
    *("/api/v1/opens/a%2Fb", "/api%2Fv1/opens", "/api/v1/opens/%25", "/S/{x}", "/S/..", "/./S"),
]
METHODS = ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", "OPTIONS", "MKCOL", "LOCK", "BREW")


@pytest.mark.parametrize("path", PATHS)
async def test_the_same_handler_answers_with_the_same_parts(path: str) -> None:
    app = made()
    theirs, ours = application(app), Addresses(app.routes)
    for method in METHODS:
        assert said_by_us(ours, method, path) == await said_by_aiohttp(theirs, method, path), method


@given(st.text(st.sampled_from("/aS.~%2F5api"), max_size=12))
async def test_any_path_is_anybodys_as_there(text: str) -> None:
    routes = [
        Route(method, path, nothing)
        for path in ("/a/{x}", "/a/{x}/p", "/{s:[^/]+}/{p:.*}", "/a/p", "/{s:[^/]+}", "/{rest:.*}")
        for method in ("GET", "PUT")
    ]
    app, path = application(App(routes)), f"/{text.replace('%', '%25')}"
    ours = Addresses(routes)
    assert said_by_us(ours, "PUT", path) == await said_by_aiohttp(app, "PUT", path)
    assert said_by_us(ours, "POST", path) == await said_by_aiohttp(app, "POST", path)


def test_every_address_without_any_method_gets_one_that_refuses() -> None:
    routes = [
        Route("GET", "/a/{x}", nothing),
        Route("*", "/b", nothing),
        Route("PUT", "/a/{x:[^/]+}", nothing, has_head=False),
        Route("GET", "/c", nothing, has_head=False),
    ]
    told: list[set[str]] = []

    def refusal(methods: set[str]) -> Handler:
        told.append(methods)
        return nothing

    whole = with_refusals(with_heads(routes), refusal)
    assert [f"{route.method} {canonical(route.path)}" for route in whole] == [
        "HEAD /a/{x}",
        "GET /a/{x}",
        "* /b",
        "PUT /a/{x}",
        "* /a/{x}",
        "GET /c",
        "* /c",
    ]
    assert told == [{"GET"}, {"HEAD", "GET", "PUT"}]
