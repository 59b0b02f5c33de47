"""`clock_jumps`: a client's clock is wrong all at once, by a span ahead or back; when the fault is
over, it jumps back by as much.
"""

from __future__ import annotations

from despoolr_core.share.fault_api import ClockJumps
from despoolr_core.times import signed_span_s
from despoolr_server.faults.begun import Begun, Breakable


async def begin(machines: Breakable, fault: ClockJumps) -> Begun:
    """Let the clock of `fault.machine` jump by `fault.by`. Raises `CannotBegin` for no client."""
    by_s = signed_span_s(fault.by)
    await machines.turn_clock(fault.machine, by_s)

    async def end() -> None:
        await machines.turn_clock(fault.machine, -by_s)

    return Begun(f"{fault.machine} by {fault.by}", end)
