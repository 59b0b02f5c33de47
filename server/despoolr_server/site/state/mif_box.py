r"""Putting MIFs into a box, `DATALOAD.BOX\DELTAMIF.COL` if none is named: names that sort in the
order they were written.

Names are `X` and seven base-36 digits (Q185913 shows `X00000000.MIF`; ours keep to 8.3). The
counter goes on behind what is still in the box, so a restarted service does not overtake its own
unread reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from despoolr_core.formats.job_mif import JobReport, render_job_mif
from despoolr_core.formats.sms_id import to_base36
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share, ShareError
from despoolr_server.site.state import boxes

EXTENSIONS: Final = ("MIF", "EMF", "STA")


class MifBox:
    """The writing end of a box, as one service sees it. `prefix` keeps two writers' names apart."""

    def __init__(self, share: Share, prefix: str, directory: str = boxes.DELTA_MIFS) -> None:
        self._share = share
        self._directory = directory
        self._prefix = prefix
        self._next = 0

    async def started(self) -> None:
        """Find where to go on."""
        for entry in await self._share.list(self._directory):
            stem, _, extension = fold(entry.name).rpartition(".")
            if stem.startswith(self._prefix) and extension in EXTENSIONS and len(stem) == 8:
                try:
                    self._next = max(self._next, int(stem[1:], 36) + 1)
                except ValueError:
                    continue

    async def put(self, mif: JobReport) -> str:
        """Write one report (`.EMF` if it carries an event). Returns the file's name."""
        return await self.put_data(render_job_mif(mif), "EMF" if mif.event else "MIF")

    async def put_all(self, mifs: Sequence[JobReport]) -> list[ShareError | None]:
        """Write reports in their order; they survive a crash together. Returns None for each that
        is written, or why it is not.
        """
        files = [
            (f"{self._directory}/{self._name('EMF' if m.event else 'MIF')}", render_job_mif(m))
            for m in mifs
        ]
        return await self._share.write_all(files) if files else []

    async def put_data(self, data: bytes, extension: str = "MIF") -> str:
        """Write one file under the next name, and return the name."""
        name = self._name(extension)
        await self._share.write(f"{self._directory}/{name}", data)
        return name

    def _name(self, extension: str) -> str:
        name = f"{self._prefix}{to_base36(self._next, 7)}.{extension}"
        self._next += 1
        return name
