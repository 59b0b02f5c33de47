"""Listings of many names: the same bytes as of few, in pieces, and refused past their bounds."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_core.share.wire import Listing
from despoolr_server.engine.names import Name
from despoolr_server.http.base.pieces import PIECE_SIZE
from despoolr_server.shares.base import network_share
from worlds.share_server import Site


def fill(site: Site, count: int) -> None:
    (share,) = site.host.gate.shares.values()
    for number in range(count):
        share.store.write_whole(Name(f"F{number:06}", f"F{number:06}"), b"x", 0.0)


async def test_a_long_listing_is_what_a_short_one_would_be(site: Site) -> None:
    fill(site, 6000)
    listed = await site.ask("GET", "/SMS_SHR/")
    assert len(listed.body) > PIECE_SIZE
    assert "Content-Length" not in listed.headers
    listing = msgspec.json.decode(listed.body, type=Listing)
    assert [entry.name for entry in listing.entries] == [f"F{number:06}" for number in range(6000)]
    assert listed.body == msgspec.json.encode(listing)
    page = await site.ask("GET", "/SMS_SHR/", Accept="text/html")
    assert page.body.count(b"<tr>") == 6001
    assert page.body.rstrip().endswith(b"</html>")
    session = await site.session()
    opened = {"session": session, "share": "SMS_SHR", "path": "", "options": "DIRECTORY_FILE"}
    handle = (await site.ask("POST", "/api/v1/opens", msgspec.json.encode(opened))).json["open"]
    assert (await site.ask("GET", f"/api/v1/opens/{handle}/entries")).body == listed.body


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_more_names_than_a_listing_holds_are_refused(
    site: Site, accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_share, "LISTED_MAX", 300)
    fill(site, 300)
    assert (await site.ask("GET", "/SMS_SHR/", Accept=accept)).status == 200
    fill(site, 301)
    refused = await site.ask("GET", "/SMS_SHR/", Accept=accept)
    assert (refused.status, refused.problem.type) == (507, "/problems/answer-too-large")
    session = await site.session()
    opened = {"session": session, "share": "SMS_SHR", "path": "", "options": "DIRECTORY_FILE"}
    handle = (await site.ask("POST", "/api/v1/opens", msgspec.json.encode(opened))).json["open"]
    assert (await site.ask("GET", f"/api/v1/opens/{handle}/entries")).status == 507
