"""A journalled store whose threads have come to rest."""

from __future__ import annotations

import asyncio

from despoolr_server.files.journal.journalled import JournalledFileStore


async def rest(store: JournalledFileStore) -> None:
    """Wait until no thread lays out or drops a segment: of one that is copied meanwhile there may
    be a half, or nothing where it was just listed.
    """
    journal = store._journal
    assert journal is not None
    while at_work := [task for task in (journal._dropping, journal._laying_out) if task]:
        await asyncio.wait(at_work)
