"""How those who hold files behave in a scenario, beside what shipped: habits of a machine, and a
server that closes what has been open for too long.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.machine.habits import MARKER_EVERY_S, Habits, is_kept_out
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.clock import Clock
from despoolr_core.rules.remedies import REAPED, REAPER_EVERY_S
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.times import span_s
from despoolr_lab.scenario.model import Clients, HoldStep


def habits_of(spec: Clients | HoldStep) -> Habits:
    """The habits that a table states; of a share of machines, those of one that has them."""
    idle = spec.closes_idle_after
    return Habits(spec.copies_first, bool(spec.honours_marker), span_s(idle) if idle else math.inf)


def habits_together(machine: Habits, hold: Habits) -> Habits:
    """What a machine does at a hold: its own habits and those of the hold."""
    return replace(
        machine,
        copies_first=machine.copies_first or hold.copies_first,
        honours_marker=machine.honours_marker or hold.honours_marker,
        closes_idle_s=min(machine.closes_idle_s, hold.closes_idle_s),
    )


async def is_turned_away(agent: PcmAgent, server: str, share: str, path: str) -> bool:
    """Whether a machine that honours markers may not open a file now."""
    try:
        with agent.connections:
            return await is_kept_out(agent.share(server, share), path)
    finally:
        await agent.disconnect_if_idle()


async def hold_when_free(
    agent: PcmAgent, server: str, share: str, path: str, hold: Callable[[], Awaitable[None]]
) -> None:
    """Open the file when its package has no marker any more, if that is granted then."""
    with suppress(ShareError, ShareUnreachable, ValueError):  # refused, or switched off meanwhile
        while await is_turned_away(agent, server, share, path):
            await agent.settings.clock.sleep(MARKER_EVERY_S)
        await hold()


async def reap(
    server: ShareServer, clock: Clock, after_s: float, is_client: Callable[[str], bool]
) -> None:
    """Close what clients have had open on a server for so long, until cancelled."""
    while True:
        await clock.sleep(REAPER_EVERY_S)
        with suppress(ShareError, ShareUnreachable):
            for row in (await server.opens()).opens:
                if is_client(row.machine) and clock.now() - row.opened_at >= after_s:
                    await server.close_by_force(row.open, REAPED)
