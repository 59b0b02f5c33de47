"""How many clients of one process may talk to servers at one time, and who goes first when there is
no place for all.

The law: whoever is further on goes first: who ends a program (its files are held until then), then
who starts one, then who polls; within a queue, in the order of coming. So what has begun ends soon,
however many wait to begin.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

IN_FLIGHT_MAX: Final = 64
"""Clients of one process that talk to servers at one time."""


class PriorityLimiter:
    """So many places, and three queues for them: `async with limiter.polls: ...`."""

    __slots__ = ("_free", "_queues", "ends", "in_flight_max", "polls", "starts")

    def __init__(self, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self.in_flight_max = in_flight_max
        self._free = in_flight_max
        self.ends = LimiterQueue(self)
        """Of those that give back a program's files and report."""
        self.starts = LimiterQueue(self)
        """Of those that start a program, or open a file for a user."""
        self.polls = LimiterQueue(self)
        """Of those that ask whether there is anything to do."""
        self._queues = (self.ends, self.starts, self.polls)

    def acquire_nowait(self) -> bool:
        """Take a place, if one is free. Whether one was."""
        if not self._free:
            return False
        self._free -= 1
        return True

    @property
    def waiting_count(self) -> int:
        """How many wait for a place."""
        return len(self.ends) + len(self.starts) + len(self.polls)

    def release(self) -> None:
        """Give back a place: to the next in the queues, if there is one."""
        for queue in self._queues:
            if queue.waiting and queue.wake_next():
                return
        self._free += 1


class LimiterQueue:
    """Those who wait for a place for the same reason."""

    __slots__ = ("_limiter", "waiting")

    def __init__(self, limiter: PriorityLimiter) -> None:
        self._limiter = limiter
        self.waiting: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self.waiting)

    async def acquire(self) -> None:
        """Wait for a place, which `release` gives back, perhaps in another task."""
        if not self._limiter.acquire_nowait():
            await self._wait()

    async def _wait(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(place)
        try:
            await place
        except BaseException:
            # it was given at the very moment at which its taker was told to go
            if not place.cancelled():
                self._limiter.release()
            raise

    def release(self) -> None:
        """Give the place back; the next in line may talk."""
        self._limiter.release()

    def wake_next(self) -> bool:
        """Give a place to the first who still waits. Whether there was anybody."""
        while self.waiting:
            place = self.waiting.popleft()
            if not place.done():
                place.set_result(None)
                return True
        return False

    async def __aenter__(self) -> None:
        if not self._limiter.acquire_nowait():
            await self._wait()

    async def __aexit__(self, *_: object) -> None:
        self.release()
