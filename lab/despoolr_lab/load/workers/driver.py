"""Keeping a pace with real clients: each poll is turned to when it is meant to begin, whatever
became of those before.

The law: nothing the servers do moves a later poll. A client whose last poll is not answered yet
cannot ask twice at once; its next one waits, and counts from when it was meant to begin all the
same. At most as many clients talk at one time as the limiter has places; who waits there waits on
the clock. When the pace is over, what is still unanswered gets `GRACE_S` and then counts as failed.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from despoolr_client.agent.polling import PollResult
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_lab.load.measure.tally import PollOwner, Tally
from despoolr_lab.load.spec.shapes import ClientSchedule

GRACE_S: Final = 10.0
"""Seconds that polls under way have after the end."""
GRAIN_S: Final = 0.001
"""uvloop rounds to this: what is nearer would turn the loop again and again until it has come. A
poll begins so much later than meant, at most, which is counted as the generator's.
"""
AT_ONCE_MAX: Final = 1_000
"""Polls turned to before the loop has another turn."""
_LOG_OFF: Final = -1


class Poller(Protocol):
    """What is driven: a client (`despoolr_client.agent.agent.PcmAgent`)."""

    async def poll(self) -> PollResult:
        """Poll now. Never raises for what a server answers or fails to answer."""

    async def close(self) -> None:
        """Log the client off and close what it has open."""


class Driver:
    """Drives `agents`, each with its schedule and its interval (seconds of this machine's time),
    until `end`; `now` is the run's, `asked` says of an agent by its place whose it is and whom it
    asked last.
    """

    def __init__(
        self,
        agents: Sequence[Poller],
        schedules: Sequence[ClientSchedule],
        every_s: Sequence[float],
        limiter: PriorityLimiter,
        tally: Tally,
        now: Callable[[], float],
        end: float,
        asked: Callable[[int], PollOwner],
    ) -> None:
        self._agents = agents
        self._asked = asked
        self._schedules = schedules
        self._every_s = every_s
        self._limiter = limiter
        self._tally = tally
        self._now = now
        self._end = end
        self._due: list[tuple[float, int, int]] = []
        """When, how many polls before, which client."""
        for index, schedule in enumerate(schedules):
            if schedule.first < min(schedule.until, end):
                self._due.append((schedule.first, 0, index))
            if schedule.until < end:
                self._due.append((schedule.until, _LOG_OFF, index))
        heapq.heapify(self._due)
        self._waiting: dict[int, list[float]] = {}
        """Client to the polls it owes: the one under way, and those meant since."""
        self._is_over = False
        self._nap: asyncio.Future[None] | None = None
        self.gone_count = 0
        self.is_pacing = True

    @property
    def under_way(self) -> int:
        """How many clients are in the middle of a poll."""
        return len(self._waiting)

    def end(self) -> None:
        """No more polls from now on."""
        self._is_over = True
        _wake(self._nap)

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Keep the pace to its end. The agents live in `group`, and stay as they are when this is
        over.
        """
        polls: set[asyncio.Task[None]] = set()

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            task = group.create_task(work)
            polls.add(task)
            task.add_done_callback(polls.discard)

        try:
            await self._pace(spawn)
        finally:
            self.is_pacing = False
        await self._finish(polls)

    async def _pace(self, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        while not self._is_over and self._now() < self._end:
            wait_s = (self._due[0][0] if self._due else math.inf) - self._now()
            if wait_s > 0:
                await self._sleep(max(GRAIN_S, min(wait_s, self._end - self._now())))
                continue
            for _ in range(AT_ONCE_MAX):
                if not self._due or self._due[0][0] > self._now():
                    break
                self._turn(spawn)
            await asyncio.sleep(0)
        over = min(self._end, self._now())
        while self._due and self._due[0][0] < over:  # this process may be late in the end, too
            self._turn(spawn)

    async def _finish(self, polls: set[asyncio.Task[None]]) -> None:
        """Let polls under way end, for a while; what is owed then has failed."""
        if polls:
            await asyncio.wait(polls, timeout=GRACE_S)
        for task in tuple(polls):
            task.cancel()
        if polls:
            await asyncio.wait(polls)
        now = self._now()
        for index, owed in self._waiting.items():
            asked = self._asked(index)
            for meant in owed:
                self._tally.poll(asked, meant, meant, meant, now, failed=True)
        self._waiting.clear()

    async def _sleep(self, seconds: float) -> None:
        """Until then, or `end`: this is done before every poll."""
        loop = asyncio.get_running_loop()
        self._nap = loop.create_future()
        timer = loop.call_later(seconds, _wake, self._nap)
        try:
            await self._nap
        finally:
            timer.cancel()
            self._nap = None

    def _turn(self, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        meant, count, index = self._due[0]
        if count == _LOG_OFF:
            heapq.heappop(self._due)
            spawn(self._log_off(index))
            return
        schedule = self._schedules[index]
        following = schedule.first + (count + 1) * self._every_s[index]
        if following < min(schedule.until, self._end):
            heapq.heapreplace(self._due, (following, count + 1, index))
        else:
            heapq.heappop(self._due)
        if index in self._waiting:
            self._waiting[index].append(meant)
        else:
            self._waiting[index] = [meant]
            spawn(self._poll(index))

    async def _poll(self, index: int) -> None:
        """What one client owes, one after the other."""
        agent, owed = self._agents[index], self._waiting[index]
        turned = self._now()
        while owed:
            await self._limiter.polls.acquire()
            sent = self._now()
            try:
                result = await agent.poll()
            finally:
                self._limiter.polls.release()
            meant = owed.pop(0)
            failed = result is PollResult.FAILED
            asked = self._asked(index)
            self._tally.poll(asked, meant, min(turned, sent), sent, self._now(), failed=failed)
            # it was the answer that was waited for, not the generator
            turned = owed[0] if owed else turned
        del self._waiting[index]

    async def _log_off(self, index: int) -> None:
        self.gone_count += 1
        await self._agents[index].close()


def _wake(nap: asyncio.Future[None] | None) -> None:
    if nap is not None and not nap.done():
        nap.set_result(None)
