"""A fleet's side of client slots: take a range from the site server, keep it, give it back.

The law: clients exist only while their range is this fleet's, by this machine's own clock
(`is_held`). A renewal holds from the moment at which it was asked for, so the holder's end always
comes before the site may give the numbers away; what happens in between (a paused process, a cut
network, a paused site) cannot change that order. A site server that is down takes nothing away
before that end. A site that does not know the lease any more is asked anew at once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec import structs

from despoolr_app.site_client.errors import SiteError, SiteRefused, SiteUnreachable
from despoolr_core.share.fleet_api import SlotFacts, SlotNews, SlotRequest
from despoolr_server.site.state.rows.slots import BEATS


class SlotSource(Protocol):
    """Who gives numbers to clients. Every call raises `SiteError`."""

    async def lease_slots(self, request: SlotRequest) -> SlotFacts:
        """A range of numbers; `count` 0 if none is free."""

    async def renew_slots(self, holder: str, news: SlotNews) -> SlotFacts:
        """Keep a holder's range for as long again."""

    async def release_slots(self, holder: str, instance: str) -> None:
        """Give a holder's range back to the site."""


STANDBY_S: Final = 2.0
"""Seconds between two questions of a fleet for which no clients are left."""
TRY_BEATS: Final = 2
"""Renewals' time after which one that is not answered is tried anew: its connection may be dead,
and a new one not.
"""
UNKNOWN: Final = 404
TAKEN: Final = 409


class SlotsLost(Exception):
    """The lease is over, and its holder stops its clients. Who must act: the holder, by asking
    anew.
    """


class SlotsTaken(Exception):
    """Another process runs these clients under this name: the run is invalid. Who must act: whoever
    started both.
    """


def steady_now() -> float:
    """Seconds of a clock that only goes forward: also while this process is paused and, where it
    can be told, the machine.
    """
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.perf_counter()


_STEADY: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


@dataclass(slots=True)
class SlotLease:
    """The lease of one fleet: `holder` wants `count` clients. `first` and `size` say what it has,
    `ends_at` until when.
    """

    site: SlotSource
    holder: str
    count: int
    say: Callable[[str], None]
    prefix: str = "PC"
    wanted_first: int = 0
    """Exactly the numbers from this one on; 0: any."""
    instance: str = ""
    """Names this process among all that ever had the holder's name."""
    now: Callable[[], float] = steady_now
    on_held: Callable[[float], None] = lambda _ends_at: None
    """Told of each new end of the lease."""
    on_clocks: Callable[[dict[str, float]], None] = lambda _clocks: None
    """Told which machines' clocks are wrong on purpose, when that has changed."""
    first: int = 1
    size: int = 0
    lease_s: float = 20.0
    free_after_s: float = 30.0
    ends_at: float = field(default=-math.inf)
    clocks: dict[str, float] = field(default_factory=dict)
    is_standing_by: bool = False

    @property
    def is_held(self) -> bool:
        """Whether its clients may act, by this machine's clock."""
        return self.now() < self.ends_at

    @property
    def stop_s(self) -> float:
        """Seconds between the end of the lease and the moment at which the site may give the
        numbers away.
        """
        return self.free_after_s - self.lease_s

    async def take(self, *, has_stopped: bool = False) -> None:
        """Wait until there are clients for this fleet. `has_stopped`: its clients were stopped
        because a lease ran out.

        Raises `SiteRefused` (409) for numbers, or a name, that are another's.
        """
        may_wait = True
        while True:
            asked_at = self.now()
            try:
                answer = await self.site.lease_slots(self.request(has_stopped=has_stopped))
            except SiteRefused as error:
                if error.status < 500 and not (may_wait and error.retry_after_s):
                    raise
                # a process of this name that died is missed after that time
                may_wait = error.status >= 500
                await asyncio.sleep(error.retry_after_s or STANDBY_S)
                continue
            except SiteUnreachable:
                await asyncio.sleep(STANDBY_S)
                continue
            self.accept(answer, asked_at)
            has_stopped = False  # it has been told
            if self.size and not self.is_held:
                continue  # the answer came when what it gave was over
            if self.size:
                self.is_standing_by = False
                return
            if not self.is_standing_by:
                self.say("despoolr: all the clients the site wants are taken; standing by")
                self.is_standing_by = True
            await asyncio.sleep(STANDBY_S)

    async def keep(self, live: Callable[[], int]) -> None:
        """Renew for ever; `live` says how many clients exist now. Raises `SlotsLost` at its end,
        `SlotsTaken`.
        """
        while True:
            asked_at, beat_s = self.now(), self.lease_s / BEATS
            if asked_at >= self.ends_at:
                raise SlotsLost(
                    f"{self._whose} were not renewed for {self.lease_s:.0f} s: the site server "
                    "does not answer"
                )
            try:
                async with asyncio.timeout(min(self.ends_at - asked_at, TRY_BEATS * beat_s)):
                    await self._renew(live(), asked_at)
            except (SiteUnreachable, TimeoutError):
                pass  # the next beat tries again; a site server that was down remembers
            await asyncio.sleep(min(beat_s, max(0.0, self.ends_at - self.now())))

    async def give_back(self) -> None:
        """Let others have the range; a site server that does not answer will notice by itself."""
        self.ends_at = -math.inf
        try:
            await self.site.release_slots(self.holder, self.instance)
        except SiteError:
            pass

    async def _renew(self, live: int, asked_at: float) -> None:
        try:
            answer = await self.site.renew_slots(self.holder, SlotNews(live, self.instance))
        except SiteRefused as error:
            if error.status == TAKEN:
                raise SlotsTaken(f"{self._whose} are no longer this fleet's: {error}") from None
            if error.status == UNKNOWN:
                await self._ask_back(error)
            return  # one that has trouble of its own, or with our token, is as good as silent
        self._hold(answer, asked_at)

    async def _ask_back(self, error: SiteRefused) -> None:
        """The site does not know the lease: the same numbers, at once, or none. Raises
        `SlotsLost`.
        """
        asked_at = self.now()
        same = structs.replace(self.request(), first=self.first, count=self.size)
        try:
            answer = await self.site.lease_slots(same)
        except SiteError:
            answer = None
        if answer is None or (answer.first, answer.count) != (self.first, self.size):
            self.ends_at = -math.inf
            raise SlotsLost(f"{self._whose} are no longer this fleet's: {error}")
        self._hold(answer, asked_at)
        self.say(
            f"despoolr: the site server did not know {self._whose}; they are this fleet's again"
        )

    def request(self, *, has_stopped: bool = False) -> SlotRequest:
        """The body that asks for these clients."""
        return SlotRequest(
            self.holder, self.count, self.wanted_first, self.prefix, self.instance, has_stopped
        )

    def accept(self, answer: SlotFacts, asked_at: float) -> None:
        """Take what the site server answered to `request`; `asked_at` is when that went out, by
        `now`.
        """
        self.first, self.size = answer.first, answer.count
        self._hold(answer, asked_at)

    def _hold(self, answer: SlotFacts, asked_at: float) -> None:
        self.lease_s, self.free_after_s = answer.lease_s, answer.free_after_s
        self.ends_at = asked_at + self.lease_s if self.size else -math.inf
        self.on_held(self.ends_at)
        if answer.clocks != self.clocks:
            self.clocks = answer.clocks
            self.on_clocks(self.clocks)

    @property
    def _whose(self) -> str:
        return f"clients {self.first} to {self.first + self.size - 1}"
