"""LOGON1, asked over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from worlds.share_server import Site, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site
