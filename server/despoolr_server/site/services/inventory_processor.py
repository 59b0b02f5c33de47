r"""Inventory Processor: turns what clients report of themselves (`INVENTRY.BOX\*.RAW`) into MIFs
for the Data Loader.

A `.RAW` here is a MIF text with an Identification group (SMS's is binary), so the work is to check
it and to pass it on. One that does not parse goes to `BADMIFS` with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from despoolr_core.formats.job_mif import read_inventory_mif
from despoolr_core.formats.mif import MifError
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, Watch
from despoolr_server.site.services.service import Service
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.inbox import Inbox
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.quarantine import quarantine


class InventoryProcessor(Service):
    """The service SMS_INVENTORY_PROCESSOR of one site."""

    component: ClassVar[str] = "SMS_INVENTORY_PROCESSOR"

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._root = site.share(site.server, boxes.ROOT_SHARE, self.component)
        self._inbox = Inbox(self._root, boxes.INVENTORY)
        self._mifs = MifBox(self._root, "I")

    async def started(self) -> None:
        await self._mifs.started()

    def watched(self) -> Sequence[Watch]:
        return (self._inbox.watch,)

    async def cycle(self, _tick: float) -> None:
        entries = await self._inbox.files()
        if not entries:
            self._inbox.rest()
            self.idle_until = math.inf
        for entry in entries:
            if not fold(entry.name).endswith(".RAW"):
                continue
            path = f"{boxes.INVENTORY}/{entry.name}"
            try:
                data = await self._root.read(path)
            except ShareError as error:
                self.warn(
                    f"~Cannot read {entry.name}, Win32 Error = {error.win32}. We will try again "
                    "on the next cycle."
                )
                continue
            try:
                read_inventory_mif(data)
            except MifError as error:
                self.warn(f"~Compilation failed~{error}")
                await quarantine(self._root, boxes.BAD_MIFS, entry.name, data, str(error))
                await self.site.report_event(self.component, 245, entry.name)
            else:
                await self._mifs.put_data(data)
            await self._root.delete(path)
