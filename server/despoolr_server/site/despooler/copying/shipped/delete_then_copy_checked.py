"""1.2 SP4 (Q184489, Q184512): as 1.2, after a look whether every file can be replaced."""

from __future__ import annotations

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, Disposition, ShareMode
from despoolr_server.site.despooler.copying.shipped.changed import changed
from despoolr_server.site.despooler.copying.shipped.delete_then_copy import delete_then_copy
from despoolr_server.site.despooler.copying.steps import present_files
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def delete_then_copy_checked(target: Target) -> CopyResult:
    """1.2 SP4: first see whether every file can be replaced; if one cannot, touch nothing and try
    again later.
    """
    progress = CopyProgress(target)
    wanted = await changed(target, progress)
    for name in await present_files(target.share, target.directory):
        if name in wanted or name not in target.files:
            await _check(target, name, progress)
    return progress.result() if progress.failed else await delete_then_copy(target)


async def _check(target: Target, name: str, progress: CopyProgress) -> None:
    try:
        held = await target.share.open(
            target.path(name),
            Access.WRITE | Access.DELETE,
            ShareMode.NONE,
            Disposition.OPEN,
            purpose=target.purpose,
        )
    except (ShareError, ShareUnreachable) as error:
        progress.has_failed(name, error)
    else:
        await held.close()
