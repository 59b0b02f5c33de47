"""Replace a file whatever its readers read on, as a rename with POSIX semantics does: the name is
the new file's at once, the old one is out of sight until its last reader closes it.

NTFS moves what is deleted so to a directory of its own; so does this, by two renames through the
share, which knows no such rename: the name is free between the two.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import Final

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.site.despooler.copying.ours.leftovers import GONE, sweep
from despoolr_server.site.despooler.copying.ours.plan import (
    finished,
    free_name,
    plan,
    remove_directories,
    taken_names,
)
from despoolr_server.site.despooler.copying.steps import present_files, write
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target

SUFFIX: Final = ".$$$"


async def posix_replace(target: Target) -> CopyResult:
    """Write each file beside the old one, move the old one out of sight, which a holder allows who
    shares DELETE, and rename the new one into its place.
    """
    progress = CopyProgress(target)
    todo = await plan(target, progress)
    gone = f"{target.directory}{GONE}"
    left = [f"{gone}/{name}" for name in await present_files(target.share, gone)]
    names = (path for n in count(1) if (path := f"{gone}/{n}") not in left)
    await target.share.make_directory(gone)
    for name in todo.obsolete:
        try:
            left.append(await _move(target, target.path(name), next(names)))
        except (ShareError, ShareUnreachable) as error:
            progress.has_failed(name, error)
        else:
            target.on_file(name, "deleted", 0)
    await remove_directories(target, todo)
    taken = taken_names(target)
    for name in todo.wanted:
        beside, old = target.path(free_name(name, SUFFIX, taken)), ""
        try:
            await write(target, beside, target.files[name])
            if name in todo.changed:
                old = await _move(target, target.path(name), next(names))
            await _move(target, beside, target.path(name))
        except (ShareError, ShareUnreachable) as error:
            progress.has_failed(name, error)
            with suppress(ShareError, ShareUnreachable):
                if old:
                    await _move(target, old, target.path(name))
                await target.share.delete(beside)
        else:
            progress.has_copied(name)
            left += [old] if old else []
    for path in left:
        await sweep(target, path)
    with suppress(ShareError, ShareUnreachable):  # what is still open lies there
        await target.share.delete(gone)
    return await finished(progress)


async def _move(target: Target, path: str, new_path: str) -> str:
    await target.share.rename(path, new_path, purpose=target.purpose)
    return new_path
