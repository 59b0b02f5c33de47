"""`slow_share`: whatever a server sends or is sent takes so long on its way."""

from __future__ import annotations

from typing import Any

from despoolr_core.times import span_s
from despoolr_lab.scenario.faults.begun import Begun, Broken, CannotBegin
from despoolr_lab.sim.hosts import HostNetwork


async def begin(world: Broken, step: Any) -> Begun:
    """Slow it down. Raises `CannotBegin` on a real network."""
    network = world.surroundings.network
    if not isinstance(network, HostNetwork):
        raise CannotBegin("a server is slowed down in virtual time only (--time virtual)")
    network.slow_down(step.server, span_s(step.delay))

    async def end() -> None:
        network.slow_down(step.server, None)

    return Begun(f"{step.server} by {step.delay}", end)
