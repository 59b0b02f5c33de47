"""Replace what is free; what is in use takes its place when the server starts the next time. The
status says done before it is.
"""

from __future__ import annotations

from contextlib import suppress

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.files.pending_renames import staged
from despoolr_server.site.despooler.copying.ours.plan import finished, plan, remove_directories
from despoolr_server.site.despooler.copying.steps import entries_below, write
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def at_restart(target: Target) -> CopyResult:
    """Write each file, or beside its directory where it will be found at the next start of the
    server. What an earlier attempt or update left there goes first: it would be carried out too.
    """
    progress = CopyProgress(target)
    todo = await plan(target, progress)
    await _unstage(target)
    for name in todo.obsolete:
        try:
            await target.share.delete(target.path(name), purpose=target.purpose)
        except (ShareError, ShareUnreachable) as error:
            await _stage(target, name, error, progress, deleted=True)
        else:
            target.on_file(name, "deleted", 0)
    await remove_directories(target, todo)
    for name in todo.wanted:
        try:
            await write(target, target.path(name), target.files[name])
        except (ShareError, ShareUnreachable) as error:
            await _stage(target, name, error, progress)
        else:
            progress.has_copied(name)
    return await finished(progress)


async def _stage(
    target: Target,
    name: str,
    error: ShareError | ShareUnreachable,
    progress: CopyProgress,
    *,
    deleted: bool = False,
) -> None:
    """Leave to the next start what others keep from being done now; anything else fails."""
    if not isinstance(error, ShareError) or not error.is_refusal:
        progress.has_failed(name, error)
        return
    place = staged(target.directory, name, deleted=deleted)
    try:
        await write(target, place, b"" if deleted else target.files[name])
        if error.problem.episode:  # nobody waits any more
            await target.share.end_episode(error.problem.episode, "left for the next start")
    except (ShareError, ShareUnreachable) as failure:
        progress.has_failed(name, failure)
    else:
        target.on_file(name, "at the next start", 0)


async def _unstage(target: Target) -> None:
    directory = staged(target.directory)
    files, directories = await entries_below(target.share, directory)
    for name in (*files, *reversed(directories), ""):
        with suppress(ShareError, ShareUnreachable):
            await target.share.delete(f"{directory}/{name}".rstrip("/"))
