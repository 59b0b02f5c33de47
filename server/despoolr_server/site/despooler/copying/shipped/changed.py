"""Which files SMS copies: all of them, or from SP4 on those that changed (Q184512)."""

from __future__ import annotations

from despoolr_server.site.despooler.copying.steps import in_order, is_new
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
