"""Many clients in one process. An idle client is an entry in a heap of times, not a task: one
driver wakes whoever is due.

The law: polls are spread evenly over the interval and stay so (a client that is late keeps its own
beat); at most as many clients talk to servers at one time as the limiter has places, and nothing
queues behind it but the driver itself, and those whom their server did not answer among others.
Measured: see `tests/unit/client/test_fleet.py`, which holds an idle client to its budget.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.polling import PollResult, Told, next_poll
from despoolr_client.agent.settings import Spawn
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_client.transport.replies import SEVERAL_MAX
from despoolr_core.clock import Clock

IN_TURN_MAX: Final = 32
"""Polls that are made in one place before it is given to whoever waits."""

LATE_S: Final = 1.0
"""A poll that begins later than this after its time counts as late."""

HALTED_AT_ONCE_MAX: Final = 1_000
"""Clients that are halted before the loop has another turn."""

POLL_S_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the classes that polls are counted in by how long they took, in seconds of this
machine; one more is open.
"""


class FleetCounts(msgspec.Struct):
    """What a fleet has done so far. `late_count`: polls that began late, because the limiter or the
    process was too busy.
    """

    clients: int = 0
    polls: int = 0
    changed: int = 0
    failed: int = 0
    late_count: int = 0
    late_s_max: float = 0.0
    poll_s_sum: float = 0.0
    poll_s_classes: list[int] = msgspec.field(
        default_factory=lambda: [0] * (len(POLL_S_BOUNDS) + 1)
    )
    """Polls by how long they took: from the moment a client may talk until it knows what its server
    has for it.
    """


class Fleet:
    """Drives agents. `limiter` is the one of the agents' settings; who is due within `tick_s` is
    woken together. Use `run`, or `start` and `stop`.
    """

    def __init__(self, clock: Clock, limiter: PriorityLimiter, tick_s: float = 0.0) -> None:
        self._clock = clock
        self._limiter = limiter
        self._tick_s = tick_s
        self._agents: list[PcmAgent] = []
        self._due: list[tuple[float, int]] = []
        self._group: asyncio.TaskGroup | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_halting = self._is_queuing = False
        self._sleep: asyncio.Future[Any] | None = None
        self._spawner: Spawn = self._spawn  # one bound method for all agents
        self._loop_time: Callable[[], float] = lambda: 0.0  # the loop's, once one runs
        self.counts = FleetCounts()

    @property
    def agents(self) -> list[PcmAgent]:
        """The clients, in the order they were added."""
        return list(self._agents)

    def __len__(self) -> int:
        return len(self._agents)

    def add(self, agent: PcmAgent, first_poll_s: float = 0.0) -> None:
        """Add a client that polls first after so many seconds from now."""
        index = len(self._agents)
        self._agents.append(agent)
        heapq.heappush(self._due, (self._clock.now() + first_poll_s, index))
        self.counts.clients += 1
        if self._group is not None:
            agent.attach(self._spawner)
        if self._sleep is not None and self._due[0][1] == index:
            self._sleep.cancel()  # this one is due before the one the driver waits for

    def add_spread(self, agents: Iterable[PcmAgent]) -> None:
        """Add clients whose first polls are spread evenly over their polling interval, starting
        now.
        """
        them = list(agents)
        for number, agent in enumerate(them):
            self.add(agent, agent.settings.polling_interval_s * number / len(them))

    # -- life
    async def run(self) -> None:
        """Drive the clients until cancelled; then close what they have open, as a logoff does."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._loop_time = asyncio.get_running_loop().time
                for agent in self._agents:
                    agent.attach(self._spawner)
                while True:
                    await self._wake_next()
        finally:
            self._group = None
            for agent in () if self._is_halting else self._agents:
                await agent.close()

    async def start(self) -> None:
        """Begin to drive the clients, in the background. `stop` ends it, and raises what went wrong
        meanwhile.
        """
        if self._task is not None:
            raise RuntimeError("the fleet runs already")
        self._task = asyncio.get_running_loop().create_task(self.run())

    async def stop(self) -> None:
        """Stop polling, end what runs, close what is open."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def halt(self, within_s: float) -> int:
        """Stop polling and close what is open, all clients at once, as when their machines lose
        their power. `start` goes on.

        A client that could not let go `within_s` (seconds of this machine's time) falls silent: its
        servers' leases end what it has. How many these were. Every client's disk stays, and with it
        its history and its unsent reports. Raises what ended it early, once all is closed.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        task, self._task = self._task, None
        if task is not None:
            self._is_halting = True
            task.cancel()
            await asyncio.wait([task], timeout=within_s / 2)
        open_ones = [agent for agent in self._agents if agent.is_connected]
        closing = [asyncio.ensure_future(agent.close()) for agent in open_ones]
        if closing:
            await asyncio.wait(closing, timeout=max(0.0, deadline - loop.time()))
        late = [one for one in closing if not one.done()]
        for one in late:
            one.cancel()
        for number, agent in enumerate(self._agents, 1):
            server, was_on = agent.logon_server, agent.is_on
            await agent.power_off()
            agent.logon_server, agent.is_on = server, was_on
            if not number % HALTED_AT_ONCE_MAX:
                await asyncio.sleep(0)
        ends = await asyncio.gather(
            *closing, *([task] if task is not None else []), return_exceptions=True
        )
        self._is_halting = False
        for end in ends:
            if isinstance(end, Exception):
                raise end
        return len(late)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._group is not None, "an agent of this fleet acts while the fleet does not run"
        return self._group.create_task(work)

    async def _wake_next(self) -> None:
        """Wait until the next client is due and a place is free, and let it poll."""
        due_at, index = self._due[0] if self._due else (math.inf, -1)
        if due_at > self._clock.now():
            await self._sleep_until(due_at + self._tick_s)
            return
        agent = self._agents[index]
        if agent.is_resting:
            self.counts.polls += 1
            interval_s = agent.settings.polling_interval_s
            heapq.heapreplace(self._due, (next_poll(due_at, self._clock.now(), interval_s), index))
            return
        polls = self._limiter.polls
        self._is_queuing = True
        await polls.acquire()
        self._is_queuing = False
        if taken := self._take_due():
            self._spawn(self._poll_in_turn(taken))
        else:
            polls.release()  # those who were due had their turn meanwhile

    def _take_due(self) -> list[PcmAgent]:
        """The client that is due first, for whom there is a place, and those after it who may ask
        together with it; they are due again an interval later. Nobody if nobody is due who has to
        ask.
        """
        if (first := self._take_next()) is None:
            return []
        taken = [first]
        if _may_ask_several(first):
            while len(taken) < SEVERAL_MAX and (agent := self._take_next(_may_ask_several)):
                taken.append(agent)
        return taken

    def _take_next(self, may: Callable[[PcmAgent], bool] | None = None) -> PcmAgent | None:
        now = self._clock.now()
        due_at, index = self._due[0]
        agent = self._agents[index]
        if due_at > now or agent.is_resting or (may is not None and not may(agent)):
            return None
        if now - due_at > LATE_S:
            self.counts.late_count += 1
            self.counts.late_s_max = max(self.counts.late_s_max, now - due_at)
        interval_s = agent.settings.polling_interval_s
        heapq.heapreplace(self._due, (next_poll(due_at, now, interval_s), index))
        return agent

    async def _poll_in_turn(self, taken: list[PcmAgent]) -> None:
        """Let clients poll, and then in their place those who are due: a task of its own for each
        costs a fifth of a poll that brings nothing.
        """
        polls_left = IN_TURN_MAX
        try:
            while taken:
                polls_left -= len(taken)
                if len(taken) == 1:
                    has_asked = await self._poll(taken[0]) is not PollResult.OFF
                else:
                    has_asked = True
                    await self._poll_several(taken)
                others_wait = self._limiter.waiting_count > self._is_queuing
                goes_on = has_asked and polls_left > 0 and not others_wait
                taken = self._take_due() if goes_on else []
        finally:
            self._limiter.polls.release()

    async def _poll_several(self, agents: list[PcmAgent]) -> None:
        """Let clients ask together, each its logon server. Those for whom nothing is new are
        counted first; those that are left over ask alone, each in a place of its own. Several
        servers are asked at the same time: one that is slow holds up nobody else's clients. The
        place is the first server's: for whom another has news goes on in a place of its own.
        """
        by_server: dict[str, list[PcmAgent]] = {}
        for agent in agents:
            by_server.setdefault(agent.logon_server, []).append(agent)
        own, *others = by_server.values()
        if not others:
            await self._poll_server(own)
            return
        async with asyncio.TaskGroup() as asked:
            for some in others:
                asked.create_task(self._poll_server(some, has_place=False))
            await self._poll_server(own)

    async def _poll_server(self, some: list[PcmAgent], *, has_place: bool = True) -> None:
        asks = some[0].settings.asks_several
        assert asks is not None
        began = self._loop_time()
        answers = await asks.ask(some[0].logon_server, [agent.wanted for agent in some])
        for agent in some[len(answers) :]:
            self._spawn(self._poll_alone(agent))
        changed: list[tuple[PcmAgent, Told | None]] = []
        for agent, told in zip(some, answers, strict=False):
            result = agent.told_alike(told)
            if result is None:
                changed.append((agent, told))
            else:
                self._count(result, began)
        for agent, told in changed:
            if has_place:
                self._count(await agent.poll(told), began)
            else:
                self._spawn(self._poll_alone(agent, told))

    async def _poll_alone(self, agent: PcmAgent, told: Told | None = None) -> None:
        async with self._limiter.polls:
            await self._poll(agent, told)

    async def _sleep_until(self, due_at: float) -> None:
        """Sleep, unless a client is added that is due before that."""
        waiting: Coroutine[Any, Any, Any] = (
            self._clock.sleep_until(due_at) if math.isfinite(due_at) else asyncio.Event().wait()
        )
        self._sleep = asyncio.ensure_future(waiting)
        try:
            await asyncio.wait([self._sleep])
        finally:
            self._sleep.cancel()
            self._sleep = None

    async def _poll(self, agent: PcmAgent, told: Told | None = None) -> PollResult:
        began = self._loop_time()
        result = await agent.poll(told)
        self._count(result, began)
        return result

    def _count(self, result: PollResult, began: float) -> None:
        took = self._loop_time() - began
        counts = self.counts
        counts.polls += 1
        counts.changed += result is PollResult.CHANGED
        counts.failed += result is PollResult.FAILED
        counts.poll_s_sum += took
        counts.poll_s_classes[bisect_left(POLL_S_BOUNDS, took)] += 1


def _may_ask_several(agent: PcmAgent) -> bool:
    asks = agent.settings.asks_several
    return asks is not None and agent.asks_alike and asks.may_ask(agent.logon_server)
