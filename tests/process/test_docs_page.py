"""The description of the API in a browser: its policy lets the page have all that it needs."""

from __future__ import annotations

import pytest

from worlds.browser import Page
from worlds.process import ANY_PORT, Workshop

pytestmark = pytest.mark.long


async def test_the_page_has_its_style_in_the_dark_and_the_light(
    workshop: Workshop, page: Page
) -> None:
    workshop.start("serve", "all", *ANY_PORT)
    url = workshop.servers()["LOGON1"].url
    viewer = "document.querySelector('rapi-doc')"
    colours = set()
    for dark in (False, True):
        await page.look(1280, dark=dark)
        await page.open(f"{url}/docs")
        await page.until(f"{viewer}.shadowRoot.textContent.includes('Begin a session')")
        colours.add(await page.value(f"getComputedStyle({viewer}).backgroundColor"))
        assert page.errors == []
    assert len(colours) == 2, colours
