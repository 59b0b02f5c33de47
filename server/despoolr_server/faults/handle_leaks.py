"""`handle_leaks`: a service of a site opens a file of a package and forgets to close it. Until its
process ends, or the fault is over, the file is in use.
"""

from __future__ import annotations

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.fault_api import HandleLeaks
from despoolr_core.share.modes import Access, Disposition, ShareMode
from despoolr_server.faults.begun import Begun, Breakable, CannotBegin


async def begin(machines: Breakable, fault: HandleLeaks) -> Begun:
    """Open the file. Raises `CannotBegin` where the share refuses it."""
    site, package_id = await machines.package(fault.package)
    site = fault.site or site
    executive = machines.executive(site)
    if executive is None:
        raise CannotBegin(f"site {site} is down: none of its services can open anything")
    servers = [role for role in executive.site.servers if role.distribution]
    role = next((one for one in servers if fold(fault.server) in ("", fold(one.name))), None)
    if role is None:
        raise CannotBegin(f"{fault.server or site} has no distribution server of {site}")
    there = executive.site.connect_as(role.name, fault.service)
    try:
        opened = await there.share(role.package_share).open(
            f"{package_id}/{fault.file}", Access.READ, ShareMode.READ, Disposition.OPEN
        )
    except (ShareError, ShareUnreachable) as error:
        raise CannotBegin(f"{fault.service} cannot open {fault.file}: {error}") from None

    async def end() -> None:
        try:
            await opened.close()
        except (ShareError, ShareUnreachable):
            return  # it went with the process

    machines.when_killed(site, end)
    return Begun(f"{fault.service} of {site} on {role.name}: {fault.file} of {fault.package}", end)
