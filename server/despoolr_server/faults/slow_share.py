"""`slow_share`: whatever a server sends or is sent takes so long on its way."""

from __future__ import annotations

from despoolr_core.share.fault_api import SlowShare
from despoolr_core.times import span_s
from despoolr_server.faults.begun import Begun, Breakable


async def begin(machines: Breakable, fault: SlowShare) -> Begun:
    """Slow it down. Raises `CannotBegin` where nobody can."""
    machines.slow_down(fault.server, span_s(fault.delay))

    async def end() -> None:
        machines.slow_down(fault.server, None)

    return Begun(f"{fault.server} by {fault.delay}", end)
