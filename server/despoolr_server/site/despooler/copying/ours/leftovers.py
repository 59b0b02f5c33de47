"""Old files that are out of the way and only wait for their last reader: taking them away may fail,
and fails no job.
"""

from __future__ import annotations

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.site.despooler.copying.target import Target


async def sweep(target: Target, path: str) -> bool:
    """Delete a file by its path on the share: it goes when its last open closes. Where that is
    refused it is left for the next attempt or update; whether it was not.
    """
    try:
        await target.share.delete(path, purpose=target.purpose)
    except ShareError as error:
        if error.problem.episode:  # nobody waits for it
            await target.share.end_episode(error.problem.episode, "left for the next update")
        return error.is_missing
    except ShareUnreachable:
        return False
    return True
