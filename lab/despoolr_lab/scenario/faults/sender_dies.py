"""`sender_dies`: the LAN Sender of a site ends where it stands, in the middle of a transfer if
there is one, and is started again when the fault is over.
"""

from __future__ import annotations

from typing import Any

from despoolr_lab.scenario.faults.begun import Begun, Broken, CannotBegin

SENDER = "SMS_LAN_SENDER"


async def begin(world: Broken, step: Any) -> Begun:
    """Let it die. Raises `CannotBegin` where it does not run."""
    site = step.site or world.scenario.site[0].code
    executive = world.sites[site].server.executive
    if not world.is_up(site) or not await executive.kill(SENDER):
        raise CannotBegin(f"no {SENDER} runs at {site}")

    async def end() -> None:
        if world.is_up(site) and world.sites[site].server.executive is executive:
            executive.revive(SENDER)

    return Begun(f"{SENDER} of {site}", end)
