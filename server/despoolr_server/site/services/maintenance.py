r"""Maintenance Manager: carries files between the site server and its logon servers, both ways,
every cycle.

Out: the master WINST files of `PCMDOM.BOX` to each logon server's `PCMINS.BOX`, those that changed.
In: `.PCK`, `.SNI` and `.RAW` files to `RECEIVE` and `INVENTRY.BOX`, many at a time: a night's
reports must not wait for each other's round trips. Each is written here first and deleted there
after, so that a file is never nowhere. A file that was carried twice (a death between the two) is
told apart later by the report it carries. Files of the same name from two servers wait for each
other. Stale `.INS` files on logon servers are left there (Q269768). Boxes that are missing, here or
there, are made again first (`services.box_repair`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from despoolr_core.formats.instructions.instruction import MINIJOB
from despoolr_core.rules.fold import fold
from despoolr_core.share.chain import BYTES_MAX, CALLS_MAX
from despoolr_core.share.contract import Share, ShareError, ShareUnreachable, Watch
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Entry
from despoolr_server.site.services.box_repair import BoxRepair, missing_in, parents_of
from despoolr_server.site.services.masters import MasterCarrier
from despoolr_server.site.services.service import Service
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext, SiteServerRole
from despoolr_server.site.state.quarantine import quarantine

COLLECTED: Final = (
    (boxes.LOGON_DESPOOLER, (".PCK", ".SNI")),
    (boxes.LOGON_INVENTORY, (".RAW",)),
)
"""What is collected from where, in this order: the status MIF before the instruction that names
it.
"""
THOROUGH_EVERY: Final = 50
"""Cycles after which every box is looked into whatever its time says: a file system's times have
their grain, and a file that is written in place does not change its directory.
"""
THOROUGH_S_MIN: Final = 600.0
"""Seconds of the machine's from one such look to the next: site time may be fast, the disk is
not.
"""


class MaintenanceManager(Service):
    """The service SMS_MAINTENANCE_MANAGER of one site."""

    component: ClassVar[str] = "SMS_MAINTENANCE_MANAGER"

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._root = site.share(site.server, boxes.ROOT_SHARE, self.component)
        self._receive = site.share(site.server, boxes.SITE_SHARE, self.component)
        self._masters = MasterCarrier(self._root, site.master_writing)
        self._repair = BoxRepair(site, self.component)
        # that is the share SMS_SITE
        self._own = [path for path in boxes.SITE_DIRECTORIES if path != boxes.RECEIVE]
        if site.profile.package_status_by_sta:
            self._own += boxes.DISTRIBUTION_MANAGER_DIRECTORIES
        self._watching: tuple[list[str], list[Watch]] | None = None
        """What is watched, and the directories that it was made for."""
        self._is_down: set[str] = set()
        self._empty_at: dict[tuple[str, str], str] = {}
        """(logon server, box) to the directory's ETag when it was last found empty: as long as that
        stays, nothing is there.
        """

    def watched(self) -> Sequence[Watch]:
        """What every cycle looks at: here the directories that boxes are in, the one where domains
        come, and the domains; there the share's root and the boxes that are emptied. Of the one
        where the status of jobs comes and goes, the box in it.
        """
        directories = self._directories
        if self._watching is None or self._watching[0] != directories:
            above = [
                boxes.BAD_MIFS if path == boxes.DELTA_MIFS else path
                for path in parents_of(directories)
            ]
            here = self._root.watch([*above, boxes.PCM_DOMAINS, *self._masters.directories])
            there = [
                self.site.share(role.name, boxes.LOGON_SHARE, self.component).watch(
                    ["", *(box for box, _ in COLLECTED)]
                )
                for role in self.site.servers
                if role.logon
            ]
            self._watching = directories, [here, *there]
        return self._watching[1]

    @property
    def _directories(self) -> list[str]:
        """The boxes of this machine, and the domains' directories."""
        return [*self._own, *self._masters.directories]

    @property
    def _thorough_every(self) -> int:
        site = self.site
        return max(THOROUGH_EVERY, math.ceil(THOROUGH_S_MIN * site.time_scale / site.polling_s))

    @property
    def _is_thorough(self) -> bool:
        return self.cycle_count % self._thorough_every == 1

    def passes_max(self) -> float:
        """A thorough cycle is never passed over."""
        return -self.cycle_count % self._thorough_every

    def is_resting(self, tick: float) -> bool:
        return self.passes_max() > 0 and super().is_resting(tick)

    async def cycle(self, _tick: float) -> None:
        here, directories = self.site.server, self._directories
        await self._repair.anywhere(here, boxes.ROOT_SHARE, self._root, directories)
        await self._masters.look()
        # a domain that has just come is not watched yet
        is_idle = directories == self._directories and self._repair.is_whole(
            here, boxes.ROOT_SHARE, directories
        )
        for role in self.site.servers:
            if not role.logon:
                continue
            try:
                is_idle = await self._work_on(role) and is_idle
            except ShareUnreachable as error:
                is_idle = False
                if role.name not in self._is_down:
                    self._is_down.add(role.name)
                    self.warn(
                        f"~Cannot connect to logon server {role.name}: {error}. It will be tried "
                        "on every cycle."
                    )
            except ShareError as error:
                is_idle = False
                self.warn(
                    f"~Logon server {role.name} answered no: {error.problem.path}, {error}, Win32 "
                    f"Error = {error.win32}"
                )
            else:
                if role.name in self._is_down:
                    self._is_down.discard(role.name)
                    self.log(f"~Logon server {role.name} answers again.")
        if is_idle:
            self.idle_until = math.inf

    async def _work_on(self, role: SiteServerRole) -> bool:
        """Whether there was nothing to do, and nothing is left to be done."""
        there = self.site.share(role.name, boxes.LOGON_SHARE, self.component)
        thorough = self._is_thorough
        entries = await there.list()
        if await self._repair.at_root(
            role.name, boxes.LOGON_SHARE, there, entries, boxes.LOGON_DIRECTORIES
        ):
            entries = await there.list()
            self._masters.forget(role.name)
        count = await self._collect(role, there, entries, thorough=thorough)
        count += await self._masters.carry(role, there, thorough=thorough)
        if count:
            self.log(f"~Working on logon server {role.name}")
        return not (count or missing_in(entries, boxes.LOGON_DIRECTORIES)) and (
            self._are_empty(role, entries) and self._masters.are_carried(role)
        )

    def _are_empty(self, role: SiteServerRole, entries: list[Entry]) -> bool:
        """Whether there is nothing in the boxes that are emptied."""
        etags = {fold(entry.name): entry.etag for entry in entries}
        return all(
            self._empty_at.get((role.name, box), "?") == etags.get(box) for box, _ in COLLECTED
        )

    async def _collect(
        self, role: SiteServerRole, there: Share, entries: list[Entry], *, thorough: bool
    ) -> int:
        """The listing of the share tells which boxes changed; only those are looked into (all of
        them now and then).
        """
        etags = {fold(entry.name): entry.etag for entry in entries}
        count = 0
        for box, extensions in COLLECTED:
            key = (role.name, box)
            if not thorough and self._empty_at.get(key, "?") == etags.get(box, ""):
                continue
            files = [entry for entry in await there.list(box) if not entry.directory]
            self._empty_at.pop(key, None)
            if not files:
                self._empty_at[key] = etags.get(box, "")
            for extension in extensions:
                wanted = [entry for entry in files if fold(entry.name).endswith(extension)]
                failures: list[ShareError] = []
                for some in _together(wanted):
                    contents = await there.read_all([f"{box}/{name}" for name in some])
                    count += await self._take_over(
                        there, box, dict(zip(some, contents, strict=True)), failures
                    )
                if failures:  # one file that cannot be had does not keep the others of its kind
                    raise failures[0]
        return count

    async def _take_over(
        self,
        there: Share,
        box: str,
        found: dict[str, bytes | ShareError],
        failures: list[ShareError],
    ) -> int:
        """Write these files here, then delete them there; how many came. What trying again will not
        mend goes to `failures`.
        """
        files: dict[str, bytes] = {}
        count = 0
        for name, data in found.items():
            if isinstance(data, ShareError):
                if not (data.is_refusal or data.is_missing):
                    failures.append(data)
            elif _gives_orders(data):
                await self._refuse(there, f"{box}/{name}", name, data)
                count += 1
            else:
                files[name] = data
        carried = await self._carry(box, files, failures)
        for error in await there.delete_all([f"{box}/{name}" for name in carried]):
            if error is not None and not (error.is_refusal or error.is_missing):
                failures.append(error)
        return count + len(carried)

    async def _carry(
        self, box: str, files: dict[str, bytes], failures: list[ShareError]
    ) -> list[str]:
        """Write these files here; the names of those that are here now."""
        carried: list[str] = []
        while files:
            names = list(files)
            made = await self._create_here(box, files)
            for name, error in zip(names, made, strict=False):
                data = files.pop(name)
                if error is None:
                    carried.append(name)
                elif error.nt_status is NtStatus.OBJECT_NAME_COLLISION:
                    if await self._is_here(box, name, data):
                        carried.append(name)
                    # Else another file of this name is still being worked on: left for the next
                    # cycle.
                elif not (error.is_refusal or error.is_missing):
                    failures.append(error)
                    return carried
        return carried

    async def _create_here(self, box: str, files: dict[str, bytes]) -> list[ShareError | None]:
        """Up to the first refusal."""
        share, prefix = self._place_of(box)
        return await share.create_all([(prefix + name, data) for name, data in files.items()])

    async def _is_here(self, box: str, name: str, data: bytes) -> bool:
        """Whether it came already, and only its deletion is missing."""
        share, prefix = self._place_of(box)
        try:
            return await share.read(prefix + name) == data
        except ShareError as error:
            if not (error.is_refusal or error.is_missing):
                raise
            return False

    def _place_of(self, box: str) -> tuple[Share, str]:
        """Where the files of a logon server's box go."""
        return (
            (self._root, f"{boxes.INVENTORY}/")
            if box == boxes.LOGON_INVENTORY
            else (self._receive, "")
        )

    async def _refuse(self, there: Share, path: str, name: str, data: bytes) -> bool:
        """A client's box is for results. An instruction that tells the Despooler to install or
        remove is not passed on.
        """
        self.warn(f"~{name} is no result of a client: it has been set aside.")
        reason = "a client's box may hold results only, and this is another instruction"
        await quarantine(self._root, boxes.BAD_INSTRUCTIONS, name, data, reason)
        await self.site.report_event(self.component, 1)
        await there.delete(path)
        return True


def _together(entries: list[Entry]) -> Iterator[list[str]]:
    """The names of files that are fetched at one time: few enough for one chain, and not too large
    to be held in memory.
    """
    some: list[str] = []
    size = 0
    for entry in entries:
        if some and (len(some) == CALLS_MAX or size + entry.size > BYTES_MAX):
            yield some
            some, size = [], 0
        some.append(entry.name)
        size += entry.size
    if some:
        yield some


def _gives_orders(data: bytes) -> bool:
    """Whether a file's type line says it is a minijob (what cannot be read is the Despooler's to
    judge).
    """
    lines = data.split(b"\n", 3)
    return len(lines) > 2 and lines[2].startswith(MINIJOB.encode())
