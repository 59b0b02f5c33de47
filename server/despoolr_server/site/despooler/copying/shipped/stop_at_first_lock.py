"""1.0 and 1.1 (Q128458): file by file, up to the first refusal."""

from __future__ import annotations

from despoolr_server.site.despooler.copying.steps import copy, in_order
from despoolr_server.site.despooler.copying.target import CopyProgress, CopyResult, Target


async def stop_at_first_lock(target: Target) -> CopyResult:
    """1.0, 1.1: file by file, in order; the first refusal ends it. Earlier files are new, the
    refused and later ones old.
    """
    progress = CopyProgress(target)
    for name in in_order(target):
        if not await copy(target, name, progress):
            break
    return progress.result()
