"""`disk_full`: no byte more can be written to a server's disk, to one share's, or to that of one
directory, as if it had one of its own.
"""

from __future__ import annotations

from typing import Any

from despoolr_lab.scenario.faults.begun import Begun, Broken, CannotBegin
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import MemoryFileStore
from despoolr_server.site.state import boxes


async def begin(world: Broken, step: Any) -> Begun:
    """Fill it. Raises `CannotBegin` for files that are not in memory, and for no directory."""
    set_free(world, step, 0)

    async def end() -> None:
        set_free(world, step, -1)

    where = "\\".join(part for part in (step.server, step.share, step.path) if part)
    return Begun(where, end)


def set_free(world: Broken, step: Any, free: int) -> None:
    """Leave so many bytes; negative: as many as there were. Raises `CannotBegin`."""
    for (machine, share), store in world.assembly.stores.items():
        if machine != step.server or step.share not in ("", share):
            continue
        if not isinstance(store, MemoryFileStore):
            raise CannotBegin("a full disk is simulated with files in memory only (--time virtual)")
        if not step.path:
            store.capacity = None if free < 0 else store.used + free
            continue
        name = parse_name(world.with_ids(step.path))
        assert isinstance(name, Name)
        if share in (boxes.ROOT_SHARE, boxes.LOGON_SHARE) and store.find(name) is None:
            raise CannotBegin(f"{step.server} has no directory {step.path} on {share}")
        if free < 0:
            store.quotas.pop(name.key, None)
        else:
            store.quotas[name.key] = free
