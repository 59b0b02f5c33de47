"""Replace what is free now; what is in use waits for the retry."""

from __future__ import annotations

from despoolr_server.site.despooler.copying.ours.plan import clear, finished, plan
from despoolr_server.site.despooler.copying.steps import copy
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def skip_locked_and_retry(target: Target) -> CopyResult:
    """Replace every file that is free now, leave only the refused ones for the retry: old and new
    files lie side by side until then.
    """
    progress = CopyProgress(target)
    todo = await plan(target, progress)
    await clear(target, todo, progress)
    for name in todo.wanted:
        await copy(target, name, progress)
    return await finished(progress)
