"""One timer of an ordinary event loop for all who sleep past one deadline after the other: the
services of an idle site wake their process once in a round, not once each.

The law: as long as all that a sleeper looks at is told when it changes (`stir`), nobody wakes later
than by a timer of their own. In a stretch in which nothing is told, those who would sleep through
it are not asked at each of their times, but once, at its end: when the last of all has had one, and
no sooner than `REST_S` after they were asked last. So what is not told, as a file that somebody
puts on the disk, is found a round later, or so many seconds.
"""

from __future__ import annotations

import asyncio
import math

from despoolr_core.clock import RepeatedSleeper

__all__ = ["SharedTimer"]

GRAIN_S = 0.001
"""uvloop rounds to this: what is nearer would turn the loop again and again until it has come."""
REST_S = 15.0
"""Real seconds: where a round is shorter, because site time is fast, the disk is not looked at in
each.
"""


class SharedTimer:
    """Those who sleep on `loop`, and its one timer for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asleep: list[_Asleep] = []
        self._timer: asyncio.TimerHandle | None = None
        self._has_stirred = True
        """Whether anything was told since the timer rang last."""
        self._passes_until = 0.0
        """The end of the stretch through which all sleep that have times in it; 0: there is
        none.
        """

    def sleeper(
        self, when: float, sleeper: RepeatedSleeper, _who: object = None
    ) -> asyncio.Future[None]:
        """A future that is done at loop time `when`, or at a later one that `sleeper` names
        then.
        """
        waiter = self._loop.create_future()
        self.stir()  # whoever lies down may have changed something
        self._asleep.append(_Asleep(waiter, sleeper, when))
        self._set()
        return waiter

    def stir(self, _told: object = None) -> None:
        """Something changed that a sleeper may look at."""
        self._has_stirred = True
        if self._passes_until:
            self._pass_over(self._loop.time())
            self._set()

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._pass_over(now)
        may_pass, self._has_stirred = not self._has_stirred, False
        for one in self._asleep:
            one.ask(now)
        self._asleep = [one for one in self._asleep if not one.waiter.done()]
        if may_pass and self._asleep:
            until = self._slept_through(now)
            self._passes_until = until if until > min(one.when for one in self._asleep) else 0.0
        self._set()

    def _slept_through(self, now: float) -> float:
        """The time up to which everybody would sleep on at all of their times before it."""
        until = max(now + REST_S, *(one.when for one in self._asleep))
        for one in self._asleep:
            until = one.sleeps_until(until)
        return until

    def _pass_over(self, now: float) -> None:
        """The stretch is over: let the times in it pass that have come."""
        upto, self._passes_until = min(now, self._passes_until - GRAIN_S), 0.0
        for one in self._asleep:
            if one.when <= upto:
                one.when = one.sleeper.pass_over(upto)

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._passes_until or min((one.when for one in self._asleep), default=math.inf)
        if due < math.inf:
            self._timer = self._loop.call_at(max(due, self._loop.time() + GRAIN_S), self._ring)


class _Asleep:
    """One that sleeps, until `when` at least."""

    __slots__ = ("sleeper", "waiter", "when")

    def __init__(self, waiter: asyncio.Future[None], sleeper: RepeatedSleeper, when: float) -> None:
        self.waiter = waiter
        self.sleeper = sleeper
        self.when = when

    def ask(self, now: float) -> None:
        """Wake it if one of its times has come and it names no later one."""
        try:
            while self.when <= now and not self.waiter.done():
                following = self.sleeper.following()
                if following:
                    self.when = following
                else:
                    self.waiter.set_result(None)
        except Exception as error:
            self.waiter.set_exception(error)

    def sleeps_until(self, until: float) -> float:
        """`until`, or an earlier time up to which it would sleep on at all of its times."""
        if self.when >= until:
            return until
        try:
            until = min(until, self.sleeper.asked_at())
            if until > self.when and self.sleeper.sleeps_through(until - GRAIN_S):
                return until
        except Exception:
            pass  # it is asked, and its exception is its own
        return self.when
