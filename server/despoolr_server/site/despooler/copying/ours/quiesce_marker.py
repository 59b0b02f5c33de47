"""Ask for the files: a marker beside the package keeps those out who honour it, until the others
have closed theirs.
"""

from __future__ import annotations

from contextlib import suppress

from despoolr_core.rules.remedies import marker_of
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.site.despooler.copying.ours.leftovers import sweep
from despoolr_server.site.despooler.copying.ours.probe_all_then_copy import probe_all_then_copy
from despoolr_server.site.despooler.copying.target import CopyResult, Target


async def quiesce_marker(target: Target) -> CopyResult:
    """As `probe_all_then_copy`; where that is refused a marker is set, and the copy made in the
    round after the last close. The retry is the deadline: what is still open then had its time, the
    marker goes, and the attempt after that sets another.
    """
    marker = marker_of(target.directory)
    there = await target.share.stat(marker)
    result = await probe_all_then_copy(target)
    if there is None:
        if any(isinstance(error, ShareError) and error.is_refusal for _, error in result.failed):
            with suppress(ShareError, ShareUnreachable):
                await target.share.write(marker, _text(target), purpose=target.purpose)
        return result
    if result.is_complete:
        await sweep(target, marker)
    elif await _was_set_before(target, marker):
        deaf = {
            blocker.machine
            for _, error in result.failed
            if isinstance(error, ShareError)
            for blocker in error.blockers
            if blocker.opened_at > there.modified_at
        }
        for machine in sorted(deaf):
            target.on_file(marker, f"not honoured by {machine}", 0)
        await sweep(target, marker)
    return result


async def _was_set_before(target: Target, marker: str) -> bool:
    """Whether the marker is that of an earlier attempt, not one that this one set before it was
    killed, or that an early attempt finds.
    """
    try:
        return await target.share.read(marker) != _text(target)
    except ShareError:
        return True


def _text(target: Target) -> bytes:
    return (
        f"An update waits for these files to be closed.\r\n{target.purpose}, attempt "
        f"{target.attempt}\r\n"
    ).encode()
