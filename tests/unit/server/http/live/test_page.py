"""The live page as it is served."""

from __future__ import annotations

import re

from despoolr_server.http.live.page import page_text
from worlds.share_server import Site


async def test_the_live_page_asks_for_nothing_from_elsewhere(site: Site) -> None:
    page = await site.ask("GET", "/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (
        b"http://" not in page.body
        and b"https://" not in page.body
        and b"innerHTML" not in page.body
    )
    assert (await site.ask("GET", "/", token="")).status == 200, (
        "the page holds no data; what it asks for needs the token"
    )
    assert (await site.ask("GET", "/api/v1/opens", token="")).status == 401


def test_the_page_is_small_and_one_style_and_one_script_are_all_it_has() -> None:
    page = page_text()
    assert len(page.encode()) < 200_000
    assert (page.count("<script"), page.count("<style")) == (1, 1)
    assert not re.search(r"""\s(on\w+|style)=["']""", page), "the policy lets none of these run"
    for forbidden in ("import(", "@import", "url(//", "eval(", "document.write", "insertAdjacent"):
        assert forbidden not in page
