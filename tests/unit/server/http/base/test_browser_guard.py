"""What a browser may be made to do by somebody else's page."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from despoolr_core.share.modes import Role
from despoolr_server.http.base.browser_guard import BrowserGuard, inline, is_ours
from despoolr_server.http.base.problem import Refused
from worlds.share_server import Reply, Site, serving

JSON: dict[str, Any] = {"Content_Type": "application/json"}


def basic(site: Site) -> str:
    """What a browser sends by itself once its user has logged on."""
    return "Basic " + base64.b64encode(f"PC07:{site.client_token}".encode()).decode()


async def post(
    site: Site,
    *,
    target: str = "/api/v1/sessions",
    body: bytes = b"{}",
    method: str = "POST",
    **headers: str,
) -> Reply:
    return await site.ask(method, target, body, "", **headers)


def own(site: Site) -> str:
    return site.base.removeprefix("http://")


FOREIGN = (
    "http://evil.example",
    "http://evil.example:PORT",
    "http://127.0.0.1.evil.example:PORT",
    "null",
    "https://127.0.0.1",
    "http://127.0.0.1:1",
    "file://",
    "http://",
    "x",
    "",
)


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/api/v1/sessions"),
        ("POST", "/api/v1/chain"),
        ("PUT", "/SMS_SHR/x"),
        ("DELETE", "/SMS_SHR/x"),
        ("MOVE", "/SMS_SHR/x"),
        ("MKCOL", "/SMS_SHR/x"),
        ("LOCK", "/SMS_SHR/x"),
        ("PROPPATCH", "/SMS_SHR/x"),
        ("GET", "/api/v1/messages"),
        ("POST", "/api/v1/nothing"),
    ],
)
async def test_a_page_of_another_origin_changes_nothing(
    site: Site, origin: str, method: str, target: str
) -> None:
    origin = origin.replace("PORT", own(site).rpartition(":")[2])
    for authorization in (basic(site), f"Bearer {site.token}"):
        refused = await post(
            site, target=target, method=method, Origin=origin, Authorization=authorization, **JSON
        )
        assert refused.status == 403
        assert refused.problem.type == "/problems/cross-origin"
    assert not site.host.session_count


async def test_its_own_page_and_callers_without_an_origin_go_on(site: Site) -> None:
    wanted: list[dict[str, Any]] = [
        {"Origin": site.base},
        {"Sec_Fetch_Site": "same-origin", "Origin": site.base},
        {"Sec_Fetch_Site": "none"},
        {},
    ]
    for more in wanted:
        assert (await post(site, Authorization=basic(site), **JSON, **more)).status == 201


@pytest.mark.parametrize("where", ["cross-site", "same-site", "", "else"])
async def test_a_request_that_says_it_is_from_elsewhere_changes_nothing(
    site: Site, where: str
) -> None:
    own_too: list[dict[str, Any]] = [{}, {"Origin": site.base}]
    for more in own_too:
        refused = await post(site, Authorization=basic(site), Sec_Fetch_Site=where, **JSON, **more)
        assert refused.status == 403


async def test_looking_is_not_changing(site: Site) -> None:
    reply = await site.ask("GET", "/api/v1/opens", Origin="http://evil.example")
    assert reply.status == 200
    assert "Access-Control-Allow-Origin" not in reply.headers


async def test_the_same_origin_may_say_its_port_or_not(site: Site) -> None:
    for host, origin in (
        ("localhost", "http://localhost:80"),
        ("localhost:443", "https://localhost"),
        ("LOCALHOST:80", "http://localhost"),
    ):
        assert (
            await post(site, Host=host, Origin=origin, Authorization=basic(site), **JSON)
        ).status == 201
    assert (
        await post(
            site,
            Host="localhost",
            Origin="http://localhost:8080",
            Authorization=basic(site),
            **JSON,
        )
    ).status == 403


REBOUND = (
    "evil.example",
    "evil.example:8802",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.1",
    "a.b@127.0.0.1",
    "[::1].evil.example",
    "[::1]evil.example",
    "evil.local.",
)


@pytest.mark.parametrize("host", REBOUND[:-1])
@pytest.mark.parametrize(
    "target", ["/", "/docs", "/api/v1/opens", "/SMS_SHR/", "/api/v1/setup", "/metrics", "/nothing"]
)
async def test_a_name_that_may_be_somebody_elses_is_refused(
    site: Site, host: str, target: str
) -> None:
    both: list[dict[str, Any]] = [{}, {"Authorization": basic(site)}]
    for more in both:
        refused = await site.ask("GET", target, token="", Host=host, **more)
        assert refused.status == 421
        assert refused.problem.type == "/problems/unknown-host"
        assert "DESPOOLR_ALLOW_HOST" in refused.problem.detail


@pytest.mark.parametrize("authorization", ["Bearer x", "", "Basic eDp4"])
def test_a_page_that_asks_for_no_token_believes_no_bearer_either(authorization: str) -> None:
    guard = BrowserGuard(is_open=True)
    asked = {"Host": "evil.example", "Authorization": authorization}
    assert not guard.passes(asked)
    with pytest.raises(Refused):
        guard.check(make_mocked_request("GET", "/api/v1/opens", asked))
    guard.check(make_mocked_request("GET", "/api/v1/opens", {**asked, "Host": "localhost"}))


async def test_a_bearer_token_may_use_any_name(site: Site) -> None:
    assert (await site.ask("GET", "/api/v1/opens", Host="site.example")).status == 200
    assert (await site.ask("PUT", "/SMS_SHR/x", b"x", Host="site.example")).status == 201


async def test_health_is_told_under_any_name(site: Site) -> None:
    assert (await site.ask("GET", "/healthz", token="", Host="balancer.example")).status == 200


async def test_a_name_that_was_allowed_is_the_servers_own() -> None:
    async with serving(host_names=["Files.Example."]) as site:
        for host in ("files.example", "FILES.example:8443"):
            assert (
                await site.ask(
                    "GET", "/api/v1/opens", token="", Host=host, Authorization=basic(site)
                )
            ).status == 200
        assert (
            await post(site, Origin="https://files.example", Authorization=basic(site), **JSON)
        ).status == 201
        assert (await site.ask("GET", "/", token="", Host="other.example")).status == 421


async def test_another_port_of_the_same_machine_is_another_origin() -> None:
    """Whatever else listens on this machine is not this server, though its name is allowed."""
    async with serving(host_names=["127.0.0.1", "localhost", "logon1", "files.example"]) as site:
        for origin in (
            "http://127.0.0.1:3000",
            "http://127.0.0.1",
            "http://localhost:3000",
            "http://logon1:3000",
            "http://files.example:3000",
        ):
            for method, target in (("POST", "/api/v1/sessions"), ("PUT", "/SMS_SHR/x")):
                refused = await post(
                    site,
                    target=target,
                    method=method,
                    Origin=origin,
                    Authorization=basic(site),
                    **JSON,
                )
                assert (refused.status, origin) == (403, origin)
        assert not site.host.session_count


async def test_a_name_that_was_allowed_with_a_port_is_an_origin_behind_a_proxy() -> None:
    """Where the proxy calls this server by another name, or leaves the port out of `Host`."""
    async with serving(host_names=["::1", "intranet:80", "Files.Example:8443"]) as site:
        for origin, host, status in (
            ("http://intranet", "127.0.0.1:8802", 201),
            ("https://intranet", "127.0.0.1:8802", 403),
            ("http://intranet:3000", "127.0.0.1:8802", 403),
            ("https://files.example:8443", "files.example", 201),
            ("https://files.example:3000", "files.example", 403),
            ("http://[::1]:3000", "[::1]:8802", 403),
        ):
            reply = await post(site, Origin=origin, Host=host, Authorization=basic(site), **JSON)
            assert (reply.status, origin) == (status, origin)


async def test_what_a_browser_calls_the_same_origin_is_behind_whatever_proxy(site: Site) -> None:
    for origin in ("https://127.0.0.1:8443", "https://intranet"):
        reply = await post(
            site, Origin=origin, Sec_Fetch_Site="same-origin", Authorization=basic(site), **JSON
        )
        assert reply.status == 201


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "localhost",
        "logon1",
        "site.despoolr.svc",
        "a.svc.cluster.local",
        "pc.local",
        "x.internal",
    ],
)
def test_names_that_nobody_outside_gives_out_are_ours(name: str) -> None:
    assert is_ours(name)


@pytest.mark.parametrize(
    "name",
    ["evil.example", "127.0.0.1.evil.com", "svc.evil.com", "evilsvc.com", "xlocal.com", "1.2.3"],
)
def test_names_that_somebody_outside_can_give_out_are_not(name: str) -> None:
    assert not is_ours(name)


@pytest.mark.parametrize(
    "kind", ["text/plain", "Text/Plain; charset=utf-8", "multipart/form-data; boundary=x"]
)
async def test_what_a_form_sends_is_no_json(site: Site, kind: str) -> None:
    for target in ("/api/v1/sessions", "/api/v1/opens", "/api/v1/chain"):
        refused = await post(site, target=target, Authorization=basic(site), Content_Type=kind)
        assert refused.status == 415, target
        assert "application/json" in refused.problem.detail


async def test_curls_own_type_is_taken_from_curl_and_not_from_a_browser(site: Site) -> None:
    form: dict[str, Any] = {"Content_Type": "application/x-www-form-urlencoded"}
    for authorization in (basic(site), f"Bearer {site.client_token}"):
        assert (await post(site, Authorization=authorization, **form)).status == 201
        assert (
            await post(site, Authorization=authorization, Origin=site.base, **form)
        ).status == 415


async def test_every_page_lets_a_browser_run_what_it_names_and_nothing_else(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/x.txt", b"x")
    for target in ("/", "/docs", "/SMS_SHR/"):
        reply = await site.ask("GET", target, Accept="text/html")
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith("text/html")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in reply.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        unsafe = {name for name, value in policy.items() if "unsafe" in value}
        assert unsafe <= {"style-src-attr"}, target
        page = reply.body.decode()
        for tag, directive in (("script", "script-src"), ("style", "style-src")):
            named = set(policy.get(directive, "").split())
            for text in inline(page, tag):
                assert (
                    f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
                    in named
                ), (target, tag)
        assert not re.search(r"<[^>]+\s(on\w+|style)=", page), f"{target} has what no hash names"


async def test_nothing_on_a_share_is_a_page(site: Site) -> None:
    for name in ("x.html", "x.svg", "x.xhtml", "x.js"):
        await site.ask(
            "PUT",
            f"/SMS_SHR/{name}",
            b"<script>alert(1)</script>",
            site.auth.issue("PC08", "eve", Role.CLIENT),
        )
        reply = await site.ask("GET", f"/SMS_SHR/{name}")
        assert reply.headers["Content-Type"] == "application/octet-stream"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
