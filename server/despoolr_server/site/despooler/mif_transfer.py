r"""MIFs from a child site: the Despooler unpacks what the child's Site Reporter sent and puts each
where it is worked on.

The law: the MIFs first, the package after, the instruction last, so that a death in between unpacks
them again; reports carry numbers and count once. All go to `DELTAMIF.COL`, but for one: at a 2.0
site a package-status MIF becomes a package status record, `*.STA` in Distribution Manager's inbox
(Q235805).
"""

from __future__ import annotations

from typing import Final

from despoolr_core.formats.instructions.instruction import MifTransfer
from despoolr_core.formats.mif.language.findings import MifError
from despoolr_core.formats.reports.site_mif import (
    PACKAGE_STATUS_CLASS,
    PackageReport,
    read_delta_mif,
)
from despoolr_core.formats.reports.sta import render_sta
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError
from despoolr_server.site.despooler.base.part import Desk, DespoolerPart
from despoolr_server.site.state import boxes
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.packages import PackageError, decompress
from despoolr_server.site.state.quarantine import keep

_PACKAGE_STATUS: Final = PACKAGE_STATUS_CLASS.encode("ascii")


class MifTransfers(DespoolerPart):
    """The Despooler's part that serves child sites."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._records = MifBox(desk.root, "P", boxes.DISTRIBUTION_MANAGER)

    async def started(self) -> None:
        """Find where to go on with names."""
        if self._site.profile.package_status_by_sta:
            await self._records.started()

    async def execute(self, name: str, transfer: MifTransfer) -> str:
        """Unpack; what became of it, for the record. Raises `PackageError` for a package that is
        damaged.
        """
        try:
            data = await self._receive.read(transfer.package_file)
        except ShareError as error:
            if not error.is_missing:
                raise
            data = b""
        if data:
            try:
                files = decompress(data)
            except PackageError:
                await keep(self._root, boxes.BAD_INSTRUCTIONS, transfer.package_file, data)
                await self._receive.delete(transfer.package_file)
                raise
            for file, mif in files.items():
                await self._put(file, mif)
            await self._receive.delete(transfer.package_file)
        await self._receive.delete(name)
        self._log("~Despooler successfully executed one instruction.")
        return f"{transfer.count} MIFs of site {transfer.site}"

    async def _put(self, file: str, mif: bytes) -> None:
        if self._site.profile.package_status_by_sta and _PACKAGE_STATUS in mif:
            report = _package_report(mif)
            if report is not None:
                await self._records.put_data(render_sta(report), "STA")
                return
        await self._mifs.put_data(mif, "EMF" if fold(file).endswith(".EMF") else "MIF")


def _package_report(mif: bytes) -> PackageReport | None:
    """The package report in a MIF; None if it has none after all: the Data Loader will judge it."""
    try:
        report = read_delta_mif(mif)
    except MifError:
        return None
    return report if isinstance(report, PackageReport) else None
