"""An answer that waits until what was done is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from despoolr_server.files.protocol import StoreError
from despoolr_server.http.connections.short_ways import Later
from despoolr_server.http.handling.handler import Request
from despoolr_server.http.handling.single_write import SingleWriteResponse


async def test_who_has_given_up_is_not_in_the_way_of_those_who_wait_for_the_same() -> None:
    calls: list[Callable[[StoreError | None], None]] = []
    answer = SingleWriteResponse(204, {})
    later = Later(calls.append, lambda _error, _request_of: answer)
    first, second = (asyncio.create_task(later.said(cast("Request", None))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    for call in calls:
        call(None)
    assert await second is answer
