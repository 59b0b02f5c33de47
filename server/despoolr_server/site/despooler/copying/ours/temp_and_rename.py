"""Write beside, then rename over: usually no remedy, for a rename onto an open file is refused as
well, whatever its holder shares.
"""

from __future__ import annotations

from contextlib import suppress

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.site.despooler.copying.ours.plan import (
    clear,
    finished,
    free_name,
    plan,
    taken_names,
)
from despoolr_server.site.despooler.copying.steps import write
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target

SUFFIX = ".$$$"


async def temp_and_rename(target: Target) -> CopyResult:
    """Write each file beside the old one, then rename it over. What could not be renamed is taken
    away again; a kill leaves it to the next attempt.
    """
    progress = CopyProgress(target)
    todo = await plan(target, progress)
    await clear(target, todo, progress)
    taken = taken_names(target)
    for name in todo.wanted:
        beside = target.path(free_name(name, SUFFIX, taken))
        try:
            await write(target, beside, target.files[name])
            await target.share.rename(
                beside, target.path(name), replace=True, purpose=target.purpose
            )
        except (ShareError, ShareUnreachable) as error:
            progress.has_failed(name, error)
            with suppress(ShareError, ShareUnreachable):
                await target.share.delete(beside)
        else:
            progress.has_copied(name)
    return await finished(progress)
