"""`link_down`: a server is cut off the network, or the way between two servers is cut."""

from __future__ import annotations

from despoolr_core.share.fault_api import LinkDown
from despoolr_server.faults.begun import Begun, Breakable


async def begin(machines: Breakable, fault: LinkDown) -> Begun:
    """Cut it. Raises `CannotBegin` where nobody can."""
    machines.cut(fault.server, fault.other)

    async def end() -> None:
        machines.mend(fault.server, fault.other)

    return Begun(f"{fault.server} to {fault.other or 'everybody'}", end)
