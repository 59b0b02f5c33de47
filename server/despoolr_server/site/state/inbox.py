"""A box as the service that empties it sees it: looked into only when its directory changed since
there was nothing to do.

A service wakes hundreds of times for each file it finds. A look at the directory's ETag costs a
fraction of a listing, and the ETag changes with every name that comes or goes and every file that
is put. It does not change when a file is written in place, through an open: who does that, calls
`wake`.
"""

from __future__ import annotations

from despoolr_core.share.contract import Share, Watch
from despoolr_core.share.wire import Entry


class Inbox:
    """One directory of a share."""

    def __init__(self, share: Share, path: str) -> None:
        self._share = share
        self.path = path
        self.watch: Watch = share.watch([path])
        """Says the same as long as no name in it came or went, and no file was put."""
        self._etag = ""
        self._idle = ""

    async def files(self, *, anyway: bool = False) -> list[Entry]:
        """The files in it, sorted by name; none if nothing changed since `rest` (unless asked
        `anyway`).
        """
        directory = await self._share.stat(self.path)
        if directory is None:
            return []
        if directory.etag == self._idle and directory.etag and not anyway:
            return []
        self._etag = directory.etag
        return [entry for entry in await self._share.list(self.path) if not entry.directory]

    def rest(self) -> None:
        """As of the last listing there is nothing left to do here."""
        self._idle = self._etag

    def wake(self) -> None:
        """Something here may have been written over: names are the same, contents are not. Look
        again.
        """
        self._idle = ""
