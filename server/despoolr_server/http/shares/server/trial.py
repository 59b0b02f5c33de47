"""Whether a server does its work, as it finds by itself: a file is created on its first share,
written, read back and closed (and so deleted), through the same opens as everybody's. Its name is
drawn anew each time, and a file that is there already is never touched.

The law: whoever asks, and however often, no more is tried than one file in `TRIAL_S` while all is
well, and one in `AGAIN_S` while it is not. Damaged data are told of and not tried: nothing on their
share can be changed.
"""

from __future__ import annotations

import asyncio
from secrets import randbelow
from typing import Final

from despoolr_core.share.contract import OpenFile, ShareError
from despoolr_core.share.modes import (
    Access,
    CreateOption,
    Disposition,
    NtStatus,
    Role,
    ShareMode,
)
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.host import ShareHost
from despoolr_server.shares.local import LocalShare

TRIAL_S: Final = 30.0
"""Seconds for which a trial that went well counts."""
AGAIN_S: Final = 1.0
"""Seconds for which one that did not counts."""
ANSWER_S_MAX: Final = 5.0
"""Seconds that a trial is waited for."""
NAMES_MAX: Final = 3
"""Names that are tried one after the other while each is somebody's."""
TAKEN: Final = (
    NtStatus.OBJECT_NAME_COLLISION,
    NtStatus.SHARING_VIOLATION,
    NtStatus.DELETE_PENDING,
)
PROGRAM: Final = "despoolr health"
CONTENT: Final = b"Despoolr was here.\r\n"


class Trial:
    """The trials of one server."""

    def __init__(self, host: ShareHost) -> None:
        self._host = host
        self._task: asyncio.Task[str] | None = None
        self._until = 0.0

    async def why_not(self) -> str:
        """Why the server does not do its work, without anybody's name; empty if it does."""
        if damages := self._host.damages():
            return "; ".join(damages)
        loop = asyncio.get_running_loop()
        if self._task is None or (self._task.done() and loop.time() >= self._until):
            self._task = loop.create_task(self._try(), name="trial")
        done, _ = await asyncio.wait([self._task], timeout=ANSWER_S_MAX)
        if not done:
            return f"a file has not been written and read within {ANSWER_S_MAX:g} s"
        return self._task.result()

    async def _try(self) -> str:
        names = self._host.share_names()
        counts_s = AGAIN_S
        try:
            reason = await self._round(names[0]) if names else "there is no share to try"
            counts_s = AGAIN_S if reason else TRIAL_S
        finally:  # a mistake of the server's is not tried at each question, either
            self._until = asyncio.get_running_loop().time() + counts_s
        return reason

    async def _round(self, name: str) -> str:
        """What kept a file of this share from being written and read back."""
        who = Principal(self._host.server, "Administrator", Role.ADMIN)
        share = LocalShare(self._host, name, who, PROGRAM)
        try:
            file = await self._create(share)
            await file.write(CONTENT)
            if await file.read() != CONTENT:
                return f"{name} did not return what was written"
            await file.close()
        except ShareError as error:
            return f"{name}: {error.problem.title}"
        finally:
            await share.close()
        return ""

    async def _create(self, share: LocalShare) -> OpenFile:
        """A new file. That a name is somebody's says nothing about the server. Raises
        `ShareError`.
        """
        everything = Access.READ | Access.WRITE | Access.DELETE
        for left in reversed(range(NAMES_MAX)):
            try:
                return await share.open(
                    f"H{randbelow(10**7):07}.TMP",
                    everything,
                    ShareMode.NONE,  # whoever held it on would keep this server from being ready
                    Disposition.CREATE,
                    CreateOption.DELETE_ON_CLOSE,
                )
            except ShareError as error:
                if not left or error.nt_status not in TAKEN:
                    raise
        raise AssertionError("no name was tried")
