"""Time as the services see it: seconds since 1970 on the site's calendar, and a way to wait.

One code base runs in real, scaled and virtual time because nothing reads a wall clock: everything
asks a `Clock`. The one that waits is `despoolr_app.clocks.loop_clock`, since that needs an event
loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What time it is on the site, and how to wait. Seconds throughout."""

    def now(self) -> float:
        """Seconds since 1970-01-01 00:00 on the site's calendar (no time zone: SMS 1.x has none in
        its files).
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of site time (0 or less only yields)."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Wait until `now() >= deadline`."""
        ...

    async def sleep_past(
        self,
        deadline: float,
        later: Callable[[float], float],
        who: object,  # noqa: ARG002 - a clock in virtual time keeps order by it
    ) -> float:
        """Wait until `deadline`; where `later(deadline)` then names a later one, until that, and so
        on. Returns the one for which it names none.

        In virtual time `who` has a place among all that wait like this, for good: of those whose
        deadlines fall together the one that came first goes first, and all of them go before
        whoever else waits for that moment. So what is passed over changes nobody's order.
        """
        while True:
            await self.sleep_until(deadline)
            following = later(deadline)
            if following <= deadline:
                return deadline
            deadline = following
