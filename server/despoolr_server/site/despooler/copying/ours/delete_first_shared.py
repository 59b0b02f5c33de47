"""Delete every old file first, as far as its holders share DELETE: a warning, not a remedy."""

from __future__ import annotations

from despoolr_server.site.despooler.copying.ours.plan import clear, finished, plan
from despoolr_server.site.despooler.copying.steps import copy, delete
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def delete_first_shared(target: Target) -> CopyResult:
    """Delete what is to be replaced, then write what could be deleted. The deletion of a file whose
    holders share DELETE is accepted, and its name stays taken until the last of them closes:
    nobody can open the old version any more, and nobody can write the new one.
    """
    progress = CopyProgress(target)
    todo = await plan(target, progress)
    await clear(target, todo, progress)
    kept = [name for name in todo.changed if not await delete(target, name, progress)]
    for name in todo.wanted:
        if name not in kept:
            await copy(target, name, progress)
    return await finished(progress)
