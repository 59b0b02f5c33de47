"""Replace what is free, and be told when the rest is: what perfect retrying is worth."""

from __future__ import annotations

from despoolr_server.site.despooler.copying.ours.skip_locked_and_retry import skip_locked_and_retry
from despoolr_server.site.despooler.copying.target import CopyResult, Target


async def retry_on_close(target: Target) -> CopyResult:
    """As `skip_locked_and_retry`; but the Despooler tries again in the round after a file that
    stopped it was closed (`despooler.base.close_watch`), not one retry interval later.
    """
    return await skip_locked_and_retry(target)
