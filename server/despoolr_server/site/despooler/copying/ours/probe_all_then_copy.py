"""All files or none: nothing is touched before every file could be opened, sharing nothing, and
nobody gets in until the last one is new.
"""

from __future__ import annotations

from contextlib import suppress

from despoolr_core.share.contract import OpenFile, ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, Disposition, ShareMode
from despoolr_server.site.despooler.copying.ours.plan import (
    CopyPlan,
    finished,
    plan,
    remove_directories,
)
from despoolr_server.site.despooler.copying.steps import HELD_MAX, copy, delete
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def probe_all_then_copy(target: Target) -> CopyResult:
    """Open all that is to be replaced or to go, and write through these opens. So nobody ever sees
    old and new files side by side, and a single holder of any of them stops all. Past `HELD_MAX`
    files the rest are only checked, and written one by one after the others.
    """
    progress = CopyProgress(target)
    todo = await plan(target, progress)
    opens: dict[str, OpenFile] = {}
    try:
        for name in sorted((*todo.changed, *todo.obsolete)):
            try:
                opened = await target.share.open(
                    target.path(name),
                    Access.DELETE if name in todo.obsolete else Access.WRITE,
                    ShareMode.NONE,
                    Disposition.OPEN,
                    purpose=target.purpose,
                )
            except (ShareError, ShareUnreachable) as error:
                progress.has_failed(name, error)
                continue
            if len(opens) < HELD_MAX:
                opens[name] = opened
            else:
                await opened.close()
        if not progress.failed:
            await _replace_all(target, todo, opens, progress)
    finally:
        for one in opens.values():
            with suppress(ShareError, ShareUnreachable):
                await one.close()
    return await finished(progress)


async def _replace_all(
    target: Target, todo: CopyPlan, opens: dict[str, OpenFile], progress: CopyProgress
) -> None:
    """Write what changed through its open, create what is new."""
    for name in todo.obsolete:
        if name not in opens:
            await delete(target, name, progress)
            continue
        await opens[name].delete()
        await opens[name].close()
        target.on_file(name, "deleted", 0)
    await remove_directories(target, todo)
    for name in todo.wanted:
        if name in opens:
            await _write(opens[name], target.files[name], name, progress)
        else:
            await copy(target, name, progress)


async def _write(opened: OpenFile, data: bytes, name: str, progress: CopyProgress) -> None:
    try:
        await opened.set_size(len(data))
        await opened.write(data)
    except (ShareError, ShareUnreachable) as error:  # the disk is full
        progress.has_failed(name, error)
    else:
        progress.has_copied(name)
