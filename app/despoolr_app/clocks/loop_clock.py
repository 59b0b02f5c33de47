"""One clock for three times: it reads the running event loop, and nothing else.

    now()  =  epoch + (loop.time() - t0) * scale

On an ordinary loop with `scale` 1 that is real time, with `scale` 60 a minute a second; on
`sim.time.loop.VirtualLoop` it is virtual time. Nothing else in the house may ask what time it is.
Waiting goes to the loop as a deadline, so that a service that wakes at 09:00 finds `now() >=
09:00`, and exactly 09:00 in virtual time (`epoch` being whole seconds).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from despoolr_app.clocks.shared_timer import GRAIN_S, SharedTimer
from despoolr_app.clocks.shared_wakes import LATE_S_MAX, LATE_SITE_S_MAX, SharedWakes
from despoolr_core.clock import Sleeper

__all__ = ["LoopClock"]


class LoopClock:
    """The site's calendar on the running event loop: `epoch` at the start, then `scale` site
    seconds a second.

    Binds to the loop that runs when it is made, else to the one that runs at first use; it then
    belongs to that loop. Raises `ValueError` for a scale that is not a positive number,
    `RuntimeError` if used before any loop runs.
    """

    __slots__ = ("_t0", "_time", "_wait", "_wait_past", "epoch", "scale")

    def __init__(self, epoch: float, scale: float = 1.0) -> None:
        if not (scale > 0 and math.isfinite(scale)):
            raise ValueError(
                f"a clock's scale is a positive number of site seconds a second, not {scale!r}"
            )
        self.epoch = epoch
        self.scale = scale
        self._t0 = 0.0
        self._time: Callable[[], float] = self._first_time
        self._wait_past: Callable[[float, Any, object], asyncio.Future[None]] | None = None
        try:
            self._bind(asyncio.get_running_loop())
        except RuntimeError:
            pass

    def hold(self) -> None:
        """Stand still at `epoch` until `start`: a world is built first, then its time begins.
        Nothing may wait meanwhile.
        """
        self._bind(asyncio.get_running_loop())
        t0 = self._t0
        self._time = lambda: t0

    def start(self) -> None:
        """Let `epoch` be now, and go."""
        self._bind(asyncio.get_running_loop())

    def now(self) -> float:
        """Seconds since 1970-01-01 00:00 on the site's calendar."""
        elapsed = self._time() - self._t0
        return self.epoch + elapsed * self.scale

    def share_timer(self) -> Callable[[object], None]:
        """Let all who `sleep_past` share a timer of the running loop. What is returned must be
        called whenever anything changes that they look at.
        """
        timer = SharedTimer(asyncio.get_running_loop())
        self._wait_past = timer.sleeper
        return timer.stir

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of site time; 0 or less only lets others run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        when = self._time() + seconds / self.scale  # first: the first use binds
        await self._wait(when)

    async def sleep_until(self, deadline: float) -> None:
        """Wait until `now() >= deadline`; a deadline that has passed only lets others run."""
        if deadline <= self.now():
            await asyncio.sleep(0)
            return
        when = self.loop_time(deadline)
        while self.now() < deadline:
            await self._wait(when)

    def call_later(self, seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Call it after `seconds` of site time."""
        loop = asyncio.get_running_loop()
        return loop.call_at(self._time() + seconds / self.scale, call)

    async def sleep_past(self, deadline: float, sleeper: Sleeper) -> float:
        """Wait until `deadline`, and as often as `sleeper` names a later one until that. Returns
        the last.
        """
        while self._wait_past is None or deadline <= self.now():
            await self.sleep_until(deadline)
            following = sleeper.next_after(deadline)
            if following <= deadline:
                return deadline
            deadline = following
        asleep = _LoopSleeper(self, sleeper, deadline)
        await self._wait_past(self.loop_time(deadline), asleep, sleeper)
        return asleep.deadline

    def site_time(self, when: float) -> float:
        """What `now` says at that time of the loop."""
        return self.epoch + (when - self._t0) * self.scale

    def loop_time(self, deadline: float) -> float:
        """The time of the loop at which a deadline has come."""
        when = self._t0 + (deadline - self.epoch) / self.scale
        # rounding must not wake us an instant early
        while self.epoch + (when - self._t0) * self.scale < deadline:
            when = max(when + math.ulp(deadline) / self.scale / 4, math.nextafter(when, math.inf))
        return when

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._time = loop.time
        self._t0 = loop.time()
        # the virtual loop keeps bare futures in its heap: half the cost of a timer handle
        late_s_max = min(LATE_S_MAX, LATE_SITE_S_MAX / self.scale)
        self._wait: Callable[[float], Awaitable[None]] = (
            getattr(loop, "sleeper", None) or SharedWakes(loop, late_s_max).sleeper
        )
        self._wait_past = getattr(loop, "repeated_sleeper", None)

    def _first_time(self) -> float:
        self._bind(asyncio.get_running_loop())
        return self._t0


class _LoopSleeper:
    """A sleeper as a virtual loop asks it: in the loop's time."""

    __slots__ = ("_clock", "_sleeper", "deadline")

    def __init__(self, clock: LoopClock, sleeper: Sleeper, deadline: float) -> None:
        self._clock = clock
        self._sleeper = sleeper
        self.deadline = deadline

    def following(self) -> float:
        """The time of the next deadline; 0 if this is the one."""
        following = self._sleeper.next_after(self.deadline)
        if following <= self.deadline:
            return 0.0
        self.deadline = following
        return self._clock.loop_time(following)

    def asked_at(self) -> float:
        """The time of the first deadline about which it must be asked."""
        at = self._sleeper.asked_at(self.deadline)
        return at if at == math.inf else self._clock.loop_time(at)

    def sleeps_through(self, when: float) -> bool:
        """Whether it would sleep on at all its deadlines up to `when`."""
        return self._sleeper.rests_through(self._clock.site_time(when) + GRAIN_S)

    def pass_over(self, when: float) -> float:
        """The time of the first deadline after `when`."""
        clock, sleeper = self._clock, self._sleeper
        deadline = sleeper.pass_over(self.deadline, clock.site_time(when) - GRAIN_S)
        while (due := clock.loop_time(deadline)) <= when:  # to the last bit
            deadline = sleeper.pass_over(deadline, deadline)
        self.deadline = deadline
        return due
