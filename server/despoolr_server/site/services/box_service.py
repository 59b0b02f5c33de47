"""A service that empties a box of its site server: what all of these do alike.

The law: a file goes from the box last, once all that follows from it is written. What cannot be
read stays for the next cycle. What cannot be used is kept for a person, with the reason beside it,
and the rest goes on. A box that is found empty lets its service rest until something comes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, TypeVar

from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, Watch
from despoolr_server.site.services.service import Service
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.inbox import Inbox
from despoolr_server.site.state.quarantine import quarantine

T = TypeVar("T")

PARSED_HERE: Final = 64 * 1024
"""Bytes of a file that is parsed in the loop."""


class BoxService(Service):
    """One service. Subclasses say `component`, `box` and, if they set files aside, `bad`, and do
    `cycle(tick)`.
    """

    box: ClassVar[str]
    """The directory that is emptied."""
    bad: ClassVar[str]
    """The directory for what cannot be used."""

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._root = site.share(site.server, boxes.ROOT_SHARE, self.component)
        self._inbox = Inbox(self._root, self.box)

    def watched(self) -> Sequence[Watch]:
        return (self._inbox.watch,)

    async def _waiting(self, *extensions: str) -> list[str]:
        """The names of the files in the box, in order: those with one of these extensions, or all
        if none is given.
        """
        entries = await self._inbox.files()
        if not entries:
            self._inbox.rest()
            self.idle_until = math.inf
        return [e.name for e in entries if fold(e.name).endswith(extensions or "")]

    async def _read(self, name: str) -> bytes | None:
        """A file of the box; None where the share refuses that now."""
        try:
            return await self._root.read(f"{self.box}/{name}")
        except ShareError as error:
            self.warn(
                f"~Cannot read {name}, Win32 Error = {error.win32}. We will try again on the next "
                "cycle."
            )
            return None

    async def _parsed_aside(self, parse: Callable[[bytes], T], data: bytes) -> T:
        """What is made of a file of more than `PARSED_HERE`: by the database's thread, where there
        is one, so that nobody waits. Of 4 MB the loop took 0.28 s.
        """
        return await self.site.database.run(lambda _: parse(data))

    async def _set_aside(self, name: str, data: bytes, reason: str, event: int) -> None:
        """Keep a file for a person, and report the event (0: none) with its new path."""
        path = await quarantine(self._root, self.bad, name, data, reason)
        if event:
            await self.site.report_event(self.component, event, path.replace("/", "\\"))
        await self._delete(name)

    async def _delete(self, name: str) -> None:
        await self._root.delete(f"{self.box}/{name}")
