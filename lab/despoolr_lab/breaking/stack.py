"""The servers of a stack that runs, to be broken and mended: each is asked which it is, and a fault
goes to the one that it breaks.

The law: what is begun here is ended here. `mend_all` ends what goes on, however the run ended; a
server that does not answer then has nothing that is broken: it is whole when it starts again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import aiohttp

from despoolr_app.process.runtime import StartError
from despoolr_app.site_client.client import ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_app.site_client.patience import patiently
from despoolr_core.share.fault_api import Fault, FaultList, FaultRow
from despoolr_core.times import span_s
from despoolr_lab.breaking.tables import BrokenSpan, FaultTable, asked

ANSWER_S_MAX: Final = 10.0
START_S_MAX: Final = 15.0
"""Seconds that a server which is down may take until it can be broken."""


class BreakableStack:
    """The servers, once they were met. `scale` is how many site seconds pass in one second, `now`
    the run's time in seconds.
    """

    def __init__(self, scale: float, now: Callable[[], float]) -> None:
        self._scale = scale
        self._now = now
        self._servers: dict[str, SiteClient] = {}
        self._site = ""
        self._begun: dict[str, SiteClient] = {}
        self.spans: list[BrokenSpan] = []
        """What was broken, in the order in which it began."""
        self.not_begun: list[str] = []
        """Why what was to be broken at its moment was not."""

    async def meet(
        self,
        http: aiohttp.ClientSession,
        servers: Sequence[ServerAddress],
        faults: Sequence[Fault],
    ) -> None:
        """Ask the servers who they are. Raises `StartError` where one of these faults has none that
        may be broken.
        """
        reasons: list[str] = []
        for address in servers:
            client = SiteClient(aiohttp_transport(http), address, timeout_s=ANSWER_S_MAX)
            try:
                told = await client.call("GET", "faults", FaultList)
            except SiteError as error:
                reasons.append(str(error))
                continue
            client.called = told.server
            self._servers[told.server] = client
            self._site = told.server if told.site else self._site
        for fault in faults:
            if self._server_of(fault) not in self._servers:
                there = ", ".join(self._servers) or "none"
                why = f" ({reasons[0]})" if reasons else ""
                raise StartError(
                    f"{fault.name}: there is no server {fault.target or 'of the site'} that may be "
                    f"broken; there is {there}{why}"
                )

    async def begin(self, fault: Fault) -> FaultRow:
        """Break what it says. Raises `SiteError`."""
        client = self._servers[self._server_of(fault)]
        row = await client.call("POST", "faults", FaultRow, fault)
        began_s = self._now()
        lasts_s = None if row.ends_at is None else (row.ends_at - row.began_at) / self._scale
        ended_s = None if lasts_s is None else round(began_s + lasts_s, 1)
        self._begun[row.id] = client
        self.spans.append(BrokenSpan(row.fault, row.where, round(began_s, 1), ended_s))
        return row

    async def begin_all(self, tables: Sequence[FaultTable], tell: Callable[[str], None]) -> None:
        """Begin each at its moment; one that cannot begin is told, and kept in `not_begun`."""
        for table in sorted(tables, key=lambda table: span_s(table.at)):
            await asyncio.sleep(max(0.0, span_s(table.at) / self._scale - self._now()))
            try:
                row = await self._begin_patiently(asked(table))
            except SiteError as error:
                self.not_begun.append(f"{table.name} at {table.at} did not begin: {error}")
                tell(self.not_begun[-1])
            else:
                tell(f"broken on purpose: {row.fault}, {row.where}")

    async def _begin_patiently(self, fault: Fault) -> FaultRow:
        """As `begin`, of a server that may be starting again."""
        return await patiently(lambda: self.begin(fault), wait_s=START_S_MAX, say=lambda _: None)

    async def mend_all(self) -> None:
        """End all faults that go on."""
        begun, self._begun = self._begun, {}
        for fault, client in begun.items():
            with suppress(SiteError):
                await client.send("DELETE", f"/api/v1/faults/{fault}")

    def _server_of(self, fault: Fault) -> str:
        return fault.target or self._site
