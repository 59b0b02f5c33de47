r"""Putting MIFs into a box, `DATALOAD.BOX\DELTAMIF.COL` if none is named: names that sort in the
order they were written.

Names are `X` and seven base-36 digits (Q185913 shows `X00000000.MIF`; ours keep to 8.3). The
counter goes on behind what is still in the box, so a restarted service does not overtake its own
unread reports. The law: nothing is written over a file that nobody has read yet, whoever put it
there; the next free name is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from despoolr_core.formats.reports.job_mif import JobReport, render_job_mif
from despoolr_core.formats.sms_id import to_base36
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share, ShareError
from despoolr_core.share.modes import NtStatus
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
        """Write one report (`.EMF` if it carries an event). Returns the file's name. Raises
        `MifError` for a text that no MIF can have, and as `put_data`.
        """
        return await self.put_data(render_job_mif(mif), "EMF" if mif.event else "MIF")

    async def put_all(self, mifs: Sequence[JobReport]) -> list[ShareError | None]:
        """Write reports in their order; they survive a crash together. Returns None for each that
        is written, or why it is not. Raises `MifError` for a text that no MIF can have.
        """
        todo = [("EMF" if mif.event else "MIF", render_job_mif(mif)) for mif in mifs]
        written: list[ShareError | None] = []
        while todo:
            files = [
                (f"{self._directory}/{self._name(extension)}", data) for extension, data in todo
            ]
            made = await self._share.create_all(files)  # up to the first refusal
            if _is_taken(made[-1]):
                del made[-1]
                await self.started()
            written += made
            del todo[: len(made)]
        return written

    async def put_data(self, data: bytes, extension: str = "MIF") -> str:
        """Write one file under the next name, and return the name. Raises `ShareError`."""
        while True:
            name = self._name(extension)
            try:
                await self._share.create(f"{self._directory}/{name}", data)
            except ShareError as error:
                if not _is_taken(error):
                    raise
                await self.started()
            else:
                return name

    def _name(self, extension: str) -> str:
        name = f"{self._prefix}{to_base36(self._next, 7)}.{extension}"
        self._next += 1
        return name


def _is_taken(error: ShareError | None) -> bool:
    return error is not None and error.nt_status is NtStatus.OBJECT_NAME_COLLISION
