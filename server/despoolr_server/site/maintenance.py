r"""Maintenance Manager: carries files between the site server and its logon servers, both ways, every cycle.

Out: the master WINST files of `PCMDOM.BOX` to each logon server's `PCMINS.BOX`, those that changed. In: `.PCK`, `.SNI` and
`.RAW` files to `RECEIVE` and `INVENTRY.BOX`; written here first and deleted there after, so that a file is never nowhere.
A file that was carried twice (a death between the two) is told apart later by the report it carries. Files of the same name
from two servers wait for each other. Stale `.INS` files on logon servers are left there (Q269768).
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from despoolr_core.formats.instruction import MINIJOB
from despoolr_core.share import Share, ShareError, ShareUnreachable
from despoolr_core.sharing import NtStatus
from despoolr_server.site import boxes
from despoolr_server.site.context import SiteContext, SiteServerRole
from despoolr_server.site.service import Service
from despoolr_server.site.together import all_of

COLLECTED: Final = (
    (boxes.LOGON_DESPOOLER, (".PCK", ".SNI")),
    (boxes.LOGON_INVENTORY, (".RAW",)),
)
"""What is collected from where, in this order: the status MIF before the instruction that names it."""
IN_FLIGHT_MAX: Final = 16
"""Files of one box that are on their way at one time: a night's reports must not wait for each other's round trips."""
THOROUGH_EVERY: Final = 50
"""Cycles after which every box is looked into whatever its time says: a file system's times have their grain."""


class MaintenanceManager(Service):
    """SMS_MAINTENANCE_MANAGER."""

    component: ClassVar[str] = "SMS_MAINTENANCE_MANAGER"

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._root = site.share(site.server, boxes.ROOT_SHARE, self.component)
        self._receive = site.share(site.server, boxes.SITE_SHARE, self.component)
        self._carried: dict[tuple[str, str], str] = {}
        """(logon server, master file) to the ETag that was carried there last."""
        self._is_down: set[str] = set()
        self._empty_at: dict[tuple[str, str], str] = {}
        """(logon server, box) to the directory's ETag when it was last found empty: as long as that stays, nothing is there."""

    async def cycle(self, tick: float) -> None:
        masters = await self._masters()
        for role in self.site.servers:
            if not role.logon:
                continue
            try:
                await self._work_on(role, masters)
            except ShareUnreachable as error:
                if role.name not in self._is_down:
                    self._is_down.add(role.name)
                    self.log(f"~Cannot connect to logon server {role.name}: {error}. It will be tried on every cycle.")
            except ShareError as error:
                self.log(f"~Logon server {role.name} answered no: {error.problem.path}, {error}, Win32 Error = {error.win32}")
            else:
                if role.name in self._is_down:
                    self._is_down.discard(role.name)
                    self.log(f"~Logon server {role.name} answers again.")

    async def _work_on(self, role: SiteServerRole, masters: dict[str, list[str]]) -> None:
        there = self.site.share(role.name, boxes.LOGON_SHARE, self.component)
        count = await self._collect(role, there)
        count += await self._replicate(role, there, masters.get(role.domain.upper(), []))
        if count:
            self.log(f"~Working on logon server {role.name}")

    # -- out

    async def _masters(self) -> dict[str, list[str]]:
        """Domain to the paths of its master WINST files (a small table: domains, not machines, decide how often it is read)."""
        found: dict[str, list[str]] = {}
        for directory in await self._root.list(boxes.PCM_DOMAINS):
            if directory.directory:
                path = f"{boxes.PCM_DOMAINS}/{directory.name}"
                domain = directory.name.rpartition(".")[0].upper()
                found[domain] = [f"{path}/{e.name}" for e in await self._root.list(path) if e.name.upper().endswith(".INS")]
        return found

    async def _replicate(self, role: SiteServerRole, there: Share, masters: list[str]) -> int:
        count = 0
        for path in masters:
            key = (role.name, path)
            changed = await self._root.read_if_changed(path, self._carried.get(key, ""))
            if changed is None:
                continue
            data, etag = changed
            try:
                await there.write(f"{boxes.PCM_INSTRUCTIONS}/{path.rpartition('/')[2]}", data)
            except ShareError as error:
                if not error.is_refusal:
                    raise
                continue  # somebody reads it at this moment: the next cycle
            self._carried[key] = etag
            count += 1
        return count

    # -- in

    async def _collect(self, role: SiteServerRole, there: Share) -> int:
        """One listing of the share tells which boxes changed; only those are looked into (all of them now and then)."""
        thorough = self.cycle_count % THOROUGH_EVERY == 1
        etags = {entry.name.upper(): entry.etag for entry in await there.list()}
        count = 0
        for box, extensions in COLLECTED:
            key = (role.name, box)
            if not thorough and self._empty_at.get(key, "?") == etags.get(box, ""):
                continue
            entries = [entry for entry in await there.list(box) if not entry.directory]
            self._empty_at.pop(key, None)
            if not entries:
                self._empty_at[key] = etags.get(box, "")
            for extension in extensions:
                names = [entry.name for entry in entries if entry.name.upper().endswith(extension)]
                count += await self._fetch_all(there, box, names)
        return count

    async def _fetch_all(self, there: Share, box: str, names: list[str]) -> int:
        """Fetch files, several at a time; how many came. The first failure is raised once all have ended."""
        gate = asyncio.Semaphore(IN_FLIGHT_MAX)

        async def fetch(name: str) -> bool:
            async with gate:
                return await self._fetch(there, f"{box}/{name}", name)

        return sum(await all_of(fetch(name) for name in names))

    async def _fetch(self, there: Share, path: str, name: str) -> bool:
        here, target = (self._root, f"{boxes.INVENTORY}/{name}") if name.upper().endswith(".RAW") else (self._receive, name)
        try:
            data = await there.read(path)
            if _gives_orders(data):
                return await self._refuse(there, path, name, data)
            await here.create(target, data)
        except ShareError as error:
            if error.nt_status is NtStatus.OBJECT_NAME_COLLISION:
                if await here.read(target) != data:
                    return False  # another file of this name is still being worked on: leave it for the next cycle
            elif error.is_refusal or error.is_missing:
                return False
            else:
                raise
        try:
            await there.delete(path)
        except ShareError as error:
            if not (error.is_refusal or error.is_missing):
                raise
        return True

    async def _refuse(self, there: Share, path: str, name: str, data: bytes) -> bool:
        """A client's box is for results. An instruction that tells the Despooler to install or remove is not passed on."""
        self.log(f"~{name} is no result of a client: it has been set aside.")
        await self._root.write(f"{boxes.BAD_INSTRUCTIONS}/{name}", data)
        reason = f"{name}: a client's box may hold results only, and this is another instruction\r\n"
        await self._root.write(f"{boxes.BAD_INSTRUCTIONS}/{name}.TXT", reason.encode("latin-1", "replace"))
        await self.site.report_event(self.component, 1)
        await there.delete(path)
        return True


def _gives_orders(data: bytes) -> bool:
    """Whether a file's type line says it is a minijob (what cannot be read is the Despooler's to judge)."""
    lines = data.split(b"\n", 3)
    return len(lines) > 2 and lines[2].startswith(MINIJOB.encode())
