"""A fleet's side of client slots: take a range from the site server, keep it, give it back.

The law: clients exist only while their range is this fleet's. A site server that is down takes nothing away (it remembers
what it gave out); one that says the range is lost ends the fleet, because another may run the same clients by now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from despoolr_lab.ground import SiteRefused, StartError

Call = Callable[[str, str, Any], Awaitable[Any]]
"""`call(method, path, body)`: a call to the site server. Raises `StartError` for a refusal, aiohttp's errors for silence."""

STANDBY_S: Final = 2.0
"""Seconds between two questions of a fleet for which no clients are left."""
BEATS: Final = 5
"""Renewals within the time of one lease."""
SILENCES: Final = (aiohttp.ClientError, TimeoutError, OSError)


class SlotsLost(Exception):
    """The site server gave the range up: the run is invalid. Who must act: whoever runs it."""


@dataclass(slots=True)
class SlotLease:
    """The lease of one fleet: `holder` wants at most `count` clients. `first` and `size` say what it has."""

    call: Call
    holder: str
    count: int
    say: Callable[[str], None]
    first: int = 1
    size: int = 0
    lease_s: float = 30.0
    is_standing_by: bool = False

    async def take(self) -> None:
        """Wait until there are clients for this fleet."""
        while True:
            try:
                answer = await self.call("POST", "slots", {"holder": self.holder, "count": self.count})
            except SILENCES:
                await asyncio.sleep(STANDBY_S)
                continue
            self.first, self.size, self.lease_s = int(answer["first"]), int(answer["count"]), float(answer["lease_s"])
            if self.size:
                self.is_standing_by = False
                return
            if not self.is_standing_by:
                self.say("despoolr: all the clients the site wants are taken; standing by")
                self.is_standing_by = True
            await asyncio.sleep(STANDBY_S)

    async def keep(self, live: Callable[[], int]) -> None:
        """Renew for ever; `live` says how many clients exist now. Raises `SlotsLost`."""
        while True:
            try:
                await self.call("PUT", f"slots/{self.holder}", {"live": live()})
            except SiteRefused as error:
                if error.status < 500:  # one that has trouble of its own is as good as silent
                    last = self.first + self.size - 1
                    raise SlotsLost(f"clients {self.first} to {last} are no longer this fleet's: {error}") from None
            except SILENCES:
                pass  # the next beat tries again; a site server that was down remembers
            await asyncio.sleep(self.lease_s / BEATS)

    async def give_back(self) -> None:
        """Let others have the range; a site server that does not answer will notice by itself."""
        try:
            await self.call("DELETE", f"slots/{self.holder}", None)
        except (StartError, *SILENCES):
            pass
