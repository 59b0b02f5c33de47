"""1.2 (Q184489): delete what is there, then copy."""

from __future__ import annotations

from despoolr_server.site.despooler.copying.shipped.changed_files import changed, old_files
from despoolr_server.site.despooler.copying.steps import copy, delete
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def delete_then_copy(target: Target) -> CopyResult:
    """1.2: delete what is there, unchecked, then copy. A file in use cannot go, so the copy is not
    reached.

    What could be deleted is gone until a retry succeeds: Q184489's empty directory. How a file in
    use can be "deleted" is UNKNOWN; here it stays if its holder does not share DELETE and is
    pending deletion if it does.
    """
    progress = CopyProgress(target)
    wanted = await changed(target, progress)
    for name in await old_files(target, wanted):
        await delete(target, name, progress)
    if not progress.failed:
        for name in wanted:
            if not await copy(target, name, progress):
                break
    return progress.result()
