"""`link_down`: a server is cut off the network, or the way between two servers is cut."""

from __future__ import annotations

from typing import Any

from despoolr_lab.scenario.faults.begun import Begun, Broken, CannotBegin
from despoolr_lab.sim.hosts import HostNetwork


async def begin(world: Broken, step: Any) -> Begun:
    """Cut it. Raises `CannotBegin` on a real network."""
    network = world.surroundings.network
    if not isinstance(network, HostNetwork):
        raise CannotBegin("links are cut in virtual time only (--time virtual)")
    if step.other:
        network.cut(step.server, step.other)
    else:
        network.take_down(step.server)

    async def end() -> None:
        if step.other:
            network.heal(step.server, step.other)
        else:
            network.bring_up(step.server)

    return Begun(f"{step.server} to {step.other or 'everybody'}", end)
