"""Timers of an ordinary event loop, each for all who sleep until nearly the same moment.

The law: nobody wakes before their time, but by the rounding of the loop's own timers; nobody wakes
later than by a part (`PART`) of what they sleep, nor than by `late_s_max`, or by `GRAIN_S` if that
is more. Where thousands sleep, a timer of its own for each is a third of what a sleep costs. Who
sleeps no more is forgotten at the moment to which it would have slept, and sooner where such are
more than those who do (`PURGE_MIN`).
"""

from __future__ import annotations

import asyncio
from math import ceil
from typing import Final

from despoolr_app.clocks.shared_timer import GRAIN_S

PART: Final = 1 / 256
"""Of a sleep: by so much of it may it last longer."""
LATE_S_MAX: Final = 0.016
"""Real seconds by which a sleep lasts longer, at most: fewer than those in which a fleet's clients
are woken together (`despoolr_app.fleet.fleet.TICK_S`).
"""
LATE_SITE_S_MAX: Final = 0.25
"""The same in seconds of the site's time: with those of a fleet, fewer than what counts as late."""
PURGE_MIN: Final = 1_000
"""Who lay down since it was last looked who sleeps no more."""


class SharedWakes:
    """Those who sleep on `loop`; its seconds are real ones."""

    __slots__ = ("_asleep", "_loop", "_purge_at", "late_s_max")

    def __init__(self, loop: asyncio.AbstractEventLoop, late_s_max: float = LATE_S_MAX) -> None:
        self._loop = loop
        self.late_s_max = late_s_max
        self._asleep: dict[float, _Sleepers] = {}
        """By the moment at which they wake."""
        self._purge_at = PURGE_MIN

    def sleeper(self, when: float) -> asyncio.Future[None]:
        """A future that is done at loop time `when`, and no sooner than in `GRAIN_S`."""
        loop, now = self._loop, self._loop.time()
        left_s = max(when - now, GRAIN_S)
        grain_s, grain_s_max = GRAIN_S, min(left_s * PART, self.late_s_max)
        while 2 * grain_s <= grain_s_max:
            grain_s *= 2
        moment = ceil((now + left_s) / grain_s) * grain_s
        sleepers = self._asleep.get(moment)
        if sleepers is None:
            timer = loop.call_at(moment, self._ring, moment)
            sleepers = self._asleep[moment] = _Sleepers(timer)
        waiter: asyncio.Future[None] = loop.create_future()
        sleepers.waiters.append(waiter)
        self._purge_at -= 1
        if not self._purge_at:
            self._purge()
        return waiter

    def _ring(self, moment: float) -> None:
        for waiter in self._asleep.pop(moment).waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _purge(self) -> None:
        count = 0
        for moment, sleepers in [*self._asleep.items()]:
            sleepers.waiters = [waiter for waiter in sleepers.waiters if not waiter.done()]
            count += len(sleepers.waiters)
            if not sleepers.waiters:
                sleepers.timer.cancel()
                del self._asleep[moment]
        self._purge_at = max(PURGE_MIN, count)


class _Sleepers:
    """Those whom one timer wakes, in the order in which they lay down."""

    __slots__ = ("timer", "waiters")

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.timer = timer
        self.waiters: list[asyncio.Future[None]] = []
