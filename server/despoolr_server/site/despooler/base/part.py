"""What all parts of one site's Despooler use.

The law: the service makes it once, and a part adds only what it has of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from despoolr_core.formats.instructions.instruction import Install
from despoolr_core.rules.remedies import COPY_STRATEGIES, marker_of
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.registry import (
    COPIED_FILES,
    PACKAGE_DIRECTORIES,
    REMEMBERED_DIRECTORIES,
    RETRY_HISTORY,
    Registry,
)

COMPONENT: Final = "SMS_DESPOOLER"


class Desk(msgspec.Struct, frozen=True):
    """The site, the Despooler's shares `SMS_SHRD` (`root`) and `SMS_SITE` (`receive`), what it
    remembers, where its reports go, and its log.
    """

    site: SiteContext
    root: Share
    receive: Share
    registry: Registry
    mifs: MifBox
    log: Callable[[str], None]


class DespoolerPart:
    """One part of the Despooler, with what lies on its desk."""

    def __init__(self, desk: Desk) -> None:
        self._site = desk.site
        self._root = desk.root
        self._receive = desk.receive
        self._registry = desk.registry
        self._mifs = desk.mifs
        self._log = desk.log

    async def end_episode(self, install: Install, server: str, reason: str) -> None:
        """End the episode that the retry history has for a job on a server, and forget it.

        A server that is gone or began anew has nothing to end; nobody waits for it. What the job
        has copied there so far is forgotten with it, and so is the name of what it was to remove; a
        marker that keeps others out goes.
        """
        key = f"{RETRY_HISTORY}\\{install.job_id}"
        episode = self._registry.get(key, server)
        role = next((role for role in self._site.servers if role.name == server), None)
        if role is not None:
            share = self._site.share(role.name, role.package_share, COMPONENT)
            if episode:
                with suppress(ShareError, ShareUnreachable):
                    await share.end_episode(episode, reason)
            if COPY_STRATEGIES[self._site.profile.copy_strategy].sets_marker:
                directory = self._registry.get(
                    f"{PACKAGE_DIRECTORIES}\\W_{install.package_id}", server, install.package_id
                )
                with suppress(ShareError, ShareUnreachable):
                    await share.delete(marker_of(directory))
        self._registry.delete(key, server)
        self._registry.delete(f"{COPIED_FILES}\\{install.job_id}", server)
        self._registry.delete(f"{REMEMBERED_DIRECTORIES}\\{install.job_id}", server)
