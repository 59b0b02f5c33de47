"""What other servers' clocks say: their site time, taken over at a start, and this machine's time,
compared with theirs for as long as a site runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import aiohttp

from despoolr_app.clocks.skew import LOOK_S, PROMPT_S_MAX, SkewWatch
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.process.runtime import StartError
from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteError, SiteRefused
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_app.site_client.patience import patiently
from despoolr_client.transport.session_options import session_options

CLOCK_WAIT_S: Final = 30.0
"""Seconds to wait for the server whose time is to be taken over."""


async def ask_time(url: str, token: str, say: Callable[[str], None]) -> tuple[float, float]:
    """Site time and its scale, from a running server; waits a while for one that is still starting.
    Raises `StartError`.
    """
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(**session_options({})) as http:
        server = SiteClient(aiohttp_transport(http), ServerAddress(url, url, token))

        async def once() -> tuple[float, float]:
            asked_at = loop.time()
            clock = (await server.setup()).clock
            return clock.now + (loop.time() - asked_at) / 2 * clock.scale, clock.scale

        try:
            return await patiently(
                once, wait_s=CLOCK_WAIT_S, say=lambda _: say(f"waiting for {url} ...")
            )
        except SiteRefused as error:
            raise StartError(
                f"{url} does not tell its time (HTTP {error.status}): do both have the same secret?"
            ) from None
        except SiteError as error:
            raise StartError(f"its time cannot be taken over: {error}") from None


async def keep_comparing(urls: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Ask the servers of a site for their time now and then, and warn of a clock that differs
    from this machine's.
    """
    watches = {
        name: SkewWatch(name, lambda text: say(f"despoolr: warning: {text}"), wall_now)
        for name in urls
    }
    async with aiohttp.ClientSession(**session_options({})) as http:
        servers = [
            SiteClient(
                aiohttp_transport(http, watches[name].hear),
                ServerAddress(name, url, ""),
                timeout_s=PROMPT_S_MAX,
            )
            for name, url in urls.items()
        ]
        while True:
            for server in servers:
                with suppress(SiteError):
                    await server.send("GET", "/healthz")
            await asyncio.sleep(LOOK_S)
