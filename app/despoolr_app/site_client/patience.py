"""Waiting for a server that is starting, or starting again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from despoolr_app.site_client.errors import SiteError, SiteUnreachable

T = TypeVar("T")

WAIT_S: Final = 30.0
"""Seconds to wait for a server that is still starting."""
AGAIN_S: Final = 0.2
"""Seconds between two attempts."""


def is_silence(error: SiteError) -> bool:
    """Whether it failed because nobody answered."""
    return isinstance(error, SiteUnreachable)


async def patiently(
    once: Callable[[], Awaitable[T]],
    *,
    wait_s: float = WAIT_S,
    again_s: float = AGAIN_S,
    passes: Callable[[SiteError], bool] = is_silence,
    say: Callable[[SiteError], None] = lambda _: None,
) -> T:
    """The result of `once`, which is done again for as long as it fails with what `passes`: by
    default while nobody answers. `say` is told of the first failure.

    Raises the `SiteError` of the last attempt once `wait_s` are over, at once what does not pass.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    has_said = False
    while True:
        try:
            return await once()
        except SiteError as error:
            if not passes(error) or loop.time() >= deadline:
                raise
            if not has_said:
                say(error)
                has_said = True
            await asyncio.sleep(again_s)
