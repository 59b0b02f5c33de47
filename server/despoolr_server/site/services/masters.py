r"""Carrying the master WINST files of `PCMDOM.BOX` out to the logon servers' `PCMINS.BOX`: those
that changed, many at a time.

A site with 20,000 clients has 20,000 masters in one directory, and a cycle each minute. The law: a
directory whose ETag is that of the last cycle in which all its files had been carried is not looked
into (it changes with every file that is put there); now and then it is all the same. A file
somebody reads on the logon server at this moment goes with the next cycle. While masters are being
written none is carried (`despoolr_server.site.state.master_writing`): most would go twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from despoolr_core.rules.fold import fold
from despoolr_core.share.chain import BYTES_MAX, CALLS_MAX
from despoolr_core.share.contract import Share
from despoolr_server.loop.pace import FILES_A_TURN, batches, breathe, turn
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.master_writing import WAIT_S, MasterWriting


class MasterCarrier:
    """What the Maintenance Manager carries out."""

    def __init__(self, root: Share, writing: MasterWriting) -> None:
        self._root = root
        self._writing = writing
        self._domains: dict[str, tuple[str, str]] = {}
        """Domain to its directory and that directory's ETag, as of this cycle."""
        self._found: dict[str, list[tuple[str, str]]] = {}
        """Directory to the path and ETag of each of its masters, as of this cycle."""
        self._carried: dict[tuple[str, str], str] = {}
        """(logon server, master file) to the ETag that was carried there last."""
        self._complete_at: dict[tuple[str, str], str] = {}
        """(logon server, directory) to the directory's ETag when all of it had been carried."""

    @property
    def directories(self) -> list[str]:
        """The domains' directories that were there when `look` was called last."""
        return [directory for directory, _ in self._domains.values()]

    def forget(self, server: str) -> None:
        """A logon server's box was made anew: all masters are carried there again."""
        self._carried = {key: etag for key, etag in self._carried.items() if key[0] != server}
        self._complete_at = {
            key: etag for key, etag in self._complete_at.items() if key[0] != server
        }

    def are_carried(self, role: SiteServerRole) -> bool:
        """Whether a logon server has all masters of its domain, as of the last look."""
        directory, etag = self._domains.get(fold(role.domain), ("", ""))
        return not directory or self._complete_at.get((role.name, directory)) == etag

    async def look(self) -> None:
        """Once a cycle: which domains there are, and whether anything in them changed."""
        self._found = {}
        found = await self._root.list(boxes.PCM_DOMAINS)
        self._domains = {
            fold(entry.name.rpartition(".")[0]): (f"{boxes.PCM_DOMAINS}/{entry.name}", entry.etag)
            for entry in found
            if entry.directory
        }

    async def carry(self, role: SiteServerRole, there: Share, *, thorough: bool) -> int:
        """Bring one logon server up to date; how many files changed there. Raises what the server
        answers or fails to.
        """
        directory, etag = self._domains.get(fold(role.domain), ("", ""))
        if not directory or (
            not thorough and self._complete_at.get((role.name, directory)) == etag
        ):
            return 0
        is_complete, count = True, 0
        some: list[tuple[str, bytes, str]] = []
        size = 0
        waits_until = asyncio.get_running_loop().time() + WAIT_S
        async for path, carried in self._unlike(role, await self._masters(directory)):
            if not some:
                await self._writing.over(waits_until)
            changed = await self._root.read_if_changed(path, carried)
            if changed is None:
                continue
            if len(some) == CALLS_MAX or (some and size + len(changed[0]) > BYTES_MAX):
                done = await self._write(role, there, some)
                is_complete, count, some, size = (
                    is_complete and done == len(some),
                    count + done,
                    [],
                    0,
                )
            some.append((path, *changed))
            size += len(changed[0])
            if len(some) % FILES_A_TURN == 0:
                await turn()
        done = await self._write(role, there, some)
        if is_complete and done == len(some):
            self._complete_at[role.name, directory] = etag
        return count + done

    async def _unlike(
        self, role: SiteServerRole, found: list[tuple[str, str]]
    ) -> AsyncIterator[tuple[str, str]]:
        """The masters that are not known to be what was carried, each with the ETag of that."""
        for batch in batches(found):
            for path, etag in batch:
                carried = self._carried.get((role.name, path), "")
                if not etag or etag != carried:
                    yield path, carried
            await breathe(len(batch))

    async def _masters(self, directory: str) -> list[tuple[str, str]]:
        if directory not in self._found:
            found: list[tuple[str, str]] = []
            for batch in batches(await self._root.list(directory)):
                found += [
                    (f"{directory}/{entry.name}", entry.etag)
                    for entry in batch
                    if fold(entry.name).endswith(".INS")
                ]
                await breathe(len(batch))
            self._found[directory] = found
        return self._found[directory]

    async def _write(
        self, role: SiteServerRole, there: Share, some: list[tuple[str, bytes, str]]
    ) -> int:
        """Put changed masters into the logon server's box; how many went through."""
        files = [
            (f"{boxes.PCM_INSTRUCTIONS}/{path.rpartition('/')[2]}", data) for path, data, _ in some
        ]
        count = 0
        failure = None
        for (path, _, etag), error in zip(some, await there.write_all(files), strict=True):
            if error is None:
                self._carried[role.name, path] = etag
                count += 1
            elif not error.is_refusal:
                failure = failure or error
        if failure is not None:
            raise failure
        return count
