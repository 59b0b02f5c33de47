"""Whether master instruction files are being written: who carries them out waits until it is over.

A job for 20,000 machines is written in seconds, and the next one into the same files: whoever
carried them meanwhile would carry most of them twice. The law: nobody waits for longer than
`WAIT_S`, so jobs that come without end keep no master back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

WAIT_S: Final = 30.0
"""Seconds of the machine's for which masters that are being written are waited for."""


class MasterWriting:
    """Who writes the masters of one site now."""

    def __init__(self) -> None:
        self._count = 0
        self._over = asyncio.Event()
        self._over.set()

    @property
    def is_under_way(self) -> bool:
        """Whether a job writes the instructions of its clients at this moment."""
        return not self._over.is_set()

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Masters are being written for as long as this lasts."""
        self._count += 1
        self._over.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._over.set()

    async def over(self, until: float) -> None:
        """Return when none are being written, or at `until` by the loop's time."""
        if not self.is_under_way or asyncio.get_running_loop().time() >= until:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._over.wait()
