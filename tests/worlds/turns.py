"""How many turns of the loop somebody else has while some work is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Others:
    """Who does nothing but wait for the next turn."""

    turns = 0

    async def go_on(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(0)
            self.turns += 1


@asynccontextmanager
async def others() -> AsyncIterator[Others]:
    """Somebody who wants turns for as long as this lasts, and counts them."""
    counting = Others()
    task = asyncio.create_task(counting.go_on())
    try:
        yield counting
    finally:
        task.cancel()
