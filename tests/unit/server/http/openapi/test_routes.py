"""`/openapi.json` and `/docs`: from this server alone, without a token, kept with an ETag."""

from __future__ import annotations

import re

from despoolr_server.http.openapi.page import POLICY
from share_site import Site


async def test_both_need_no_token_and_name_nobody(site: Site) -> None:
    for target, kind in (
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
    ):
        reply = await site.ask("GET", target, token="")
        assert (reply.status, reply.headers["Content-Type"]) == (200, kind)
        assert b"SMS_SHR_" not in reply.body


async def test_both_are_not_sent_again_to_whoever_has_them(site: Site) -> None:
    for target in ("/openapi.json", "/docs"):
        first = await site.ask("GET", target)
        again = await site.ask("GET", target, If_None_Match=first.headers["ETag"])
        assert (again.status, again.body) == (304, b"")
        assert (await site.ask("GET", target, If_None_Match='"other"')).status == 200


async def test_the_description_is_that_of_this_server(site: Site) -> None:
    said = (await site.ask("GET", "/openapi.json")).json
    assert (said["openapi"], said["info"]["title"], said["info"]["version"]) == (
        "3.1.0",
        "Despoolr LOGON1",
        "1.2.3",
    )
    assert "/api/v1/opens" in said["paths"]
    assert "/api/v1/jobs" not in said["paths"], "this one has no site"


async def test_the_page_loads_nothing_and_runs_nothing(site: Site) -> None:
    reply = await site.ask("GET", "/docs")
    page = reply.body.decode()
    assert reply.headers["Content-Security-Policy"] == POLICY
    assert "default-src 'none'" in POLICY and "script" not in POLICY and "unsafe" not in POLICY
    assert not re.search(r"<script|<img|<link|<iframe|\ssrc=|\sstyle=|\son\w+=|@import|url\(", page)
    assert not re.findall(r'href="(?!#|/)[^"]*"', page), "every link stays on this server"


async def test_a_parameter_that_neither_takes_is_refused(site: Site) -> None:
    assert (await site.ask("GET", "/docs?theme=dark")).status == 400
    assert (await site.ask("POST", "/docs", b"")).status == 405
