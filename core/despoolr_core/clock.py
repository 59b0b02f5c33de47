"""Time as the services see it: seconds since 1970 on the site's calendar, and a way to wait.

One code base runs in real, scaled and virtual time because nothing reads a wall clock: everything
asks a `Clock`. The one that waits is `despoolr_app.clocks.loop_clock`, since that needs an event
loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """What is to be called later."""

    def cancel(self) -> None:
        """Call it no more. Harmless when it was called."""


class Sleeper(Protocol):
    """Whoever waits for one deadline after the other, and passes over those at which there is
    nothing to do.
    """

    def next_after(self, deadline: float) -> float:
        """`deadline` has come: a later one to wait for, or `deadline` itself if there is something
        to do.
        """

    def asked_at(self, deadline: float) -> float:
        """The first deadline, from `deadline` on, about which `next_after` must be asked even if
        nothing changes until then; infinity if there is none.
        """

    def rests_through(self, moment: float) -> bool:
        """Whether there would be nothing to do at any deadline up to `moment`, if nothing changed
        until then.
        """

    def pass_over(self, deadline: float, moment: float) -> float:
        """The first deadline after `moment`, from `deadline` on. Those before it are passed over
        without being asked about: this one said that it `rests_through` them.
        """


class RepeatedSleeper(Protocol):
    """A `Sleeper` and the deadline it waits for, as an event loop asks it: in the loop's time."""

    def following(self) -> float:
        """Its time has come: a later one, or 0 if it wakes."""

    def asked_at(self) -> float:
        """The first of its times, from the present one on, at which it must be asked even if
        nothing happens until then; infinity if there is none.
        """

    def sleeps_through(self, when: float) -> bool:
        """Whether it would sleep on at all its times up to `when`, as everything is now."""

    def pass_over(self, when: float) -> float:
        """Let all its times up to `when` pass. Returns the next one."""


class Clock(Protocol):
    """What time it is on the site, and how to wait. Seconds throughout."""

    def now(self) -> float:
        """Seconds since 1970-01-01 00:00 on the site's calendar (no time zone: SMS 1.x has none in
        its files).
        """

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of site time (0 or less only yields)."""

    async def sleep_until(self, deadline: float) -> None:
        """Wait until `now() >= deadline`."""

    def call_later(self, seconds: float, call: Callable[[], object]) -> Alarm:
        """Have something called after `seconds` of site time, unless that is cancelled: what a
        sleep costs without a task that sleeps.
        """

    async def sleep_past(self, deadline: float, sleeper: Sleeper) -> float:
        """Wait until `deadline`; where `sleeper` then names a later one, until that, and so on.
        Returns the one for which it names none.

        In virtual time a sleeper has a place among all that wait like this, for good: of those
        whose deadlines fall together the one that came first goes first, and all of them go before
        whoever else waits for that moment. So what is passed over changes nobody's order.
        """
        while True:
            await self.sleep_until(deadline)
            following = sleeper.next_after(deadline)
            if following <= deadline:
                return deadline
            deadline = following
