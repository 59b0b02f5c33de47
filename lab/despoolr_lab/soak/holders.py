"""Users of a soak who open a file of the package that is being updated, keep it, and let go, or are
never heard of again.

The law: a holder does what a person at a machine could: an ordinary open over a link, in a session
on a lease. Refused or out of reach, it tries again until its time is over. All are gone when their
tasks have ended; those who vanished, when their lease has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from despoolr_client.transport.share_server import ShareServer
from despoolr_core.clock import Clock
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_lab.soak.plan import Step

PROGRAM: Final = "WINWORD.EXE"
LEASE_S: Final = 60.0
"""Seconds of this machine's time after which a holder that vanished holds nothing."""
AGAIN_S: Final = 1.0


@dataclass
class SoakHolders:
    """`url_of` gives the link to a server, `tokens` each holder's; `directory` is the package's on
    every server.
    """

    http: aiohttp.ClientSession
    clock: Clock
    scale: float
    url_of: Callable[[str], str]
    tokens: list[str]
    directory: str
    held_count: int = 0
    vanished_count: int = 0
    _turn: int = field(default=0)

    async def hold(self, step: Step, now: Callable[[], float]) -> None:
        """Open the file of one step until its end; `now` is the plan's time."""
        server_name, _, file = step.on.partition("/")
        token = self.tokens[self._turn % len(self.tokens)]
        self._turn += 1
        lease_s = LEASE_S * self.scale
        url = self.url_of(server_name)
        server = ShareServer(
            self.http, url, token, self.clock, name=server_name, program=PROGRAM, lease_s=lease_s
        )
        vanishes = False
        try:
            while now() < step.until_s:
                try:
                    opened = await server.share("SMS_PKGD").open(
                        f"{self.directory}/{file}", program=PROGRAM
                    )
                except (ShareError, ShareUnreachable, TimeoutError):
                    await asyncio.sleep(AGAIN_S)
                    continue
                self.held_count += 1
                await asyncio.sleep(max(0.0, step.until_s - now()))
                vanishes = step.how == "vanish"
                if not vanishes:
                    await opened.close()
                return
        except (ShareError, ShareUnreachable, TimeoutError):
            return  # the server has lost it already
        finally:
            if vanishes:
                self.vanished_count += 1
                server.abandon()
            else:
                await server.close()
