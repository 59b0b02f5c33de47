"""Large directories that somebody changed past the store, read before a name is looked for in them.

The law: a look for a name that is not there has to read its directory, if that is not as it was,
and a look is one turn of the loop. So whoever can wait has it read first, in turns with others; the
look then takes what was read, if nobody has changed the directory since.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from despoolr_server.engine.names import Name
from despoolr_server.files.path_index import PathIndex
from despoolr_server.loop.pace import turn

READS_MAX: Final = 3
"""How often a directory is read that is changed meanwhile, for all who wait."""


class ReadAhead:
    """For the directories of one index, one at a time, however many wait for it."""

    def __init__(self, index: PathIndex) -> None:
        self._index = index
        self._reading = asyncio.Lock()

    def is_unread(self, name: Name, *, for_any: bool = False) -> bool:
        """`FileStore.is_unread`: one `lstat` of a directory that is small, or as it was."""
        return self._index.unread(name, for_any=for_any) is not None

    async def read(self, name: Name) -> None:
        """`FileStore.read_ahead`. What is changed all the time is left to the look, also where it
        was read for others since this was asked.
        """
        asked = self._index.unread(name)
        before = 0 if asked is None else asked.read_count
        async with self._reading:
            for _ in range(READS_MAX):
                folder = self._index.unread(name)
                if folder is None or (folder is asked and folder.read_count - before >= READS_MAX):
                    return
                with suppress(OSError):  # it went meanwhile
                    for _ in self._index.reading(folder):
                        await turn()
                folder.read_count += 1
