"""A service of the SMS Executive: wakes on the site's polling interval, does one cycle, sleeps
again.

The law: cycles lie on a fixed grid (multiples of the interval since the service started), so that
"24 x the polling interval later" is a cycle and not just after one. A cycle that took too long
skips what it missed. What a cycle does must be safe to do again: the process may die between any
two steps.

A service that found nothing to do rests: it passes over the cycles of its grid until something it
watches has changed or a time has come; in virtual time over all of a stretch in which nothing
happens at once (`despoolr_core.clock.Sleeper`). Whether it rests or looks each time shows nowhere
in the records.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from despoolr_core.formats.tracer import WARNING
from despoolr_core.share.contract import ShareError, ShareUnreachable, Watch, unwatched
from despoolr_server.site.state.context import SiteContext

START_STAGGER_S = 1.0
"""Seconds between the first cycles of two services, in the order the files travel: a file may cross
several in one round.
"""


class Service:
    """One service. Subclasses say `component`, do `cycle(tick)`, and tell what they watch."""

    component: ClassVar[str]

    def __init__(self, site: SiteContext) -> None:
        self.site = site
        self.cycle_count = 0
        """Cycles that were due, those included that the service passed over."""
        self.wake_at = math.inf
        """Site time of an extra cycle before the next one on the grid; a cycle may set it."""
        self.delay_s = 0.0
        """Seconds by which its grid begins later than usual when all services start."""
        self.idle_until = -math.inf
        """Site time before which a cycle finds nothing to do if nothing that is watched changes; a
        cycle that found nothing sets it.
        """
        self._grid = 0.0
        self._asked_at = -math.inf
        """What `asked_at` said last, unless there was a cycle since."""
        self._watched: Sequence[Watch] = ()
        self._seen: list[object] | None = None
        self._running = asyncio.Event()
        self._running.set()
        self._busy = asyncio.Lock()

    async def cycle(self, tick: float) -> None:
        """One watchdog cycle. `tick` is the site time this cycle was due, or at which a pause ended
        that lasted longer: the time decisions are made with.
        """
        raise NotImplementedError

    def watched(self) -> Sequence[Watch]:
        """What tells of a change of anything a cycle looks at, beside the time. Asked before every
        cycle.
        """
        return (unwatched,)

    async def started(self) -> None:
        """Once, before the first cycle after a (re)start."""

    def pause(self) -> None:
        """Finish the cycle under way, then wait for `resume` (SMS Service Manager)."""
        self._running.clear()

    def resume(self) -> None:
        """Go on with the next cycle."""
        self._running.set()

    @property
    def is_paused(self) -> bool:
        """Whether the service waits for `resume`."""
        return not self._running.is_set()

    async def run(self, delay_s: float = 0.0) -> None:
        """Cycle until cancelled. A share that answers no, or not at all, ends a cycle early; the
        next one tries again.
        """
        clock = self.site.clock
        self.idle_until = -math.inf
        while not await self._has_started():
            await clock.sleep(self.site.polling_s)
        due = self._grid = clock.now() + delay_s
        while True:
            due = await clock.sleep_past(due, self)
            if self.is_paused:
                await self._running.wait()
                due = max(due, clock.now())  # nothing is decided by a time that is long over
            await self.cycle_now(due)
            due = self._next_due()

    def next_after(self, deadline: float) -> float:
        """When the next cycle is due, if the one at `deadline` would find nothing to do; else
        `deadline`.
        """
        if self.is_paused or not self.is_resting(deadline):
            return deadline
        self.cycle_count += 1
        return self._next_due()

    def asked_at(self, deadline: float) -> float:
        """The first cycle, from the one at `deadline` on, that may have something to do although
        nothing changed.
        """
        polling_s = self.site.polling_s
        until = min(self.idle_until, self.wake_at - polling_s)
        passes = 0.0
        if until > deadline == self._grid:
            passes = min(self.passes_max(), (until - deadline) / polling_s)
        if passes < math.inf:
            passes = math.ceil(passes)
        self._asked_at = deadline + passes * polling_s
        return self._asked_at

    def rests_through(self, moment: float) -> bool:
        """Whether all cycles up to `moment` would find nothing to do, if nothing changed."""
        last = min(moment, self._asked_at - self.site.polling_s)
        return moment < self._asked_at and not self.is_paused and self.is_resting(last)

    def pass_over(self, deadline: float, moment: float) -> float:
        """Pass over the cycles from `deadline` up to `moment`. Returns when the next one is due."""
        grid, polling_s = self._grid, self.site.polling_s
        while deadline <= moment:
            deadline = grid = grid + polling_s
            self.cycle_count += 1
        self._grid = grid
        return deadline

    def passes_max(self) -> float:
        """How many cycles may be passed over before one that is done whatever is watched."""
        return math.inf

    def _next_due(self) -> float:
        """When the next cycle is due after one that is done, or was passed over."""
        polling_s, now = self.site.polling_s, self.site.clock.now()
        if self.wake_at < self._grid + polling_s:
            return max(self.wake_at, now)  # an extra cycle; the grid stays where it is
        self._grid += polling_s
        behind = now - self._grid
        if behind > 0:
            self._grid += polling_s * (int(behind // polling_s) + 1)
        return self._grid

    async def _has_started(self) -> bool:
        try:
            await self.started()
        except (ShareError, ShareUnreachable) as error:
            self.warn(f"~{self.component} cannot start yet: {error}, Win32 Error = {error.win32}")
            return False
        return True

    async def cycle_now(self, tick: float) -> None:
        """One cycle, never two at a time."""
        async with self._busy:
            self.cycle_count += 1
            self.wake_at, self.idle_until, self._asked_at = math.inf, -math.inf, -math.inf
            self._watched = self.watched()
            # first: what changes during the cycle may not be seen by it
            self._seen = self._look()
            try:
                await self.cycle(tick)
            except ShareUnreachable as error:
                self.warn(
                    f"~Cannot reach a server this cycle: {error}. We will try again on the "
                    "next cycle."
                )
            except ShareError as error:
                where = error.problem.path or error.problem.share
                self.warn(
                    f"~The share answered no this cycle: {where}, {error}, Win32 Error = "
                    f"{error.win32}"
                )

    def is_resting(self, tick: float) -> bool:
        """Whether a cycle that is due at `tick` would find nothing to do, as everything is now."""
        seen = self._seen
        if seen is None or tick >= self.idle_until:
            return False
        for watch, before in zip(self._watched, seen, strict=True):  # noqa: SIM110 - a hot path
            if watch(tick) != before:
                return False
        return True

    def _look(self) -> list[object] | None:
        """What is watched, as it is now; None if it cannot be told without a cycle."""
        seen: list[object] = []
        for watch in self._watched:
            found = watch(0.0)
            if found is None:
                return None
            seen.append(found)
        return seen

    def look_again(self) -> None:
        """Do the next cycle, whatever is watched: the settings of the site changed."""
        self._seen = None

    async def wait_until_idle(self) -> None:
        """Return when the cycle under way, if there is one, is over."""
        async with self._busy:
            pass

    def log(self, text: str) -> None:
        """One line in this component's log."""
        self.site.log(self.component, text)

    def warn(self, text: str) -> None:
        """One line in this component's log about something that failed and is tried again, or was
        set aside.
        """
        self.site.log(self.component, text, WARNING)


class Executive:
    """SMS_EXECUTIVE: the host of the services, in the order work flows through them."""

    def __init__(self, site: SiteContext, services: Sequence[Service]) -> None:
        self.site = site
        self.services = list(services)
        self.before_start: Callable[[], Awaitable[None]] | None = None
        """What is to be done once, before the first service starts."""
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def service(self, component: str) -> Service:
        """A service by its component name. Raises `KeyError`."""
        for service in self.services:
            if service.component == component:
                return service
        raise KeyError(component)

    async def run(self) -> None:
        """Run every service until cancelled; a bug in one ends all (event 376 says which), it is
        never swallowed.
        """
        if self.before_start is not None:
            await self.before_start()
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                self.start()
                await asyncio.Event().wait()  # the services may all be stopped for a while
            finally:
                self._group = None

    def start(self) -> None:
        """Start every service. Nothing happens while they run."""
        if self._tasks:
            return
        self.site.log("SMS_EXECUTIVE", "~SMS Executive started.")
        for number, service in enumerate(self.services):
            self._start(service, number * START_STAGGER_S + service.delay_s)

    async def stop(self) -> bool:
        """Stop every service where it stands; whether they ran. What boxes and database hold stays:
        they go on from there.
        """
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            self.site.log("SMS_EXECUTIVE", "~SMS Executive stopped.")
        return bool(tasks)

    async def restart(self, component: str) -> None:
        """Stop one service where it stands and start it again, as the SMS Service Manager does."""
        service = self.service(component)
        task = self._tasks.get(component)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.site.log("SMS_EXECUTIVE", f"~{component} restarted.")
        self._start(service, 0.0)

    async def kill(self, component: str) -> bool:
        """Let one service die where it stands, and leave it dead; whether it ran."""
        task = self._tasks.pop(component, None)
        if task is None:
            return False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.site.log("SMS_EXECUTIVE", f"~{component} ended unexpectedly.")
        return True

    def revive(self, component: str) -> None:
        """Start a service that has died. One that runs, or whose site is stopped, stays as it
        is.
        """
        if self._tasks and component not in self._tasks:
            self.site.log("SMS_EXECUTIVE", f"~{component} started.")
            self._start(self.service(component), 0.0)

    def _start(self, service: Service, delay_s: float) -> None:
        assert self._group is not None, "a service is started while the executive does not run"
        name = f"{self.site.code}/{service.component}"
        self._tasks[service.component] = self._group.create_task(
            self._run(service, delay_s), name=name
        )

    async def _run(self, service: Service, delay_s: float) -> None:
        try:
            await service.run(delay_s)
        except Exception:
            await self.site.report_event("SMS_EXECUTIVE", 376, service.component)
            raise
