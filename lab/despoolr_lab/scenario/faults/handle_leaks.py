"""`handle_leaks`: a service of a site opens a file of a package and forgets to close it. Until its
process ends, or the fault is over, the file is in use.
"""

from __future__ import annotations

from typing import Any

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, Disposition, ShareMode
from despoolr_lab.scenario.faults.begun import Begun, Broken, CannotBegin


async def begin(world: Broken, step: Any) -> Begun:
    """Open the file. Raises `CannotBegin` where the share refuses it."""
    site, package_id = world.packages[step.package]
    site = step.site or site
    if not world.is_up(site):
        raise CannotBegin(f"site {site} is down: none of its services can open anything")
    servers = [role for role in world.sites[site].setup.servers if role.distribution]
    role = next((one for one in servers if step.server in ("", one.name)), None)
    if role is None:
        raise CannotBegin(f"{step.server or site} has no distribution server of {site}")
    there = world.sites[site].server.context.connect_as(role.name, step.service)
    try:
        opened = await there.share(role.package_share).open(
            f"{package_id}/{step.file}", Access.READ, ShareMode.READ, Disposition.OPEN
        )
    except (ShareError, ShareUnreachable) as error:
        raise CannotBegin(f"{step.service} cannot open {step.file}: {error}") from None

    async def end() -> None:
        try:
            await opened.close()
        except (ShareError, ShareUnreachable):
            return  # it went with the process

    world.when_killed.setdefault(site, []).append(end)
    return Begun(f"{step.service} of {site} on {role.name}: {step.file} of {step.package}", end)
