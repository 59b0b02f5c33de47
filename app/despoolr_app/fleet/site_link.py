"""A running site as whoever drives its clients has it: one HTTP session, who it is, and the lease
of the clients' numbers.

The law: numbers that were leased are given back at the end, and nothing is asked after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

from despoolr_app.clocks.skew import SkewWatch
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.fleet.lease import SlotLease
from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError, parse_profile
from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_app.site_client.patience import WAIT_S, patiently
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.transport.session_options import session_options
from despoolr_core.share.fleet_api import SetupFacts, SiteCard

T = TypeVar("T")

CONNECTIONS_MAX = 100
"""Connections at one time, where nobody says how many (aiohttp's own number)."""


class SiteLink:
    """Made in the loop that it is used in; `close` in the end. `say` is told what is waited for."""

    def __init__(
        self,
        url: str,
        token: str,
        say: Callable[[str], None],
        *,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self.url = url
        connector = aiohttp.TCPConnector(limit=connections_max)
        self.http = aiohttp.ClientSession(connector=connector, **session_options({}))
        skew = SkewWatch(url, lambda text: say(f"despoolr: warning: {text}"), wall_now)
        self.client = SiteClient(
            aiohttp_transport(self.http, skew.hear), ServerAddress(url, url, token)
        )
        self.lease: SlotLease | None = None
        """What is given back at the end."""
        self.keeping: asyncio.Task[None] | None = None
        """Renews the lease; ends as `SlotLease.keep` does."""
        self._say = say

    async def meet(self, wait_s: float = WAIT_S) -> tuple[SetupFacts, SiteCard]:
        """What the site says of itself. Raises `StartError` if the server is not a site's, and
        `SiteError`.
        """
        setup = await self.asked(self.client.setup, wait_s)
        if setup.site is None:
            raise StartError(
                f"{self.url} is {setup.server}, which is not a site server; give the site's URL"
            )
        return setup, setup.site

    def behaviour_of(self, site: SiteCard) -> PcmBehaviour:
        """How its clients behave. Raises `StartError` for a site with a version or a behaviour that
        this version of Despoolr does not know.
        """
        try:
            return PcmBehaviour.of(parse_profile(site.version, site.set))
        except ConfigError as error:
            raise StartError(
                f"the site at {self.url} is of another version of Despoolr: {error}"
            ) from None

    async def asked(self, once: Callable[[], Awaitable[T]], wait_s: float = WAIT_S) -> T:
        """What a site answers that may still be starting, or be starting again. Raises
        `SiteError`.
        """
        return await patiently(once, wait_s=wait_s, say=self._say_waiting)

    def no_logon_server(self) -> StartError:
        """What to raise where neither the site nor who started this names one."""
        return StartError(
            f"the site at {self.url} has no logon server; give one with --logon NAME=URL"
        )

    def keep(self, live: Callable[[], int]) -> asyncio.Task[None]:
        """Renew the lease until the end; `live` says how many clients exist now."""
        assert self.lease is not None, "nothing is leased"
        self.keeping = asyncio.create_task(self.lease.keep(live))
        return self.keeping

    async def close(self) -> None:
        """Give the numbers back, and ask no more."""
        try:
            if self.keeping is not None:
                self.keeping.cancel()
                await asyncio.gather(self.keeping, return_exceptions=True)
            if self.lease is not None and self.lease.size:
                await self.lease.give_back()
        finally:
            await self.http.close()

    def _say_waiting(self, _: SiteError) -> None:
        self._say(f"waiting for {self.url} ...")
