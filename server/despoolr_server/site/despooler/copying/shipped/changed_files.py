"""Which files SMS copies: all of them, or from SP4 on those that changed (Q184512)."""

from __future__ import annotations

from despoolr_core.rules.fold import fold
from despoolr_server.site.despooler.copying.steps import in_order, is_new, present_files
from despoolr_server.site.despooler.copying.target import CopyProgress, Target


async def changed(target: Target, progress: CopyProgress) -> list[str]:
    """The files to write: all of them, or (Q184512 fixed) those whose bytes differ from what is
    there.
    """
    names = in_order(target)
    if target.refresh_every_file:
        return names
    wanted: list[str] = []
    for name in names:
        if await is_new(target, name, await target.share.stat(target.path(name))):
            progress.is_unchanged(name)
        else:
            wanted.append(name)
    return wanted


async def old_files(target: Target, wanted: list[str]) -> list[str]:
    """The files on the share that are to be replaced, or to go because they left the package."""
    replaced, kept = set(map(fold, wanted)), set(map(fold, target.files))
    return [
        name
        for name in await present_files(target.share, target.directory)
        if fold(name) in replaced or fold(name) not in kept
    ]
