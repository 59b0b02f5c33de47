"""Write the new version to a directory of its own; the instruction files then point there."""

from __future__ import annotations

from msgspec.structs import replace

from despoolr_server.site.despooler.copying.ours.leftovers import NEXT
from despoolr_server.site.despooler.copying.ours.plan import clear, finished, plan
from despoolr_server.site.despooler.copying.steps import copy
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def new_folder_and_switch(target: Target) -> CopyResult:
    """The first version keeps the plain name; later ones take turns with `.NEW`, so holders of the
    one before are left alone. A server that has the version already stays as it is: an attempt
    that is made twice must not switch twice.
    """
    if target.is_current:
        progress = CopyProgress(target)
        todo = await plan(target, progress)
        if not (todo.wanted or todo.obsolete):
            return progress.result()
    fresh = target.directory
    if target.has_package:
        fresh = fresh.removesuffix(NEXT) if fresh.endswith(NEXT) else f"{fresh}{NEXT}"
    beside = replace(target, directory=fresh)
    progress = CopyProgress(beside)
    todo = await plan(beside, progress)
    await clear(beside, todo, progress)  # left by the version before last
    for name in todo.wanted:
        await copy(beside, name, progress)
    return await finished(progress)
