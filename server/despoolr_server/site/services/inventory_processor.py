r"""Inventory Processor: turns what clients report of themselves (`INVENTRY.BOX\*.RAW`) into MIFs
for the Data Loader.

A `.RAW` here is a MIF text with an Identification group (SMS's is binary), so the work is to check
it and to pass it on. One that does not parse goes to `BADMIFS` with a reason.
"""

from __future__ import annotations

from typing import ClassVar

from despoolr_core.formats.mif.language.findings import MifError
from despoolr_core.formats.reports.job_mif import read_inventory_mif
from despoolr_server.site.services.box_service import PARSED_HERE, BoxService
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.mif_box import MifBox


class InventoryProcessor(BoxService):
    """The service SMS_INVENTORY_PROCESSOR of one site."""

    component: ClassVar[str] = "SMS_INVENTORY_PROCESSOR"
    box: ClassVar[str] = boxes.INVENTORY
    bad: ClassVar[str] = boxes.BAD_MIFS

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._mifs = MifBox(self._root, "I")

    async def started(self) -> None:
        await self._mifs.started()

    async def cycle(self, _tick: float) -> None:
        for name in await self._waiting(".RAW"):
            data = await self._read(name)
            if data is None:
                continue
            try:
                if len(data) <= PARSED_HERE:
                    read_inventory_mif(data)
                else:
                    await self._parsed_aside(read_inventory_mif, data)
            except MifError as error:
                self.warn(f"~Compilation failed~{error}")
                await self._set_aside(name, data, str(error), 245)
            else:
                await self._mifs.put_data(data)
                await self._delete(name)
