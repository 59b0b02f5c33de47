"""Telling a server that an update it refused will not be tried again: its episode ends, whoever
gives up and why.
"""

from __future__ import annotations

from contextlib import suppress

from despoolr_core.formats.instruction import Install
from despoolr_core.rules.remedies import COPY_STRATEGIES, marker_of
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_server.site.despooler.package_servers import PACKAGE_DIRECTORIES
from despoolr_server.site.despooler.part import COMPONENT
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.registry import (
    COPIED_FILES,
    REMEMBERED_DIRECTORIES,
    RETRY_HISTORY,
    Registry,
)


async def end_episode(
    site: SiteContext, registry: Registry, install: Install, server: str, reason: str
) -> None:
    """End the episode that the retry history has for a job on a server, and forget it.

    A server that is gone or began anew has nothing to end; nobody waits for it. What the job has
    copied there so far is forgotten with it, and so is the name of what it was to remove; a marker
    that keeps others out goes.
    """
    key = f"{RETRY_HISTORY}\\{install.job_id}"
    episode = registry.get(key, server)
    role = next((role for role in site.servers if role.name == server), None)
    if role is not None:
        share = site.share(role.name, role.package_share, COMPONENT)
        if episode:
            with suppress(ShareError, ShareUnreachable):
                await share.end_episode(episode, reason)
        if COPY_STRATEGIES[site.profile.copy_strategy].sets_marker:
            directory = registry.get(
                f"{PACKAGE_DIRECTORIES}\\W_{install.package_id}", server, install.package_id
            )
            with suppress(ShareError, ShareUnreachable):
                await share.delete(marker_of(directory))
    registry.delete(key, server)
    registry.delete(f"{COPIED_FILES}\\{install.job_id}", server)
    registry.delete(f"{REMEMBERED_DIRECTORIES}\\{install.job_id}", server)
