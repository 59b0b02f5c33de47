"""`disk_full`: no byte more can be written to a server's disk, to one share's, or to that of one
directory, as if it had one of its own.
"""

from __future__ import annotations

from despoolr_core.rules.fold import fold
from despoolr_core.share.fault_api import DiskFull
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.faults.begun import Begun, Breakable, CannotBegin
from despoolr_server.faults.full_disk import Fillable
from despoolr_server.site.state import boxes


async def begin(machines: Breakable, fault: DiskFull) -> Begun:
    """Fill it. Raises `CannotBegin` as `disks_of` does."""
    name, disks = disks_of(machines, fault)
    for disk in disks:
        disk.fill(name)

    async def end() -> None:
        for disk in disks:
            disk.make_room(name)

    return Begun("\\".join(part for part in (fault.server, fault.share, fault.path) if part), end)


def disks_of(machines: Breakable, fault: DiskFull) -> tuple[Name, list[Fillable]]:
    """The directory that is full, and of which shares. Raises `CannotBegin` for files that cannot
    be, for no share, and for no directory.
    """
    stores = machines.stores(fault.server)
    name = parse_name(machines.with_ids(fault.path))
    if not isinstance(name, Name):
        raise CannotBegin(f"{fault.path!r} is no path on a share")
    disks: list[Fillable] = []
    for share, store in stores.items():
        if not is_named(fault.share, share):
            continue
        if not isinstance(store, Fillable):
            raise CannotBegin("a full disk is simulated with files in memory only (--time virtual)")
        is_box = share in (boxes.ROOT_SHARE, boxes.LOGON_SHARE)
        if fault.path and is_box and store.find(name) is None:
            raise CannotBegin(f"{fault.server} has no directory {fault.path} on {share}")
        disks.append(store)
    if not disks:
        raise CannotBegin(
            f"{fault.server} has no share {fault.share}; there is {', '.join(stores)}"
        )
    return name, disks


def is_named(asked: str, share: str) -> bool:
    """Whether a share is the one that is asked for; `""` asks for any."""
    return not asked or fold(asked) == fold(share)
