"""A journalled store whose threads have come to rest, and one whose files are on their way."""

from __future__ import annotations

import asyncio

from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.protocol import Look


async def rest(store: JournalledFileStore) -> None:
    """Wait until no thread lays out or drops a segment: of one that is copied meanwhile there may
    be a half, or nothing where it was just listed.
    """
    journal = store._journal
    assert journal is not None
    while at_work := [task for task in (journal._dropping, journal._laying_out) if task]:
        await asyncio.wait(at_work)


class PassingStore(JournalledFileStore):
    """Every file that is written to it whole passes."""

    def write_whole(
        self,
        name: Name,
        data: bytes,
        at: float,
        attributes: int = 0,
        look: Look | None = None,
        *,
        passing: bool = True,
    ) -> FileFacts:
        return super().write_whole(name, data, at, attributes, look, passing=passing)
