"""One server of this process, as faults break it (`despoolr_server.faults`): itself, and nothing of
other machines.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_server.faults.begun import CannotBegin
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import FileStore
from despoolr_server.http.site.slots import SlotRoutes
from despoolr_server.site.job_checks import AdministratorError
from despoolr_server.site.services.service import Executive
from despoolr_server.site_server import SiteServer


class BreakableServer(msgspec.Struct):
    """`despoolr_server.faults.begun.Breakable` of one server. `find_site` and `slots` are a
    site server's; `where` tells the URL of another, as far as it is known.
    """

    name: str
    line: ServerLine
    find_stores: Callable[[], Mapping[str, FileStore]]
    where: Callable[[str], str | None]
    find_site: Callable[[], SiteServer] | None = None
    slots: SlotRoutes | None = None

    def executive(self, site: str) -> Executive | None:
        return self._site(site).executive

    async def package(self, package: str) -> tuple[str, str]:
        site = self._site("")
        packages = await site.administrator.packages()
        for one in packages:
            if fold(package) in (fold(one["package"]), fold(one["name"])):
                return site.context.code, one["package"]
        there = ", ".join(f"{one['package']} ({one['name']})" for one in packages[:SHOWN_MAX])
        raise CannotBegin(f"there is no package {package}; there is {there or 'none'}")

    def with_ids(self, path: str) -> str:
        return path

    def stores(self, server: str) -> Mapping[str, FileStore]:
        self._check(server)
        return self.find_stores()

    def cut(self, server: str, other: str) -> None:
        self._check(server)
        self.line.cut(other)

    def mend(self, server: str, other: str) -> None:
        self._check(server)
        self.line.mend(other)

    def slow_down(self, server: str, delay_s: float | None) -> None:
        self._check(server)
        self.line.slow_down(delay_s or 0.0)

    async def turn_clock(self, machine: str, by_s: float) -> None:
        site = self._site("")
        clocks, name = self._clocks, fold(machine)
        if name not in clocks:
            try:
                await site.administrator.machine(machine)
            except AdministratorError as error:
                raise CannotBegin(str(error)) from None
        clocks[name] = clocks.get(name, 0.0) + by_s
        if not clocks[name]:
            del clocks[name]

    def when_killed(self, site: str, end: Callable[[], Awaitable[None]]) -> None:
        """What a process has open goes with it."""

    @property
    def _clocks(self) -> dict[str, float]:
        assert self.slots is not None, "a site server gives clients their numbers"
        return self.slots.clocks

    def _site(self, code: str) -> SiteServer:
        if self.find_site is None:
            raise CannotBegin(f"{self.name} is no site server: ask the site server of the site")
        site = self.find_site()
        if code and fold(code) != site.context.code:
            raise CannotBegin(f"{self.name} is the server of site {site.context.code}")
        return site

    def _check(self, server: str) -> None:
        if fold(server) == self.name:
            return
        url = self.where(fold(server))
        ask = f"ask that at {url}" if url else "no server of that name is known here"
        raise CannotBegin(f"{self.name} breaks only itself, not {server}: {ask}")


SHOWN_MAX = 8
"""Packages that are told where one is not there."""
