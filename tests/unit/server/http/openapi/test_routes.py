"""`/openapi.json` and `/docs`: from this server alone, without a token, kept with an ETag."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

from despoolr_server.http.openapi.page import POLICY, SCRIPT_HASH, SCRIPT_PATH, STYLE_HASHES
from worlds.share_server import Site


async def test_both_need_no_token_and_name_nobody(site: Site) -> None:
    for target, kind in (
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
    ):
        reply = await site.ask("GET", target, token="")
        assert (reply.status, reply.headers["Content-Type"]) == (200, kind)
        assert b"SMS_SHR_" not in reply.body


async def test_both_are_not_sent_again_to_whoever_has_them(site: Site) -> None:
    for target in ("/openapi.json", "/docs", SCRIPT_PATH):
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


async def test_the_page_loads_and_runs_the_one_script_that_it_names(site: Site) -> None:
    reply = await site.ask("GET", "/docs")
    page = reply.body.decode()
    assert reply.headers["Content-Security-Policy"] == POLICY
    policy = dict(part.strip().partition(" ")[::2] for part in POLICY.split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == f"'{SCRIPT_HASH}'"
    assert policy["connect-src"] == "'self'"
    assert policy["style-src"] == " ".join(f"'{one}'" for one in STYLE_HASHES)
    named = f'<script src="{SCRIPT_PATH}" integrity="{SCRIPT_HASH}" defer></script>'
    assert page.count("<script") == page.count(named) == 1
    assert not re.search(r"<img|<link|<iframe|\sstyle=|\son\w+=|@import|url\(", page)
    assert not re.findall(r'(?:href|src|url)="(?!#|/)[^"]*"', page), "all is on this server"


async def test_the_script_is_sent_as_its_reader_takes_it(site: Site) -> None:
    packed = await site.ask("GET", SCRIPT_PATH, token="", Accept_Encoding="br, gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    for accepted in ("identity", "br", "gzip;q=0", "gzip; q=0.0, *", ""):
        plain = await site.ask("GET", SCRIPT_PATH, token="", Accept_Encoding=accepted)
        assert "Content-Encoding" not in plain.headers, accepted
        assert plain.headers["Content-Type"].startswith("text/javascript")
        digest = base64.b64encode(hashlib.sha256(plain.body).digest()).decode()
        assert f"sha256-{digest}" == SCRIPT_HASH
    assert packed.body == plain.body or gzip.decompress(packed.body) == plain.body
    again = await site.ask("GET", SCRIPT_PATH, If_None_Match=packed.headers["ETag"])
    assert again.status == 304


async def test_a_parameter_that_neither_takes_is_refused(site: Site) -> None:
    assert (await site.ask("GET", "/docs?theme=dark")).status == 400
    assert (await site.ask("POST", "/docs", b"")).status == 405
