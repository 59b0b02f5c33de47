"""`clock_jumps`: a client's clock is wrong all at once, by a span ahead or back; when the fault is
over, it jumps back by as much.
"""

from __future__ import annotations

from typing import Any

from despoolr_core.times import signed_span_s
from despoolr_lab.scenario.faults.begun import Begun, Broken


async def begin(world: Broken, step: Any) -> Begun:
    """Let the clock of `step.machine` jump by `step.by`."""
    agent, by_s = world.agents[step.machine], signed_span_s(step.by)
    agent.clock_offset_s += by_s

    async def end() -> None:
        agent.clock_offset_s -= by_s

    return Begun(f"{step.machine} by {step.by}", end)
