"""`sender_dies`: the LAN Sender of a site ends where it stands, in the middle of a transfer if
there is one, and is started again when the fault is over.
"""

from __future__ import annotations

from despoolr_core.share.fault_api import SenderDies
from despoolr_server.faults.begun import Begun, Breakable, CannotBegin
from despoolr_server.site.services.sender import LanSender


async def begin(machines: Breakable, fault: SenderDies) -> Begun:
    """Let it die. Raises `CannotBegin` where it does not run."""
    sender, executive = LanSender.component, machines.executive(fault.site)
    if executive is None or not await executive.kill(sender):
        raise CannotBegin(f"no {sender} runs at {executive.site.code if executive else fault.site}")

    async def end() -> None:
        if machines.executive(fault.site) is executive:
            executive.revive(sender)

    return Begun(f"{sender} of {executive.site.code}", end)
