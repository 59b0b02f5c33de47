"""What strategies of ours leave beside a package's directory, and old files that only wait for
their last reader: taking those away may fail, and fails no job.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import marker_of
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_core.share.wire import Entry
from despoolr_server.files.pending_renames import staged
from despoolr_server.site.despooler.copying.target import Target

NEXT: Final = ".NEW"
"""The directory of every second version, for who switches."""
GONE: Final = ".$GONE"
"""The directory of what is deleted and still open."""


async def beside(share: Share, directory: str) -> list[Entry]:
    """What there is of a package on a share, beside its directory."""
    both = directory.removesuffix(NEXT), f"{directory.removesuffix(NEXT)}{NEXT}"
    names = [n for one in both for n in (one, f"{one}{GONE}", staged(one), marker_of(one))]
    ours = {fold(name) for name in names} - {fold(directory)}
    return [entry for entry in await share.list() if fold(entry.name) in ours]


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
