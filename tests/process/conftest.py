"""A directory in which processes are started, none of which outlives its test, and a browser that
all tests of pages share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from worlds.browser import Browser, Page, running_browser
from worlds.process import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    try:
        yield made
    finally:
        for process in made.processes:
            if process.process.poll() is None:
                process.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser, one for all tests of this process."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A tab of a profile of its own."""
    async with browser.page() as page:
        yield page
