"""Rename the old file aside, write the new one under its name: whoever has the old one open keeps
it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.site.despooler.copying.ours.leftovers import sweep
from despoolr_server.site.despooler.copying.ours.plan import (
    CopyPlan,
    clear,
    finished,
    free_name,
    plan,
    taken_names,
)
from despoolr_server.site.despooler.copying.steps import copy
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target

_ASIDE: Final = re.compile(r"(.+)~\d+")


async def rename_aside(target: Target) -> CopyResult:
    """Each old file becomes `name~1`, which a holder allows who shares DELETE; then the new one is
    written, and there is none of that name meanwhile. Last the old ones are swept: those in use go
    with their last open.
    """
    progress = CopyProgress(target)
    todo = await plan(target, progress)
    left = _left_aside(target, todo)
    await clear(
        target, replace(todo, obsolete=tuple(n for n in todo.obsolete if n not in left)), progress
    )
    taken = taken_names(target) | set(map(fold, left))
    aside = [target.path(name) for name in left]
    for name in todo.wanted:
        path = ""
        if name in todo.changed:
            path = target.path(free_name(name, "~", taken, 1))
            try:
                await target.share.rename(target.path(name), path, purpose=target.purpose)
            except (ShareError, ShareUnreachable) as error:
                progress.has_failed(name, error)
                continue
        if await copy(target, name, progress):
            aside += [path] if path else []
        elif path:
            with suppress(ShareError, ShareUnreachable):
                await target.share.rename(path, target.path(name))
    for path in aside:
        await sweep(target, path)
    return await finished(progress)


def _left_aside(target: Target, todo: CopyPlan) -> list[str]:
    """What earlier attempts set aside and could not sweep."""
    known = {fold(name) for name in (*target.files, *todo.obsolete)}
    return [
        name
        for name in todo.obsolete
        if (found := _ASIDE.fullmatch(name)) and fold(found[1]) in known
    ]
